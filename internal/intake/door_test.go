package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDecisionIsTakenAndTold(t *testing.T) {
	var got Click
	d := newDoor(t, func(_ context.Context, c Click) (Answer, error) { got = c; return Answer{}, nil })
	if status, answer := d.knock(press(ActionApprove)); status != 200 || answer != "" {
		t.Errorf("%d %q", status, answer)
	}
	d.settled()
	if got.Action != ActionApprove || got.Value.Plan != planSum {
		t.Errorf("decided %+v", got)
	}
	if len(d.slack.told) != 1 || d.slack.told[0].Text != done[ActionApprove] || d.slack.told[0].ResponseType != "ephemeral" || d.slack.told[0].ReplaceOriginal {
		t.Errorf("told %+v", d.slack.told)
	}
	if d.counted("http", codeAccepted) != 1 || d.counted(ActionApprove, "done") != 1 {
		t.Error("not counted")
	}
}

func TestRefusalIsTold(t *testing.T) {
	d := newDoor(t, func(context.Context, Click) (Answer, error) {
		return Answer{}, errors.New("only <!channel> & the operators may approve")
	})
	if status, _ := d.knock(press(ActionApprove)); status != 200 {
		t.Errorf("status %d", status)
	}
	d.settled()
	if got := d.slack.texts(); len(got) != 1 || got[0] != ":no_entry: only &lt;!channel&gt; &amp; the operators may approve" {
		t.Errorf("told %q", got)
	}
	if d.counted(ActionApprove, "refused") != 1 {
		t.Error("not counted")
	}
}

func TestWhatIsNotGenuineDecidesNothing(t *testing.T) {
	d := newDoor(t, func(context.Context, Click) (Answer, error) { t.Error("decided"); return Answer{}, nil })
	body := d.payload(press(ActionApprove))
	now := time.Now()
	kind := func(of string) http.Header {
		h := signed(secret, now, body)
		h.Set("Content-Type", of)
		return h
	}
	large := "payload=" + strings.Repeat("x", maxBody)
	for name, c := range map[string]struct {
		header http.Header
		body   string
		status int
		code   string
	}{
		"forged":      {signed([]byte("other"), now, body), body, 401, "forged"},
		"changed":     {signed(secret, now, body), body + "&x=y", 401, "forged"},
		"late":        {signed(secret, now.Add(-6*time.Minute), body), body, 401, "late"},
		"oversized":   {signed(secret, now, large), large, 413, "too_large"},
		"JSON":        {kind("application/json"), body, 415, "wrong_type"},
		"no type":     {kind(""), body, 415, "wrong_type"},
		"multipart":   {kind("multipart/form-data; boundary=x"), body, 415, "wrong_type"},
		"no payload":  {signed(secret, now, "x=y"), "x=y", 400, "bad_form"},
		"two of them": {signed(secret, now, "payload=1&payload=2"), "payload=1&payload=2", 400, "bad_form"},
		"no form":     {signed(secret, now, "payload=%zz"), "payload=%zz", 400, "bad_form"},
	} {
		before := d.counted("http", c.code)
		if status, answer := d.send(c.header, c.body); status != c.status || answer == "" || d.counted("http", c.code) != before+1 {
			t.Errorf("%s: %d %q", name, status, answer)
		}
	}
	resp, err := http.Get(d.url)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", resp.Status, err)
	}
	resp.Body.Close()
	d.settled()
	if len(d.slack.texts()) != 0 {
		t.Errorf("told %q", d.slack.texts())
	}
}

func TestReplayDecidesOnce(t *testing.T) {
	decided := 0
	d := newDoor(t, func(context.Context, Click) (Answer, error) { decided++; return Answer{}, nil })
	body := d.payload(press(ActionApprove))
	header := signed(secret, time.Now(), body)
	for i, want := range []int{200, 409, 409} {
		if status, answer := d.send(header, body); status != want {
			t.Errorf("time %d: %d %q", i+1, status, answer)
		}
	}
	d.settled()
	if decided != 1 {
		t.Errorf("decided %d times", decided)
	}
}

func TestGenuineButNotOurs(t *testing.T) {
	d := newDoor(t, yes(""))
	link := press("open")
	delete(link["actions"].([]any)[0].(object), "value")
	for _, of := range []object{press("old_button"), link} {
		if status, answer := d.knock(of); status != 200 || answer != "" {
			t.Errorf("%d %q", status, answer)
		}
	}
	d.settled()
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "no button “old_button”") {
		t.Errorf("told %q", got)
	}
	if d.counted("http", "unknown_action") != 1 || d.counted("http", codeNothing) != 1 {
		t.Error("not counted")
	}
}

