package activities

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
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
		if err := w.ledger.Undone(t.Context(), all[undone].Node.Entry, "ann", ""); err != nil {
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
