package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
)

const (
	testSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	testApp    = "xapp-sandbox-test"
	ada        = "U0ADA00000"
	mallory    = "U0MALLORY0"
)

// interactive is a workspace whose app can be clicked.
func interactive(t *testing.T) (*Server, *goslack.Client, Control) {
	t.Helper()
	server := NewServer(Options{Token: testToken, SigningSecret: testSecret, AppToken: testApp})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	client := goslack.New(testToken, goslack.OptionAPIURL(web.URL+"/api/"), goslack.OptionAppLevelToken(testApp))
	return server, client, Control{web.URL}
}

// app answers interactions the way a test wants, and keeps the last one.
type app struct {
	*httptest.Server
	answer   http.HandlerFunc
	header   http.Header
	body     string
	callback goslack.InteractionCallback
}

func newApp(t *testing.T, control Control) *app {
	a := &app{answer: func(http.ResponseWriter, *http.Request) {}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		a.header, a.body = r.Header, string(data)
		form, _ := url.ParseQuery(a.body)
		a.callback = goslack.InteractionCallback{}
		if err := json.Unmarshal([]byte(form.Get("payload")), &a.callback); err != nil {
			t.Errorf("payload: %v in %q", err, a.body)
		}
		a.answer(w, r)
	}))
	t.Cleanup(a.Close)
	if err := control.SetRequestURL(t.Context(), a.URL); err != nil {
		t.Fatal(err)
	}
	return a
}

func plainText(text string) *goslack.TextBlockObject {
	return goslack.NewTextBlockObject("plain_text", text, false, false)
}

func buttons(ids ...string) goslack.MsgOption {
	var elements []goslack.BlockElement
	for _, id := range ids {
		elements = append(elements, goslack.NewButtonBlockElement(id, "value of "+id, plainText(strings.ToUpper(id))))
	}
	return goslack.MsgOptionBlocks(goslack.NewActionBlock("decide", elements...))
}

func TestClickReachesTheRequestURL(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	id, ts := post(t, client, "deploys", buttons("approve", "deny"))
	got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: "#deploys", ActionID: "deny", UserID: "grace"}))
	if got.Problem != "" || got.Status != 200 || got.Via != "http" || got.Elapsed <= 0 {
		t.Errorf("delivery: %+v", got)
	}

	stamp := app.header.Get("X-Slack-Request-Timestamp")
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte("v0:" + stamp + ":" + app.body))
	if want := "v0=" + hex.EncodeToString(mac.Sum(nil)); app.header.Get("X-Slack-Signature") != want {
		t.Errorf("signature %s, want %s", app.header.Get("X-Slack-Signature"), want)
	}
	verifier, err := goslack.NewSecretsVerifier(app.header, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = verifier.Write([]byte(app.body))
	if err := verifier.Ensure(); err != nil || app.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("slack-go does not accept it: %v", err)
	}

	c := app.callback
	if c.Type != goslack.InteractionTypeBlockActions || c.User.ID != "U0GRACE000" || c.Team.ID != teamID || c.APIAppID != appID ||
		c.Channel.ID != id || c.Channel.Name != "deploys" || c.Container.MessageTs != ts || c.Message.Timestamp != ts || c.TriggerID == "" {
		t.Errorf("payload: %+v", c)
	}
	if a := c.ActionCallback.BlockActions; len(a) != 1 || a[0].ActionID != "deny" || a[0].Value != "value of deny" || a[0].BlockID != "decide" || a[0].ActionTs == "" {
		t.Errorf("actions: %+v", a)
	}
	if !strings.HasPrefix(c.ResponseURL, control.URL+"/actions/") {
		t.Errorf("response_url %s", c.ResponseURL)
	}
}

func TestBadAnswersAreShown(t *testing.T) {
	_, client, control := interactive(t)
	_, ts := post(t, client, ops, buttons("approve"))
	click := Interaction{Channel: ops, TS: ts, ActionID: "approve", UserID: ada}
	problem := func(want string) {
		t.Helper()
		got := must[Delivery](t)(control.Interact(t.Context(), click))
		shown := must[[]Message](t)(control.Messages(t.Context(), ops))[0].Warning
		if !strings.Contains(got.Problem, want) || shown != got.Problem {
			t.Errorf("problem %q, shown %q, want %q", got.Problem, shown, want)
		}
	}
	problem("no request URL")
	app := newApp(t, control)
	app.answer = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }
	problem("status code 500")
	app.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://example.com", http.StatusFound)
	}
	problem("status code 302")
	app.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	problem("operation_timeout")
	app.answer = func(http.ResponseWriter, *http.Request) {}
	if got := must[Delivery](t)(control.Interact(t.Context(), click)); got.Problem != "" {
		t.Errorf("problem %q", got.Problem)
	}
	if m := must[[]Message](t)(control.Messages(t.Context(), ops))[0]; m.Warning != "" {
		t.Errorf("the warning stays: %s", m.Warning)
	}
	if state := must[State](t)(control.State(t.Context())); len(state.Deliveries) != 5 || state.Deliveries[1].Status != 500 || state.Deliveries[1].Body != "broken\n" {
		t.Errorf("deliveries: %+v", state.Deliveries)
	}
}

func TestWhatCannotBeClicked(t *testing.T) {
	_, client, control := interactive(t)
	post(t, client, ops, buttons("approve"))
	for _, in := range []Interaction{
		{Channel: ops, ActionID: "other", UserID: ada},
		{Channel: ops, ActionID: "", UserID: ada},
		{Channel: ops, ActionID: "approve", UserID: "nobody"},
		{Channel: "C0OTHER0000", ActionID: "approve", UserID: ada},
		{Channel: ops, ActionID: "approve", UserID: ada, TS: "1.000000"},
		{Channel: ops, ActionID: "approve", UserID: ada, Nth: 2},
	} {
		if _, err := control.Interact(t.Context(), in); err == nil {
			t.Errorf("%+v was clicked", in)
		}
	}
}

