package slack

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	goslack "github.com/slack-go/slack"
)

func TestThreadsAndHistory(t *testing.T) {
	_, client, _ := workspace(t)
	_, root := post(t, client, ops, text("root"), goslack.MsgOptionMetadata(goslack.SlackMetadata{EventType: "e", EventPayload: map[string]any{"n": 1}}))
	_, first := post(t, client, ops, text("first"), goslack.MsgOptionTS(root))
	_, second := post(t, client, ops, text("second"), goslack.MsgOptionTS(first)) // a reply to a reply
	_, loud := post(t, client, ops, text("loud"), goslack.MsgOptionTS(root), goslack.MsgOptionBroadcast())
	_, alone := post(t, client, ops, text("alone"), goslack.MsgOptionTS("1600000000.000100")) // its root is gone

	thread, _, _, err := client.GetConversationReplies(&goslack.GetConversationRepliesParameters{ChannelID: ops, Timestamp: root})
	if got := stamps(thread); err != nil || !equal(got, root, first, second, loud) {
		t.Errorf("replies %v, %v", got, err)
	}
	page := must[*goslack.GetConversationHistoryResponse](t)(client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: ops, IncludeAllMetadata: true}))
	if got := stamps(page.Messages); !equal(got, alone, loud, root) {
		t.Errorf("history %v", got)
	}
	last := page.Messages[2]
	if last.ReplyCount != 3 || last.LatestReply != loud || last.Metadata.EventType != "e" {
		t.Errorf("root: %+v", last.Msg)
	}
	page = must[*goslack.GetConversationHistoryResponse](t)(client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: ops}))
	if page.Messages[2].Metadata.EventType != "" {
		t.Error("metadata came unasked")
	}
	_, err = client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: "#ops"})
	wantCode(t, err, "channel_not_found")
	_, _, _, err = client.GetConversationReplies(&goslack.GetConversationRepliesParameters{ChannelID: ops, Timestamp: "1"})
	wantCode(t, err, "thread_not_found")
}

func TestHistoryPages(t *testing.T) {
	_, client, _ := workspace(t)
	var all []string
	for i := range 7 {
		_, ts := post(t, client, ops, text(fmt.Sprint(i)))
		all = append([]string{ts}, all...)
	}
	var got []string
	params := &goslack.GetConversationHistoryParameters{ChannelID: ops, Limit: 3}
	for pages := 1; ; pages++ {
		page := must[*goslack.GetConversationHistoryResponse](t)(client.GetConversationHistory(params))
		got = append(got, stamps(page.Messages)...)
		if params.Cursor = page.ResponseMetaData.NextCursor; params.Cursor == "" {
			if pages != 3 || page.HasMore {
				t.Errorf("%d pages, has_more %v", pages, page.HasMore)
			}
			break
		}
		post(t, client, ops, text("posted between two pages"))
	}
	if !equal(got, all...) {
		t.Errorf("pages gave %v, want %v", got, all)
	}
	page := must[*goslack.GetConversationHistoryResponse](t)(client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: ops, Oldest: all[3], Latest: all[1]}))
	if !equal(stamps(page.Messages), all[2]) {
		t.Errorf("between two: %v", stamps(page.Messages))
	}
	_, err := client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: ops, Cursor: "x"})
	wantCode(t, err, "invalid_cursor")
}

func TestPermalinkLeadsToThePage(t *testing.T) {
	_, client, _ := workspace(t)
	id, ts := post(t, client, "deploys", text("hello"))
	link := must[string](t)(client.GetPermalink(&goslack.PermalinkParameters{Channel: id, Ts: ts}))
	resp := must[*http.Response](t)(http.Get(link))
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.Request.URL.Fragment != ts || !strings.Contains(string(body), `id="`+ts+`"`) {
		t.Errorf("%s led to %s", link, resp.Request.URL)
	}
	_, err := client.GetPermalink(&goslack.PermalinkParameters{Channel: id, Ts: "1"})
	wantCode(t, err, "message_not_found")
}

func stamps(messages []goslack.Message) (out []string) {
	for _, m := range messages {
		out = append(out, m.Timestamp)
	}
	return out
}

func equal(got []string, want ...string) bool {
	return strings.Join(got, " ") == strings.Join(want, " ")
}
