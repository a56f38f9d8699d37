package workflows

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// scheduledWorld is a schedule's run, with a prune that does only what the test says.
type scheduledWorld struct {
	*testing.T

	env   *testsuite.TestWorkflowEnvironment
	rec   *recorder
	in    ScheduledInput
	prune func(workflow.Context, PruneImagesInput) (PruneResult, error)
}

func newScheduledWorld(t *testing.T) *scheduledWorld {
	t.Helper()
	w := &scheduledWorld{T: t, rec: &recorder{}}
	w.in = ScheduledInput{
		Schedule: "nightly", Type: PruneImagesType, ID: PruneImagesWorkflowID("shop", false), Timeout: 8 * 24 * time.Hour,
		Input:   PruneImagesInput{PruneSettings: PruneSettings{Policy: "shop", RequestedBy: "schedule nightly", Timeout: 365 * 24 * time.Hour}},
		Summary: "Prune images shop", Target: "shop", Account: "123456789012", Region: home,
	}
	w.prune = func(workflow.Context, PruneImagesInput) (PruneResult, error) {
		return PruneResult{Outcome: activities.OutcomeDone}, nil
	}
	w.env = newEnvironment(t, w.rec)
	w.env.SetStartWorkflowOptions(startAs(ScheduledWorkflowID("nightly") + "-2100-01-02T03:04:05Z"))
	w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, in PruneImagesInput) (PruneResult, error) { return w.prune(ctx, in) },
		workflow.RegisterOptions{Name: PruneImagesType})
	return w
}

// run is over when it returns; outcome is also in the search attribute.
func (w *scheduledWorld) run(outcome string) (ScheduledResult, error) {
	w.Helper()
	w.env.ExecuteWorkflow(Scheduled, w.in)
	if !w.env.IsWorkflowCompleted() {
		w.Fatal("it goes on")
	}
	if w.rec.outcome != outcome {
		w.Errorf("the search attribute says %q, want %q", w.rec.outcome, outcome)
	}
	err := w.env.GetWorkflowError()
	var out ScheduledResult
	if err == nil {
		if err := w.env.GetWorkflowResult(&out); err != nil {
			w.Fatal(err)
		}
		if out.Outcome != outcome {
			w.Errorf("outcome %q, want %q", out.Outcome, outcome)
		}
	}
	return out, err
}

// details are what the Temporal UI shows.
func (w *scheduledWorld) details() string {
	w.Helper()
	v, err := w.env.QueryWorkflow("__temporal_workflow_metadata")
	var m sdk.WorkflowMetadata
	if err == nil {
		err = v.Get(&m)
	}
	if err != nil {
		w.Fatal(err)
	}
	return m.GetCurrentDetails()
}

// The job runs under its own id, with just the input that a person would start it with.
func TestScheduledStartsTheJob(t *testing.T) {
	w := newScheduledWorld(t)
	var ran workflow.Info
	var got PruneImagesInput
	w.prune = func(ctx workflow.Context, in PruneImagesInput) (PruneResult, error) {
		ran, got = *workflow.GetInfo(ctx), in
		return PruneResult{Outcome: activities.OutcomeExpired}, nil
	}
	out, err := w.run(activities.OutcomeExpired) // nobody answered: no failure, and passed on
	if err != nil {
		t.Fatal(err)
	}
	if out.WorkflowID != "prune-images/shop" || ran.WorkflowExecution.ID != out.WorkflowID || out.RunID != ran.WorkflowExecution.RunID {
		t.Errorf("%+v, but the job was %v", out, ran.WorkflowExecution)
	}
	want := w.in.Input.(PruneImagesInput)
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("the job got\n%s\nwant\n%s", b, a)
	}
	if len(w.rec.children) != 1 {
		t.Fatalf("%d children", len(w.rec.children))
	}
	if c := w.rec.children[0]; c.WorkflowExecutionTimeout != w.in.Timeout || c.ParentClosePolicy != enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL ||
		c.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || c.StaticSummary != "Prune images shop" {
		t.Errorf("started with %+v", c)
	}
}

// Input passes through as JSON without a type: no duration that the configuration takes may change on the way.
func TestScheduledInputIsExact(t *testing.T) {
	for _, d := range []time.Duration{time.Millisecond, 90 * time.Second, 104*24*time.Hour + time.Second, 3650*24*time.Hour + time.Millisecond} {
		text, err := json.Marshal(ScheduledInput{Input: map[string]time.Duration{"d": d}})
		if err != nil {
			t.Fatal(err)
		}
		var through ScheduledInput
		if err := json.Unmarshal(text, &through); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(through)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s became %s (%v; a float holds %d)", text, again, err, int64(math.Pow(2, 53)))
		}
	}
}

// What runs already is left alone, and the schedule goes on.
func TestScheduledSkipsWhatRunsAlready(t *testing.T) {
	w := newScheduledWorld(t)
	w.rec.starting = func(ctx workflow.Context, _ func(workflow.Context) workflow.ChildWorkflowFuture) workflow.ChildWorkflowFuture {
		f, set := workflow.NewFuture(ctx) // as the server answers when a person's run holds the id
		set.SetError(&temporal.ChildWorkflowExecutionAlreadyStartedError{})
		return childFuture{Future: f, execution: f}
	}
	out, err := w.run(OutcomeSkipped)
	if err != nil || out.RunID != "" {
		t.Fatalf("%+v, %v", out, err)
	}
	if details := w.details(); !strings.Contains(details, "prune-images/shop") || !strings.Contains(details, "ran already") {
		t.Errorf("the Temporal UI says %q", details)
	}
}

// A failure is passed on, so that the schedule pauses.
func TestScheduledFailsWithTheJob(t *testing.T) {
	w := newScheduledWorld(t)
	w.prune = func(workflow.Context, PruneImagesInput) (PruneResult, error) {
		return PruneResult{}, refuse(activities.ErrInvalid, "no image is in use anywhere")
	}
	_, err := w.run(activities.OutcomeFailed)
	if err == nil || !strings.Contains(err.Error(), "no image is in use anywhere") {
		t.Errorf("ended with %v", err)
	}
}

// Cancelled, it asks the job to stop and waits until it has.
func TestScheduledCancels(t *testing.T) {
	w := newScheduledWorld(t)
	var cleaned bool
	w.prune = func(ctx workflow.Context, _ PruneImagesInput) (PruneResult, error) {
		err := workflow.Sleep(ctx, 24*time.Hour)
		cleaned = workflow.Sleep(detached(ctx), time.Minute) == nil
		return PruneResult{}, err
	}
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Hour)
	_, err := w.run(activities.OutcomeCancelled)
	if canceled, ok := errors.AsType[*temporal.CanceledError](err); !ok {
		t.Errorf("ended with %v, not %v", err, canceled)
	}
	if !cleaned {
		t.Error("the job was not waited for")
	}
}

func TestScheduledWithoutAJob(t *testing.T) {
	w := newScheduledWorld(t)
	w.in.ID = ""
	_, err := w.run(activities.OutcomeFailed)
	if !isType(err, activities.ErrInvalid) {
		t.Errorf("ended with %v", err)
	}
}
