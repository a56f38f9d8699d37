package workflows

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func TestSweep(t *testing.T) {
	w := newSweepWorld(t)
	w.find(orphan("web-1"), orphan("web-2"), sharedRecord())
	out, err := w.sweep()
	want := SweepResult{Outcome: activities.OutcomeDone, Nodes: 5, Clients: 1, Mopped: 3, Kept: 2, Young: 1, Plan: w.plan.Plan}
	if err != nil || out != want {
		t.Errorf("%+v (%v), want %+v", out, err, want)
	}
	if w.mopped() != "web-1 web-2" || len(w.records) != 1 || len(w.permits) != 1 {
		t.Errorf("mopped %s, and %d record sets with %d permits", w.mopped(), len(w.records), len(w.permits))
	}
	in := w.mops[0] // they run side by side
	if in.RequestedBy != "sweep nightly" || in.Place != w.in.Places[1] || !in.Once || !slices.Equal(in.Later, w.in.Later) || !slices.Equal(in.Servers, w.in.Servers) || in.Subject != orphan(in.Subject.Node).Subject {
		t.Errorf("a mop was asked %+v", in)
	}
	i := slices.IndexFunc(w.rec.children, func(c workflow.ChildWorkflowOptions) bool { return c.WorkflowID == MopWorkflowID(in.Subject) })
	if i < 0 {
		t.Fatalf("no child is called %s", MopWorkflowID(in.Subject))
	}
	if child := w.rec.children[i]; child.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE {
		t.Errorf("%+v", child)
	}
	if got := w.records[0]; got.Zone.ID != "Z1" || !slices.Equal(got.Facts.Addresses, []string{"10.0.0.1"}) || got.Approver != "the breaker" || len(got.Live) != 2 || got.Subject.Check() != nil {
		t.Errorf("%+v", got)
	}
	if p := w.permits[0]; p.Environment != "prod" || p.Nodes != 1 || p.Asker.WorkflowID != MopBreakerWorkflowID("prod") {
		t.Errorf("%+v", p)
	}
	asked := w.asked[0]
	if asked.Most != 200 || asked.Grace != w.in.Grace || !slices.Equal(asked.Groups, w.in.Groups) || asked.Places[1].Found.Key != "eu-west-1" || asked.Servers[0].Found.Key != "prod" || asked.Zones[0].Name != "Z1" {
		t.Errorf("%+v", asked)
	}
	if first := slices.Index(w.order, "ListInstances"); first != 3 {
		t.Errorf("%v: what vouches for others must be looked at last", w.order)
	}
	r := w.report()
	if r.Headline != "Mopped up after 3 of 3 orphans" || w.rec.outcome != "done" || !strings.Contains(w.told("Left alone"), "web-9") || !strings.Contains(w.told("Not this environment's to judge"), "7 nodes") {
		t.Errorf("%+v", r)
	}
	var plan activities.Artifact
	if v, err := w.env.QueryWorkflow(PlanQuery); err != nil || v.Get(&plan) != nil || plan != w.plan.Plan {
		t.Errorf("plan %+v (%v)", plan, err)
	}
}

func TestSweepThatReports(t *testing.T) {
	for about, change := range map[string]func(*SweepInput){
		"mode report": func(in *SweepInput) { in.Mop = false },
		"dry run":     func(in *SweepInput) { in.DryRun = true },
	} {
		w := newSweepWorld(t)
		change(&w.in)
		out, err := w.sweep()
		if err != nil || out.Outcome != activities.OutcomeDone || out.Mopped != 0 || len(w.mops) != 0 || len(w.rec.children) != 0 {
			t.Errorf("%s: %+v (%v), %d mops", about, out, err, len(w.mops))
		}
		if r := w.report(); r.Title != "Sweep nightly (report)" || r.Headline != "Belongs to nobody: 4 nodes, 1 client without a node, 0 record sets" || !strings.Contains(w.told("A sweep that mops would delete"), "node web-1 on prod: EC2 shows") {
			t.Errorf("%s: %+v", about, r)
		}
	}
	w := newSweepWorld(t)
	w.plan = activities.PlanSweepOutput{}
	if out, err := w.sweep(); err != nil || out.Outcome != activities.OutcomeDone || w.report().Headline != "Nothing was left behind" {
		t.Errorf("%+v (%v): %s", out, err, w.report().Headline)
	}
}

