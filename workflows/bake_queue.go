package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// Ways to deal with a bake of the same launch template that is running already.
const (
	ConflictFail      = "fail"      // refuse to start
	ConflictQueue     = "queue"     // run when it is over, in the order of asking
	ConflictSupersede = "supersede" // cancel it, and whatever waits, then run
)

// BakeRequest asks a bake queue to run a bake.
type BakeRequest struct {
	Bake       BakeInput `json:"bake"`
	OnConflict string    `json:"on_conflict"` // queue or supersede
}

// BakeQueueInput names the launch template whose bakes wait here.
type BakeQueueInput struct {
	LaunchTemplateID string `json:"launch_template_id"`
}

// ErrSuperseded is the type of the error that a bake gets in whose place a newer one runs.
const ErrSuperseded = "Superseded"

// queueLimit bounds the queue. Temporal holds ten unanswered updates of a run: one is the running bake's, and one is left
// for a request that supersedes them all.
// https://docs.temporal.io/self-hosted-guide/defaults (Workflow Execution Update limits)
const queueLimit = 8

type queued struct {
	BakeRequest

	id     string
	result BakeResult
	err    error
	done   bool
	held   bool // until what it supersedes was told to stop
	begun  time.Time
}

// bakeQueue is one launch template's waiting bakes.
type bakeQueue struct {
	template string
	waiting  []*queued
	running  *queued
	ending   bool
}

// BakeQueue runs the bakes of one launch template one after the other, each under the id that is the lock, so that a bake
// started directly is waited for as well. It ends when nothing waits; the next request starts it again.
func BakeQueue(ctx workflow.Context, in BakeQueueInput) error {
	q := &bakeQueue{template: in.LaunchTemplateID}
	err := workflow.SetUpdateHandlerWithOptions(ctx, SubmitUpdate, q.submit, workflow.UpdateHandlerOptions{Validator: q.validate})
	if err != nil {
		return err
	}
	if err := workflow.SetQueryHandler(ctx, ReportQuery, func() (activities.Report, error) { return q.report(ctx), nil }); err != nil {
		return err
	}
	if err := q.work(ctx); err != nil {
		q.ending = true
		q.drop(err)
		// Whoever waits is answered before the run ends.
		_ = workflow.Await(detached(ctx), func() bool { return workflow.AllHandlersFinished(ctx) })
		return err
	}
	return nil
}

func (q *bakeQueue) work(ctx workflow.Context) error {
	// The first request comes with the start (update-with-start) and is handled before this wait.
	if _, err := workflow.AwaitWithTimeout(ctx, time.Minute, func() bool { return len(q.waiting) > 0 }); err != nil {
		return err
	}
	for {
		for len(q.waiting) > 0 {
			q.show(ctx)
			if err := q.runNext(ctx); err != nil {
				return err
			}
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) || len(q.waiting) > 0 }); err != nil {
			return err
		}
		if len(q.waiting) == 0 {
			return nil
		}
	}
}

func (q *bakeQueue) validate(_ workflow.Context, r BakeRequest) error {
	switch {
	case q.ending:
		return errors.New("this queue is ending: ask again")
	case r.Bake.LaunchTemplateID != q.template:
		return fmt.Errorf("this queue is for %s, not for %s", q.template, r.Bake.LaunchTemplateID)
	case r.OnConflict != ConflictQueue && r.OnConflict != ConflictSupersede:
		return fmt.Errorf("on_conflict is %q: a queue takes queue or supersede", r.OnConflict)
	case len(q.waiting) >= queueLimit && r.OnConflict == ConflictQueue:
		return fmt.Errorf("%d bakes of %s are waiting already: cancel some, or use --on-conflict supersede", len(q.waiting), q.template)
	}
	return nil
}

// submit answers when the bake is over. Its update id is the request's identity: asking twice runs it once.
func (q *bakeQueue) submit(ctx workflow.Context, r BakeRequest) (BakeResult, error) {
	mine := &queued{BakeRequest: r, id: workflow.GetCurrentUpdateInfo(ctx).ID, held: r.OnConflict == ConflictSupersede}
	if mine.held { // it takes the place of all that wait; what runs, whoever started it, is cancelled and cleans up
		q.drop(temporal.NewNonRetryableApplicationError("a newer bake of "+q.template+" took its place", ErrSuperseded, nil))
	}
	q.waiting = append(q.waiting, mine)
	q.show(ctx)
	if mine.held {
		q.cancelRunning(ctx)
		mine.held = false
	}
	if err := workflow.Await(ctx, func() bool { return mine.done }); err != nil {
		return mine.result, err
	}
	return mine.result, mine.err
}

