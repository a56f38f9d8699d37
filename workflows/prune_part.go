package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// PrunePartInput is one part of an approved plan: a repository, or the task definitions of a place.
type PrunePartInput struct {
	Kind string `json:"kind"` // policy.PlanOf…
	activities.Deletion
	Repository          policy.Repository          `json:"repository,omitzero"`
	ImageRules          policy.ImageRules          `json:"image_rules,omitzero"`
	TaskDefinitionRules policy.TaskDefinitionRules `json:"task_definition_rules,omitzero"`

	// What was done before this run continued as new.
	Next int             `json:"next,omitempty"`
	Done PrunePartResult `json:"done,omitzero"`
}

// PrunePartResult is what one part did.
type PrunePartResult struct {
	Deleted int   `json:"deleted"`
	Bytes   int64 `json:"bytes"`
	Kept    int   `json:"kept"`
	Failed  int   `json:"failed"`
	// Some of what was kept and what failed, for the report; the ledger and the child's history have all of it.
	KeptNotes   []string `json:"kept_notes,omitempty"`
	FailedNotes []string `json:"failed_notes,omitempty"`
	// AtLeast says that so many are gone, or more: the last batch stopped, and what became of it is not known.
	AtLeast bool     `json:"at_least,omitempty"`
	Named   []string `json:"named,omitempty"` // vetoes that mean something of the part
}

const (
	// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html: 100 a call.
	imagesPerBatch = 100
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html: 10 a call.
	definitionsPerBatch = 10
	// batchesPerRun keeps a history short: six events for each batch.
	batchesPerRun = 250
	notesKept     = 10

	batchAttempt = 10 * time.Minute // of one batch: a look at every consumer, and at most ten deregistrations at one a second
)

// PrunePart deletes one part of an approved plan, batch by batch, in the plan's order. Each batch is one activity, which
// looks at what is in use once more; between batches it can be cancelled.
func PrunePart(ctx workflow.Context, in PrunePartInput) (PrunePartResult, error) {
	out := in.Done
	batches := batchesOf(in.Part.Waves, in.Next, batchSize(in.Kind))
	for i, b := range batches {
		if ctx.Err() != nil {
			return out, temporal.NewCanceledError(out)
		}
		if i == batchesPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Next, in.Done = b.from, out
			return out, workflow.NewContinueAsNewError(ctx, PrunePartType, in)
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%d of %d** deleted, %s", out.Deleted, in.Part.Totals.Delete, policy.HumanBytes(out.Bytes)))
		in.From, in.Count = b.from, b.count
		done, err := deleteBatch(detached(ctx), in)
		if err != nil {
			out.stopped(err)
			return out, temporal.NewNonRetryableApplicationError(reasonOf(err), errStopped, err, out)
		}
		out.add(done)
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%d of %d** deleted, %s; %d kept at the second look, %d refused by AWS",
		out.Deleted, in.Part.Totals.Delete, policy.HumanBytes(out.Bytes), out.Kept, out.Failed))
	return out, nil
}

// errStopped ends a part that could not go on; its details are a PrunePartResult.
const errStopped = "Stopped"

func deleteBatch(ctx workflow.Context, in PrunePartInput) (out activities.DeletionOutput, err error) {
	ctx = workflow.WithStartToCloseTimeout(surveys(ctx, fmt.Sprintf("Delete %d to %d of %d", in.From+1, in.From+in.Count, in.Part.Totals.Delete)), batchAttempt)
	if in.Kind == policy.PlanOfTaskDefinitions {
		var remover *activities.TaskDefinitionRemover
		err = workflow.ExecuteActivity(ctx, remover.RemoveTaskDefinitions, activities.RemoveTaskDefinitionsInput{
			Deletion: in.Deletion, Rules: in.TaskDefinitionRules,
		}).Get(ctx, &out)
		return out, err
	}
	var deleter *activities.ImageDeleter
	err = workflow.ExecuteActivity(ctx, deleter.DeleteImages, activities.DeleteImagesInput{
		Deletion: in.Deletion, Repository: in.Repository, Rules: in.ImageRules,
	}).Get(ctx, &out)
	return out, err
}

func batchSize(kind string) int {
	if kind == policy.PlanOfTaskDefinitions {
		return definitionsPerBatch
	}
	return imagesPerBatch
}

type batch struct{ from, count int }

// batchesOf cuts the waves into batches, beginning at next. No batch spans two waves: ECR keeps a child while its index is
// there, and says nothing about the order inside one call.
func batchesOf(waves []int, next, size int) []batch {
	var out []batch
	begin := 0
	for _, wave := range waves {
		end := begin + wave
		for from := max(begin, next); from < end; from += size {
			out = append(out, batch{from, min(size, end-from)})
		}
		begin = end
	}
	return out
}

func (r *PrunePartResult) add(done activities.DeletionOutput) {
	r.Deleted += done.Deleted
	r.Bytes += done.Bytes
	r.Kept += len(done.Kept)
	r.Failed += len(done.Failed)
	r.KeptNotes = addNotes(r.KeptNotes, done.Kept)
	r.FailedNotes = addNotes(r.FailedNotes, done.Failed)
	for _, item := range done.Named {
		if !slices.Contains(r.Named, item) {
			r.Named = append(r.Named, item)
		}
	}
}

// stopped counts what the last attempt at a batch says was done, there or before it.
func (r *PrunePartResult) stopped(err error) {
	var so activities.DeletionSoFar
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || !app.HasDetails() || app.Details(&so) != nil {
		r.AtLeast = true // nothing came back from it: the ledger knows
		return
	}
	r.Deleted += so.Deleted
	r.Bytes += so.Bytes
	r.Kept += so.Kept
	r.Failed += so.Failed
	r.AtLeast = so.Open > 0
}

func addNotes(notes []string, verdicts []policy.Verdict) []string {
	for _, v := range verdicts {
		if len(notes) == notesKept {
			break
		}
		notes = append(notes, policy.ShortID(v)+": "+v.Reason)
	}
	return notes
}
