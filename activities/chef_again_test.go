package activities

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/ledger"
)

// looking gives what later looks of the same run answer: other activities, with other ids.
func (w *chefWorld) looking(a *Chef) func(DeleteNodeInput) DeleteNodeOutput {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet)
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(a.DeleteNode)
	return func(in DeleteNodeInput) DeleteNodeOutput {
		w.t.Helper()
		answer, err := env.ExecuteActivity(a.DeleteNode, in)
		if err != nil {
			w.t.Fatal(err)
		}
		var out DeleteNodeOutput
		if err := answer.Get(&out); err != nil {
			w.t.Fatal(err)
		}
		return out
	}
}

// A node that registers again, exactly as it was, is deleted again by a later look of the same run; until a person puts one of
// them back.
func TestANodeThatRegistersAgainIsDeletedAgain(t *testing.T) {
	const times = 5
	for undone := range times {
		w := newChefWorld(t)
		look := w.looking(w.chef())
		in := w.deletion("web-1")
		var all []DeleteNodeOutput
		for n := range times {
			w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
			calls := w.ledger.calls["Entries"]
			out := look(in)
			if out.Node.Outcome != DeletedDone || out.Client.Outcome != DeletedDone {
				t.Fatalf("look %d: %+v", n, out)
			}
			if all = append(all, out); n == 0 && w.ledger.calls["Entries"] != calls+1 {
				t.Errorf("the first look reads %d times", w.ledger.calls["Entries"]-calls)
			}
		}
		if w.calls["DELETE nodes"] != times || w.calls["DELETE clients"] != times || len(w.ledger.entries) != 2*times {
			t.Errorf("calls %v, %d entries", w.calls, len(w.ledger.entries))
		}
		w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
		if err := w.ledger.putBack(t.Context(), all[undone].Node.Entry); err != nil {
			t.Fatal(err)
		}
		out := look(in)
		if out.Node.Outcome != DeletedKept || out.Node.Detail != "put back by ann" || out.Client.Outcome != DeletedKept || out.Client.Detail != "its node stays: put back by ann" {
			t.Errorf("%d was put back: %+v", undone, out)
		}
		if w.has("nodes") != "web-1 web-2" || w.has("clients") != "chef-validator epoxy web-1 web-2" {
			t.Errorf("%d was put back, and left are %s and %s", undone, w.has("nodes"), w.has("clients"))
		}
	}
}

// The next event begins another run, which knows nothing of an undo but what the ledger says.
func TestANodeThatWasPutBackStaysForTheNextRun(t *testing.T) {
	for name, c := range map[string]struct {
		undo         string // kind
		next         func(*chefWorld, *DeleteNodeInput)
		node, client string // outcome: detail
	}{
		"the node":        {undo: "nodes", node: "kept: put back by ann", client: "kept: its node stays: put back by ann"},
		"the client":      {undo: "clients", node: "deleted: ", client: "kept: put back by ann"},
		"neither":         {node: "deleted: ", client: "deleted: "},
		"a person mops":   {undo: "nodes", next: func(_ *chefWorld, in *DeleteNodeInput) { in.Again = true }, node: "deleted: ", client: "deleted: "},
		"mopped by name":  {undo: "nodes", next: byNodeName, node: "kept: put back by ann", client: "kept: its node stays: put back by ann"},
		"another machine": {undo: "nodes", next: anotherMachine, node: "deleted: ", client: "deleted: "},
	} {
		w := newChefWorld(t)
		look := w.looking(w.chef())
		in := w.deletion("web-1")
		look(in)
		if c.undo != "" {
			if err := w.ledger.putBack(t.Context(), w.entry(c.undo, "web-1").ID); err != nil {
				t.Fatal(err)
			}
		}
		w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
		in.RunID = "another run"
		if c.next != nil {
			c.next(w, &in)
		}
		var out DeleteNodeOutput
		for range 2 { // the second look of that run says the same, or finds nothing
			if got := look(in); out.Node.Outcome == "" {
				out = got
			}
		}
		if node, client := out.Node.Outcome+": "+out.Node.Detail, out.Client.Outcome+": "+out.Client.Detail; node != c.node || client != c.client {
			t.Errorf("%s: %s, %s", name, node, client)
		}
		if _, left := w.things["nodes"]["web-1"]; left != strings.HasPrefix(c.node, "kept") {
			t.Errorf("%s: the node is there: %t", name, left)
		}
		if _, left := w.things["clients"]["web-1"]; left != strings.HasPrefix(c.client, "kept") {
			t.Errorf("%s: the client is there: %t", name, left)
		}
	}
}

func byNodeName(_ *chefWorld, in *DeleteNodeInput) {
	in.Subject.Instance, in.Subject.Node = "", "web-1"
}

func anotherMachine(w *chefWorld, in *DeleteNodeInput) {
	w.register("web-1", "i-0bbbbbbbbbbbbbbbb", "10.0.0.9", died)
	in.Subject.Instance = "i-0bbbbbbbbbbbbbbbb"
	in.Node = w.deletion("web-1").Node
}

