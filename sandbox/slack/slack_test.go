package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
)

const (
	testToken = "xoxb-sandbox-test"
	ops       = "C0123456789"
)

// workspace is a stand-in with slack-go in front of it, as Epoxy uses it.
func workspace(t *testing.T) (*Server, *goslack.Client, Control) {
	t.Helper()
	server := New(testToken)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	return server, goslack.New(testToken, goslack.OptionAPIURL(web.URL+"/api/")), Control{web.URL}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func post(t *testing.T, c *goslack.Client, channel string, options ...goslack.MsgOption) (id, ts string) {
	t.Helper()
	id, ts, err := c.PostMessage(channel, options...)
	if err != nil {
		t.Fatal(err)
	}
	return id, ts
}

func text(s string) goslack.MsgOption { return goslack.MsgOptionText(s, false) }

// wantCode checks Slack's error code, which slack-go's error text is.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || err.Error() != code {
		t.Errorf("error is %v, want %s", err, code)
	}
}

func TestTokenIsChecked(t *testing.T) {
	_, client, control := workspace(t)
	if got, err := client.AuthTest(); err != nil || got.Team != "Sandbox" || got.BotID == "" {
		t.Errorf("auth.test: %+v, %v", got, err)
	}
	for token, code := range map[string]string{"xoxb-other": "invalid_auth", "": "not_authed"} {
		wrong := goslack.New(token, goslack.OptionAPIURL(control.URL+"/api/"))
		_, _, err := wrong.PostMessage(ops, text("hello"))
		wantCode(t, err, code) // form
		_, err = wrong.GetPermalink(&goslack.PermalinkParameters{Channel: ops, Ts: "1"})
		wantCode(t, err, map[bool]string{true: "invalid_auth", false: "not_authed"}[token != ""]) // header
	}
	if messages := must[[]Message](t)(control.Messages(t.Context(), "")); len(messages) != 0 {
		t.Errorf("refused calls left messages: %+v", messages)
	}
}

func TestUnknownMethod(t *testing.T) {
	_, client, control := workspace(t)
	wantCode(t, client.AddReaction("eyes", goslack.NewRefToMessage(ops, "1")), "unknown_method")
	if calls := must[map[string]Calls](t)(control.Calls(t.Context())); calls["reactions.add"].Refused["unknown_method"] != 1 {
		t.Errorf("calls: %+v", calls)
	}
}

func TestPostKeepsEverything(t *testing.T) {
	_, client, control := workspace(t)
	blocks := []goslack.Block{
		goslack.NewHeaderBlock(goslack.NewTextBlockObject("plain_text", "Plan", false, false)),
		goslack.NewSectionBlock(goslack.NewTextBlockObject("mrkdwn", "*12* images", false, false), nil, nil),
	}
	id, ts := post(t, client, "#deploys", text("a &amp; b"), goslack.MsgOptionBlocks(blocks...),
		goslack.MsgOptionMetadata(goslack.SlackMetadata{EventType: "epoxy", EventPayload: map[string]any{"run": "r1"}}))
	if !channelID.MatchString(id) {
		t.Errorf("a channel's name was answered with %q, not its id", id)
	}
	got := must[[]Message](t)(control.Messages(t.Context(), "deploys"))
	if len(got) != 1 || got[0].TS != ts || got[0].Text != "a &amp; b" || !json.Valid(got[0].Blocks) || !strings.Contains(string(got[0].Metadata), `"run":"r1"`) {
		t.Fatalf("kept %+v", got)
	}
	again, _ := post(t, client, "deploys", text("second"))
	if again != id {
		t.Errorf("the same name led to %s and %s", id, again)
	}
}

