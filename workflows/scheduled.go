package workflows

import (
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// OutcomeSkipped is of a scheduled run whose job ran already.
const OutcomeSkipped = "skipped"

// ScheduledResult is how the job that a schedule started ended.
type ScheduledResult struct {
	Outcome    string `json:"outcome"` // the job's, or OutcomeSkipped
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id,omitempty"`
}

// Scheduled is what a schedule starts: it starts the job under the job's own id, so that a scheduled run and a person's never
// run together, and ends as the job ends, so that the schedule can pause after a failure.
// https://docs.temporal.io/schedule says that a schedule appends a time to the ids that it starts.
func Scheduled(ctx workflow.Context, in ScheduledInput) (ScheduledResult, error) {
	out := ScheduledResult{WorkflowID: in.ID}
	tell := func(outcome, details string) {
		out.Outcome = outcome
		workflow.SetCurrentDetails(ctx, details)
		if err := workflow.UpsertTypedSearchAttributes(ctx, OutcomeKey.ValueSet(outcome)); err != nil {
			workflow.GetLogger(ctx).Error("The outcome is not in the search attributes", "error", err)
		}
	}
	if in.Type == "" || in.ID == "" || in.Timeout <= 0 {
		tell(activities.OutcomeFailed, "The schedule names no job.")
		return out, refuse(activities.ErrInvalid, "a schedule needs the job's type, id and timeout: run epoxy schedules apply")
	}
	job := workflow.ExecuteChildWorkflow(scheduledJob(ctx, in), in.Type, in.Input)
	var run workflow.Execution
	err := job.GetChildWorkflowExecution().Get(ctx, &run)
	if _, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); ok {
		tell(OutcomeSkipped, "**Skipped**: `"+in.ID+"` ran already, and one at a time is enough.")
		return out, nil
	}
	var ended struct {
		Outcome string `json:"outcome"`
	}
	if err == nil {
		out.RunID = run.RunID
		tell(activities.OutcomeRunning, in.Summary+": waiting for `"+in.ID+"`.")
		err = job.Get(ctx, &ended)
	}
	switch {
	case err == nil:
		tell(orElse(ended.Outcome, activities.OutcomeDone), in.Summary+": **"+orElse(ended.Outcome, activities.OutcomeDone)+"**.")
	case temporal.IsCanceledError(err):
		tell(activities.OutcomeCancelled, in.Summary+": **cancelled**.")
	default:
		tell(activities.OutcomeFailed, in.Summary+": **failed**. "+reasonOf(err))
	}
	return out, err
}

// scheduledJob starts the job as the command does. When this run ends, however it ends, the job is asked to end, too.
func scheduledJob(ctx workflow.Context, in ScheduledInput) workflow.Context {
	attributes := []temporal.SearchAttributeUpdate{TargetKey.ValueSet(in.Target), OutcomeKey.ValueSet(activities.OutcomeRunning)}
	if in.Account != "" {
		attributes = append(attributes, AccountKey.ValueSet(in.Account), RegionKey.ValueSet(in.Region))
	}
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:               in.ID,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionTimeout: in.Timeout,
		ParentClosePolicy:        enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:      true,
		TypedSearchAttributes:    temporal.NewSearchAttributes(attributes...),
		StaticSummary:            in.Summary,
		StaticDetails:            "Started by schedule **" + in.Schedule + "**.",
	})
}

// The names of schedules in Temporal, permanent like those of workflows. A schedule of Epoxy is known by its id and by what
// its memo says, so that one which somebody made by hand is never changed.
const (
	scheduleIDPrefix = "epoxy-"
	// ScheduleMemo is the key of a ScheduleMark in a schedule's memo, which nothing changes after its creation.
	ScheduleMemo = "epoxy-schedule"
	// AppliedMemo is the key of a ScheduleApplied in the memo of the runs that a schedule starts.
	AppliedMemo = "epoxy-applied"
)

// ScheduleID is the id of a schedule of the configuration.
func ScheduleID(name string) string { return scheduleIDPrefix + name }

// ScheduleMark says whose a schedule is.
type ScheduleMark struct {
	Name      string `json:"name"`       // in the section schedules
	TaskQueue string `json:"task_queue"` // one Epoxy leaves the schedules of another alone
	// Of is whose configuration it is in: the place of its ledger, or of its artifacts. Two configurations may share a task queue.
	Of string `json:"of,omitempty"`
}

// ScheduleApplied is what was applied of the things that people change by hand: what differs later was changed since.
type ScheduleApplied struct {
	Paused bool   `json:"paused"`
	Note   string `json:"note"`
}
