package slack

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"

	"epoxy/internal/intake"
)

// Epoxy's door in front of this stand-in: what both believe of Slack must fit together.

type decisions struct {
	mu     sync.Mutex
	clicks []intake.Click
	hold   chan struct{}
}

func (d *decisions) decide(ctx context.Context, c intake.Click) (intake.Answer, error) {
	if d.hold != nil {
		select {
		case <-d.hold:
		case <-ctx.Done():
			return intake.Answer{}, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clicks = append(d.clicks, c)
	if c.UserID == mallory {
		return intake.Answer{}, errors.New("only the operators may decide this")
	}
	if len(c.Keep) > 0 && c.Keep[0] == "unknown" {
		return intake.Answer{}, errors.New("unknown is not in the plan")
	}
	return intake.Answer{Text: "Thank you: " + c.Action}, nil
}

func newDoor(t *testing.T, client *goslack.Client, control Control, d *decisions) *intake.Door {
	t.Helper()
	door := &intake.Door{
		Verify: &intake.Verifier{SigningSecret: []byte(testSecret)}, Decide: d.decide, API: client, APIURL: control.URL + "/api/",
		Details: func(_ context.Context, v intake.Value) (string, error) {
			return "the plan " + v.Plan + "\ngo sha256:2\n", nil
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := door.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return door
}

// question posts what Epoxy asks, with its buttons.
func question(t *testing.T, client *goslack.Client) (ts string) {
	t.Helper()
	value, _ := json.Marshal(intake.Value{WorkflowID: "prune-images/nightly", Plan: "abc123"})
	var elements []goslack.BlockElement
	for _, action := range []string{intake.ActionApprove, intake.ActionDeny, intake.ActionDetails} {
		elements = append(elements, goslack.NewButtonBlockElement(action, string(value), plainText(action)))
	}
	_, ts = post(t, client, ops, text("May I?"), goslack.MsgOptionBlocks(goslack.NewActionBlock("", elements...)))
	return ts
}

// The same story through either door.
func TestDoors(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *intake.Door, *goslack.Client, Control){
		"http": func(t *testing.T, door *intake.Door, _ *goslack.Client, control Control) {
			web := httptest.NewServer(door)
			t.Cleanup(web.Close)
			if err := control.SetRequestURL(t.Context(), web.URL); err != nil {
				t.Fatal(err)
			}
		},
		"socket": func(t *testing.T, door *intake.Door, client *goslack.Client, control Control) {
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error)
			go func() { ended <- door.Socket(ctx, client) }()
			t.Cleanup(func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			until(t, "a connection", func() bool { return sockets(t, control) == 1 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, client, control := interactive(t)
			server.wait = 20 * time.Second // so that no pause of this machine fails the test
			d := &decisions{}
			open(t, newDoor(t, client, control, d), client, control)
			story(t, client, control, d, name)
		})
	}
}

func story(t *testing.T, client *goslack.Client, control Control, d *decisions, via string) {
	ts := question(t, client)
	state := func() State { return must[State](t)(control.State(t.Context())) }
	told := func(n int, user, what string) {
		t.Helper()
		until(t, what, func() bool { return len(state().Ephemerals) >= n })
		if e := state().Ephemerals; len(e) != n || e[n-1].User != user || !strings.Contains(e[n-1].Text, what) {
			t.Errorf("told %+v, want %q", e, what)
		}
	}
	click := func(action, user string) Delivery {
		t.Helper()
		got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: action, UserID: user}))
		if got.Problem != "" || got.Via != via {
			t.Errorf("%s by %s: %+v", action, user, got)
		}
		return got
	}
	click(intake.ActionApprove, mallory)
	told(1, mallory, "only the operators may decide this")
	click(intake.ActionApprove, ada)
	told(2, ada, "Thank you: approve")
	if c := d.clicks[1]; c.Value.WorkflowID != "prune-images/nightly" || c.Value.Plan != "abc123" || c.Channel != ops || c.MessageTS != ts || c.UserName != "ada" || c.ID == d.clicks[0].ID {
		t.Errorf("click: %+v", c)
	}

	click(intake.ActionDetails, ada)
	until(t, "the plan in the dialog", func() bool {
		v := state().Views
		return len(v) == 1 && v[0].Submit != nil
	})
	view := state().Views[0]
	if blocks, _ := json.Marshal(view.Blocks); !strings.Contains(string(blocks), "the plan abc123") {
		t.Errorf("dialog: %s", blocks)
	}
	submit := func(keep string) View {
		t.Helper()
		got := must[Delivery](t)(control.SubmitView(t.Context(), Submission{ViewID: view.ID, UserID: ada, Values: map[string]map[string]string{
			"keep": {"keep": keep}, "reason": {"reason": "still used"},
		}}))
		if got.Problem != "" {
			t.Errorf("submission: %+v", got)
		}
		return state().Views[0]
	}
	if v := submit("unknown"); v.Closed || v.Errors["keep"] != "unknown is not in the plan" {
		t.Errorf("view: %+v", v)
	}
	if v := submit("sha256:2\nv1"); !v.Closed {
		t.Errorf("view: %+v", v)
	}
	told(3, ada, "Thank you: veto-submit")
	if c := d.clicks[3]; strings.Join(c.Keep, " ") != "sha256:2 v1" || c.Reason != "still used" || c.Value.Plan != "abc123" {
		t.Errorf("click: %+v", c)
	}

	// A slow decision: Slack is answered before it, the person when it is taken.
	d.hold = make(chan struct{})
	click(intake.ActionDeny, ada)
	close(d.hold)
	told(4, ada, "Thank you: deny")
}

func TestDoorRefusesWhatIsNotSlacks(t *testing.T) {
	_, client, control := interactive(t)
	d := &decisions{}
	web := httptest.NewServer(newDoor(t, client, control, d))
	t.Cleanup(web.Close)
	question(t, client)
	unsent := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, ActionID: intake.ActionApprove, UserID: ada, Unsent: true}))
	late := must[Signed](t)(control.SignedRequest(t.Context(), string(unsent.Payload), time.Now().Add(-6*time.Minute)))
	forged := Signed{Header: unsent.Request.Header.Clone(), Body: strings.Replace(unsent.Request.Body, "ada", "eve", 1)}
	for i, c := range []struct {
		request Signed
		status  int
	}{{late, 401}, {forged, 401}, {unsent.Request, 200}, {unsent.Request, 409}} {
		resp := must[*http.Response](t)(c.request.Send(t.Context(), web.URL))
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("request %d: %s, want %d", i, resp.Status, c.status)
		}
	}
	until(t, "an answer", func() bool { return len(must[State](t)(control.State(t.Context())).Ephemerals) == 1 })
	if len(d.clicks) != 1 {
		t.Errorf("decided %d times", len(d.clicks))
	}
}