func TestPostAsJSON(t *testing.T) {
	_, _, control := workspace(t)
	call := func(body, token string) map[string]any {
		req, _ := http.NewRequest(http.MethodPost, control.URL+"/api/chat.postMessage", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp := must[*http.Response](t)(http.DefaultClient.Do(req))
		defer resp.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	body := fmt.Sprintf(`{"channel":%q,"blocks":[{"type":"divider"}],"metadata":{"event_type":"e","event_payload":{}}}`, ops)
	if out := call(body, testToken); out["ok"] != true {
		t.Errorf("JSON was refused: %v", out)
	}
	for body, code := range map[string]string{`{`: "invalid_json", `[]`: "json_not_object"} {
		if out := call(body, testToken); out["error"] != code {
			t.Errorf("%s: %v, want %s", body, out, code)
		}
	}
	if out := call(`{"token":"`+testToken+`","channel":"`+ops+`","text":"x"}`, ""); out["error"] != "not_authed" {
		t.Errorf("a token inside JSON was taken: %v", out)
	}
}

func TestRefusals(t *testing.T) {
	_, client, control := workspace(t)
	section := func(n int) map[string]any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": strings.Repeat("é", n)}}
	}
	header := func(kind string, n int) map[string]any {
		return map[string]any{"type": "header", "text": map[string]any{"type": kind, "text": strings.Repeat("x", n)}}
	}
	many := func(n int, block map[string]any) (out []any) {
		for range n {
			out = append(out, block)
		}
		return out
	}
	divider := map[string]any{"type": "divider"}
	button := func(label, style string) map[string]any {
		return map[string]any{"type": "actions", "elements": []any{map[string]any{"type": "button", "style": style, "text": map[string]any{"type": "plain_text", "text": label}}}}
	}
	for name, test := range map[string]struct {
		form map[string]string
		code string // empty: accepted
	}{
		"no channel":          {map[string]string{"channel": "", "text": "x"}, "channel_not_found"},
		"no such channel":     {map[string]string{"channel": "C1", "text": "x"}, "channel_not_found"},
		"nothing to say":      {map[string]string{}, "no_text"},
		"only empty blocks":   {map[string]string{"blocks": "[]"}, "no_text"},
		"longest text":        {map[string]string{"text": strings.Repeat("é", 40000)}, ""},
		"text too long":       {map[string]string{"text": strings.Repeat("é", 40001)}, "msg_too_long"},
		"blocks no JSON":      {map[string]string{"blocks": "[{"}, "invalid_blocks_format"},
		"blocks no list":      {map[string]string{"blocks": `{"type":"divider"}`}, "invalid_blocks_format"},
		"most blocks":         {blocksForm(many(50, divider)), ""},
		"too many blocks":     {blocksForm(many(51, divider)), "invalid_blocks"},
		"longest section":     {blocksForm(section(3000)), ""},
		"section too long":    {blocksForm(section(3001)), "invalid_blocks"},
		"empty section":       {blocksForm(section(0)), "invalid_blocks"},
		"section of nothing":  {blocksForm(map[string]any{"type": "section"}), "invalid_blocks"},
		"longest header":      {blocksForm(header("plain_text", 150)), ""},
		"header too long":     {blocksForm(header("plain_text", 151)), "invalid_blocks"},
		"header mrkdwn":       {blocksForm(header("mrkdwn", 10)), "invalid_blocks"},
		"no such block":       {blocksForm(map[string]any{"type": "carpet"}), "invalid_blocks"},
		"all blocks too long": {blocksForm(section(3000), section(3000), section(3000), section(3000)), "msg_blocks_too_long"},
		"button":              {blocksForm(button("Approve", "primary")), ""},
		"button label":        {blocksForm(button(strings.Repeat("x", 76), "primary")), "invalid_blocks"},
		"button style":        {blocksForm(button("Approve", "green")), "invalid_blocks"},
		"same block_id":       {blocksForm(map[string]any{"type": "divider", "block_id": "a"}, map[string]any{"type": "divider", "block_id": "a"}), "invalid_blocks"},
		"attachment alone":    {map[string]string{"attachments": `[{"text":"x"}]`}, ""},
		"metadata no JSON":    {map[string]string{"text": "x", "metadata": "{"}, "invalid_metadata_format"},
		"metadata no type":    {map[string]string{"text": "x", "metadata": `{"event_payload":{}}`}, "invalid_metadata_schema"},
	} {
		form := url.Values{"token": {testToken}, "channel": {ops}}
		for key, value := range test.form {
			form.Set(key, value)
		}
		resp, err := http.PostForm(control.URL+"/api/chat.postMessage", form)
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			OK    bool
			Error string
		}
		_ = json.NewDecoder(resp.Body).Decode(&out)
		resp.Body.Close()
		if out.OK != (test.code == "") || out.Error != test.code {
			t.Errorf("%s: got %+v, want %q", name, out, test.code)
		}
	}
	// slack-go shows the details that tell one where to look.
	_, _, err := client.PostMessage(ops, goslack.MsgOptionBlocks(goslack.NewHeaderBlock(goslack.NewTextBlockObject("plain_text", strings.Repeat("x", 151), false, false))))
	var refused goslack.SlackErrorResponse
	if !errors.As(err, &refused) || len(refused.ResponseMetadata.Messages) == 0 || !strings.Contains(refused.ResponseMetadata.Messages[0], "/blocks/0/text/text") {
		t.Errorf("no details in %#v", err)
	}
}