// What could not be looked at is told, is no failure, and neither it nor its trouble is handed on.
func TestSweepFailsClosed(t *testing.T) {
	no := activities.Refuse(activities.ErrForbidden, "not allowed")
	for key, c := range map[string]struct{ says, servers, zones string }{
		"ListNodes:test":          {"Chef server test: not allowed", "prod", "Z1"},
		"ListRecords:Z1":          {"hosted zone example.com.: not allowed", "prod test", ""},
		"ListInstances:eu-west-1": {"EC2 in 111111111111/eu-west-1: not allowed", "prod test", "Z1"},
	} {
		w := newSweepWorld(t)
		w.find(orphan("web-1"), sharedRecord())
		w.failing[key] = no
		out, err := w.sweep()
		if err != nil || out.Outcome != activities.OutcomePartial || w.told("Could not be looked at") != c.says || !strings.Contains(w.report().Headline, "1 place could not be looked at") {
			t.Errorf("%s: %+v (%v), told %q %q", key, out, err, w.report().Headline, w.told("Could not be looked at"))
		}
		var failed []string
		for _, look := range slices.Concat(w.asked[0].Places, w.asked[0].Servers, w.asked[0].Zones) {
			if look.Failed != "" {
				failed = append(failed, look.Failed)
			}
		}
		if !slices.Equal(failed, []string{"not allowed"}) {
			t.Errorf("%s: the comparison was told of %q", key, failed)
		}
		zones := ""
		for _, z := range w.mops[0].Zones {
			zones += z.ID
		}
		if got := strings.Join(w.mops[0].Servers, " "); got != c.servers || zones != c.zones {
			t.Errorf("%s: mops are to look at %s and %s", key, got, zones)
		}
		if got := strings.Join(w.permits[0].Servers, " "); got != c.servers {
			t.Errorf("%s: the breaker is to count the nodes of %s", key, got)
		}
	}
	for key, says := range map[string]string{"ListInstances": "EC2 could be looked at nowhere, so nothing is touched: not allowed", "PlanSweep": "not allowed"} {
		w := newSweepWorld(t)
		w.failing[key] = no
		_, err := w.sweep()
		if err == nil || reasonOf(err) != says || len(w.mops) != 0 || w.report().Outcome != activities.OutcomeFailed || w.report().Reason != says {
			t.Errorf("%s: %v, told %+v", key, err, w.report())
		}
	}
	w := newSweepWorld(t)
	w.failing["ListNodes"], w.failing["ListRecords"] = no, no
	if _, err := w.sweep(); err == nil || !strings.Contains(err.Error(), "neither Chef nor Route 53") {
		t.Errorf("%v", err)
	}
}

