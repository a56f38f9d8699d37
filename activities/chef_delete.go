package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// DeleteNode reads a node and its client once more, and deletes what is still the dead instance's, each on its own. It may be
// repeated at any point: what is gone and an intent of this run covers was deleted by an attempt before.
func (a *Chef) DeleteNode(ctx context.Context, in DeleteNodeInput) (DeleteNodeOutput, error) {
	defer beating(ctx, in.Node.Name)()
	leave, err := a.enter(ctx, in.Node.Server, "delete")
	if err != nil {
		return DeleteNodeOutput{}, err
	}
	defer leave()
	d, err := a.openNodeDeletion(ctx, in)
	if err != nil {
		return DeleteNodeOutput{}, err
	}
	err = d.run(ctx)
	// Also of what an error ends in the middle: what has ended is known.
	if wrong := d.book.Conclude(ctx, d.ended); err == nil {
		err = translate(in.Ledger.Place, wrong)
	}
	return DeleteNodeOutput{Node: d.node.Deleted, Client: d.client.Deleted}, err
}

// nodeDeletion is one attempt at a node and its client.
type nodeDeletion struct {
	in     DeleteNodeInput
	server chefServer
	shelf  shelf
	book   Ledger
	look   string
	ended  []ledger.Entry

	node, client chefThing
}

// chefThing is a node or a client on its way out.
type chefThing struct {
	Deleted

	kind   string // in paths
	ledger string // kind of entry
	there  bool
	json   []byte // as it is, for an undo
	entry  ledger.Entry
	begun  bool // an attempt before this one said that it would delete it
}

func (a *Chef) openNodeDeletion(ctx context.Context, in DeleteNodeInput) (*nodeDeletion, error) {
	for _, err := range []error{in.Subject.Check(), policy.CheckNodeName(in.Node.Name)} {
		if err != nil {
			return nil, Refuse(ErrInvalid, "%v: nothing is deleted", err)
		}
	}
	d := &nodeDeletion{in: in, look: lookOf(ctx)}
	var err error
	if d.server, err = a.server(in.Node.Server); err != nil {
		return nil, err
	}
	if d.shelf, err = openShelf(ctx, a.S3, in.Store); err != nil {
		return nil, err
	}
	if d.book, err = a.Ledger(ctx, in.Ledger); err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	d.node, d.client = d.thing(chefNodes, ledger.ChefNode), d.thing(chefClients, ledger.ChefClient)
	return d, d.readEntries(ctx)
}

func (d *nodeDeletion) thing(kind, ledgerKind string) chefThing {
	what := "chef/" + d.in.Node.Server + "/" + kind + "/" + d.in.Node.Name
	return chefThing{Deleted: Deleted{What: what}, kind: kind, ledger: ledgerKind}
}

func (d *nodeDeletion) readEntries(ctx context.Context) error {
	resources := []string{d.node.What, d.client.What}
	known, err := standings(ctx, d.book, d.in.RunID, d.look, resources)
	if err == nil && !d.in.Again {
		err = meetUndone(ctx, d.book, known, resources, func(_ int, e ledger.Entry, at time.Time) bool { return sameMachine(e, d.instance(), at) })
	}
	if err != nil {
		return translate(d.in.Ledger.Place, err)
	}
	for i, t := range []*chefThing{&d.node, &d.client} {
		t.entry.ID = known[i].ID
		if known[i].Known {
			t.take(known[i].Entry)
			t.begun = t.Outcome == ""
		}
	}
	return nil
}

// instance is whose node it is. A node writes its instance id itself: only what is one counts.
func (d *nodeDeletion) instance() string {
	if d.in.Subject.Instance == "" && policy.CheckInstanceID(d.in.Node.Instance) == nil {
		return d.in.Node.Instance
	}
	return d.in.Subject.Instance
}

// take makes the ledger's entry the thing's own, and its outcome, if it has one.
func (t *chefThing) take(e ledger.Entry) {
	t.entry = e
	t.recall(e, chefRefused)
}

