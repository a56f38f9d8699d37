package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	goslack "github.com/slack-go/slack"
)

func TestUploadIntoAThread(t *testing.T) {
	_, client, control := interactive(t)
	ctx := t.Context()
	_, root := post(t, client, ops, text("report"))
	plan := "keep  sha256:1\ngo    sha256:2\n"
	summary := must[*goslack.FileSummary](t)(client.UploadFileContext(ctx, goslack.UploadFileParameters{
		Content: plan, FileSize: len(plan), Filename: "plan.txt", Title: "The plan", InitialComment: "in full", Channel: ops, ThreadTimestamp: root,
	}))
	info, _, _, err := client.GetFileInfoContext(ctx, summary.ID, 0, 0)
	if err != nil || info.Title != "The plan" || info.Size != len(plan) || len(info.Channels) != 1 {
		t.Errorf("files.info: %+v, %v", info, err)
	}
	var content bytes.Buffer
	if err := client.GetFileContext(ctx, info.URLPrivateDownload, &content); err != nil || content.String() != plan {
		t.Errorf("content %q, %v", content.String(), err)
	}
	if err := goslack.New("xoxb-other", goslack.OptionAPIURL(control.URL+"/api/")).GetFileContext(ctx, info.URLPrivateDownload, &content); err == nil {
		t.Error("another token got the file")
	}
	thread, _, _, err := client.GetConversationReplies(&goslack.GetConversationRepliesParameters{ChannelID: ops, Timestamp: root})
	if err != nil || len(thread) != 2 || thread[1].Text != "in full" || len(thread[1].Files) != 1 || thread[1].Files[0].Name != "plan.txt" {
		t.Errorf("thread: %+v, %v", thread, err)
	}
	messages := must[[]Message](t)(control.Messages(ctx, ops))
	if got := must[string](t)(control.File(ctx, messages[1].Files[0])); got != plan {
		t.Errorf("the control gives %q", got)
	}
}

func TestUploadsAreChecked(t *testing.T) {
	_, client, control := interactive(t)
	ctx := t.Context()
	begin := func(length int) *goslack.GetUploadURLExternalResponse {
		return must[*goslack.GetUploadURLExternalResponse](t)(client.GetUploadURLExternalContext(ctx, goslack.GetUploadURLExternalParameters{FileName: "x.txt", FileSize: length}))
	}
	complete := func(channel, thread string, files ...goslack.FileSummary) error {
		_, err := client.CompleteUploadExternalContext(ctx, goslack.CompleteUploadExternalParameters{Files: files, Channel: channel, ThreadTimestamp: thread})
		return err
	}
	put := func(address, content string) int {
		resp := must[*http.Response](t)(http.Post(address, "text/plain", strings.NewReader(content)))
		resp.Body.Close()
		return resp.StatusCode
	}
	u := begin(3)
	file := goslack.FileSummary{ID: u.FileID}
	wantCode(t, complete(ops, "", file), "file_not_found") // before the bytes
	for content, status := range map[string]int{"12": 400, "1234": 400} {
		if got := put(u.UploadURL, content); got != status {
			t.Errorf("%q for 3 bytes: %d", content, got)
		}
	}
	wantCode(t, complete(ops, "", file), "file_not_found")
	if got := put(control.URL+"/upload/v1/forged", "123"); got != 404 {
		t.Errorf("a forged address: %d", got)
	}
	if got := put(u.UploadURL, "123"); got != 200 {
		t.Errorf("raw bytes: %d", got)
	}
	wantCode(t, complete("ops", "", file), "channel_not_found")
	wantCode(t, complete(ops, "1700000000.000001", file), "invalid_arguments")
	wantCode(t, complete(ops, ""), "invalid_arguments")
	wantCode(t, complete(ops, "", goslack.FileSummary{ID: "F0"}), "file_not_found")
	if err := complete(ops, "", file); err != nil {
		t.Fatal(err)
	}
	wantCode(t, complete(ops, "", file), "file_not_found") // twice
	_, _, _, err := client.GetFileInfoContext(ctx, begin(1).FileID, 0, 0)
	wantCode(t, err, "file_not_found")

	resp := must[*http.Response](t)(http.PostForm(control.URL+"/api/files.getUploadURLExternal", map[string][]string{"token": {testToken}, "filename": {"x"}, "length": {"0"}}))
	defer resp.Body.Close()
	var out struct{ Error string }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Error != "missing_argument" {
		t.Errorf("nothing to upload: %+v, %v", out, err)
	}
}
