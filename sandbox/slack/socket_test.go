package slack

import (
	"context"
	"strings"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// until waits for a condition; the name says which one never came.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// connect runs slack-go's Socket Mode client until the test is over.
func connect(t *testing.T, client *goslack.Client, handle func(*socketmode.Client, socketmode.Event)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	socket := socketmode.New(client)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = socket.RunContext(ctx)
	}()
	go func() {
		for {
			select {
			case event := <-socket.Events:
				if event.Type == socketmode.EventTypeInteractive {
					handle(socket, event)
				}
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

func sockets(t *testing.T, control Control) int {
	return must[State](t)(control.State(t.Context())).Sockets
}

func TestSocketMode(t *testing.T) {
	_, client, control := interactive(t)
	app := newApp(t, control)
	callbacks := make(chan goslack.InteractionCallback, 10)
	connect(t, client, func(socket *socketmode.Client, event socketmode.Event) {
		callbacks <- event.Data.(goslack.InteractionCallback)
		if err := socket.Ack(*event.Request, map[string]string{"said": "so"}); err != nil {
			t.Error(err)
		}
	})
	until(t, "a connection", func() bool { return sockets(t, control) == 1 })
	_, ts := post(t, client, ops, buttons("approve"))
	click := Interaction{Channel: ops, TS: ts, ActionID: "approve", UserID: ada}
	got := must[Delivery](t)(control.Interact(t.Context(), click))
	if got.Via != "socket" || got.Problem != "" || got.Status != 200 || got.Body != `{"said":"so"}` || app.body != "" {
		t.Errorf("delivery: %+v; the request URL got %q", got, app.body)
	}
	if c := <-callbacks; c.User.ID != ada || c.ActionCallback.BlockActions[0].Value != "value of approve" {
		t.Errorf("callback: %+v", c)
	}

	// Slack renews connections; the client comes back by itself.
	if err := control.Disconnect(t.Context(), "refresh_requested"); err != nil {
		t.Fatal(err)
	}
	until(t, "a click through a new connection", func() bool {
		got := must[Delivery](t)(control.Interact(t.Context(), click))
		return got.Via == "socket" && got.Problem == ""
	})
}

func TestUnacknowledgedEnvelope(t *testing.T) {
	_, client, control := interactive(t)
	connect(t, client, func(*socketmode.Client, socketmode.Event) {})
	until(t, "a connection", func() bool { return sockets(t, control) == 1 })
	post(t, client, ops, buttons("approve"))
	got := must[Delivery](t)(control.Interact(t.Context(), Interaction{Channel: ops, ActionID: "approve", UserID: ada}))
	if !strings.HasPrefix(got.Problem, "operation_timeout") || got.Elapsed < ackWithin {
		t.Errorf("delivery: %+v", got)
	}
}

func TestAppTokenIsChecked(t *testing.T) {
	_, _, control := interactive(t)
	for token, code := range map[string]string{testToken: "not_allowed_token_type", "xapp-other": "invalid_auth", "": "not_authed"} {
		client := goslack.New(testToken, goslack.OptionAPIURL(control.URL+"/api/"), goslack.OptionAppLevelToken(token))
		_, _, err := client.StartSocketModeContext(t.Context())
		wantCode(t, err, code)
	}
	client := goslack.New(testApp, goslack.OptionAPIURL(control.URL+"/api/"))
	_, _, err := client.PostMessage(ops, text("x"))
	wantCode(t, err, "not_allowed_token_type")
	_, withoutApp, _ := workspace(t) // no app token at all: nothing opens Socket Mode
	_, _, err = withoutApp.StartSocketModeContext(t.Context())
	wantCode(t, err, "not_authed")
}

func TestConnectionAddressWorksOnce(t *testing.T) {
	server, _, _ := interactive(t)
	now := time.Now()
	server.sockets.tickets["a"], server.sockets.tickets["b"] = now.Add(time.Second), now.Add(-time.Second)
	for ticket, want := range map[string]bool{"a": true, "b": false, "c": false} {
		if got := server.sockets.redeem(ticket, now); got != want {
			t.Errorf("%s: %v", ticket, got)
		}
	}
	if server.sockets.redeem("a", now) {
		t.Error("an address worked twice")
	}
}

func TestOptionsFromEnvironment(t *testing.T) {
	t.Setenv(TokenVariable, "a")
	t.Setenv(SigningSecretVariable, "b")
	t.Setenv(AppTokenVariable, "c")
	if got := OptionsFromEnvironment(); got != (Options{"a", "b", "c"}) {
		t.Errorf("%+v", got)
	}
}

func TestHello(t *testing.T) {
	_, client, _ := interactive(t)
	socket := socketmode.New(client)
	go func() { _ = socket.RunContext(t.Context()) }()
	for {
		select {
		case event := <-socket.Events:
			if event.Type != socketmode.EventTypeHello {
				continue
			}
			if event.Request.NumConnections != 1 || event.Request.ConnectionInfo.AppID != appID {
				t.Errorf("hello %+v", event.Request)
			}
			return
		case <-time.After(20 * time.Second):
			t.Fatal("never: a hello")
		}
	}
}