// The node goes, the answer is lost, and before the next attempt a machine registers under its name. What went is in the ledger
// as deleted, and what is there now stays.
func TestANodeWhoseNameIsTakenBeforeTheNextAttempt(t *testing.T) {
	for now, c := range map[string]struct{ node, client string }{
		"i-0bbbbbbbbbbbbbbbb": {"deleted: " + taken, "kept: " + taken},
		"*":                   {"kept: it is instance *, not " + deadInstance, "kept: its node stays: it is instance *, not " + deadInstance},
	} {
		w := newChefWorld(t)
		in := w.deletion("web-1")
		w.lose["DELETE nodes"]++
		if _, err := attempt(t, w.chef().DeleteNode, in); err == nil {
			t.Fatal("the answer was lost, and nobody noticed")
		}
		w.register("web-1", now, "10.0.0.9", died)
		for range 2 { // the answer of the second attempt is lost, too
			out, err := attempt(t, w.chef().DeleteNode, in)
			node, client := out.Node.Outcome+": "+out.Node.Detail, out.Client.Outcome+": "+out.Client.Detail
			if err != nil || node != c.node || client != c.client {
				t.Errorf("%s: %s, %s, %v", now, node, client, err)
			}
		}
		if e := w.entry("nodes", "web-1"); (e.Outcome == ledger.Deleted) != strings.HasPrefix(c.node, "deleted") {
			t.Errorf("%s: the ledger says %s", now, e.Outcome)
		}
		if left := w.has("nodes") + " | " + w.has("clients"); left != "web-1 web-2 | chef-validator epoxy web-1 web-2" {
			t.Errorf("%s: left %s", now, left)
		}
	}
}

// What an earlier look could not delete, or kept, is no answer to a later one.
func TestALaterLookTriesAgain(t *testing.T) {
	w := newChefWorld(t)
	look := w.looking(w.chef())
	w.fail["DELETE nodes"] = []error{&chefAnswer{403}}
	if out := look(w.deletion("web-1")); out.Node.Outcome != DeletedFailed || out.Client.Outcome != DeletedKept {
		t.Errorf("the first look: %+v", out)
	}
	if out := look(w.deletion("web-1")); out.Node.Outcome != DeletedDone || out.Client.Outcome != DeletedDone || w.has("nodes") != "web-2" {
		t.Errorf("the second look: %+v, left %s", out, w.has("nodes"))
	}
}

// Without a node, a client's key alone tells the dead one's from that of a new machine of its name.
func TestAClientWithAnotherKeyThanTheOneFoundStays(t *testing.T) {
	for key, want := range map[string]string{"key of web-1": DeletedDone, "another key": DeletedKept} {
		for apart := range 2 { // where a server tells the key
			w := newChefWorld(t)
			delete(w.things["nodes"], "web-1")
			have := func(key string) {
				w.things["clients"]["web-1"] = `{"name":"web-1","public_key":"` + key + `"}`
				if apart == 1 {
					w.things["clients"]["web-1"] = `{"name":"web-1"}`
					w.things["clients"]["web-1/keys/default"] = `{"name":"default","public_key":"` + key + `"}`
				}
			}
			have("key of web-1")
			found, err := w.find(func(in *FindNodesInput) { in.Names = []string{"web-1"} })
			if err != nil || len(found.Nodes) != 1 || !found.Nodes[0].ClientOnly || found.Nodes[0].ClientKey == "" {
				t.Fatalf("found %+v, %v", found, err)
			}
			have(key)
			in := w.deletion("web-2")
			in.Node = found.Nodes[0]
			out, err := attempt(t, w.chef().DeleteNode, in)
			if err != nil || out.Client.Outcome != want || want == DeletedKept && !strings.Contains(out.Client.Detail, "it got a new key") {
				t.Errorf("%s: %+v, %v", key, out, err)
			}
			if _, left := w.things["clients"]["web-1"]; left != (want == DeletedKept) {
				t.Errorf("%s: left %t", key, left)
			}
		}
	}
}

// A node's own client is not read to find the node: each node is one call.
func TestFindNodesReadsNoClientOfANode(t *testing.T) {
	w := newChefWorld(t)
	if _, err := w.find(nil); err != nil || !slices.Equal(w.sent, []string{"POST search/node", "GET nodes/web-1"}) {
		t.Errorf("sent %q, %v", w.sent, err)
	}
}

func TestLooksAreInTheLedger(t *testing.T) {
	w := newChefWorld(t)
	look := w.looking(w.chef())
	var looks []string
	for range 2 {
		w.register("web-1", deadInstance, "10.0.0.1", died)
		out := look(w.deletion("web-1"))
		looks = append(looks, w.ledger.entries[out.Node.Entry].Look)
	}
	if slices.Contains(looks, "") || looks[0] == looks[1] {
		t.Errorf("looks %q", looks)
	}
}
