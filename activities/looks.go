package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// standing is what the ledger knows of a resource that a run is about to delete. A run looks more than once: what it deleted
// may have registered itself anew, and goes again, or a person may have put it back, and it stays. So a resource has an entry
// for each look that deleted it; their ids follow from each other, and all are found without an index.
type standing struct {
	ID      string       // of the entry that this look has, or is to make
	Entry   ledger.Entry // this look's
	Known   bool         // there is one
	PutBack string       // by whom, in any look of any run: it stays
}

// standingsPerCall is how many entries of each resource are read at once: hardly anything comes back twice.
const standingsPerCall = 3

// standings says how resources stand, in the order asked. A look is what tells it from the run's others, and is the same in all
// attempts at it; whoever makes an entry sets its Look.
func standings(ctx context.Context, book Ledger, runID, look string, resources []string) ([]standing, error) {
	out := make([]standing, len(resources))
	for from, open := 0, true; open; from += standingsPerCall {
		open = false
		var ids []string
		for i, what := range resources {
			for n := from; out[i].ID == "" && n < from+standingsPerCall; n++ {
				ids = append(ids, standingID(runID, what, n))
			}
		}
		found, err := book.Entries(ctx, ids)
		if err != nil {
			return nil, err
		}
		for i, what := range resources {
			for n := from; out[i].ID == "" && n < from+standingsPerCall; n++ {
				out[i].meet(found, standingID(runID, what, n), look)
			}
			open = open || out[i].ID == ""
		}
	}
	return out, nil
}

// meet goes on until there is no entry any more, also beyond this look's own.
func (s *standing) meet(found map[string]ledger.Entry, id, look string) {
	e, there := found[id]
	switch {
	case !there && s.Known:
		s.ID = s.Entry.ID
	case !there:
		s.ID = id
	case e.Outcome == ledger.Undone:
		*s = standing{ID: id, Entry: e, Known: true, PutBack: e.UndoneBy}
	case e.Look == look:
		s.Entry, s.Known = e, true
	}
}

// meetUndone keeps what a person put back, also after another run had deleted it: this one, which a later event began, knows
// nothing of that. Of a resource there may be several undos; same tells which is of what is about to go.
func meetUndone(ctx context.Context, book Ledger, known []standing, resources []string, same func(i int, e ledger.Entry, at time.Time) bool) error {
	undos, err := book.Undos(ctx, resources)
	if err != nil {
		return err
	}
	var ids []string
	for _, u := range slices.Concat(undos...) {
		ids = append(ids, u.Entry)
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := book.Entries(ctx, ids)
	if err != nil {
		return err
	}
	for i, what := range resources {
		for _, u := range undos[i] {
			if e := found[u.Entry]; !known[i].Known && e.Outcome == ledger.Undone && e.Resource == what && same(i, e, u.At) {
				known[i] = standing{ID: e.ID, Entry: e, Known: true, PutBack: e.UndoneBy}
			}
		}
	}
	return nil
}

// undoHolds is how long an undo holds for whom no instance id tells apart: a name and an address are another machine's one day.
const undoHolds = 30 * 24 * time.Hour

// sameMachine tells whether what an entry put back is of an instance.
func sameMachine(e ledger.Entry, instance string, at time.Time) bool {
	told := slices.ContainsFunc(e.Names, func(name string) bool { return policy.CheckInstanceID(name) == nil })
	if told && instance != "" {
		return slices.Contains(e.Names, instance)
	}
	return time.Since(at) < undoHolds
}

// recall takes what an entry says of how a deletion ended. The ledger knows one outcome for all that stays: what refused begins
// is what could not be deleted, and the rest was kept.
func (d *Deleted) recall(e ledger.Entry, refused string) {
	d.Entry, d.Outcome, d.Detail = e.ID, e.Outcome, e.Detail
	switch {
	case e.Outcome == ledger.Undone:
		d.Outcome, d.Detail = DeletedKept, "put back by "+e.UndoneBy
	case e.Outcome == ledger.Failed && !strings.HasPrefix(e.Detail, refused):
		d.Outcome = DeletedKept
	}
}

// intendAll writes intents, and gives each as it is stored: an attempt that was given up for dead may have been quicker.
func intendAll(ctx context.Context, book Ledger, in LedgerTable, entries []ledger.Entry, stored func(i int, e ledger.Entry)) error {
	if len(entries) == 0 {
		return nil
	}
	all, err := book.Intend(ctx, entries)
	if err != nil {
		return translate(in.Place, err)
	}
	for i, e := range all {
		stored(i, e)
	}
	return nil
}

func standingID(runID, resource string, n int) string {
	if n > 0 {
		resource += fmt.Sprintf("@%d", n)
	}
	return ledger.EntryID(runID, resource)
}

// lookOf tells apart the times that a run looks, while a second attempt of the same activity knows what the first one did.
func lookOf(ctx context.Context) string {
	if !activity.IsActivity(ctx) {
		return ""
	}
	return activity.GetInfo(ctx).ActivityID
}
