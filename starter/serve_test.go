package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"epoxy/internal/policy"
	"epoxy/workflows"
)

func healthOf(in *intakes) (int, string) {
	w := httptest.NewRecorder()
	in.health(w, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
	return w.Code, w.Body.String()
}

// One way that cannot be opened is opened later, is seen meanwhile, and leaves the other alone.
func TestWaysAreOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		var opened atomic.Int64
		queue := &way{name: "queue terminations", run: func(ctx context.Context, up func()) error {
			if opened.Add(1); !mended.Load() {
				return errors.New("STS does not answer")
			}
			up()
			<-ctx.Done()
			return nil
		}}
		socket := &way{name: "Slack's Socket Mode", run: func(ctx context.Context, up func()) error { up(); <-ctx.Done(); return nil }}
		in := &intakes{ways: []*way{queue, socket}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for _, w := range in.ways {
			go func() { done <- w.keep(ctx, slog.New(slog.DiscardHandler)) }()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if code, text := healthOf(in); code != http.StatusServiceUnavailable || text != "queue terminations: STS does not answer\n" {
			t.Errorf("%d %s", code, text)
		}
		if n := opened.Load(); n < 60 || n > 130 {
			t.Errorf("tried %d times in an hour", n)
		}
		mended.Store(true)
		time.Sleep(lastPause)
		synctest.Wait()
		if code, text := healthOf(in); code != http.StatusOK {
			t.Errorf("%d %s", code, text)
		}
		if len(done) != 0 {
			t.Error("a way ended")
		}
		stop()
		for range in.ways {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWrongConfigurationEndsAWay(t *testing.T) {
	w := &way{run: func(context.Context, func()) error { return exit(exitUsage, "wrong account") }}
	err := w.keep(t.Context(), slog.New(slog.DiscardHandler))
	if coded, ok := errors.AsType[*exitError](err); !ok || coded.code != exitUsage {
		t.Error(err)
	}
}

func TestNamespaceWithoutSearchAttributes(t *testing.T) {
	have := map[string]enumspb.IndexedValueType{}
	for _, name := range workflows.SearchAttributeNames() {
		have[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	if err := checkSearchAttributes("default", have); err != nil {
		t.Error(err)
	}
	have[workflows.SearchAttributeNames()[0]] = enumspb.INDEXED_VALUE_TYPE_TEXT
	delete(have, workflows.SearchAttributeNames()[1])
	err := checkSearchAttributes("default", have)
	for _, want := range []string{"epoxy setup", "default", workflows.SearchAttributeNames()[0], workflows.SearchAttributeNames()[1]} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}

	// Forgotten until the first event came: it is kept, and /healthz says what to do, until that is done.
	f := &fakeSignaller{err: serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute Target")}
	in := &intakes{announcer: &announcer{temporal: f, cfg: exampleConfig(t)}}
	if _, err := in.announcer.accept(t.Context(), announced(nil)); err == nil {
		t.Error("taken")
	}
	if code, text := healthOf(in); code != http.StatusServiceUnavailable || !strings.Contains(text, "epoxy setup") {
		t.Errorf("%d %s", code, text)
	}
	f.err = nil
	_, err = in.announcer.accept(t.Context(), announced(nil))
	if code, text := healthOf(in); code != http.StatusOK || err != nil {
		t.Errorf("%d %s, %v", code, text, err)
	}
}

// A typo in groups or hooks drops every event: it is said once, and not where others share the queue.
func TestPatternsThatNeverMatch(t *testing.T) {
	for name, c := range map[string]struct {
		ours, theirs string
		hook         bool
		warned       int
	}{
		"typo in groups": {ours: "shap-web", theirs: "shap-web", warned: 1},
		"another team":   {ours: "shop-web", theirs: "billing-web"},
		"typo in hooks":  {ours: "eposy-x", theirs: "eposy-x", hook: true, warned: 1},
		"another's hook": {ours: "epoxy-terminating", theirs: "drain", hook: true},
	} {
		var log bytes.Buffer
		n := &announcer{temporal: &fakeSignaller{}, cfg: exampleConfig(t), filters: filters{log: slog.New(slog.NewTextHandler(&log, nil))}}
		say := func(name string) {
			_, _ = n.accept(t.Context(), announced(func(a *policy.Announcement) {
				if a.Group = name; c.hook {
					a.Group, a.Hook = "shop-web", &policy.LifecycleHook{Name: name, Group: "shop-web"}
				}
			}))
		}
		say(c.ours)
		for range 3 * suspicious {
			say(c.theirs)
		}
		if got := strings.Count(log.String(), "level=WARN"); got != c.warned {
			t.Errorf("%s: warned %d times: %s", name, got, log.String())
		}
		field := map[bool]string{true: "hooks", false: "groups"}[c.hook]
		if c.warned > 0 && !strings.Contains(log.String(), fmt.Sprintf("mop.environments.prod.%s", field)) {
			t.Errorf("%s: %s", name, log.String())
		}
	}
}
