package activities

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// lookForHolders settles what somebody alive holds by now.
func (d *recordDeletion) lookForHolders(ctx context.Context) error {
	open := d.open()
	records := make([]policy.OwnRecord, len(open))
	for i, r := range open {
		records[i] = r.OwnRecord
	}
	held, err := d.dns.holders(ctx, d.in.Live, d.in.Facts, records)
	if err != nil {
		return err
	}
	for _, r := range open {
		here := r.OwnRecord
		here.Drop = r.left
		free, why := here.Free(held)
		if r.left, r.held = free, why; len(free) == 0 {
			d.endWithout(r)
		}
	}
	return nil
}

// intend writes down what is about to go, with what an undo needs.
func (d *recordDeletion) intend(ctx context.Context) error {
	var entries []ledger.Entry
	var going []*dyingRecord
	for _, r := range d.open() {
		if r.written {
			continue
		}
		if !r.begun { // else once more: a crash may have come between the entry and the names it is found by
			if err := d.newEntry(r); err != nil {
				return err
			}
		}
		entries, going = append(entries, r.entry), append(going, r)
	}
	return intendAll(ctx, d.book, d.in.Ledger, entries, func(i int, e ledger.Entry) {
		going[i].written = true
		going[i].takeEntry(e)
	})
}

func (d *recordDeletion) newEntry(r *dyingRecord) error {
	gone := r.OwnRecord
	gone.RecordSet, gone.Drop = r.now, r.left
	definition, err := json.Marshal(gone)
	names := slices.Concat(r.left, []string{r.Name, strings.TrimSuffix(r.Name, "."), d.in.Subject.Instance, d.in.Facts.Subject.Node})
	place := d.door.zone.Place
	r.entry = ledger.Entry{
		ID: r.entry.ID, Kind: ledger.RecordSet, Resource: r.What, Account: place.Account, Region: place.Region, Names: unique(names), Bytes: int64(len(definition)),
		Reason: d.in.Reason + ": " + r.Proof, Policy: d.in.Environment, WorkflowID: d.in.WorkflowID, RunID: d.in.RunID, Look: d.look, Approver: d.in.Approver,
		Intent: time.Now().UTC(), PutBack: ledger.PutBack{Definition: string(definition)},
	}
	return err
}

// dropped are the values that an entry says will go, in the words of this attempt or of one before.
func dropped(e ledger.Entry) []string {
	var said policy.OwnRecord
	if json.Unmarshal([]byte(e.PutBack.Definition), &said) != nil {
		return nil // then nothing goes
	}
	return said.Drop
}

// stayWithin leaves alone what the ledger's entry does not name: an undo would not bring it back. It was held when the entry was
// made, and is free by now; a later look makes an entry of its own.
func (d *recordDeletion) stayWithin(context.Context) error {
	for _, r := range d.open() {
		intended := dropped(r.entry)
		isNew := func(value string) bool { return !slices.Contains(intended, value) }
		if !slices.ContainsFunc(r.left, isNew) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(r.left), func(value string) bool { return !isNew(value) })
		r.held = strings.TrimPrefix(r.held+"; "+strings.Join(rest, ", ")+" stays until a later look: when the deletion began somebody held it", "; ")
		if r.left = slices.DeleteFunc(r.left, isNew); len(r.left) == 0 {
			d.endWithout(r)
		}
	}
	return nil
}

// endWithout settles a record of which nothing more goes. If what its entry names is not there, that went by an attempt whose
// answer was lost.
func (d *recordDeletion) endWithout(r *dyingRecord) {
	intended := dropped(r.entry)
	isThere := func(value string) bool { return slices.Contains(r.now.Values, value) }
	if r.begun && len(intended) > 0 && !slices.ContainsFunc(intended, isThere) {
		d.end(r, ledger.Deleted, r.held)
		return
	}
	d.end(r, DeletedKept, r.held)
}