// Slack waits for three seconds: https://docs.slack.dev/interactivity/handling-user-interaction/#acknowledgment_response
func TestSlackIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, fake := make(chan struct{}), &fakeSlack{}
		d := &Door{API: fake, Log: slog.New(slog.DiscardHandler), Decide: func(context.Context, Click) (Answer, error) { <-release; return Answer{"taken"}, nil }}
		d.init()
		click := press(ActionApprove)
		delete(click, "response_url")
		payload, err := json.Marshal(click)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ack, code := d.take("http", payload)
		if took := time.Since(began); ack != nil || code != "" || took > 2500*time.Millisecond {
			t.Errorf("answered %v, %q after %s", ack, code, took)
		}
		close(release)
		if err := d.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if got := fake.ephemeral; len(got) != 1 || !strings.HasSuffix(got[0], ": taken") {
			t.Errorf("told %q", got)
		}
	})
}

func TestSlowDecisionGoesOn(t *testing.T) {
	release := make(chan struct{})
	d := newDoor(t, func(ctx context.Context, _ Click) (Answer, error) {
		select {
		case <-release:
			return Answer{"taken"}, nil
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	})
	if status, _ := d.knock(press(ActionApprove)); status != 200 { // waits for the two seconds
		t.Errorf("status %d", status)
	}
	if got := d.slack.texts(); len(got) != 0 {
		t.Errorf("told %q before it was decided", got)
	}
	stopped := make(chan error)
	go func() { stopped <- d.Shutdown(context.Background()) }()
	close(release)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := d.slack.texts(); len(got) != 1 || got[0] != "taken" {
		t.Errorf("told %q", got)
	}
	if status, _ := d.knock(press(ActionDeny)); status != 503 || d.counted("http", codeClosing) != 1 {
		t.Errorf("a closed door answers %d", status)
	}
}

func TestShutdownCutsOffAndSaysSo(t *testing.T) {
	d := newDoor(t, func(ctx context.Context, _ Click) (Answer, error) { <-ctx.Done(); return Answer{}, ctx.Err() })
	d.Wait = time.Millisecond
	d.knock(press(ActionApprove))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "could not find out in time") {
		t.Errorf("told %q", got)
	}
}

func TestDecisionIsBounded(t *testing.T) {
	d := newDoor(t, func(ctx context.Context, _ Click) (Answer, error) { <-ctx.Done(); return Answer{}, ctx.Err() })
	d.Wait, d.Limit = time.Millisecond, 10*time.Millisecond
	d.knock(press(ActionApprove))
	d.settled()
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "epoxy plan prune-images/nightly") {
		t.Errorf("told %q", got)
	}
}

// Temporal did not answer in time: "refused" would be a guess, and so would "taken".
func TestDecisionThatMayHaveBeenTaken(t *testing.T) {
	for _, click := range []object{press(ActionApprove), submit("sha256:9", "")} {
		d := newDoor(t, func(context.Context, Click) (Answer, error) {
			return Answer{}, fmt.Errorf("prune-images/nightly: %w: the deadline is over", ErrUnknown)
		})
		if status, answer := d.knock(click); status != 200 || answer != "" {
			t.Errorf("%d %s", status, answer)
		}
		d.settled()
		if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "could not find out in time") {
			t.Errorf("told %q", got)
		}
	}
}

func TestTooManyAtOnce(t *testing.T) {
	release := make(chan struct{})
	d := newDoor(t, func(context.Context, Click) (Answer, error) { <-release; return Answer{"taken"}, nil })
	d.Wait = 500 * time.Millisecond
	d.init()
	for range maxRunning {
		d.slots <- struct{}{}
	}
	if status, _ := d.knock(press(ActionApprove)); status != 200 || d.counted("http", codeBusy) != 1 {
		t.Errorf("status %d", status)
	}
	if got := d.slack.texts(); len(got) != 1 || !strings.Contains(got[0], "press again") {
		t.Errorf("told %q", got)
	}
	close(release)
}

func TestSlowResponseURLDoesNotHoldUpTheAnswer(t *testing.T) {
	d := newDoor(t, yes("taken"))
	d.slack.hold = make(chan struct{})
	if status, _ := d.knock(press(ActionApprove)); status != 200 {
		t.Errorf("status %d", status)
	}
	close(d.slack.hold)
	d.settled()
	if got := d.slack.texts(); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}
