package slack

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	goslack "github.com/slack-go/slack"
)

func TestFailures(t *testing.T) {
	_, client, control := workspace(t)
	ctx := t.Context()
	try := func() error { _, _, err := client.PostMessage(ops, text("x")); return err }

	set := func(f Failure) {
		t.Helper()
		if err := control.Fail(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	set(Failure{Status: 500, Count: 2, Method: "chat.postMessage"})
	for range 2 {
		var status goslack.StatusCodeError
		if err := try(); !errors.As(err, &status) || status.Code != 500 {
			t.Errorf("got %v, want a 500", err)
		}
	}
	if err := try(); err != nil {
		t.Errorf("the third call still fails: %v", err)
	}

	set(Failure{Status: 429, RetryAfter: 7, Count: -1})
	for range 3 {
		var limited *goslack.RateLimitedError
		if err := try(); !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
			t.Errorf("got %v, want a rate limit of 7 s", err)
		}
	}
	if err := control.Heal(ctx); err != nil {
		t.Fatal(err)
	}

	set(Failure{Error: "channel_not_found", Method: "chat.update"})
	if err := try(); err != nil {
		t.Errorf("another method fails: %v", err)
	}
	_, _, _, err := client.UpdateMessage(ops, "1", text("x"))
	wantCode(t, err, "channel_not_found")

	set(Failure{Lost: true})
	if err := try(); err == nil {
		t.Error("a lost answer arrived")
	}
	if n := len(must[[]Message](t)(control.Messages(ctx, ""))); n != 3 {
		t.Errorf("%d messages, want 3: one of them with its answer lost", n)
	}

	calls := must[map[string]Calls](t)(control.Calls(ctx))["chat.postMessage"]
	if calls.Total != 8 || calls.OK != 2 || calls.Refused["500"] != 2 || calls.Refused["ratelimited"] != 3 || calls.Refused["lost"] != 1 {
		t.Errorf("calls: %+v", calls)
	}
	if err := control.Fail(ctx, Failure{}); err == nil {
		t.Error("a failure of nothing was taken")
	}
	if err := control.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(must[[]Message](t)(control.Messages(ctx, ""))); n != 0 {
		t.Errorf("%d messages after a reset", n)
	}
}

func TestRateLimit(t *testing.T) {
	server, client, control := workspace(t)
	now := time.Unix(1700000000, 0)
	server.now = func() time.Time { return now }
	if err := control.Limit(t.Context(), Rate{PerSecond: 1, Burst: 3}); err != nil {
		t.Fatal(err)
	}
	passed := func(channel string, n int) (ok int) {
		for range n {
			_, _, err := client.PostMessage(channel, text("x"))
			var limited *goslack.RateLimitedError
			switch {
			case err == nil:
				ok++
			case !errors.As(err, &limited) || limited.RetryAfter != time.Second:
				t.Errorf("refused with %v", err)
			}
		}
		return ok
	}
	if got := passed(ops, 5); got != 3 {
		t.Errorf("%d of a burst passed, want 3", got)
	}
	if got := passed("C0OTHER0000", 1); got != 1 {
		t.Error("one channel's limit held up another")
	}
	now = now.Add(2 * time.Second)
	if got := passed(ops, 5); got != 2 {
		t.Errorf("%d passed after two seconds, want 2", got)
	}
}

func TestControlRefusesTypos(t *testing.T) {
	_, _, control := workspace(t)
	resp, err := http.Post(control.URL+"/control/fail", "application/json", strings.NewReader(`{"staus":500}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown field was answered with %s", resp.Status)
	}
}
