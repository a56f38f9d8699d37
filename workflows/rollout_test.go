package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
)

const rolledBack = "Rolled back. ami-us-east-1 stays, unpublished"

func refreshModes(t *testing.T, test func(t *testing.T, w *world, m mode)) {
	for name, m := range modes {
		if m.rollout != "" {
			t.Run(name, func(t *testing.T) { test(t, newWorld(t, name).withRefresh(), m) })
		}
	}
}

// The group's instances run again what they ran before.
func TestRefreshFailsAndIsRolledBack(t *testing.T) {
	refreshModes(t, func(t *testing.T, w *world, m mode) {
		w.endings = []string{"Failed"}
		r := w.ends("rolled-back", rolledBack, image1+m.restored)
		if want := "instance refresh refresh-1 of shop-web ended as Failed: instances were unhealthy"; r.Reason != want {
			t.Errorf("reason %q, not %q", r.Reason, want)
		}
		last := r.Steps[len(r.Steps)-1]
		if last.Name != stepRestore || last.State != activities.StepDone {
			t.Errorf("last step %+v", last)
		}
	})
}

func TestRolledBackErrorHasAType(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.endings = []string{"Failed"}
	_, err := w.bake()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != "RolledBack" || !app.NonRetryable() {
		t.Errorf("error %v", err)
	}
}

func TestRefreshThatAWSEndsIsRolledBack(t *testing.T) {
	for _, status := range []string{"Cancelled", "RollbackSuccessful", "RollbackFailed"} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t, "latest").withRefresh()
			w.endings = []string{status}
			w.ends("rolled-back", rolledBack, image1+strings.Replace(modes["latest"].restored, "1 Failed", "1 "+status, 1))
		})
	}
}