// Tests send what Slack would, when and as often as they like.
func TestSignedRequests(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	post(t, client, ops, buttons("approve"))
	unsent := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, ActionID: "approve", UserID: ada, Unsent: true}))
	if app.body != "" || len(must[State](t)(control.State(t.Context())).Deliveries) != 0 {
		t.Error("an unsent click was sent")
	}
	for range 2 {
		resp := must[*http.Response](t)(unsent.Request.Send(t.Context(), app.URL))
		resp.Body.Close()
	}
	if app.callback.TriggerID != unsent.TriggerID {
		t.Errorf("got %s", app.callback.TriggerID)
	}
	late := must[Signed](t)(control.SignedRequest(t.Context(), string(unsent.Payload), time.Now().Add(-time.Hour)))
	if _, err := goslack.NewSecretsVerifier(late.Header, testSecret); err == nil {
		t.Error("slack-go takes a request an hour old")
	}
}

func TestResponseURL(t *testing.T) {
	server, client, control := interactive(t)
	newApp(t, control)
	now := time.Now()
	server.now = func() time.Time { return now }
	_, ts := post(t, client, ops, text("root"), buttons("approve"))
	click := func() string {
		return must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: "approve", UserID: ada})).ResponseURL
	}
	to := click()
	say := func(message goslack.WebhookMessage) error {
		return goslack.PostWebhookContext(t.Context(), to, &message)
	}
	if err := say(goslack.WebhookMessage{Text: "for you", ResponseType: "ephemeral"}); err != nil {
		t.Fatal(err)
	}
	if err := say(goslack.WebhookMessage{Text: "decided", ReplaceOriginal: true}); err != nil {
		t.Fatal(err)
	}
	if err := say(goslack.WebhookMessage{Text: "for all", ResponseType: "in_channel"}); err != nil {
		t.Fatal(err)
	}
	if err := say(goslack.WebhookMessage{}); err == nil {
		t.Error("nothing was taken for a message")
	}
	if err := say(goslack.WebhookMessage{DeleteOriginal: true}); err != nil {
		t.Fatal(err)
	}
	if err := say(goslack.WebhookMessage{Text: "sixth"}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the sixth answer: %v", err)
	}
	state := must[State](t)(control.State(t.Context()))
	if len(state.Ephemerals) != 1 || state.Ephemerals[0].Text != "for you" || state.Ephemerals[0].User != ada {
		t.Errorf("ephemerals: %+v", state.Ephemerals)
	}
	messages := must[[]Message](t)(control.Messages(t.Context(), ops))
	if len(messages) != 1 || messages[0].Text != "for all" {
		t.Errorf("messages: %+v", messages)
	}

	_, ts = post(t, client, ops, text("root"), buttons("approve"))
	to = click()
	now = now.Add(31 * time.Minute)
	if err := say(goslack.WebhookMessage{Text: "late"}); err == nil {
		t.Error("a response_url worked after half an hour")
	}
	to = control.URL + "/actions/T/A/forged"
	if err := say(goslack.WebhookMessage{Text: "forged"}); err == nil {
		t.Error("a forged response_url worked")
	}
}

func TestEphemeral(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	ts := must[string](t)(client.PostEphemeralContext(t.Context(), ops, ada, text("psst"), buttons("approve")))
	_, err := client.PostEphemeralContext(t.Context(), ops, "U0NOBODY00", text("psst"))
	wantCode(t, err, "user_not_in_channel")
	_, err = client.PostEphemeralContext(t.Context(), ops, ada)
	wantCode(t, err, "no_text")
	if messages := must[[]Message](t)(control.Messages(t.Context(), "")); len(messages) != 0 {
		t.Errorf("an ephemeral message is among the others: %+v", messages)
	}
	page := must[*goslack.GetConversationHistoryResponse](t)(client.GetConversationHistory(&goslack.GetConversationHistoryParameters{ChannelID: ops}))
	if len(page.Messages) != 0 {
		t.Error("conversations.history shows an ephemeral message")
	}
	_, _, _, err = client.UpdateMessage(ops, ts, text("x"))
	wantCode(t, err, "message_not_found")

	if _, err := control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: "approve", UserID: mallory}); err == nil {
		t.Error("somebody clicked what they do not see")
	}
	got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: "approve", UserID: ada}))
	if !app.callback.Container.IsEphemeral || app.callback.Message.Text != "" {
		t.Errorf("payload: %s", got.Payload)
	}
	if err := goslack.PostWebhookContext(t.Context(), got.ResponseURL, &goslack.WebhookMessage{Text: "done", ReplaceOriginal: true}); err != nil {
		t.Fatal(err)
	}
	if e := must[State](t)(control.State(t.Context())).Ephemerals; len(e) != 1 || e[0].Text != "done" {
		t.Errorf("ephemerals: %+v", e)
	}
}

func TestResetKeepsThePeople(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	post(t, client, ops, buttons("approve"))
	if got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, ActionID: "approve"})); got.UserID != ada {
		t.Errorf("clicked by %s", got.UserID)
	}
	if err := control.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := must[State](t)(control.State(t.Context())); len(state.Deliveries) != 0 || state.RequestURL != app.URL || len(state.Users) != 3 {
		t.Errorf("state: %+v", state)
	}
}
