package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"epoxy/activities"
	"epoxy/workflows"
)

// snapshot is one look at a run.
type snapshot struct {
	Status  enumspb.WorkflowExecutionStatus
	Started time.Time
	Summary string
	Report  *activities.Report // nil while no worker answers
	Silent  bool               // a run that makes no report
	Waiting []pending
}

// pending is an activity that is not over.
type pending struct {
	Name     string
	Message  string // why it is not over: "ami-… is pending, 43 %"
	Percent  int    // -1 when it has none
	Attempt  int32
	NotReady bool // it waits, and nothing is wrong
}

const (
	followInterval = time.Second
	queryTimeout   = 3 * time.Second
)

// look asks the server, and the worker for the report; without a worker the report is missing, not the answer.
func look(ctx context.Context, c client.Client, id, run string) (snapshot, error) {
	d, err := c.DescribeWorkflowExecution(ctx, id, run)
	if err != nil {
		return snapshot{}, err
	}
	info := d.GetWorkflowExecutionInfo()
	s := snapshot{Status: info.GetStatus(), Started: info.GetStartTime().AsTime()}
	for _, p := range d.GetPendingActivities() {
		one := pending{Name: p.GetActivityType().GetName(), Attempt: p.GetAttempt(), Percent: -1, Message: p.GetLastFailure().GetMessage()}
		one.NotReady = p.GetLastFailure().GetApplicationFailureInfo().GetType() == activities.ErrNotReady
		var beat struct {
			Percent *int `json:"percent"`
		}
		if converter.GetDefaultDataConverter().FromPayloads(p.GetHeartbeatDetails(), &beat) == nil && beat.Percent != nil {
			one.Percent = *beat.Percent
		}
		s.Waiting = append(s.Waiting, one)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, id, run, workflows.ReportQuery)
	var unknown *serviceerror.QueryFailed
	s.Silent = errors.As(err, &unknown)
	if err != nil { // no worker, or a run without a report: what the server says is enough
		return s, nil
	}
	var r activities.Report
	if answer.Get(&r) == nil {
		s.Report = &r
	}
	return s, nil
}

// closed tells whether the run is over; a paused one is not.
func (s snapshot) closed() bool {
	return s.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && s.Status != enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
}

// follow shows a run until it is over; how it ended is the exit code.
func (a *app) follow(ctx context.Context, c client.Client, run startedRun) error {
	v, seen := a.newView(), false
	for {
		s, err := look(ctx, c, run.WorkflowID, run.RunID)
		seen = seen || err == nil
		switch {
		case ctx.Err() != nil:
			v.end()
			return exit(exitFailed, "stopped watching; %s goes on: epoxy watch %s", run.WorkflowID, run.WorkflowID)
		case err != nil && !temporary(err) && (!seen || !forgetful(err)):
			return err
		case err != nil:
			v.note("Temporal does not answer, still trying: " + err.Error())
		case s.closed():
			v.show(s)
			v.end()
			return a.ended(ctx, c, run, s)
		default:
			v.show(s)
		}
		select {
		case <-ctx.Done():
		case <-time.After(followInterval):
		}
	}
}

// temporary tells an outage from an answer.
func temporary(err error) bool {
	var unavailable *serviceerror.Unavailable
	var slow *serviceerror.DeadlineExceeded
	var busy *serviceerror.ResourceExhausted
	return errors.As(err, &unavailable) || errors.As(err, &slow) || errors.As(err, &busy) || errors.Is(err, context.DeadlineExceeded)
}

// forgetful tells a server that has lost sight of its namespaces, as one does that starts or is cut off from its database.
func forgetful(err error) bool {
	var gone *serviceerror.NamespaceNotFound
	return errors.As(err, &gone)
}

// ended prints the result, or returns the reason as an error.
func (a *app) ended(ctx context.Context, c client.Client, run startedRun, s snapshot) error {
	var result map[string]any
	err := c.GetWorkflow(ctx, run.WorkflowID, run.RunID).GetWithOptions(ctx, &result, client.WorkflowRunGetOptions{DisableFollowingRuns: true})
	if a.json() {
		out := map[string]any{"workflow_id": run.WorkflowID, "run_id": run.RunID, "status": s.Status.String(), "result": result}
		if run.URL != "" {
			out["url"] = run.URL
		}
		if s.Report != nil {
			out["report"] = s.Report
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	if !a.json() {
		a.lists(s.Report)
	}
	if err == nil {
		if s.Report == nil { // no worker answered: the result knows, too
			outcome, _ := result["outcome"].(string)
			s.Report = &activities.Report{Outcome: outcome, Headline: outcome}
		}
		return judge(run.WorkflowID, s.Report)
	}
	return failure(run.WorkflowID, s.Report, err)
}

// lists prints what a report has to list, such as what a dry run would delete.
func (a *app) lists(r *activities.Report) {
	if r == nil {
		return
	}
	for _, l := range r.Lists {
		fmt.Fprintln(a.out, l.Title+":")
		for _, line := range l.Lines {
			fmt.Fprintln(a.out, "  "+line)
		}
	}
}

// failure says why a run failed, in the report's words.
func failure(id string, r *activities.Report, err error) error {
	if r == nil {
		return exit(exitFailed, "%s: %w", id, err)
	}
	code := exitFailed
	if r.Outcome == activities.OutcomeDenied { // by the breaker of its environment
		code = exitDenied
	}
	if r.Reason != "" {
		return exit(code, "%s: %s (%s)", id, r.Reason, r.Headline)
	}
	return exit(code, "%s: %s", id, r.Headline)
}

// judge turns how a completed run ended into an exit code.
func judge(id string, r *activities.Report) error {
	if r == nil {
		return nil
	}
	switch r.Outcome {
	case activities.OutcomeDenied, activities.OutcomeVetoed, activities.OutcomeExpired:
		return exit(exitDenied, "%s: %s", id, r.Headline)
	case activities.OutcomePartial:
		return exit(exitFailed, "%s: %s", id, r.Headline)
	}
	return nil
}

// awaitTurn waits until the queue has started this very request, or has refused it.
func (a *app) awaitTurn(ctx context.Context, c client.Client, handle client.WorkflowUpdateHandle, in workflows.BakeInput) (startedRun, error) {
	answer := make(chan error, 1)
	var result workflows.BakeResult
	go func() { answer <- handle.Get(ctx, &result) }()
	id := workflows.BakeWorkflowID(in.LaunchTemplateID)
	for {
		select {
		case err := <-answer:
			if result.RunID != "" {
				return startedRun{WorkflowID: id, RunID: result.RunID}, nil
			}
			if run, ok := a.ownRun(ctx, c, id, in.Request); ok { // it started and failed between two looks
				return run, nil
			}
			if err == nil {
				err = errors.New("the queue gave no result")
			}
			return startedRun{}, exit(exitFailed, "%s: %w", id, err)
		case <-time.After(followInterval):
			if run, ok := a.ownRun(ctx, c, id, in.Request); ok {
				return run, nil
			}
		}
	}
}

// ownRun is the current run of the lock, if it is the one that this request asked for.
func (a *app) ownRun(ctx context.Context, c client.Client, id, request string) (startedRun, bool) {
	s, err := look(ctx, c, id, "")
	if err != nil || s.Report == nil || s.Report.Request != request {
		return startedRun{}, false
	}
	return startedRun{WorkflowID: id, RunID: s.Report.RunID}, true
}

// describe is a status in a word.
func describe(status enumspb.WorkflowExecutionStatus) string {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return "running"
	case enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return "paused"
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return "completed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "canceled"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return "terminated"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "timed out"
	}
	return "failed"
}
