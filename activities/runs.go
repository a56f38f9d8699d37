package activities

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// RunsAPI is what waiting for another run needs of Temporal.
type RunsAPI interface {
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
}

// Runs looks at other runs.
type Runs struct{ Client RunsAPI }

// AwaitRunClosedInput names the run to wait for.
type AwaitRunClosedInput struct {
	WorkflowID string        `json:"workflow_id"`
	Poll       time.Duration `json:"poll"`
}

// AwaitRunClosed returns once no run with this id is open; until then it is a retryable error, so that waiting adds no
// history events.
func (a *Runs) AwaitRunClosed(ctx context.Context, in AwaitRunClosedInput) error {
	d, err := a.Client.DescribeWorkflow(ctx, in.WorkflowID, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return nil
	}
	if err != nil {
		return err
	}
	if s := d.Status; s == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || s == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED { // both hold the id
		return NotReady(in.Poll, "%s is still running", in.WorkflowID)
	}
	return nil
}
