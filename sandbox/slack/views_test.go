package slack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
)

func modal() goslack.ModalViewRequest {
	return goslack.ModalViewRequest{
		Type: "modal", Title: plainText("The plan"), Submit: plainText("Keep"), CallbackID: "veto", PrivateMetadata: "secret",
		Blocks: goslack.Blocks{BlockSet: []goslack.Block{
			goslack.NewSectionBlock(plainText("12 images"), nil, nil),
			goslack.NewInputBlock("keep", plainText("Keep"), nil, goslack.NewPlainTextInputBlockElement(nil, "items").WithMultiline(true).WithMaxLength(10)),
			goslack.NewInputBlock("why", plainText("Why"), nil, goslack.NewPlainTextInputBlockElement(nil, "why")).WithOptional(true),
		}},
	}
}

// trigger is the trigger_id of a click.
func triggered(t *testing.T, client *goslack.Client, control Control) string {
	t.Helper()
	_, ts := post(t, client, ops, buttons("details"))
	return must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: "details", UserID: ada, Unsent: true})).TriggerID
}

func TestTriggerOpensOneViewWithinThreeSeconds(t *testing.T) {
	server, client, control := interactive(t)
	now := time.Now()
	server.now = func() time.Time { return now }
	id := triggered(t, client, control)
	opened := must[*goslack.ViewResponse](t)(client.OpenView(id, modal()))
	if opened.CallbackID != "veto" || opened.PrivateMetadata != "secret" || opened.ID == "" || opened.Hash == "" {
		t.Errorf("opened %+v", opened.View)
	}
	_, err := client.OpenView(id, modal())
	wantCode(t, err, "exchanged_trigger_id")
	_, err = client.OpenView("1.2.abc", modal())
	wantCode(t, err, "invalid_trigger_id")
	id = triggered(t, client, control)
	now = now.Add(3*time.Second + time.Millisecond)
	_, err = client.OpenView(id, modal())
	wantCode(t, err, "expired_trigger_id")
	if views := must[State](t)(control.State(t.Context())).Views; len(views) != 1 || views[0].User != ada {
		t.Errorf("views: %+v", views)
	}
}

func TestViewsAreChecked(t *testing.T) {
	_, client, control := interactive(t)
	id := triggered(t, client, control)
	sameAction := goslack.NewInputBlock("again", plainText("Again"), nil, goslack.NewPlainTextInputBlockElement(nil, "items"))
	for name, spoil := range map[string]func(*goslack.ModalViewRequest){
		"no submit":         func(v *goslack.ModalViewRequest) { v.Submit = nil },
		"long title":        func(v *goslack.ModalViewRequest) { v.Title = plainText(strings.Repeat("x", 25)) },
		"long metadata":     func(v *goslack.ModalViewRequest) { v.PrivateMetadata = strings.Repeat("x", 3001) },
		"long callback":     func(v *goslack.ModalViewRequest) { v.CallbackID = strings.Repeat("x", 256) },
		"home":              func(v *goslack.ModalViewRequest) { v.Type = "home" },
		"101 blocks":        func(v *goslack.ModalViewRequest) { v.Blocks.BlockSet = many(101) },
		"twice an action":   func(v *goslack.ModalViewRequest) { v.Blocks.BlockSet = append(v.Blocks.BlockSet, sameAction) },
		"long section text": func(v *goslack.ModalViewRequest) { v.Blocks.BlockSet[0] = section(3001) },
	} {
		view := modal()
		spoil(&view)
		if _, err := client.OpenView(id, view); err == nil || err.Error() != "invalid_arguments" {
			t.Errorf("%s: %v", name, err)
		}
	}
	view := modal()
	view.Blocks.BlockSet = many(100)
	for i := range view.Blocks.BlockSet {
		view.Blocks.BlockSet[i] = section(3000)
	}
	_, err := client.OpenView(id, view)
	wantCode(t, err, "view_too_large")
	if _, err := client.OpenView(id, modal()); err != nil {
		t.Errorf("a refused view used up the trigger: %v", err)
	}
}

func many(n int) (out []goslack.Block) {
	for range n {
		out = append(out, goslack.NewDividerBlock())
	}
	return out
}

func section(n int) goslack.Block {
	return goslack.NewSectionBlock(plainText(strings.Repeat("x", n)), nil, nil)
}

func TestUpdateView(t *testing.T) {
	_, client, control := interactive(t)
	opened := must[*goslack.ViewResponse](t)(client.OpenView(triggered(t, client, control), modal()))
	view := modal()
	view.Title = plainText("Another")
	updated := must[*goslack.ViewResponse](t)(client.UpdateView(view, "", opened.Hash, opened.ID))
	if updated.Title.Text != "Another" || updated.Hash == opened.Hash {
		t.Errorf("updated %+v", updated.View)
	}
	_, err := client.UpdateView(view, "", opened.Hash, opened.ID)
	wantCode(t, err, "hash_conflict")
	_, err = client.UpdateView(view, "", "", "V0OTHER")
	wantCode(t, err, "not_found")
}

func TestSubmission(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	opened := must[*goslack.ViewResponse](t)(client.OpenView(triggered(t, client, control), modal()))
	submit := func(keep string) (Delivery, error) {
		return control.SubmitView(t.Context(), Submission{ViewID: opened.ID, UserID: ada, Values: map[string]map[string]string{"keep": {"items": keep}}})
	}
	view := func() View { return must[State](t)(control.State(t.Context())).Views[0] }
	// What Slack's own client does not let through.
	for _, keep := range []string{"", " ", strings.Repeat("x", 11)} {
		if _, err := submit(keep); err == nil {
			t.Errorf("%q was submitted", keep)
		}
	}
	if _, err := control.SubmitView(t.Context(), Submission{ViewID: opened.ID, UserID: mallory}); err == nil {
		t.Error("somebody else's view was submitted")
	}
	if _, err := control.SubmitView(t.Context(), Submission{ViewID: opened.ID, UserID: ada, Values: map[string]map[string]string{"other": {"x": "y"}}}); err == nil {
		t.Error("an unknown input was submitted")
	}

	respond := func(body string) { app.answer = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) } }
	respond(`{"response_action":"errors","errors":{"keep":"no such image"}}`)
	if d, err := submit("a\nb"); err != nil || d.Problem != "" || view().Errors["keep"] != "no such image" || view().Closed {
		t.Errorf("%+v, %v: %+v", d, err, view())
	}
	c := app.callback
	if c.Type != goslack.InteractionTypeViewSubmission || c.User.ID != ada || c.View.PrivateMetadata != "secret" || c.ResponseURL != "" ||
		c.View.State.Values["keep"]["items"].Value != "a\nb" || c.View.State.Values["why"]["why"].Value != "" {
		t.Errorf("payload: %s", app.body)
	}
	for _, body := range []string{`{"response_action":"errors","errors":{"other":"x"}}`, "ok", `{"response_action":"update","view":{}}`} {
		respond(body)
		if d, err := submit("a"); err != nil || !strings.HasPrefix(d.Problem, "we had some trouble") || view().Closed {
			t.Errorf("%s: %+v, %v", body, d, err)
		}
	}
	respond("")
	if d, err := submit("a"); err != nil || d.Problem != "" || !view().Closed {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := submit("a"); err == nil {
		t.Error("a closed view was submitted")
	}
}
