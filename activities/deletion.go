package activities

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// secondLook looks once more at everything that could use what is about to be deleted. A look that fails, or that finds
// nothing at all, means that nothing is deleted.
type secondLook interface {
	LookAgain(ctx context.Context, in []SurveyUsesInput, listed ReadListedUsesInput) (policy.Uses, error)
}

// Ledger is what deletions and undos write to.
type Ledger interface {
	Intend(ctx context.Context, entries []ledger.Entry) ([]ledger.Entry, error)
	Entries(ctx context.Context, ids []string) (map[string]ledger.Entry, error)
	Find(ctx context.Context, name string) ([]ledger.Entry, error) // the newest first
	Conclude(ctx context.Context, entries []ledger.Entry) error
	MarkUndo(ctx context.Context, resource, entry string) error
	Undos(ctx context.Context, resources []string) ([][]ledger.Undo, error)
	Undone(ctx context.Context, id, by, detail string) error
}

// OpenLedger gives the ledger in a table.
type OpenLedger func(ctx context.Context, t LedgerTable) (Ledger, error)

// LedgerIn opens ledgers in DynamoDB.
func LedgerIn(connect Connect[ledger.API]) OpenLedger {
	return func(ctx context.Context, t LedgerTable) (Ledger, error) {
		api, err := connect(ctx, t.Place)
		return ledger.Table{API: api, Name: t.Table}, err
	}
}

// deletion is one attempt at one batch. Attempts before it may have got anywhere: the ledger says how far.
type deletion struct {
	Deletion

	shelf    shelf
	ledger   Ledger
	resource func(id string) string // as the ledger names it
	batch    []policy.Verdict
	entries  map[string]ledger.Entry // by the verdict's ID
	ended    []ledger.Entry
	named    map[string]bool // vetoes that mean something of the batch
	out      DeletionOutput
}

func openDeletion(ctx context.Context, s3 Connect[artifact.API], open OpenLedger, in Deletion, most int, resource func(id string) string) (*deletion, error) {
	d := &deletion{Deletion: in, resource: resource, named: map[string]bool{}}
	var err error
	if d.shelf, err = openShelf(ctx, s3, in.Store); err != nil {
		return nil, err
	}
	if d.ledger, err = open(ctx, in.Ledger); err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	if err := d.readBatch(ctx, most); err != nil {
		return nil, err
	}
	d.entries, err = d.entriesOf(ctx, idsOf(d.batch))
	return d, err
}

func idsOf(all []policy.Verdict) []string {
	ids := make([]string, len(all))
	for i, v := range all {
		ids[i] = v.ID
	}
	return ids
}

// readBatch takes the batch from the part's artifact, which must be the one that the approved plan names.
func (d *deletion) readBatch(ctx context.Context, most int) error {
	var plan policy.Plan
	if err := d.shelf.get(ctx, d.Plan, &plan); err != nil {
		return err
	}
	if !slices.ContainsFunc(plan.Parts, func(p policy.PlanPart) bool { return p.Name == d.Part.Name && p.SHA256 == d.Part.SHA256 }) {
		return Refuse(ErrInvalid, "plan %s has no part of %s with the hash %s: nothing is deleted", policy.ShortHash(d.Plan.SHA256), d.Part.Name, policy.ShortHash(d.Part.SHA256))
	}
	going, err := parts.get(ctx, d.shelf, artifact.Ref{Key: d.Part.Key, SHA256: d.Part.SHA256, Bytes: d.Part.Size})
	if err != nil {
		return err
	}
	if d.Count < 1 || d.Count > most || d.From < 0 || d.From+d.Count > len(going) {
		return Refuse(ErrInvalid, "the plan of %s has no batch of %d from %d on", d.Part.Name, d.Count, d.From)
	}
	d.batch = slices.Clone(going[d.From : d.From+d.Count])
	for _, v := range d.batch {
		if v.Wave != d.batch[0].Wave {
			return Refuse(ErrInvalid, "a batch of %s from %d on spans two waves: what goes first must be gone before the rest is looked at again", d.Part.Name, d.From)
		}
	}
	return nil
}

// entriesOf are this run's entries for some of the part, by ID.
func (d *deletion) entriesOf(ctx context.Context, ids []string) (map[string]ledger.Entry, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = ledger.EntryID(d.RunID, d.resource(id))
	}
	found, err := d.ledger.Entries(ctx, keys)
	if err != nil {
		return nil, translate(d.Ledger.Place, err)
	}
	entries := make(map[string]ledger.Entry, len(found))
	for i, id := range ids {
		if e, there := found[keys[i]]; there {
			entries[id] = e
		}
	}
	return entries, nil
}

// begun tells that an attempt before this one said that it would delete this, and not how that ended.
func (d *deletion) begun(v policy.Verdict) bool {
	e, there := d.entries[v.ID]
	return there && e.Outcome == ""
}

// settle counts what has ended before, and returns the rest.
func (d *deletion) settle(all []policy.Verdict) (open []policy.Verdict) {
	for _, v := range all {
		e, there := d.entries[v.ID]
		if !there || e.Outcome == "" {
			open = append(open, v)
			continue
		}
		v.Code, v.Reason = readDetail(e)
		d.count(v)
	}
	return open
}

