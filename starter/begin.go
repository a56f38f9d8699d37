package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"epoxy/workflows"
)

// job is a run to start: its id is its lock.
type job struct {
	id, kind         string
	input            any
	ui               string
	attributes       temporal.SearchAttributes
	summary, details string
	timeout          time.Duration // of the run; 0: none, because the job bounds itself
	hint             string        // what to do when it runs already
}

// begin starts a run; one that runs already is exit code 4.
func (a *app) begin(ctx context.Context, c client.Client, o client.Options, j job, wait bool) error {
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: j.id, TaskQueue: a.taskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowExecutionTimeout:                 j.timeout,
		TypedSearchAttributes:                    j.attributes,
		StaticSummary:                            j.summary,
		StaticDetails:                            j.details,
	}, j.kind, j.input)
	if running, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return exit(exitAlreadyRunning, "%s runs already (%s): %s", j.id, workflows.RunURL(j.ui, o.Namespace, j.id, running.RunId), j.hint)
	}
	if err != nil {
		return err
	}
	return a.started(ctx, c, o, j.ui, startedRun{WorkflowID: j.id, RunID: run.GetRunID()}, wait)
}

// startedRun is what a start prints.
type startedRun struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	URL        string `json:"url,omitempty"`
}

func (a *app) started(ctx context.Context, c client.Client, o client.Options, ui string, s startedRun, wait bool) error {
	if ui != "" {
		s.URL = workflows.RunURL(ui, o.Namespace, s.WorkflowID, s.RunID)
	}
	if !wait && a.json() {
		return a.printJSON(s)
	}
	if !a.json() {
		fmt.Fprintf(a.out, "%s started\n", s.WorkflowID)
		if s.URL != "" {
			fmt.Fprintln(a.out, s.URL)
		}
	}
	if !wait {
		fmt.Fprintf(a.out, "follow it: epoxy watch %s\n", s.WorkflowID)
		return nil
	}
	return a.follow(ctx, c, s)
}
