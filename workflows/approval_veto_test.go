package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// veto keeps items.
func (w *pruneWorld) veto(items ...string) func() policy.Decision {
	return func() policy.Decision {
		d := w.approve()
		d.Kind, d.Items = policy.DecideVeto, items
		return d
	}
}

// What somebody wanted kept is kept when the question expires, too: the next one names it, and each batch is told.
func TestAVetoOutlivesItsQuestion(t *testing.T) {
	w := asking(t, policy.ApproveAsk)
	var vetoed, approved string
	w.decideAfter(time.Hour, "click-1", &vetoed, w.veto("v41"))
	w.decideAfter(80*time.Hour, "click-2", &approved, w.approve)
	out, err := w.prune()
	if err != nil || w.plans != 2 || len(w.batches) == 0 {
		t.Fatalf("%+v (%v), %d plans; told %q, %q", out, err, w.plans, vetoed, approved)
	}
	for _, b := range w.batches {
		if !slices.Equal(b.Vetoed, []string{"v41"}) {
			t.Errorf("a batch is told to keep %q", b.Vetoed)
		}
	}
	q := w.questions()
	if got := q[1].report.Lists; len(got) == 0 || got[0].Title != "Kept by veto" || !slices.Equal(got[0].Lines, []string{"v41"}) {
		t.Errorf("the second question says %+v", got)
	}
	if first, last := q[0].report.Headline, q[1].report.Headline; !strings.Contains(first, "A fresh plan is made") || strings.Contains(last, "fresh plan") {
		t.Errorf("the questions end with %q and %q", first, last)
	}
}

// Slack is down all the time: silence is nobody's consent.
func TestNobodyIsTold(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	w.failing["PostReport"] = fails(1).err
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomeExpired || len(w.deleted) != 0 {
		t.Errorf("%+v (%v), deleted %q", out, err, w.did())
	}
	r, err := w.now()
	if err != nil || r.Headline != "Nothing was deleted: Slack was not reached, so nobody was told of the plan" {
		t.Errorf("the report says %q (%v)", r.Headline, err)
	}
}

// now is the report as the run answers a query.
func (w *pruneWorld) now() (r activities.Report, err error) {
	v, err := w.env.QueryWorkflow(ReportQuery)
	if err == nil {
		err = v.Get(&r)
	}
	return r, err
}

// While Slack is down the command decides.
func TestNobodyIsToldAndTheCommandApproves(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	w.failing["PostReport"] = fails(1).err
	var said string
	w.decideAfter(time.Hour, "cli-1", &said, w.approve)
	if out, err := w.prune(); err != nil || out.Deleted != 254 || w.rec.took > 2*time.Hour {
		t.Errorf("%+v (%v) after %s; told %q", out, err, w.rec.took, said)
	}
}

// The window is as long as promised, from when it is promised; the message says until when.
func TestTheVetoWindowBeginsWhenPeopleAreTold(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	w.failing["PostReport"] = fails(1).err
	begun := w.env.Now()
	w.env.RegisterDelayedCallback(func() { w.mu.Lock(); delete(w.failing, "PostReport"); w.mu.Unlock() }, 3*time.Minute)
	var until time.Time
	w.env.RegisterDelayedCallback(func() { until = w.questions()[0].report.Ask.Until }, time.Hour)
	out, err := w.prune()
	if err != nil || out.Deleted != 254 || w.rec.took < 48*time.Hour+3*time.Minute {
		t.Errorf("%+v (%v) after %s", out, err, w.rec.took)
	}
	if until.Before(begun.Add(48*time.Hour + 3*time.Minute)) {
		t.Errorf("the message says %s, begun at %s", until, begun)
	}
}

func TestVetoNeedsAChannel(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	w.in.Telling.Channel = ""
	if _, err := w.prune(); err == nil || !strings.Contains(err.Error(), "needs a Slack channel") || len(w.deleted) != 0 {
		t.Errorf("ended with %v, deleted %q", err, w.did())
	}
	w = asking(t, policy.ApproveVeto)
	w.in.Telling.Channel, w.in.Approval.Channel = "", "#approvals"
	if out, err := w.prune(); err != nil || out.Deleted != 254 {
		t.Errorf("asked in a channel of its own: %+v (%v)", out, err)
	}
}

