package activities

import (
	"context"
	"fmt"
	"slices"

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
// nothing of that. Only what this look has no entry of is looked for, by names that a checked subject has: they go into a query.
// A name may be many resources', and another's undo says nothing of this one; of a resource the newest entry counts.
func meetUndone(ctx context.Context, book Ledger, known []standing, resources, names []string) error {
	if !slices.ContainsFunc(known, func(s standing) bool { return !s.Known }) {
		return nil
	}
	for _, name := range names {
		found, err := book.Find(ctx, name)
		if err != nil {
			return err
		}
		newest := map[string]ledger.Entry{}
		for _, e := range slices.Backward(found) {
			newest[e.Resource] = e
		}
		for i, what := range resources {
			if e := newest[what]; !known[i].Known && e.Outcome == ledger.Undone {
				known[i] = standing{ID: e.ID, Entry: e, Known: true, PutBack: e.UndoneBy}
			}
		}
	}
	return nil
}

// undoneNames are the names by which the entries of a subject are found. A name or an address may be another machine's by now:
// it is asked for only where there is no instance.
func undoneNames(s policy.Subject, addresses ...string) []string {
	switch {
	case s.Instance != "":
		return []string{s.Instance}
	case s.Node != "":
		return []string{s.Node}
	}
	addresses = unique(append(slices.Clone(addresses), s.Address))
	return slices.DeleteFunc(addresses, func(address string) bool { return policy.CheckAddress(address) != nil })
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
