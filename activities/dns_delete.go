package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// DeleteRecords deletes record sets, or values of them, as they were found: each is read again and must be the same but for the
// others' values, and nobody alive may hold its address or name. What is about to go is in the ledger first. To repeat it
// changes nothing, and gives the same answer, whatever became of the attempt before.
func (a *DNS) DeleteRecords(ctx context.Context, in DeleteRecordsInput) (DeleteRecordsOutput, error) {
	defer beating(ctx, in.Zone.Name)()
	d, err := a.openRecordDeletion(ctx, in)
	if err != nil {
		return DeleteRecordsOutput{}, err
	}
	err = d.run(ctx)
	// Also of what an error ends in the middle: what has ended is known.
	if len(d.ended) > 0 {
		if wrong := d.book.Conclude(ctx, d.ended); err == nil {
			err = translate(in.Ledger.Place, wrong)
		}
	}
	if err != nil {
		return DeleteRecordsOutput{}, err
	}
	out := DeleteRecordsOutput{Records: make([]Deleted, len(d.records))}
	for i, r := range d.records {
		out.Records[i] = r.Deleted
	}
	return out, nil
}

// recordDeletion is one attempt at some records of one zone.
type recordDeletion struct {
	in      DeleteRecordsInput
	dns     *DNS
	door    *zoneDoor
	book    Ledger
	look    string
	records []*dyingRecord
	ended   []ledger.Entry
}

// dyingRecord is a record set, or values of one, on its way out.
type dyingRecord struct {
	Deleted
	policy.OwnRecord

	now     policy.RecordSet
	left    []string // of what is to go, what is there now
	entry   ledger.Entry
	begun   bool // somebody, perhaps an attempt before this one, said that it would go
	written bool // this attempt did
	refused string
	held    string // why some of its values stay
}

func (a *DNS) openRecordDeletion(ctx context.Context, in DeleteRecordsInput) (*recordDeletion, error) {
	d := &recordDeletion{in: in, dns: a, door: a.door(in.Zone)}
	if err := d.check(); err != nil {
		return nil, Refuse(ErrInvalid, "%v: nothing is deleted", err)
	}
	var err error
	if d.book, err = a.Ledger(ctx, in.Ledger); err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	resources := make([]string, len(in.Records))
	for i, own := range in.Records {
		resources[i] = d.resource(own.RecordSet)
	}
	d.look = lookOf(ctx)
	known, err := standings(ctx, d.book, in.RunID, d.look, resources)
	if err == nil && !in.Again {
		err = meetUndone(ctx, d.book, known, resources, func(i int, e ledger.Entry, at time.Time) bool {
			isMine := func(value string) bool { return slices.Contains(dropped(e), value) }
			return sameMachine(e, in.Subject.Instance, at) && slices.ContainsFunc(in.Records[i].Drop, isMine)
		})
	}
	if err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	for i, own := range in.Records {
		r := &dyingRecord{OwnRecord: own, Deleted: Deleted{What: resources[i]}, entry: ledger.Entry{ID: known[i].ID}}
		if known[i].Known {
			r.takeEntry(known[i].Entry)
		}
		d.records = append(d.records, r)
	}
	return d, nil
}

func (d *recordDeletion) check() error {
	if len(d.in.Live) == 0 {
		return errors.New("it is not said where live instances could hold the addresses and names")
	}
	problems := []error{d.in.Subject.Check()}
	for _, r := range d.in.Records {
		_, err := parseExact(r.RecordSet)
		problems = append(problems, r.Check(d.door.zone.ID, d.door.zone.Name), err)
	}
	return errors.Join(problems...)
}

func (d *recordDeletion) resource(set policy.RecordSet) string {
	what := "route53/" + d.door.zone.ID + "/" + set.Name + "/" + set.Type
	if set.SetID != "" {
		what += "/" + set.SetID
	}
	return what
}

// takeEntry makes the ledger's entry the record's own, and its outcome, if it has one.
func (r *dyingRecord) takeEntry(e ledger.Entry) {
	r.entry, r.begun = e, true
	r.recall(e, refusedBy)
}

// refusedBy begins what the ledger says of a record that could not be deleted.
const refusedBy = "Route 53 refused: "

// end settles a record. What was never intended has no entry.
func (d *recordDeletion) end(r *dyingRecord, outcome, detail string) {
	r.Outcome, r.Detail = outcome, oneLine(detail)
	if outcome == DeletedKept {
		outcome = ledger.Failed
	}
	if r.begun {
		r.entry.Outcome, r.entry.Detail, r.entry.Ended = outcome, r.Detail, time.Now().UTC()
		d.ended = append(d.ended, r.entry)
	}
}

func (d *recordDeletion) open() []*dyingRecord {
	return slices.DeleteFunc(slices.Clone(d.records), func(r *dyingRecord) bool { return r.Outcome != "" })
}

// rounds are how often a record is looked at again that changed between the look and the change: others take their values out of
// the same record set.
const rounds = 4

func (d *recordDeletion) run(ctx context.Context) error {
	for range rounds {
		for _, step := range []func(context.Context) error{d.read, d.lookForHolders, d.intend, d.stayWithin, d.change} {
			if len(d.open()) == 0 {
				return nil
			}
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	for _, r := range d.open() {
		if r.refused == "" {
			return fmt.Errorf("%s is changed by others again and again", r.RecordSet)
		}
		d.end(r, DeletedFailed, refusedBy+r.refused)
	}
	return nil
}

// read looks at the records as they are now, and settles what is gone and what is somebody else's by now.
func (d *recordDeletion) read(ctx context.Context) error {
	var wanted policy.WantedRecords
	for _, r := range d.open() {
		wanted.Names = append(wanted.Names, r.Name)
	}
	wanted.Names = unique(wanted.Names)
	sets, err := d.door.reads.ask(ctx, wanted)
	if err != nil {
		return translate(d.door.zone.Place, err)
	}
	now := map[string]policy.RecordSet{}
	for _, set := range sets {
		now[set.Key()] = set
	}
	for _, r := range d.open() {
		set, there := now[r.Key()]
		why, detail := "", ""
		if r.now, r.left = set, nil; there {
			r.left, why = r.Reread(&set)
			detail = set.PointsTo() + " by now"
		}
		switch {
		case why != "":
			d.end(r, DeletedKept, why)
		case len(r.left) > 0:
		case r.begun:
			d.end(r, ledger.Deleted, "")
		default:
			d.end(r, ledger.Gone, detail)
		}
	}
	return nil
}

// change asks for the changes and settles what was made. What was refused is read again first: it may have been changed
// meanwhile, or been made by an attempt whose answer was lost.
func (d *recordDeletion) change(ctx context.Context) error {
	open := d.open()
	asked := make([]recordChange, len(open))
	for i, r := range open {
		r.refused = "" // what was said of an older version
		asked[i] = recordChange{set: r.now, drop: r.left}
	}
	answers, err := d.door.changes.ask(ctx, asked)
	if err != nil {
		return translate(d.door.zone.Place, err)
	}
	var failed error
	for i, r := range open {
		var no *refusal
		switch err := answers[i]; {
		case err == nil:
			d.end(r, ledger.Deleted, r.held)
		case errors.As(err, &no):
			r.refused = no.message
		case !errors.Is(err, errStale):
			failed = translate(d.door.zone.Place, err)
			if app, ok := errors.AsType[*temporal.ApplicationError](failed); ok && app.NonRetryable() {
				d.end(r, DeletedFailed, refusedBy+app.Message()) // for certain: it was answered so
			}
		}
	}
	return failed
}