// However mops end, each is counted once, and none keeps the others from their work.
func TestSweepCountsHowMopsEnd(t *testing.T) {
	w := newSweepWorld(t)
	w.find(orphan("done"), orphan("fails"), orphan("stopped"), orphan("alive"), orphan("kept"), orphan("runs"))
	refusal := func(kind, why string) func() (MopResult, error) {
		return func() (MopResult, error) { return MopResult{}, activities.Refuse(kind, "%s", why) }
	}
	w.endings["fails"] = refusal(errNotAll, "Chef refuses")
	w.endings["stopped"] = refusal(activities.ErrStopped, "stopped by ann")
	w.endings["alive"] = refusal(activities.ErrAlive, "it runs")
	w.endings["kept"] = func() (MopResult, error) {
		return MopResult{Outcome: activities.OutcomeDone, Kept: []policy.KeptThing{{What: "node kept", Why: "it checked in"}}}, nil
	}
	runs := MopWorkflowID(orphan("runs").Subject)
	w.rec.starting = func(ctx workflow.Context, start func(workflow.Context) workflow.ChildWorkflowFuture) workflow.ChildWorkflowFuture {
		if workflow.GetChildWorkflowOptions(ctx).WorkflowID != runs {
			return start(ctx)
		}
		f, set := workflow.NewFuture(ctx) // as the server answers when an event's run holds the id
		set.SetError(&temporal.ChildWorkflowExecutionAlreadyStartedError{})
		return childFuture{Future: f, execution: f}
	}
	out, err := w.sweep()
	if err != nil || out.Outcome != activities.OutcomePartial || out.Mopped != 1 || out.Failed != 1 || out.Kept != 2+4 {
		t.Errorf("%+v (%v)", out, err)
	}
	if got := w.told("Not mopped, because"); got != "node fails on prod: Chef refuses" {
		t.Errorf("failed: %q", got)
	}
	left := w.told("Left alone")
	for _, want := range []string{"node stopped on prod: stopped by ann", "node alive on prod: it runs", "node kept on prod: it checked in", "node runs on prod: a mop after it is running already"} {
		if !strings.Contains(left, want) {
			t.Errorf("%q is not in %q", want, left)
		}
	}
	if got := w.told("Mopped up after"); got != "node done on prod" {
		t.Errorf("done: %q", got)
	}
}

func TestSweepOfSharedRecords(t *testing.T) {
	for about, c := range map[string]struct {
		failing string
		err     error
		deleted activities.Deleted
		want    SweepResult
		asked   int
		left    string // what people are told of the record
		failed  string
	}{
		"stopped by a person": {failing: "TakePermit", err: activities.Refuse(activities.ErrStopped, "stopped"), want: SweepResult{Outcome: activities.OutcomeDone, Kept: 3}},
		"Route 53 refuses":    {failing: "DeleteRecords", err: activities.Refuse(activities.ErrForbidden, "no"), want: SweepResult{Outcome: activities.OutcomePartial, Kept: 2, Failed: 1}},
		"it changed":          {deleted: activities.Deleted{Outcome: activities.DeletedKept, Detail: "it is another by now"}, want: SweepResult{Outcome: activities.OutcomeDone, Kept: 3}, asked: 1, left: "it is another by now"},
		"it was refused":      {deleted: activities.Deleted{Outcome: activities.DeletedFailed, Detail: "not allowed"}, want: SweepResult{Outcome: activities.OutcomePartial, Kept: 2, Failed: 1}, asked: 1, failed: "not allowed"},
		"it was gone":         {deleted: activities.Deleted{Outcome: activities.DeletedGone}, want: SweepResult{Outcome: activities.OutcomeDone, Kept: 2, Mopped: 1}, asked: 1},
	} {
		w := newSweepWorld(t)
		w.find(sharedRecord())
		w.failing[c.failing], w.deleted = c.err, c.deleted
		out, err := w.sweep()
		c.want.Nodes, c.want.Clients, c.want.Young, c.want.Plan = w.plan.Nodes, 1, 1, w.plan.Plan
		if err != nil || out != c.want || len(w.records) != c.asked {
			t.Errorf("%s: %+v (%v), want %+v", about, out, err, c.want)
		}
		if left, failed := w.told("Left alone"), w.told("Not mopped, because"); !strings.Contains(left, c.left) || !strings.Contains(failed, c.failed) {
			t.Errorf("%s: told %q and %q", about, left, failed)
		}
	}
}

// 200 mops, a few side by side, in a history of bounded size.
func TestSweepOfManyOrphans(t *testing.T) {
	w := newSweepWorld(t)
	var many []policy.Orphan
	for i := range 200 {
		many = append(many, orphan(fmt.Sprintf("w-%03d", i)))
	}
	w.find(many...)
	out, err := w.sweep()
	if err != nil || out.Mopped != 200 || w.most != 8 {
		t.Errorf("%+v (%v), %d side by side", out, err, w.most)
	}
	if n := w.rec.count("activity"); n > 10 {
		t.Errorf("%d activities beside the mops", n)
	}
	if r := w.report(); len(r.Lists[0].Lines) > linesKept+1 {
		t.Errorf("a list has %d lines", len(r.Lists[0].Lines))
	}
}

