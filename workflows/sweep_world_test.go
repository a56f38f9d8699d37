package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// sweepWorld is everything that a sweep touches, in memory. Its mops are played.
type sweepWorld struct {
	*testing.T

	env *testsuite.TestWorkflowEnvironment
	rec *recorder
	in  SweepInput

	mu      sync.Mutex
	plan    activities.PlanSweepOutput
	failing map[string]error // activity, or activity:what
	faults  map[string]fault
	calls   map[string]int
	struck  int
	asked   []activities.PlanSweepInput
	order   []string
	reports []activities.Report

	mops    []MopInput
	endings map[string]func() (MopResult, error) // by the subject's node
	mopTime time.Duration
	running int
	most    int // mops side by side
	records []activities.DeleteRecordsInput
	permits []activities.TakePermitInput
	deleted activities.Deleted
}

func newSweepWorld(t *testing.T) *sweepWorld {
	t.Helper()
	place := activities.Place{Account: owner, Region: home, RoleARN: "arn:aws:iam::111111111111:role/epoxy"}
	w := &sweepWorld{
		T: t, rec: &recorder{}, failing: map[string]error{}, faults: map[string]fault{}, calls: map[string]int{}, mopTime: time.Minute,
		endings: map[string]func() (MopResult, error){}, deleted: activities.Deleted{What: "route53/Z1/shared.example.com./A", Outcome: activities.DeletedDone},
	}
	w.in = SweepInput{
		MopSettings: MopSettings{
			Environment: "prod", Live: []activities.Place{place, place.In("eu-west-1")}, Servers: []string{"prod", "test"},
			Zones:   []activities.Zone{{Place: place, ID: "Z1", Name: "example.com."}},
			Groups:  []string{"shop-*"},
			Later:   []time.Duration{15 * time.Minute, 2 * time.Hour},
			Breaker: activities.BreakerLimit{Nodes: 20, Window: time.Hour}, Timeout: 7 * 24 * time.Hour,
			Store: activities.Store{Place: place, Bucket: "artifacts"}, Ledger: activities.LedgerTable{Place: place, Table: "ledger"},
			Telling: Telling{Channel: "#mop", UI: "https://temporal.example"},
		},
		Sweep: "nightly", Mop: true, Grace: 24 * time.Hour, Places: []activities.Place{place, place.In("eu-west-1")},
	}
	w.find(orphan("web-1"), orphan("web-2"))
	w.env = newEnvironment(t, w.rec)
	w.env.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
	w.env.RegisterWorkflowWithOptions(w.playMop, workflow.RegisterOptions{Name: MopType})
	w.env.RegisterActivity(&sweepFakes{w})
	w.env.SetStartWorkflowOptions(startAs(SweepWorkflowID("nightly")))
	return w
}

func orphan(name string) policy.Orphan {
	return policy.Orphan{
		Kind: policy.OrphanNode, Where: "prod", Name: name, Why: "EC2 shows no such instance any more", Do: policy.SweepMops,
		Subject: policy.Subject{Account: owner, Region: "eu-west-1", Instance: fmt.Sprintf("i-%017x", []byte(name)), Node: name},
	}
}

func sharedRecord() policy.Orphan {
	return policy.Orphan{
		Kind: policy.OrphanRecord, Where: "Z1", Name: "shared.example.com. A → 10.0.0.1", Why: "nobody has it", Do: policy.SweepMops,
		Subject: policy.Subject{Account: owner, Region: home, Address: "10.0.0.1"},
		Record:  &policy.OwnRecord{RecordSet: policy.RecordSet{Zone: "Z1", Name: "shared.example.com.", Type: "A", Values: []string{"10.0.0.1", "10.0.0.2"}}, Drop: []string{"10.0.0.1"}},
	}
}

// find is what the comparison finds.
func (w *sweepWorld) find(toMop ...policy.Orphan) {
	w.plan = activities.PlanSweepOutput{
		Plan: activities.Artifact{Key: "plan", SHA256: "abc"}, ToMop: toMop, Nodes: len(toMop) + 2, Clients: 1, Young: 1, Kept: 2, Later: 0,
		Strangers: map[string]int{"they are in another account or Region": 7},
		Some:      []policy.KeptThing{{What: "node web-9 on prod", Why: "seen so since yesterday"}},
	}
}

