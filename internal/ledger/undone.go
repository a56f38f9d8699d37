package ledger

import (
	"context"
	"slices"
	"time"
)

// Undo is when somebody put a resource back, and by which entry.
type Undo struct {
	Entry string    `json:"entry"`
	At    time.Time `json:"at"`
}

// undosKept bounds the memory of one resource: many machines have a value in a shared record set.
const undosKept = 50

// MarkUndo remembers that an entry of a resource is about to be undone, so that it is found without a query. The entry alone
// tells whether it really was.
func (t Table) MarkUndo(ctx context.Context, resource, entry string) error {
	var undos []Undo
	version, err := t.State(ctx, undosOf(resource), &undos)
	if err != nil || slices.ContainsFunc(undos, func(u Undo) bool { return u.Entry == entry }) {
		return err
	}
	undos = append([]Undo{{Entry: entry, At: time.Now().UTC()}}, undos...)
	return t.SetState(ctx, undosOf(resource), undos[:min(len(undos), undosKept)], version)
}

// Undos are those of resources, in the order asked, of each the newest first.
func (t Table) Undos(ctx context.Context, resources []string) ([][]Undo, error) {
	out := make([][]Undo, len(resources))
	return out, each(ctx, len(resources), func(ctx context.Context, i int) error {
		_, err := t.State(ctx, undosOf(resources[i]), &out[i])
		return err
	})
}

func undosOf(resource string) string { return "undos/" + resource }
