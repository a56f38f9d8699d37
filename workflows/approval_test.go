package workflows

import (
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func asking(t *testing.T, mode string) *pruneWorld {
	t.Helper()
	w := newPruneWorld(t)
	w.in.Approval.Mode = mode
	return w
}

func TestApproved(t *testing.T) {
	w := asking(t, policy.ApproveAsk)
	var said string
	w.decideAfter(time.Hour, "click-1", &said, w.approve)
	out, err := w.prune()
	if err != nil || out.Deleted != 254 || w.did() != everything {
		t.Errorf("%+v (%v), deleted %s", out, err, w.did())
	}
	if !strings.Contains(said, "Approved") {
		t.Errorf("the person was told %q", said)
	}
	q := w.questions()
	if len(q) != 1 || q[0].report.Ask != nil || !strings.Contains(q[0].report.Headline, "Approved by ann (UANN)") {
		t.Fatalf("the question was left as %+v", q)
	}
	for _, b := range w.batches {
		if b.Approver != "ann (UANN) in Slack" {
			t.Errorf("approver %q", b.Approver)
		}
	}
}

func TestNotGranted(t *testing.T) {
	for name, c := range map[string]struct {
		mode     string
		decision func(w *pruneWorld) policy.Decision
		outcome  string
	}{
		"denied": {policy.ApproveAsk, func(w *pruneWorld) policy.Decision { d := w.approve(); d.Kind = policy.DecideDeny; return d }, activities.OutcomeDenied},
		"vetoed": {policy.ApproveVeto, func(w *pruneWorld) policy.Decision { d := w.approve(); d.Kind = policy.DecideVeto; return d }, activities.OutcomeVetoed},
	} {
		t.Run(name, func(t *testing.T) {
			w := asking(t, c.mode)
			var said string
			w.decideAfter(time.Hour, "click-1", &said, func() policy.Decision { return c.decision(w) })
			out, err := w.prune()
			if err != nil || out.Outcome != c.outcome || len(w.deleted) != 0 {
				t.Errorf("%+v (%v), deleted %q; told %q", out, err, w.did(), said)
			}
			if r := w.report(); r.Outcome != c.outcome {
				t.Errorf("report says %s: %s", r.Outcome, r.Headline)
			}
		})
	}
}

func TestVetoWindow(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	var said string
	w.decideAfter(time.Hour, "click-1", &said, func() policy.Decision {
		d := w.approve()
		d.Kind, d.Items = policy.DecideVeto, []string{"v41"}
		return d
	})
	out, err := w.prune()
	if err != nil || out.Deleted != 254 {
		t.Errorf("%+v (%v); told %q", out, err, said)
	}
	if w.rec.took < 48*time.Hour || w.rec.took > 49*time.Hour {
		t.Errorf("it took %s, want the window of 48 h", w.rec.took)
	}
	for _, b := range w.batches {
		if len(b.Vetoed) != 1 || b.Vetoed[0] != "v41" {
			t.Errorf("vetoed %v", b.Vetoed)
		}
	}
	if len(w.replies) != 1 {
		t.Errorf("reminded %d times in 48 h, want once after 24 h: %q", len(w.replies), w.replies)
	}
}

func TestExpiryPlansAnew(t *testing.T) {
	w := asking(t, policy.ApproveAsk)
	var said string
	w.decideAfter(80*time.Hour, "click-1", &said, w.approve) // 72 h after the first question the second is open
	out, err := w.prune()
	if err != nil || out.Deleted != 254 || w.plans != 2 {
		t.Errorf("%+v (%v), %d plans; told %q", out, err, w.plans, said)
	}
	if q := w.questions(); len(q) != 2 || q[0].report.Outcome != activities.OutcomeExpired {
		t.Errorf("%d questions", len(q))
	}
}

func TestNobodyAnswers(t *testing.T) {
	w := asking(t, policy.ApproveAsk)
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomeExpired || len(w.deleted) != 0 || w.plans != 2 { // a third would outlive the run's 7 days
		t.Errorf("%+v (%v), %d plans, deleted %q", out, err, w.plans, w.did())
	}
}

func TestOverTheCapsAutoAsks(t *testing.T) {
	for _, mode := range []string{policy.ApproveAuto, policy.ApproveVeto} {
		t.Run(mode, func(t *testing.T) {
			w := asking(t, mode)
			w.overCap = "254 images are more than max_delete (100)"
			var said string
			w.decideAfter(50*time.Hour, "click-1", &said, w.approve)
			out, err := w.prune()
			if err != nil || out.Deleted != 254 || w.rec.took < 50*time.Hour {
				t.Errorf("%+v (%v) after %s; told %q", out, err, w.rec.took, said)
			}
		})
	}
}

func TestRefusedDecisions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *policy.Decision)
		says   string
	}{
		"somebody else": {func(d *policy.Decision) { d.By.ID = "UMALLORY" }, "UMALLORY"},
		"an old plan":   {func(d *policy.Decision) { d.Plan = strings.Repeat("f", 64) }, "plan"},
		"unknown kind":  {func(d *policy.Decision) { d.Kind = "perhaps" }, "perhaps"},
	} {
		t.Run(name, func(t *testing.T) {
			w := asking(t, policy.ApproveAsk)
			var said, denied string
			w.decideAfter(time.Hour, "click-1", &said, func() policy.Decision { d := w.approve(); c.change(&d); return d })
			w.decideAfter(2*time.Hour, "click-2", &denied, func() policy.Decision { d := w.approve(); d.Kind = policy.DecideDeny; return d })
			if out, err := w.prune(); err != nil || out.Outcome != activities.OutcomeDenied || len(w.deleted) != 0 {
				t.Errorf("%+v (%v)", out, err)
			}
			if !strings.HasPrefix(said, "rejected") || !strings.Contains(said, c.says) {
				t.Errorf("the person was told %q, want a rejection that names %q", said, c.says)
			}
		})
	}
}

func TestDecidedTwice(t *testing.T) {
	w := asking(t, policy.ApproveVeto)
	w.in.Approval.Window = 3 * time.Hour
	var first, again, late string
	w.decideAfter(time.Hour, "click-1", &first, w.approve)
	w.decideAfter(time.Hour, "click-2", &again, func() policy.Decision { d := w.approve(); d.Kind = policy.DecideDeny; return d })
	w.hooks["DeleteImages"] = func() {
		w.decideAfter(0, "click-3", &late, func() policy.Decision { d := w.approve(); d.Kind = policy.DecideDeny; return d })
	}
	if out, err := w.prune(); err != nil || out.Deleted != 254 {
		t.Errorf("%+v (%v)", out, err)
	}
	if !strings.Contains(first, "Approved") || !strings.Contains(again, "ann") {
		t.Errorf("told %q, then %q", first, again)
	}
}