// drop answers everything that waits with an error.
func (q *bakeQueue) drop(err error) {
	for _, w := range q.waiting {
		w.err, w.done = err, true
	}
	q.waiting = nil
}

// cancelRunning may find no run, or one that ends just now: then there is nothing to cancel.
func (q *bakeQueue) cancelRunning(ctx workflow.Context) {
	if err := workflow.RequestCancelExternalWorkflow(ctx, BakeWorkflowID(q.template), "").Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("nothing to supersede", "error", err)
	}
}

// runNext waits for the lock and runs the bake that has waited longest.
func (q *bakeQueue) runNext(ctx workflow.Context) error {
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		if next.held { // a cancellation under way would hit this one
			if err := workflow.Await(ctx, func() bool { return !next.held || next.done }); err != nil {
				return err
			}
			continue
		}
		child := workflow.ExecuteChildWorkflow(q.childOptions(ctx, next.Bake), BakeType, next.Bake)
		err := child.GetChildWorkflowExecution().Get(ctx, nil)
		if _, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); ok {
			if err := q.awaitLock(ctx); err != nil {
				return err
			}
			continue // what waits may have been superseded meanwhile
		}
		if len(q.waiting) > 0 && q.waiting[0] == next {
			q.waiting = q.waiting[1:]
		}
		if next.done { // superseded while it was being started
			q.cancelRunning(ctx)
		}
		q.running, next.begun = next, workflow.Now(ctx)
		q.show(ctx)
		next.err = child.Get(ctx, &next.result)
		next.done, q.running = true, nil
		return ctx.Err()
	}
	return nil
}

func (q *bakeQueue) awaitLock(ctx workflow.Context) error {
	const poll = 5 * time.Second
	var runs *activities.Runs
	options := waits(ctx, "Wait for "+BakeWorkflowID(q.template), 7*24*time.Hour, poll)
	return workflow.ExecuteActivity(options, runs.AwaitRunClosed, activities.AwaitRunClosedInput{WorkflowID: BakeWorkflowID(q.template), Poll: poll}).Get(ctx, nil)
}

func (q *bakeQueue) childOptions(ctx workflow.Context, in BakeInput) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            BakeWorkflowID(q.template),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: BakeSearchAttributes(in),
		StaticSummary:         BakeSummary(in),
		StaticDetails:         BakeDetails(in),
	})
}

func (q *bakeQueue) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, q.report(ctx).Markdown())
}

// report lists what runs and what waits, as the steps of the queue.
func (q *bakeQueue) report(ctx workflow.Context) activities.Report {
	info := workflow.GetInfo(ctx)
	r := activities.Report{
		Title: "Bakes of " + q.template, Outcome: activities.OutcomeRunning, Begun: info.WorkflowStartTime,
		Headline:   fmt.Sprintf("%d waiting for %s", len(q.waiting), BakeWorkflowID(q.template)),
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
	}
	line := func(b *queued, state string) {
		note := strings.TrimSpace(b.Bake.Commit + " " + b.OnConflict)
		r.Steps = append(r.Steps, activities.Step{Name: b.Bake.Target.String(), State: state, Note: note, Begun: b.begun})
	}
	if q.running != nil {
		line(q.running, activities.StepRunning)
	}
	for _, w := range q.waiting {
		line(w, activities.StepAhead)
	}
	return r
}

// BakeSearchAttributes are what a bake is found by.
func BakeSearchAttributes(in BakeInput) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(BakeQueueSearchAttributes(in).Copy(), OutcomeKey.ValueSet(activities.OutcomeRunning))
}

// BakeQueueSearchAttributes are what a bake queue is found by; a queue has no outcome, its bakes have.
func BakeQueueSearchAttributes(in BakeInput) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		TargetKey.ValueSet(in.Target.String()), AccountKey.ValueSet(in.Place.Account), RegionKey.ValueSet(in.Place.Region))
}

// BakeSummary is a bake's line in the Temporal UI.
func BakeSummary(in BakeInput) string {
	s := fmt.Sprintf("%s: %s → %s", BakeTitle(in.Target), in.InstanceID, in.LaunchTemplateID)
	if in.Commit != "" {
		s += " @ " + in.Commit
	}
	return s
}

// BakeDetails say in the Temporal UI what the run was asked to do.
func BakeDetails(in BakeInput) string {
	text := fmt.Sprintf("Image of `%s` in %s, published to `%s` as **%s**.", in.InstanceID, in.Place, in.LaunchTemplateID, in.Publish)
	if in.Refresh != nil {
		text += fmt.Sprintf(" Then an instance refresh of `%s`.", in.Group)
	}
	if in.RequestedBy != "" {
		text += fmt.Sprintf("\n\nRequested by %s.", in.RequestedBy)
	}
	return text
}
