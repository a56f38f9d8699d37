package workflows

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run is one path through a bake, with what it calls. However these calls are disturbed, it ends in the same way: nothing
// is missing and nothing was done twice.
type run struct {
	mode    string
	prepare func(*world)
	calls   []string
	state   string
}

const everywhere = "image ami-ap-south-1 shared with " + partner + "; image ami-eu-west-1 shared with " + partner + "; image ami-us-east-1 shared with " + partner

var runs = map[string]run{
	"latest, copied, shared, refreshed": {
		mode: "latest", prepare: func(w *world) { w.withCopies().withRefresh() },
		calls: []string{
			"SurveyBake", "CreateImage", "AwaitImage", "CopyImage", "ShareImage", "FindSource", "CreateLaunchTemplateVersion", "RefreshInstances", "PostReport",
		},
		state: everywhere + "; version 8 of ami-us-east-1; refresh 1 Successful; instances run ami-us-east-1",
	},
	"default": {
		mode: "default", prepare: func(w *world) { w.withRefresh() },
		calls: []string{"FindSource", "CreateLaunchTemplateVersion", "SetDefaultVersion", "RefreshInstances"},
		state: image1 + modes["default"].published + modes["default"].rollout,
	},
	"pinned": {
		mode: "pinned", prepare: func(w *world) { w.withRefresh() },
		calls: []string{"FindSource", "CreateLaunchTemplateVersion", "PinGroup", "RefreshInstances"},
		state: image1 + modes["pinned"].published + modes["pinned"].rollout,
	},
	"parameter": {
		mode: "ssm", prepare: func(w *world) { w.withRefresh() },
		calls: []string{"FindSource", "PutImageParameter", "RefreshInstances"},
		state: image1 + modes["ssm"].published + modes["ssm"].rollout,
	},
	"a copy fails": {
		mode: "latest", prepare: func(w *world) { w.withCopies().fates[faraway] = "failed" },
		calls: []string{"CreateImage", "AwaitImage", "CopyImage", "RemoveImage", "PostReport"},
		state: "",
	},
	"rolled back after a time-out": {
		mode: "latest", prepare: func(w *world) {
			w.withRefresh().endings = []string{"InProgress"}
			w.in.Refresh.Timeout = 2 * time.Minute
		},
		calls: []string{"CreateLaunchTemplateVersion", "RefreshInstances", "CancelRefresh", "PostReport"},
		state: image1 + "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Cancelled; refresh 2 Successful",
	},
	"cancelled in the refresh": {
		mode: "latest", prepare: func(w *world) {
			w.withRefresh().endings = []string{"InProgress"}
			w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 110*time.Second)
		},
		calls: []string{"RefreshInstances", "CancelRefresh", "PostReport"},
		state: image1 + "version 8 of ami-us-east-1; refresh 1 Cancelling",
	},
}

// ending is what people and the world are left with.
type ending struct {
	State, Outcome, Headline, Reason string
	Messages                         int
	Facts                            map[string]string
}

func (r run) end(t *testing.T, prepare func(*world)) (*world, ending) {
	t.Helper()
	w := newWorld(t, r.mode)
	r.prepare(w)
	prepare(w)
	_, _ = w.bake() // how it ended is in the report
	told := w.report()
	e := ending{w.state(), w.rec.outcome, told.Headline, told.Reason, len(w.messages), map[string]string{}}
	for _, f := range told.Facts {
		e.Facts[f.Name] = f.Value
	}
	return w, e
}

func TestChaos(t *testing.T) {
	for name, r := range runs {
		t.Run(name, func(t *testing.T) {
			_, calm := r.end(t, func(*world) {})
			if calm.State != r.state || calm.Messages != 1 {
				t.Fatalf("undisturbed, it leaves %q and %d messages", calm.State, calm.Messages)
			}
			for _, activity := range r.calls {
				for what, f := range map[string]fault{
					"three attempts fail": fails(3), "the first answer is lost": loses(1), "three answers are lost": loses(3),
				} {
					t.Run(activity+", "+what, func(t *testing.T) {
						w, got := r.end(t, with(activity, f))
						if diff := cmp.Diff(calm, got); diff != "" {
							t.Error(diff)
						}
						if w.struck != f.attempts {
							t.Errorf("the fault struck %d times", w.struck)
						}
					})
				}
			}
		})
	}
}

// Every activity is disturbed in some run.
func TestChaosIsComplete(t *testing.T) {
	disturbed := map[string]bool{"AwaitRunClosed": true, "Restore": true} // which the queue and the undo call, each alone
	for _, name := range slices.Concat(mopCalls, sweepCalls, []string{"ReadBreaker", "SettleBreaker"}) {
		disturbed[name] = true
	}
	for _, r := range pruneRuns {
		for _, name := range r.calls {
			disturbed[name] = true
		}
	}
	for _, r := range runs {
		for _, name := range r.calls {
			disturbed[name] = true
		}
	}
	for _, name := range registered().activities {
		if !disturbed[name] {
			t.Errorf("no run disturbs %s", name)
		}
	}
}
