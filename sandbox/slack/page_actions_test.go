package slack

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	goslack "github.com/slack-go/slack"
)

// browser keeps the cookie that says who one is.
type browser struct {
	*http.Client
	base string
}

func newBrowser(t *testing.T, control Control) browser {
	return browser{&http.Client{Jar: must[*cookiejar.Jar](t)(cookiejar.New(nil))}, control.URL}
}

func (b browser) get(t *testing.T) string {
	t.Helper()
	return body(t)(b.Get(b.base + "/?channel=" + ops))
}

func body(t *testing.T) func(*http.Response, error) string {
	return func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return string(data)
	}
}

func (b browser) post(t *testing.T, path string, form url.Values) string {
	t.Helper()
	form.Set("channel", ops)
	return body(t)(b.PostForm(b.base+path, form))
}

func TestClickOnThePage(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	_, ts := post(t, client, ops, buttons("approve", "deny"))
	b := newBrowser(t, control)
	page := b.get(t)
	if !regexp.MustCompile(`<button class="button " name="action_id" value="approve"`).MatchString(page) || !strings.Contains(page, `<option value="U0ADA00000" selected>`) {
		t.Fatalf("no button: %s", page)
	}
	b.post(t, "/page/click", url.Values{"ts": {ts}, "action_id": {"approve"}})
	if app.callback.User.ID != ada || app.callback.ActionCallback.BlockActions[0].ActionID != "approve" {
		t.Errorf("the app got %+v", app.callback)
	}
	b.post(t, "/page/me", url.Values{"me": {mallory}})
	b.post(t, "/page/click", url.Values{"ts": {ts}, "action_id": {"deny"}})
	if app.callback.User.ID != mallory {
		t.Errorf("the app got %+v", app.callback.User)
	}
	app.answer = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusTeapot) }
	if page := b.post(t, "/page/click", url.Values{"ts": {ts}, "action_id": {"deny"}}); !strings.Contains(page, "this app responded with status code 418") {
		t.Error("the page shows no warning")
	}
	if page := b.post(t, "/page/click", url.Values{"ts": {ts}, "action_id": {"nothing"}}); !strings.Contains(page, "no element") {
		t.Errorf("an unknown button: %s", page)
	}
}

func TestOtherSitesCannotClick(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	_, ts := post(t, client, ops, buttons("approve"))
	form := url.Values{"channel": {ops}, "ts": {ts}, "action_id": {"approve"}}
	req := must[*http.Request](t)(http.NewRequest(http.MethodPost, control.URL+"/page/click", strings.NewReader(form.Encode())))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || app.body != "" {
		t.Errorf("status %s, the app got %q", resp.Status, app.body)
	}
}

func TestPageShowsWhatTheReaderSees(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	_, root := post(t, client, ops, text("root"))
	if _, err := client.PostEphemeral(ops, ada, text("only for ada")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UploadFileContext(t.Context(), goslack.UploadFileParameters{Content: "<script>", FileSize: 8, Filename: "plan.html", Channel: ops, ThreadTimestamp: root}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, control)
	page := b.get(t)
	if !strings.Contains(page, "only for ada") || !strings.Contains(page, "Only visible to you") || !strings.Contains(page, "1 reply") {
		t.Errorf("page: %s", page)
	}
	link := regexp.MustCompile(`href="(/files/[^"]+)"`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal("no link to the file")
	}
	resp := must[*http.Response](t)(b.Get(control.URL + link[1]))
	if content := body(t)(resp, nil); content != "<script>" || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the file is %q, a %s", content, resp.Header.Get("Content-Type"))
	}
	if page := b.post(t, "/page/me", url.Values{"me": {mallory}}); strings.Contains(page, "only for ada") {
		t.Error("somebody else sees an ephemeral message")
	}
	b.post(t, "/page/me", url.Values{"me": {ada}})

	opened := must[*goslack.ViewResponse](t)(client.OpenView(triggered(t, client, control), modal()))
	for _, want := range []string{"The plan", "12 images", `<textarea name="b1"`, `<input type="text" name="b2"`, ">Keep</button>"} {
		if page := b.get(t); !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	app.answer = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"response_action":"errors","errors":{"keep":"no <such> image"}}`)
	}
	page = b.post(t, "/page/submit", url.Values{"view": {opened.ID}, "b1": {"x<y"}, "b2": {""}})
	if !strings.Contains(page, html.EscapeString("no <such> image")) || !strings.Contains(page, "x&lt;y</textarea>") {
		t.Errorf("the error or what was typed is not shown: %s", page)
	}
	if got := app.callback.View.State.Values["keep"]["items"].Value; got != "x<y" {
		t.Errorf("the app got %q", got)
	}
	if page := b.post(t, "/page/close", url.Values{"view": {opened.ID}}); strings.Contains(page, "<textarea") {
		t.Error("the view is still open")
	}
}
