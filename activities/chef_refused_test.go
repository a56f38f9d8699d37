package activities

import (
	"net/http"
	"testing"
)

// Chef let the node go and not its client: the ledger alone tells whose it was, to later looks and to the runs of later events.
func TestFindNodesRemembersARefusedClient(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*chefWorld)
		find   func(*FindNodesInput)
		found  string
	}{
		"still there":             {found: "web-1 (client)"},
		"by the name of its node": {find: func(in *FindNodesInput) { in.Subject.Instance, in.Subject.Node = "", "web-1" }, found: "web-1 (client)"},
		"a new machine's key":     {change: func(w *chefWorld) { w.things["clients"]["web-1"] = `{"name":"web-1","public_key":"another key"}` }},
		"a new machine's node": {
			change: func(w *chefWorld) { w.register("web-1", otherInstance, "10.0.0.3", died.Add(60e9)) },
		},
		"deleted by hand":           {change: func(w *chefWorld) { delete(w.things["clients"], "web-1") }},
		"another instance's":        {find: func(in *FindNodesInput) { in.Subject.Instance = "i-0fffffffffffffff9" }},
		"of another account":        {find: func(in *FindNodesInput) { in.Subject.Account = "210987654321" }},
		"an administrator's by now": {change: func(w *chefWorld) { w.client("web-1", `"admin":true`) }},
	} {
		w := newChefWorld(t)
		w.fail["DELETE clients"] = []error{&chefAnswer{http.StatusForbidden}}
		if _, err := attempt(t, w.chef().DeleteNode, w.deletion("web-1")); err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(w)
		}
		out, err := w.find(func(in *FindNodesInput) {
			in.Ledger = w.act.Ledger
			if c.find != nil {
				c.find(in)
			}
		})
		if err != nil || namesOfNodes(out.Nodes) != c.found {
			t.Errorf("%s: found %q, want %q: %v", name, namesOfNodes(out.Nodes), c.found, err)
			continue
		}
		for _, n := range out.Nodes {
			if !n.Refused && name == "still there" {
				t.Errorf("%s: nothing says that it was refused: %+v", name, n)
			}
			act := w.act
			act.RunID, act.Subject = "another run", w.act.Subject
			if got, err := attempt(t, w.chef().DeleteNode, DeleteNodeInput{MopAct: act, Node: n, Died: died}); err != nil || got.Client.Outcome != DeletedDone {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
}