func (w *sweepWorld) sweep() (SweepResult, error) {
	w.Helper()
	w.env.ExecuteWorkflow(SweepType, w.in)
	if !w.env.IsWorkflowCompleted() {
		w.Fatal("the sweep did not end")
	}
	var out SweepResult
	err := w.env.GetWorkflowError()
	if err == nil {
		err = w.env.GetWorkflowResult(&out)
	}
	return out, err
}

// report is what people were told last.
func (w *sweepWorld) report() activities.Report {
	w.Helper()
	if len(w.reports) == 0 {
		w.Fatal("nobody was told anything")
	}
	return w.reports[len(w.reports)-1]
}

// told are the lines of a list of the report.
func (w *sweepWorld) told(title string) string {
	for _, l := range w.report().Lists {
		if l.Title == title {
			return strings.Join(l.Lines, "; ")
		}
	}
	return ""
}

func (w *sweepWorld) mopped() string {
	names := make([]string, len(w.mops))
	for i, in := range w.mops {
		names[i] = in.Subject.Node
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// playMop takes a while, and ends as it is told to.
func (w *sweepWorld) playMop(ctx workflow.Context, in MopInput) (MopResult, error) {
	w.mu.Lock()
	w.mops = append(w.mops, in)
	w.running++
	w.most = max(w.most, w.running)
	w.mu.Unlock()
	err := workflow.Sleep(ctx, w.mopTime)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	if err != nil {
		return MopResult{}, err
	}
	if end := w.endings[in.Subject.Node]; end != nil {
		return end()
	}
	return MopResult{Outcome: activities.OutcomeDone, Deleted: []activities.Deleted{{What: "chef/prod/nodes/" + in.Subject.Node}}}, nil
}

// sweepFakes are the activities; their names are the registered ones.
type sweepFakes struct{ w *sweepWorld }

func sweepPlay[T any](ctx context.Context, w *sweepWorld, what string, do func() T) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := activity.GetInfo(ctx).ActivityType.Name
	w.calls[name]++
	w.order = append(w.order, name)
	var none T
	for _, key := range []string{name, name + ":" + what} {
		if err := w.failing[key]; err != nil {
			return none, err
		}
	}
	f := w.faults[name]
	if f.err == nil || w.calls[name] > f.attempts {
		return do(), nil
	}
	w.struck++
	if f.done {
		do()
	}
	return none, f.err
}

func swept(what string) func() activities.SweptOutput {
	return func() activities.SweptOutput {
		return activities.SweptOutput{Found: activities.Artifact{Key: what}, Count: 10}
	}
}

func (f *sweepFakes) ListNodes(ctx context.Context, in activities.SweepServerInput) (activities.SweptOutput, error) {
	return sweepPlay(ctx, f.w, in.Server, swept(in.Server))
}

func (f *sweepFakes) ListRecords(ctx context.Context, in activities.SweepZoneInput) (activities.SweptOutput, error) {
	return sweepPlay(ctx, f.w, in.Zone.ID, swept(in.Zone.ID))
}

func (f *sweepFakes) ListInstances(ctx context.Context, in activities.SweepPlaceInput) (activities.SweptOutput, error) {
	return sweepPlay(ctx, f.w, in.Place.Region, swept(in.Place.Region))
}

func (f *sweepFakes) PlanSweep(ctx context.Context, in activities.PlanSweepInput) (activities.PlanSweepOutput, error) {
	return sweepPlay(ctx, f.w, "", func() activities.PlanSweepOutput {
		f.w.asked = append(f.w.asked, in)
		return f.w.plan
	})
}

func (f *sweepFakes) TakePermit(ctx context.Context, in activities.TakePermitInput) (activities.Permit, error) {
	return sweepPlay(ctx, f.w, in.Key, func() activities.Permit {
		f.w.permits = append(f.w.permits, in)
		return activities.Permit{By: "the breaker"}
	})
}

func (f *sweepFakes) DeleteRecords(ctx context.Context, in activities.DeleteRecordsInput) (activities.DeleteRecordsOutput, error) {
	return sweepPlay(ctx, f.w, in.Zone.ID, func() activities.DeleteRecordsOutput {
		f.w.records = append(f.w.records, in)
		return activities.DeleteRecordsOutput{Records: []activities.Deleted{f.w.deleted}}
	})
}

func (f *sweepFakes) PostReport(ctx context.Context, in activities.PostReportInput) (activities.PostReportOutput, error) {
	return sweepPlay(ctx, f.w, "", func() activities.PostReportOutput {
		f.w.reports = append(f.w.reports, in.Report)
		return activities.PostReportOutput{Channel: in.Channel, TS: "1.0"}
	})
}
