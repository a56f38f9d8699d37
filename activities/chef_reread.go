package activities

import (
	"cmp"
	"context"
	"encoding/json"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// read looks at both as they are now, and settles what is gone, and what is not to be deleted.
func (d *nodeDeletion) read(ctx context.Context) error {
	n, text, found, err := d.server.node(ctx, d.in.Node.Name)
	if err != nil {
		return err
	}
	c, hasClient, err := d.server.client(ctx, d.in.Node.Name)
	if err != nil {
		return err
	}
	d.node.there, d.node.json, d.client.there = found, text, hasClient
	if d.client.json, err = json.Marshal(c); err != nil {
		return err
	}
	why := ""
	if found {
		if why = d.judge(n); d.isTaken(n) {
			why = taken
			d.end(&d.node, ledger.Deleted, taken)
		}
	}
	d.settle(&d.node, why)
	if d.node.stays() {
		why = nodeStays + d.node.Detail
	}
	d.settle(&d.client, cmp.Or(c.NeverDeleted(d.server.api.Client()), why, d.renewed(c)))
	return nil
}

// taken says why nothing more of a name is deleted.
const taken = "another machine has its name by now"

// isTaken tells that another machine's node is where one was about to be deleted: that one was deleted, though the answer was
// lost. An intent is only ever for the instance that was found, as judge sees to.
func (d *nodeDeletion) isTaken(n policy.ChefNode) bool {
	before := d.in.Node.Instance
	known := policy.CheckInstanceID(before) == nil && policy.CheckInstanceID(n.Instance) == nil
	return d.node.Outcome == "" && d.node.begun && known && n.Instance != before
}

// judge says why a node stays, or "".
func (d *nodeDeletion) judge(n policy.ChefNode) string {
	if d.in.Node.ClientOnly {
		return "it was registered since: there was only a client when it was looked for"
	}
	if own, why := policy.JudgeNode(n, d.in.Subject, d.in.Died); !own {
		return why
	}
	if n.Instance != d.in.Node.Instance {
		return "its instance became " + cmp.Or(n.Instance, "unknown") + " since it was looked for"
	}
	if byInstance := n.Instance != "" && n.Instance == d.in.Subject.Instance; !byInstance && !n.CheckedIn.Equal(d.in.Node.CheckedIn) {
		return "it checked in since it was looked for: it is alive"
	}
	return ""
}

// renewed says that a client is another than the one that is to be deleted, as a new machine of the same name has.
func (d *nodeDeletion) renewed(c policy.ChefClient) string {
	if !d.in.Node.ClientOnly && d.node.Outcome == ledger.Gone {
		return "its node is gone since it was looked for: a new machine may have its name; a sweep will tell"
	}
	before := d.in.Node.ClientKey
	if before == "" && d.client.begun {
		before = policy.ParseChefClient([]byte(d.client.entry.PutBack.Definition)).KeyHash()
	}
	if before != "" && before != c.KeyHash() {
		return "it got a new key since: a new machine has its name"
	}
	return ""
}

func (d *nodeDeletion) settle(t *chefThing, stays string) {
	switch {
	case t.Outcome != "":
	case !t.there && t.begun:
		d.end(t, ledger.Deleted, "")
	case !t.there:
		d.end(t, ledger.Gone, "")
	case stays != "":
		d.end(t, DeletedKept, stays)
	}
}
