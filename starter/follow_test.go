package main

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"epoxy/activities"
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
