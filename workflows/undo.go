package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// UndoInput names a ledger entry whose act is to be undone.
type UndoInput struct {
	Entry       string                 `json:"entry"`
	Resource    string                 `json:"resource"` // as the ledger names it, for people
	Place       activities.Place       `json:"place"`    // of the resource
	Store       activities.Store       `json:"store"`
	Ledger      activities.LedgerTable `json:"ledger"`
	RequestedBy string                 `json:"requested_by,omitempty"`
	Telling     Telling                `json:"telling"`
}

// UndoTitle is the first line of an undo everywhere.
func UndoTitle(in UndoInput) string { return "Undo " + in.Entry }

const stepRestorePut = "Put back"

// Undo puts back what one entry of the ledger says was deleted: an image under its former tags, while its layers last, or
// a task definition as a new revision. One run per entry.
func Undo(ctx workflow.Context, in UndoInput) (activities.RestoreOutput, error) {
	var out activities.RestoreOutput
	r, err := newReporter(ctx, UndoTitle(in), in.Telling, []string{stepRestorePut})
	if err != nil {
		return out, err
	}
	r.fact("Resource", in.Resource)
	r.begin(ctx, stepRestorePut, "Putting back "+in.Resource)
	if want := UndoWorkflowID(in.Entry); r.WorkflowID != want {
		err = refuse(activities.ErrInvalid, fmt.Sprintf("an undo of %s must have the workflow id %s, which is its lock; this one is %s", in.Entry, want, r.WorkflowID))
	} else {
		to := ctx
		if since(ctx, undoToTheEnd) {
			to = detached(ctx) // what is half put back is worse than what is gone
		}
		var restorer *activities.Restorer
		err = workflow.ExecuteActivity(calls(to, "Put back "+in.Resource), restorer.Restore, activities.RestoreInput{
			Store: in.Store, Ledger: in.Ledger, Place: in.Place, Entry: in.Entry, By: in.RequestedBy,
		}).Get(to, &out)
	}
	unknown := "It is not known whether it is back: `epoxy why " + in.Resource + "` tells."
	switch {
	case err == nil:
		r.end(ctx, out.Note)
		r.close(ctx, activities.OutcomeDone, out.Resource+" is back, "+out.Note, "")
	case temporal.IsCanceledError(err):
		r.fail(ctx)
		r.close(ctx, activities.OutcomeCancelled, "Cancelled. "+unknown, "")
	case isRefusal(err):
		r.fail(ctx)
		r.close(ctx, activities.OutcomeFailed, "Nothing was put back.", reasonOf(err))
	default:
		r.fail(ctx)
		r.close(ctx, activities.OutcomeFailed, unknown, reasonOf(err))
	}
	return out, err
}