// A question promises no more time than the run has, and a window that is cut short consents to nothing.
func TestAQuestionEndsWithItsRun(t *testing.T) {
	for _, mode := range []string{policy.ApproveAsk, policy.ApproveVeto} {
		t.Run(mode, func(t *testing.T) {
			w := asking(t, mode)
			w.in.Timeout = 24 * time.Hour
			begun := w.env.Now()
			var ask activities.Ask
			w.env.RegisterDelayedCallback(func() { ask = *w.questions()[0].report.Ask }, time.Hour)
			_, err := w.prune()
			if err == nil || !strings.Contains(err.Error(), "took longer than 1d") || len(w.deleted) != 0 {
				t.Errorf("ended with %v, deleted %q", err, w.did())
			}
			if ask.Until.After(begun.Add(24*time.Hour + time.Minute)) {
				t.Errorf("begun at %s, the question promises %s: %s", begun, ask.Until, ask.Text)
			}
			if mode == policy.ApproveVeto && !strings.Contains(ask.Text, "nothing is deleted") {
				t.Errorf("the question says %q", ask.Text)
			}
			if q := w.questions(); len(q) != 1 || q[0].report.Headline != "The policy's timeout is over: nothing is deleted." {
				t.Errorf("the question ends as %+v", q)
			}
		})
	}
}

func TestNothingIsSaidTwice(t *testing.T) {
	w := asking(t, policy.ApproveAsk)
	if _, err := w.prune(); err != nil {
		t.Fatal(err)
	}
	if r := w.report(); r.Headline != "Nothing was deleted: nobody answered" {
		t.Errorf("the report says %q", r.Headline)
	}
}

// A veto that meant nothing was perhaps mistyped: it is said at the end, for what it meant is gone.
func TestVetoesThatMeanNothing(t *testing.T) {
	for name, c := range map[string]struct {
		stage func(w *pruneWorld)
		want  bool
	}{
		"one is mistyped": {func(*pruneWorld) {}, true},
		"a part was not gone through": {func(w *pruneWorld) {
			w.failing["DeleteImages:shop/web"] = activities.Refuse(activities.ErrForbidden, "no")
		}, false},
		"both mean something":           {func(w *pruneWorld) { w.known = []string{"v41", "v14"} }, false},
		"one means something in a part": {func(w *pruneWorld) { w.known = nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := asking(t, policy.ApproveAsk)
			w.known = []string{"v41"}
			c.stage(w)
			var said, approved string
			w.decideAfter(time.Hour, "click-1", &said, w.veto("v41", "v14"))
			w.decideAfter(2*time.Hour, "click-2", &approved, w.approve)
			if _, err := w.prune(); err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(w.report().Lists, func(l activities.List) bool { return strings.HasPrefix(l.Title, "Vetoed, and nothing") })
			if (i >= 0) != c.want || i >= 0 && !slices.Contains(w.report().Lists[i].Lines, "v14") {
				t.Errorf("the report lists %+v", w.report().Lists)
			}
		})
	}
}

// A window that the run's end cuts short is not the one that was promised: silence during it consents to nothing.
func TestAWindowThatIsCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		end     time.Duration
		outcome string
		says    string
	}{
		"cut":   {time.Hour, activities.OutcomeExpired, "The policy's timeout is over: nothing is deleted."},
		"whole": {5 * time.Hour, activities.OutcomeDone, "Nobody objected: the plan is carried out."},
	} {
		t.Run(name, func(t *testing.T) {
			w := asking(t, policy.ApproveVeto)
			w.in.Approval.Window = 2 * time.Hour
			w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) (resolution, error) {
				r, err := newReporter(ctx, "Asks", w.in.Telling, nil)
				if err != nil {
					return resolution{}, err
				}
				a, err := newApproval(ctx, w.in.Approval, w.in.Store)
				if err != nil {
					return resolution{}, err
				}
				return a.ask(ctx, r, question{Plan: activities.Artifact{SHA256: w.hash()}, End: workflow.Now(ctx).Add(c.end)})
			}, workflow.RegisterOptions{Name: "Asks"})
			w.env.ExecuteWorkflow("Asks")
			var got resolution
			if err := w.env.GetWorkflowResult(&got); err != nil || got.Outcome != c.outcome || got.Granted != (c.outcome == activities.OutcomeDone) {
				t.Errorf("%+v (%v)", got, err)
			}
			if q := w.questions(); len(q) != 1 || q[0].report.Headline != c.says {
				t.Errorf("the question ends as %+v", q[0].report)
			}
		})
	}
}
