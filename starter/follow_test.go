package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"epoxy/activities"
	"epoxy/workflows"
)

// No worker answers the query when the run ends: its result says how it ended, too, and the exit code is the same.
func TestTheResultJudgesWhereNoWorkerAnswers(t *testing.T) {
	for outcome, want := range map[string]int{
		activities.OutcomeDone: exitDone, activities.OutcomeDenied: exitDenied, activities.OutcomeVetoed: exitDenied, activities.OutcomeExpired: exitDenied,
		activities.OutcomePartial: exitFailed, "": exitDone, // an undo's result has none
	} {
		run := &mocks.WorkflowRun{}
		run.On("GetWithOptions", mock.Anything, mock.Anything, mock.Anything).Return(
			func(_ context.Context, result any, _ client.WorkflowRunGetOptions) error {
				*result.(*map[string]any) = map[string]any{"outcome": outcome}
				return nil
			})
		c := &mocks.Client{}
		c.On("GetWorkflow", mock.Anything, "prune-images/shop", "run-1").Return(run)
		a := &app{out: &bytes.Buffer{}, errOut: &bytes.Buffer{}}
		err := a.ended(t.Context(), c, startedRun{WorkflowID: "prune-images/shop", RunID: "run-1"}, snapshot{})
		code := exitDone
		if e, ok := errors.AsType[*exitError](err); ok {
			code = e.code
		}
		if code != want {
			t.Errorf("%q: exit code %d (%v), want %d", outcome, code, err, want)
		}
	}
}

// A server that starts knows no namespace yet: whoever watches a run goes on watching, but a namespace that was never there is
// a wrong one.
func TestWatchingOutlastsTheServersTroubles(t *testing.T) {
	gone := serviceerror.NewNamespaceNotFound("default")
	running, over := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	for name, c := range map[string]struct {
		answers []any // states and errors
		code    int
		says    string
	}{
		"all is well":         {answers: []any{running, over}},
		"an outage":           {answers: []any{running, serviceerror.NewUnavailable("no connection"), over}, says: "still trying: no connection"},
		"an outage at first":  {answers: []any{serviceerror.NewUnavailable("no connection"), running, over}, says: "still trying: no connection"},
		"forgotten namespace": {answers: []any{running, gone, gone, running, over}, says: "still trying: Namespace default"},
		"wrong namespace":     {answers: []any{gone, over}, code: exitFailed},
		"forgotten run":       {answers: []any{running, serviceerror.NewNotFound("no such run"), over}, code: exitFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := &mocks.Client{}
			for _, a := range c.answers {
				call := server.On("DescribeWorkflowExecution", mock.Anything, "prune-images/shop", "run-1").Once()
				if err, ok := a.(error); ok {
					call.Return(nil, err)
					continue
				}
				call.Return(&workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{Status: a.(enumspb.WorkflowExecutionStatus)}}, nil)
			}
			server.On("QueryWorkflow", mock.Anything, "prune-images/shop", "run-1", workflows.ReportQuery).Return(nil, errors.New("no worker"))
			run := &mocks.WorkflowRun{}
			run.On("GetWithOptions", mock.Anything, mock.Anything, mock.Anything).Return(nil)
			server.On("GetWorkflow", mock.Anything, "prune-images/shop", "run-1").Return(run)
			var out bytes.Buffer
			a := &app{out: &out, errOut: &out}
			err := explain(a.follow(t.Context(), server, startedRun{WorkflowID: "prune-images/shop", RunID: "run-1"}))
			code := exitDone
			if e, ok := errors.AsType[*exitError](err); ok {
				code = e.code
			}
			if code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("%s: exit code %d (%v): %s", name, code, err, &out)
			}
		})
	}
}