func TestSweepIsCancelled(t *testing.T) {
	w := newSweepWorld(t)
	w.mopTime = time.Hour
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Minute)
	_, err := w.sweep()
	if !temporal.IsCanceledError(err) || w.rec.outcome != activities.OutcomeCancelled || w.report().Headline != "Cancelled. Nothing was deleted" {
		t.Errorf("%v, told %+v", err, w.report())
	}
}

func TestSweepGivesUpInTime(t *testing.T) {
	w := newSweepWorld(t)
	w.mopTime = 30 * 24 * time.Hour // such as a breaker that nobody answers
	_, err := w.sweep()
	if !isType(err, activities.ErrTimedOut) || w.rec.took != w.in.Timeout || !strings.Contains(w.report().Reason, "the timeout of environment prod") {
		t.Errorf("%v after %s, told %+v", err, w.rec.took, w.report())
	}
}

func TestSweepRefuses(t *testing.T) {
	for says, change := range map[string]func(*sweepWorld){
		"must have the workflow id sweep/nightly": func(w *sweepWorld) { w.env.SetStartWorkflowOptions(startAs("sweep/other")) },
		"a sweep needs a name":                    func(w *sweepWorld) { w.in.Servers, w.in.Zones = nil, nil },
		"everything would look dead":              func(w *sweepWorld) { w.in.Places = nil },
		"places leaves it out":                    func(w *sweepWorld) { w.in.Places = w.in.Places[:1] },
		"grace and timeout":                       func(w *sweepWorld) { w.in.Grace = 0 },
		"store needs":                             func(w *sweepWorld) { w.in.Store.Bucket = "" },
		"who lives there would look dead":         func(w *sweepWorld) { w.in.Others = []activities.Place{{Region: home}} },
		"a ledger and a breaker":                  func(w *sweepWorld) { w.in.Breaker.Nodes = 0 },
	} {
		w := newSweepWorld(t)
		change(w)
		_, err := w.sweep()
		if !isType(err, activities.ErrInvalid) || !strings.Contains(reasonOf(err), says) || w.calls["ListNodes"] != 0 {
			t.Errorf("%v, want %q", err, says)
		}
	}
	w := newSweepWorld(t)
	w.in.Mop, w.in.Breaker = false, activities.BreakerLimit{}
	if _, err := w.sweep(); err != nil {
		t.Errorf("to report needs no breaker: %v", err)
	}
}

// However its calls are disturbed, a sweep ends in the same way.
// sweepCalls are the activities of a sweep.
var sweepCalls = []string{"ListNodes", "ListRecords", "ListInstances", "PlanSweep", "TakePermit", "DeleteRecords", "PostReport"}

func TestSweepChaos(t *testing.T) {
	end := func(t *testing.T, prepare func(*sweepWorld)) (*sweepWorld, map[string]string) {
		t.Helper()
		w := newSweepWorld(t)
		w.find(orphan("web-1"), orphan("web-2"), sharedRecord())
		prepare(w)
		out, err := w.sweep()
		r := w.report()
		return w, map[string]string{
			"result": fmt.Sprintf("%+v %v", out, err), "mopped": w.mopped(), "told": r.Outcome + " " + r.Headline + " " + r.Reason, "outcome": w.rec.outcome,
		}
	}
	_, calm := end(t, func(*sweepWorld) {})
	if calm["mopped"] != "web-1 web-2" || calm["outcome"] != "done" {
		t.Fatalf("undisturbed, it leaves %v", calm)
	}
	for _, name := range sweepCalls {
		for what, f := range map[string]fault{"three attempts fail": fails(3), "three answers are lost": loses(3)} {
			t.Run(name+", "+what, func(t *testing.T) {
				w, got := end(t, func(w *sweepWorld) { w.faults[name] = f })
				if diff := cmp.Diff(calm, got); diff != "" || w.struck != f.attempts {
					t.Errorf("the fault struck %d times: %s", w.struck, diff)
				}
			})
		}
	}
}
