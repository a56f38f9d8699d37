package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"epoxy/internal/intake"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// A decision that was sent, and to which no answer came, may have been taken: neither door says that it was refused.
func TestADecisionWithoutAnAnswer(t *testing.T) {
	for name, err := range map[string]error{
		"the wait was over": client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded),
		"the server's wait": serviceerror.NewDeadlineExceeded("context deadline exceeded"),
		"the line is cut":   serviceerror.NewUnavailable("connection reset"),
	} {
		c := &mocks.Client{}
		c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, err)
		_, got := sendDecision(t.Context(), c, "prune-images/shop", "", "id", policy.Decision{})
		if !errors.Is(got, intake.ErrUnknown) || !strings.Contains(got.Error(), "epoxy watch prune-images/shop") {
			t.Errorf("%s: told %v", name, got)
		}
	}
	c := &mocks.Client{}
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, serviceerror.NewNotFound("Workflow execution already completed"))
	if _, got := sendDecision(t.Context(), c, "prune-images/shop", "", "id", policy.Decision{}); errors.Is(got, intake.ErrUnknown) {
		t.Errorf("a run that is over: told %v", got)
	}
}

// A button is about the run that asked: another run of the same workflow has other approvers, and another plan.
func TestAClickAsksItsOwnRun(t *testing.T) {
	c := &mocks.Client{}
	c.On("QueryWorkflow", mock.Anything, "prune-images/shop", "run-1", workflows.AskingQuery).Return(nil, errors.New("no worker"))
	click := intake.Click{UserID: "UANN", Action: intake.ActionApprove, Value: intake.Value{WorkflowID: "prune-images/shop", RunID: "run-1"}}
	if _, err := (&decider{temporal: c}).decide(t.Context(), click); err == nil {
		t.Error("it decides without knowing who may")
	}
	c.AssertExpectations(t)
}

func TestVetoShowsHowToNameItems(t *testing.T) {
	for kind, want := range map[string]bool{policy.DecideVeto: true, policy.DecideDeny: false} {
		stdout, _, code := try(t, kind, "--help")
		if code != exitDone || strings.Contains(stdout, "--plan 3f2a9c1be7d0 --item v41") != want {
			t.Errorf("%s: %s", kind, stdout)
		}
	}
}
