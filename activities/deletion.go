package activities

import (
	"context"
	"errors"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// secondLook looks once more at everything that could use what is about to be deleted. A look that fails, or that finds nothing
// at all, means that nothing is deleted.
type secondLook interface {
	LookAgain(ctx context.Context, in []SurveyUsesInput, listed ReadListedUsesInput) (policy.Uses, error)
}

// kindPutBack is the folder of what is too big for a ledger entry.
const kindPutBack = "put-back"

// batchOf reads the verdicts of a batch from the plan's part, whose hash was approved with the plan.
func (d Deletion) batchOf(ctx context.Context, s shelf, most int) ([]policy.Verdict, error) {
	content, err := parts.get(ctx, s, artifact.Ref{Key: d.Part.Key, SHA256: d.Part.SHA256, Bytes: d.Part.Size})
	if err != nil {
		return nil, err
	}
	if d.Count < 1 || d.Count > most || d.From < 0 || d.From+d.Count > len(content.Verdicts) {
		return nil, Refuse(ErrInvalid, "the plan of %s has no batch of %d from %d on", d.Part.Name, d.Count, d.From)
	}
	batch := content.Verdicts[d.From : d.From+d.Count]
	for _, v := range batch {
		if v.Code != policy.VerdictDelete || v.Wave != batch[0].Wave {
			return nil, Refuse(ErrInvalid, "the plan of %s does not delete %s in this batch", d.Part.Name, v.ID)
		}
	}
	return batch, nil
}

// look is the second look.
func (d Deletion) look(ctx context.Context, l secondLook) (policy.Uses, error) {
	if len(d.Again) == 0 {
		return policy.Uses{}, Refuse(ErrInvalid, "nothing is said about where to look again, so nothing is deleted")
	}
	uses, err := l.LookAgain(ctx, d.Again, d.Listed)
	if err == nil && len(uses.Images)+len(uses.TaskDefinitions) == 0 {
		err = Refuse(ErrInvalid, "at the second look nothing is in use anywhere, which is hardly true: nothing is deleted")
	}
	return uses, err
}

// book is the ledger of one batch.
type book struct {
	ledger.Table
	place Place
}

func openBook(ctx context.Context, connect Connect[ledger.API], t LedgerTable) (book, error) {
	api, err := connect(ctx, t.Place)
	if err != nil {
		return book{}, translate(t.Place, err)
	}
	return book{ledger.Table{API: api, Name: t.Table}, t.Place}, nil
}

// entry is what the ledger says of a verdict that is carried out.
func (d Deletion) entry(kind, resource string, v policy.Verdict) ledger.Entry {
	return ledger.Entry{
		ID: ledger.EntryID(d.RunID, resource), Kind: kind, Resource: resource, Account: d.Place.Account, Region: d.Place.Region,
		Tags: v.Tags, Bytes: v.Bytes, Reason: v.Reason, Policy: d.Policy, Plan: d.Plan.SHA256, WorkflowID: d.WorkflowID, RunID: d.RunID,
		Approver: d.Approver, Intent: time.Now().UTC(),
	}
}

// conclude writes how a batch ended. What an attempt before wrote stays.
func (b book) conclude(ctx context.Context, entries []ledger.Entry) error {
	err := b.Conclude(ctx, entries)
	if _, conflict := errors.AsType[*ledger.ConflictError](err); conflict {
		return Refuse(ErrInvalid, "%v", err)
	}
	return translate(b.place, err)
}

// add counts one entry that has an outcome.
func (out *DeletionOutput) add(v policy.Verdict, e ledger.Entry) {
	switch e.Outcome {
	case ledger.Deleted:
		out.Deleted++
		out.Bytes += v.Bytes
	case ledger.Gone:
		v.Code, v.Reason = policy.KeptGone, "somebody else deleted it"
		out.Kept = append(out.Kept, v)
	case ledger.Failed:
		v.Code, v.Reason = policy.KeptFailed, e.Detail
		out.Failed = append(out.Failed, v)
	}
}

// failed is a verdict that AWS refused.
func failedVerdict(v policy.Verdict, reason string) policy.Verdict {
	v.Code, v.Reason = policy.KeptFailed, reason
	return v
}

// putBack moves what is too big for an entry into the artifact bucket.
func putBack(ctx context.Context, s shelf, p ledger.PutBack) (ledger.PutBack, error) {
	if len(p.Manifest)+len(p.Definition) <= ledger.MaxPutBack {
		return p, nil
	}
	ref, err := s.put(ctx, kindPutBack, p)
	return ledger.PutBack{MediaType: p.MediaType, Key: ref.Key, SHA256: ref.SHA256, Size: ref.Bytes}, err
}