func blocksForm(blocks ...any) map[string]string {
	if list, ok := blocks[0].([]any); ok {
		blocks = list
	}
	data, _ := json.Marshal(blocks)
	return map[string]string{"blocks": string(data)}
}

func TestUpdate(t *testing.T) {
	_, client, control := workspace(t)
	id, ts := post(t, client, ops, text("one"), goslack.MsgOptionBlocks(goslack.NewDividerBlock()),
		goslack.MsgOptionMetadata(goslack.SlackMetadata{EventType: "e", EventPayload: map[string]any{"run": "r1"}}))
	if _, _, _, err := client.UpdateMessage(id, ts, text("two")); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := client.UpdateMessage(id, ts, text("three"), goslack.MsgOptionBlocks()); err != nil {
		t.Fatal(err)
	}
	m := must[[]Message](t)(control.Messages(t.Context(), id))[0]
	if m.Text != "three" || m.Edits != 2 || len(m.Blocks) != 0 || len(m.Metadata) == 0 {
		t.Errorf("after two updates: %+v", m)
	}
	if len(m.Earlier) != 2 || m.Earlier[0].Text != "one" || m.Earlier[1].Text != "two" || len(m.Earlier[1].Blocks) == 0 {
		t.Errorf("earlier versions: %+v", m.Earlier)
	}
	for code, try := range map[string]func() error{
		"message_not_found": func() error { _, _, _, err := client.UpdateMessage(id, "1700000000.000100", text("x")); return err },
		"channel_not_found": func() error { _, _, _, err := client.UpdateMessage("C0OTHER0000", ts, text("x")); return err },
		"no_text":           func() error { _, _, _, err := client.UpdateMessage(id, ts); return err },
		"msg_too_long": func() error {
			_, _, _, err := client.UpdateMessage(id, ts, text(strings.Repeat("x", 4001)))
			return err
		},
	} {
		wantCode(t, try(), code)
	}
}

func TestStampsAreUniqueAndGrow(t *testing.T) {
	server, client, control := workspace(t)
	frozen := time.Unix(1700000000, 100_000)
	server.now = func() time.Time { return frozen }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { post(t, client, ops, text("x")) })
	}
	all.Wait()
	messages := must[[]Message](t)(control.Messages(t.Context(), ""))
	if len(messages) != 20 || messages[0].TS != "1700000000.000100" {
		t.Fatalf("%d messages, the first at %s", len(messages), messages[0].TS)
	}
	for i := 1; i < len(messages); i++ {
		if messages[i].TS <= messages[i-1].TS {
			t.Errorf("%s after %s", messages[i].TS, messages[i-1].TS)
		}
	}
}