func TestSocketComesBack(t *testing.T) {
	_, client, control := interactive(t)
	d := &decisions{}
	door := newDoor(t, client, control, d)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- door.Socket(ctx, client) }()
	health := func() int {
		w := httptest.NewRecorder()
		door.ServeHealth(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		return w.Code
	}
	until(t, "health", func() bool { return health() == 200 })
	ts := question(t, client)
	for _, reason := range []string{"warning", "refresh_requested"} {
		if err := control.Disconnect(t.Context(), reason); err != nil {
			t.Fatal(err)
		}
		until(t, "a click after "+reason, func() bool {
			got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, TS: ts, ActionID: intake.ActionApprove, UserID: ada}))
			return got.Problem == ""
		})
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if health() != 503 {
		t.Error("healthy without a connection")
	}
}

func TestSocketWithAWrongToken(t *testing.T) {
	_, client, control := interactive(t)
	wrong := goslack.New(testToken, goslack.OptionAPIURL(control.URL+"/api/"), goslack.OptionAppLevelToken("xapp-other"))
	err := newDoor(t, client, control, &decisions{}).Socket(t.Context(), wrong)
	if err == nil || !strings.Contains(err.Error(), "slack.app_token") || !strings.Contains(err.Error(), "invalid_auth") {
		t.Errorf("error: %v", err)
	}
}