// reread settles what is missing once more: an attempt that was given up for dead may be at work still, and quicker.
func (d *deletion) reread(ctx context.Context, open []policy.Verdict, isThere func(id string) bool) ([]policy.Verdict, error) {
	missing := slices.DeleteFunc(slices.Clone(open), func(v policy.Verdict) bool { return isThere(v.ID) || d.begun(v) })
	if len(missing) == 0 {
		return open, nil
	}
	entries, err := d.entriesOf(ctx, idsOf(missing))
	maps.Copy(d.entries, entries)
	return d.settle(open), err
}

func (d *deletion) count(v policy.Verdict) {
	switch v.Code {
	case policy.VerdictDelete:
		d.out.Deleted++
		d.out.Bytes += v.Bytes
	case policy.KeptFailed:
		d.out.Failed = append(d.out.Failed, v)
	default:
		d.out.Kept = append(d.out.Kept, v)
	}
}

// deleted notes that something is gone by our doing.
func (d *deletion) deleted(v policy.Verdict, detail string) {
	d.count(v)
	d.end(v, ledger.Deleted, detail)
}

// keep notes that something stays, with the verdict's new code and reason.
func (d *deletion) keep(v policy.Verdict) {
	d.count(v)
	d.end(v, ledger.Failed, v.Code+": "+v.Reason)
}

// fail notes that AWS refused.
func (d *deletion) fail(v policy.Verdict, why string) {
	v.Code, v.Reason = policy.KeptFailed, oneLine(why)
	d.keep(v)
}

// gone notes that something vanished before we did anything.
func (d *deletion) gone(v policy.Verdict) {
	v.Code, v.Reason = policy.KeptGone, "it was gone already"
	d.keep(v)
}

// end concludes an entry. What was never intended has none.
func (d *deletion) end(v policy.Verdict, outcome, detail string) {
	if e, there := d.entries[v.ID]; there {
		e.Outcome, e.Detail, e.Ended = outcome, detail, time.Now().UTC()
		d.ended = append(d.ended, e)
	}
}

// readDetail is what an entry that has ended counts as: what keep wrote, or what the outcome says.
func readDetail(e ledger.Entry) (code, reason string) {
	code, reason, ok := strings.Cut(e.Detail, ": ")
	switch {
	case e.Outcome == ledger.Undone:
		return policy.KeptVetoed, "put back by " + e.UndoneBy
	case ok && policy.IsKept(code):
		return code, reason
	case e.Outcome == ledger.Deleted:
		return policy.VerdictDelete, e.Reason
	case e.Outcome == ledger.Gone:
		return policy.KeptGone, "it was gone already"
	}
	return policy.KeptFailed, e.Detail
}

// intend writes down what is about to be deleted, and returns what really is open: an attempt that was given up for dead may
// have been quicker.
func (d *deletion) intend(ctx context.Context, going []policy.Verdict, putBack func(v policy.Verdict, e *ledger.Entry)) ([]policy.Verdict, error) {
	entries := make([]ledger.Entry, 0, len(going))
	for _, v := range going {
		if d.begun(v) { // once more: a crash may have come between an entry and the names it is found by
			entries = append(entries, d.entries[v.ID])
			continue
		}
		resource := d.resource(v.ID)
		e := ledger.Entry{
			ID: ledger.EntryID(d.RunID, resource), Resource: resource, Account: d.Place.Account, Region: d.Place.Region, Tags: v.Tags, Bytes: v.Bytes,
			Reason: v.Reason, Policy: d.Policy, Plan: d.Plan.SHA256, WorkflowID: d.WorkflowID, RunID: d.RunID, Approver: d.Approver, Intent: time.Now().UTC(),
		}
		putBack(v, &e)
		if err := d.shelve(ctx, &e.PutBack); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return going, nil
	}
	stored, err := d.ledger.Intend(ctx, entries)
	if err != nil {
		return nil, translate(d.Ledger.Place, err)
	}
	byID := map[string]ledger.Entry{}
	for _, e := range stored {
		byID[e.ID] = e
	}
	for _, v := range going {
		if e, written := byID[ledger.EntryID(d.RunID, d.resource(v.ID))]; written {
			d.entries[v.ID] = e
		}
	}
	return d.settle(going), nil
}

// kindPutBack is the folder of what is too big for a ledger entry.
const kindPutBack = "put-back"

// shelve moves what is too big for an entry into the artifact bucket.
func (d *deletion) shelve(ctx context.Context, p *ledger.PutBack) error {
	if len(p.Manifest)+len(p.Definition) <= ledger.MaxPutBack {
		return nil
	}
	ref, err := d.shelf.put(ctx, kindPutBack, *p)
	*p = ledger.PutBack{MediaType: p.MediaType, Key: ref.Key, SHA256: ref.SHA256, Size: ref.Bytes}
	return err
}

// conclude writes the outcomes, also of a batch that err ends in the middle, and gives the batch's answer, or the error with
// what was done before it.
func (d *deletion) conclude(ctx context.Context, err error) (DeletionOutput, error) {
	if len(d.ended) > 0 {
		if wrong := d.ledger.Conclude(ctx, d.ended); err == nil {
			err = translate(d.Ledger.Place, wrong)
		}
	}
	if err != nil {
		return DeletionOutput{}, d.stopped(err)
	}
	for _, list := range [][]policy.Verdict{d.out.Kept, d.out.Failed} {
		slices.SortFunc(list, func(a, b policy.Verdict) int { return strings.Compare(a.ID, b.ID) })
	}
	return d.out, nil
}
