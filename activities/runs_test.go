package activities

import (
	"context"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// fakeRuns knows the latest run of one workflow id.
type fakeRuns struct {
	status enumspb.WorkflowExecutionStatus
	err    error
}

func (f fakeRuns) DescribeWorkflow(_ context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error) {
	if workflowID != "bake/"+lt || runID != "" || f.err != nil { // the latest run is asked for, not one that is over
		return nil, f.err
	}
	return &client.WorkflowExecutionDescription{WorkflowExecutionMetadata: client.WorkflowExecutionMetadata{Status: f.status}}, nil
}

func TestAwaitRunClosed(t *testing.T) {
	await := func(f fakeRuns) error {
		_, err := attempt(t, silent((&Runs{Client: f}).AwaitRunClosed), AwaitRunClosedInput{WorkflowID: "bake/" + lt, Poll: 7 * time.Second})
		return err
	}
	open := map[enumspb.WorkflowExecutionStatus]bool{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING: true,
		enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:  true, // by a person; it holds its id
	}
	for number, status := range enumspb.WorkflowExecutionStatus_name {
		err := await(fakeRuns{status: enumspb.WorkflowExecutionStatus(number)})
		if open[enumspb.WorkflowExecutionStatus(number)] {
			wantError(t, status, err, notReady(7*time.Second, "bake/"+lt+" is still running"))
		} else if err != nil && number > 0 {
			t.Errorf("%s: %v", status, err)
		}
	}
	if err := await(fakeRuns{err: serviceerror.NewNotFound("no such run")}); err != nil {
		t.Errorf("a run that is forgotten is not open: %v", err)
	}
	wantError(t, "no answer", await(fakeRuns{err: serviceerror.NewUnavailable("soon")}), what{says: "soon"})
}
