package intake

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/slack-go/slack"
)

func TestOnlySlackIsAnswered(t *testing.T) {
	sandbox := &Door{APIURL: "http://127.0.0.1:4000/api/"}
	for address, want := range map[string][2]bool{ // in the sandbox, and without api_url
		"https://hooks.slack.com/actions/T/1/x":            {true, true},
		"http://hooks.slack.com/actions/T/1/x":             {false, false},
		"https://hooks.slack.com:8443/x":                   {false, false},
		"https://hooks.slack.com.evil.example/x":           {false, false},
		"https://evil.example/hooks.slack.com":             {false, false},
		"https://hooks.slack.com@evil.example/x":           {false, false},
		"https://u:p@hooks.slack.com/x":                    {false, false},
		"http://127.0.0.1:4000/actions/T/A/x":              {true, false},
		"https://127.0.0.1:4000/actions/T/A/x":             {false, false},
		"http://127.0.0.1:4001/actions/T/A/x":              {false, false},
		"http://169.254.169.254/latest/meta-data/":         {false, false},
		"//hooks.slack.com/x":                              {false, false},
		"file:///etc/passwd":                               {false, false},
		"":                                                 {false, false},
		"https://hooks.slack.com\\@evil.example/actions/x": {false, false},
	} {
		if got := [2]bool{sandbox.answerable(address), new(Door).answerable(address)}; got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	d := newDoor(t, yes("taken"))
	d.slack.status = http.StatusTemporaryRedirect
	d.knock(press(ActionApprove))
	d.settled()
	if got := d.slack.ephemeral; len(got) != 1 || got[0] != "U061F7AUR: taken" {
		t.Errorf("said instead %q", got)
	}
}

func TestEphemeralMessageInstead(t *testing.T) {
	d := newDoor(t, yes("taken"))
	d.APIURL = "" // so that the fake's response URL is not Slack's
	d.knock(press(ActionApprove))
	d.settled()
	if len(d.slack.texts()) != 0 || len(d.slack.ephemeral) != 1 || d.slack.ephemeral[0] != "U061F7AUR: taken" {
		t.Errorf("told %q and %q", d.slack.texts(), d.slack.ephemeral)
	}
}

func TestDetailsOpenTheDialog(t *testing.T) {
	d := newDoor(t, func(context.Context, Click) (Answer, error) { t.Error("decided"); return Answer{}, nil })
	d.knock(press(ActionDetails))
	d.settled()
	if len(d.slack.views) != 2 || len(d.slack.texts()) != 0 {
		t.Fatalf("views %+v, told %q", d.slack.views, d.slack.texts())
	}
	waiting, plan := d.slack.views[0], d.slack.views[1]
	if waiting.Submit != nil || plan.Submit == nil || !strings.Contains(d.blockText(plan), "go    sha256:2") {
		t.Errorf("dialog: %s", d.blockText(plan))
	}
	// What it takes along makes the submission a veto of the same plan.
	of := submit("sha256:2", "")
	of["view"].(object)["private_metadata"] = plan.PrivateMetadata
	got, err := parse(t, of)
	if err != nil || got.Value.Plan != planSum || got.Channel != "C0123456789" || !strings.HasPrefix(got.ResponseURL, d.slack.URL) {
		t.Errorf("%+v, %v", got, err)
	}
}

func (d *testDoor) blockText(view slack.ModalViewRequest) string {
	var b strings.Builder
	for _, block := range view.Blocks.BlockSet {
		if section, ok := block.(*slack.SectionBlock); ok {
			b.WriteString(section.Text.Text)
		}
	}
	return b.String()
}

func TestDetailsThatFail(t *testing.T) {
	d := newDoor(t, yes(""))
	d.Details = func(context.Context, Value) (string, error) { return "", errors.New("the plan is gone") }
	d.knock(press(ActionDetails))
	d.slack.mu.Lock()
	d.slack.openErr = slack.SlackErrorResponse{Err: "expired_trigger_id"}
	d.slack.mu.Unlock()
	again := press(ActionDetails)
	again["trigger_id"] = "1.2.3"
	d.knock(again)
	d.settled()
	if !strings.Contains(d.blockText(d.slack.views[1]), "the plan is gone") {
		t.Errorf("the dialog says %q", d.blockText(d.slack.views[1]))
	}
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "press Details again") {
		t.Errorf("told %q", got)
	}
}

func TestLongPlanIsCut(t *testing.T) {
	text := strings.Repeat("sha256:"+strings.Repeat("f", 64)+" <kept>, in use ```\n", 5000)
	view := planDialog(Click{Value: Value{WorkflowID: "prune-images/nightly", Plan: planSum}, ResponseURL: "https://hooks.slack.com/" + strings.Repeat("x", 3000)}, text)
	if n := len(view.Blocks.BlockSet); n > 100 || n < 10 {
		t.Errorf("%d blocks", n)
	}
	for _, block := range view.Blocks.BlockSet {
		if section, ok := block.(*slack.SectionBlock); ok && (len([]rune(section.Text.Text)) > 3000 || strings.Contains(section.Text.Text, "<kept>")) {
			t.Errorf("section of %d characters: %.80s", len([]rune(section.Text.Text)), section.Text.Text)
		}
	}
	if last := view.Blocks.BlockSet[maxSections].(*slack.SectionBlock).Text.Text; !strings.Contains(last, "epoxy plan prune-images/nightly") {
		t.Errorf("it ends with %q", last)
	}
	if len(view.PrivateMetadata) > maxPrivate || !strings.Contains(view.PrivateMetadata, planSum) {
		t.Errorf("metadata of %d characters", len(view.PrivateMetadata))
	}
}

func TestVetoIsAnsweredInTheDialog(t *testing.T) {
	d := newDoor(t, func(context.Context, Click) (Answer, error) {
		return Answer{}, errors.New("sha256:9 is not in the plan")
	})
	status, answer := d.knock(submit("sha256:9", ""))
	if want := `{"response_action":"errors","errors":{"keep":"sha256:9 is not in the plan"}}`; status != 200 || strings.TrimSpace(answer) != want {
		t.Errorf("%d %s", status, answer)
	}
	if _, answer := d.knock(submit("all of them", "")); !strings.Contains(answer, "One a line") {
		t.Errorf("a wrong input: %s", answer)
	}
	d.settled()
	if got := d.slack.texts(); len(got) != 0 {
		t.Errorf("told again %q", got)
	}
}

func TestVetoTooLateForTheDialogIsTold(t *testing.T) {
	release := make(chan struct{})
	d := newDoor(t, func(context.Context, Click) (Answer, error) {
		<-release
		return Answer{}, errors.New("the window is over")
	})
	if status, answer := d.knock(submit("sha256:9", "")); status != 200 || answer != "" {
		t.Errorf("%d %s", status, answer)
	}
	close(release)
	d.settled()
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "the window is over") {
		t.Errorf("told %q", got)
	}
}

// Whoever has a response_url can post in our name for half an hour: it stands in no log.
func TestResponseURLsAreNotLogged(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close() // so that the request fails, and its error names the address
	var log bytes.Buffer
	counters, err := NewCounters(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	d := &Door{APIURL: gone.URL, Counters: counters, Log: slog.New(slog.NewTextHandler(&log, nil))}
	d.tell(Click{UserID: "UANN", ResponseURL: gone.URL + "/actions/T1/2/hunter2"}, "taken", patience)
	if said := log.String(); !strings.Contains(said, "connection refused") || strings.Contains(said, "hunter2") || strings.Contains(said, "/actions/") {
		t.Errorf("the log says %s", said)
	}
}