// The refresh that takes too long is cancelled, and only when it is over the next begins.
func TestRefreshTimesOutAndIsRolledBack(t *testing.T) {
	refreshModes(t, func(t *testing.T, w *world, m mode) {
		w.endings, w.in.Refresh.Timeout = []string{"InProgress"}, time.Minute
		r := w.ends("rolled-back", rolledBack, image1+strings.Replace(m.restored, "1 Failed", "1 Cancelled", 1))
		if !strings.Contains(r.Reason, "was still InProgress, 0 %, after 1m0s") {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

func TestBusyGroupIsWaitedFor(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.foreignRefresh()
	w.ends("done", "ami-us-east-1 is published as version 8",
		image1+"version 8 of ami-us-east-1; refresh 1 Successful; refresh 2 Successful; instances run ami-us-east-1")
}

func TestRefreshThatNeverStarts(t *testing.T) {
	const published = "version 8 of ami-us-east-1"
	runFailures(t, map[string]failure{
		"busy until the deadline": {change: func(w *world) {
			w.withRefresh().foreignRefresh()
			w.refreshes[0].end, w.in.Refresh.Timeout = "InProgress", time.Minute
		}, headline: stays, reason: "was busy until the deadline", state: image1 + published + "; refresh 1 InProgress"},
		"refused": {change: func(w *world) {
			w.withRefresh().faults["RefreshInstances"] = refuses(activities.ErrForbidden)
		}, headline: stays, reason: "no: Forbidden", state: image1 + published},
	})
}

// What was published before comes back, also where the new version was made from another one.
func TestRollBackToWhatWasPublished(t *testing.T) {
	for name, c := range map[string]struct{ mode, source, state string }{
		"latest made from the default":   {"latest", "default", "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Failed; refresh 2 Successful"},
		"latest made from a number":      {"latest", "6", "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Failed; refresh 2 Successful"},
		"default made from the latest":   {"default", "latest", modes["default"].restored},
		"pinned made from the latest":    {"pinned", "latest", modes["pinned"].restored},
		"parameter made from the latest": {"ssm", "default", modes["ssm"].restored},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.mode).withRefresh()
			w.in.Source, w.endings = c.source, []string{"Failed"}
			w.ends("rolled-back", rolledBack, image1+c.state)
		})
	}
}

// A rollback that fails is the worst end: somebody must look, and is told what at.
func TestRollbackFails(t *testing.T) {
	const (
		why    = "instance refresh refresh-1 of shop-web ended as Failed: instances were unhealthy; "
		byHand = "the rollback failed, too: no: Forbidden; put the last good version back by hand"
		mixed  = "; refresh 1 Failed; instances run a mixture"
	)
	later := func(activity string, f fault) func(*world) { // the first call of the activity goes well
		return func(w *world) {
			w.withRefresh().endings = []string{"Failed"}
			w.hooks["RefreshInstances"] = func() { w.faults[activity] = f }
		}
	}
	published := func(mode string) string { return image1 + modes[mode].published + mixed }
	runFailures(t, map[string]failure{
		"no new version": {
			change: later("CreateLaunchTemplateVersion", refuses(activities.ErrForbidden)), headline: stays, reason: why + byHand, state: published("latest"),
		},
		"default not moved back": {
			mode: "default", change: later("SetDefaultVersion", refuses(activities.ErrForbidden)), headline: stays, reason: why + byHand, state: published("default"),
		},
		"not pinned back": {
			mode: "pinned", change: later("PinGroup", refuses(activities.ErrForbidden)), headline: stays, reason: why + byHand, state: published("pinned"),
		},
		"parameter not set back": {
			mode: "ssm", change: later("PutImageParameter", refuses(activities.ErrForbidden)), headline: stays, reason: why + byHand, state: published("ssm"),
		},
		"second refresh fails": {
			change:   func(w *world) { w.withRefresh().endings = []string{"Failed", "Failed"} },
			headline: "Failed. ami-us-east-1 stays, unpublished",
			reason:   why + "rolled back (version 9, the same as 7), but instance refresh refresh-2 of shop-web ended as Failed: instances were unhealthy",
			state:    image1 + "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Failed; refresh 2 Failed; instances run a mixture",
		},
		"second refresh of a parameter fails": {
			mode:     "ssm",
			change:   func(w *world) { w.withRefresh().endings = []string{"Failed", "Failed"} },
			headline: "Failed. ami-us-east-1 stays, unpublished",
			reason:   why + "rolled back (" + golden + " is ami-seven), but instance refresh refresh-2 of shop-web ended as Failed: instances were unhealthy",
			state:    image1 + "refresh 1 Failed; refresh 2 Failed; instances run a mixture",
		},
		"second refresh times out": {
			change: func(w *world) {
				w.withRefresh().endings = []string{"Failed", "InProgress"}
				w.in.Refresh.Timeout = time.Minute
			},
			headline: "Failed. ami-us-east-1 stays, unpublished",
			reason:   why + "rolled back (version 9, the same as 7), but instance refresh refresh-2 of shop-web was still InProgress",
			state:    image1 + "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Failed; refresh 2 InProgress; instances run a mixture",
		},
		"second refresh refused": {
			change: func(w *world) {
				w.withRefresh().endings = []string{"InProgress"}
				w.in.Refresh.Timeout = time.Minute
				w.hooks["CancelRefresh"] = func() { w.faults["RefreshInstances"] = refuses(activities.ErrForbidden) }
			},
			headline: "Failed. ami-us-east-1 stays, unpublished",
			reason:   "rolled back (version 9, the same as 7), but its refresh failed: no: Forbidden",
			state:    image1 + "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Cancelling",
		},
		"timed-out refresh cannot be cancelled": {
			change: func(w *world) {
				w.withRefresh().endings = []string{"InProgress"}
				w.in.Refresh.Timeout, w.faults["CancelRefresh"] = time.Minute, refuses(activities.ErrForbidden)
			},
			headline: stays, reason: "no: Forbidden", state: image1 + "version 8 of ami-us-east-1; refresh 1 InProgress",
		},
	})
}