// chefRefused begins what the ledger says of what could not be deleted.
const chefRefused = "Chef refused: "

func (t *chefThing) stays() bool { return t.Outcome == DeletedKept || t.Outcome == DeletedFailed }

// end settles a thing. What was never intended has no entry.
func (d *nodeDeletion) end(t *chefThing, outcome, detail string) {
	t.Outcome, t.Detail = outcome, detail
	if outcome == DeletedKept {
		outcome = ledger.Failed
	}
	if t.Entry != "" {
		t.entry.Outcome, t.entry.Detail, t.entry.Ended = outcome, detail, time.Now().UTC()
		d.ended = append(d.ended, t.entry)
	}
}

func (d *nodeDeletion) run(ctx context.Context) error {
	if d.node.Outcome != "" && d.client.Outcome != "" {
		return nil // by an attempt whose answer was lost
	}
	if err := d.read(ctx); err != nil {
		return err
	}
	if err := d.intend(ctx); err != nil {
		return err
	}
	if err := d.delete(ctx, &d.node); err != nil {
		return err
	}
	if d.node.stays() && d.client.Outcome == "" {
		d.end(&d.client, DeletedKept, nodeStays+d.node.Detail)
	}
	return d.delete(ctx, &d.client)
}

// nodeStays is why a client does: without it the node could not check in any more.
const nodeStays = "its node stays: "

// intend writes down what is about to be deleted, with what an undo needs.
func (d *nodeDeletion) intend(ctx context.Context) error {
	var entries []ledger.Entry
	var going []*chefThing
	for _, t := range []*chefThing{&d.node, &d.client} {
		if t.Outcome != "" {
			continue
		}
		if !t.begun {
			t.entry = d.newEntry(t)
			if err := d.shelf.shelve(ctx, &t.entry.PutBack); err != nil {
				return err
			}
		}
		entries, going = append(entries, t.entry), append(going, t)
	}
	return intendAll(ctx, d.book, d.in.Ledger, entries, func(i int, e ledger.Entry) { going[i].take(e) })
}

func (d *nodeDeletion) newEntry(t *chefThing) ledger.Entry {
	names := slices.Concat([]string{d.in.Node.Name, d.in.Subject.Instance, d.in.Node.Instance, d.in.Subject.Address}, d.in.Node.Addresses)
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
	return ledger.Entry{
		ID: t.entry.ID, Kind: t.ledger, Resource: t.What, Account: d.in.Subject.Account, Region: d.in.Subject.Region, Names: names, Bytes: int64(len(t.json)),
		Reason: d.in.Reason, Policy: d.in.Environment, WorkflowID: d.in.WorkflowID, RunID: d.in.RunID, Look: d.look, Approver: d.in.Approver, Intent: time.Now().UTC(),
		PutBack: ledger.PutBack{Definition: string(t.json)},
	}
}

// shelve moves what is too big for an entry into the artifact bucket.
func (s shelf) shelve(ctx context.Context, p *ledger.PutBack) error {
	if len(p.Definition) <= ledger.MaxPutBack {
		return nil
	}
	ref, err := s.put(ctx, kindPutBack, *p)
	*p = ledger.PutBack{Key: ref.Key, SHA256: ref.SHA256, Size: ref.Bytes}
	return err
}

// delete does it, or settles that the server does not let us: what else is to be deleted still goes. What is gone in this
// moment was somebody else's doing, unless an attempt before this one began it.
func (d *nodeDeletion) delete(ctx context.Context, t *chefThing) error {
	if t.Outcome != "" {
		return nil
	}
	was, err := d.server.delete(ctx, t.kind, d.in.Node.Name)
	var refused *temporal.ApplicationError
	switch {
	case errors.As(err, &refused) && refused.NonRetryable():
		d.end(t, DeletedFailed, chefRefused+oneLine(refused.Message())) // for certain: it was answered so
	case err != nil:
		return err
	case was || t.begun:
		d.end(t, ledger.Deleted, "")
	default:
		d.end(t, ledger.Gone, "")
	}
	return nil
}
