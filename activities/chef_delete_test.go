package activities

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

func TestDeleteNode(t *testing.T) {
	for name, c := range map[string]struct {
		world        func(*chefWorld)
		in           func(*DeleteNodeInput)
		node, client string // outcome: detail
		left         string // nodes | clients
	}{
		"both": {node: "deleted", client: "deleted", left: "web-2 | chef-validator epoxy web-2"},
		"the node is gone": {
			world: func(w *chefWorld) { delete(w.things["nodes"], "web-1") },
			node:  "gone", client: "kept: its node is gone since", left: "web-2 | chef-validator epoxy web-1 web-2",
		},
		"the client is gone": {
			world: func(w *chefWorld) { delete(w.things["clients"], "web-1") },
			node:  "deleted", client: "gone", left: "web-2 | chef-validator epoxy web-2",
		},
		"both are gone": {
			world: func(w *chefWorld) { delete(w.things["nodes"], "web-1"); delete(w.things["clients"], "web-1") },
			node:  "gone", client: "gone", left: "web-2 | chef-validator epoxy web-2",
		},
		"only a client was found": {
			world: func(w *chefWorld) { delete(w.things["nodes"], "web-1") },
			in: func(in *DeleteNodeInput) {
				in.Node = policy.ChefNode{Server: "prod", Name: "web-1", ClientOnly: true}
			},
			node: "gone", client: "deleted", left: "web-2 | chef-validator epoxy web-2",
		},
		"only a client was found, and a node registered since": {
			in: func(in *DeleteNodeInput) {
				in.Node = policy.ChefNode{Server: "prod", Name: "web-1", ClientOnly: true}
			},
			node: "kept: it was registered since", client: "kept: its node stays: it was registered since",
			left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"its name is another's by now": {
			world: func(w *chefWorld) { w.register("web-1", otherInstance, "10.0.0.7", died) },
			node:  "kept: it is instance " + otherInstance, client: "kept: its node stays", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"it checks in": {
			world: func(w *chefWorld) { w.register("web-1", deadInstance, "10.0.0.1", died.Add(time.Hour)) },
			node:  "kept: it checked in at", client: "kept: its node stays", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"by name, and it got an instance since": {
			in: func(in *DeleteNodeInput) {
				in.Subject.Instance, in.Subject.Node, in.Node.Instance = "", "web-1", ""
			},
			node: "kept: its instance became " + deadInstance, client: "kept: its node stays", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"by name, and it checked in since": {
			in: func(in *DeleteNodeInput) {
				in.Subject.Instance, in.Subject.Node, in.Node.CheckedIn = "", "web-1", in.Node.CheckedIn.Add(-time.Minute)
			},
			node: "kept: it checked in since", client: "kept: its node stays", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"its instance, and the last check-in came late": {
			in:   func(in *DeleteNodeInput) { in.Node.CheckedIn = in.Node.CheckedIn.Add(-time.Minute) },
			node: "deleted", client: "deleted", left: "web-2 | chef-validator epoxy web-2",
		},
		"by name, never converged, and it converged since": {
			world: func(w *chefWorld) { w.things["nodes"]["web-1"] = `{"name":"web-1","automatic":{"ohai_time":1000}}` },
			in: func(in *DeleteNodeInput) {
				in.Subject.Instance, in.Subject.Node, in.Node = "", "web-1", policy.ChefNode{Server: "prod", Name: "web-1"}
			},
			node: "kept: it checked in at 1970", client: "kept: its node stays", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
		"by name, never converged": {
			world: func(w *chefWorld) { w.things["nodes"]["web-1"] = `{"name":"web-1"}` },
			in: func(in *DeleteNodeInput) {
				in.Subject.Instance, in.Subject.Node, in.Node = "", "web-1", policy.ChefNode{Server: "prod", Name: "web-1"}
			},
			node: "deleted", client: "deleted", left: "web-2 | chef-validator epoxy web-2",
		},
		"its client is a validator": {
			world: func(w *chefWorld) { w.client("web-1", `"validator":true`) },
			node:  "deleted", client: "kept: it is a validator", left: "web-2 | chef-validator epoxy web-1 web-2",
		},
		"its client is an admin": {
			world: func(w *chefWorld) { w.client("web-1", `"admin":true`) },
			node:  "deleted", client: "kept: it administers", left: "web-2 | chef-validator epoxy web-1 web-2",
		},
		"rights in another shape": {
			world: func(w *chefWorld) { w.client("web-1", `"admin":"yes"`) },
			node:  "deleted", client: "kept: it administers", left: "web-2 | chef-validator epoxy web-1 web-2",
		},
		"our own node": {
			world: func(w *chefWorld) { w.register("epoxy", deadInstance, "10.0.0.1", died) },
			in:    func(in *DeleteNodeInput) { in.Node.Name = "epoxy" },
			node:  "deleted", client: "kept: it is the client that Epoxy itself signs with", left: "web-1 web-2 | chef-validator epoxy web-1 web-2",
		},
	} {
		w := newChefWorld(t)
		in := w.deletion("web-1")
		if c.world != nil {
			c.world(w)
		}
		if c.in != nil {
			c.in(&in)
		}
		out, err := attempt(t, w.chef().DeleteNode, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, pair := range []struct {
			got  Deleted
			want string
			kind string
		}{{out.Node, c.node, "nodes"}, {out.Client, c.client, "clients"}} {
			outcome, detail, _ := strings.Cut(pair.want, ": ")
			if pair.got.Outcome != outcome || !strings.HasPrefix(pair.got.Detail, detail) || pair.got.What != "chef/prod/"+pair.kind+"/"+in.Node.Name {
				t.Errorf("%s: %+v, want %s", name, pair.got, pair.want)
			}
			e := w.entry(pair.kind, in.Node.Name)
			if pair.got.Entry != e.ID || (outcome == ledger.Deleted) != (e.Outcome == ledger.Deleted) {
				t.Errorf("%s: %+v has the entry %s %q", name, pair.got, e.ID, e.Outcome)
			}
		}
		if left := w.has("nodes") + " | " + w.has("clients"); left != c.left {
			t.Errorf("%s: left %s, want %s", name, left, c.left)
		}
	}
}

func TestDeleteNodeWritesDownWhatAnUndoNeeds(t *testing.T) {
	w := newChefWorld(t)
	before := w.things["nodes"]["web-1"]
	if _, err := attempt(t, w.chef().DeleteNode, w.deletion("web-1")); err != nil {
		t.Fatal(err)
	}
	node, client := w.entry("nodes", "web-1"), w.entry("clients", "web-1")
	if node.PutBack.Definition != before || textAt([]byte(client.PutBack.Definition), "public_key") != "key of web-1" {
		t.Errorf("put back: %+v and %+v", node.PutBack, client.PutBack)
	}
	for _, e := range []ledger.Entry{node, client} {
		if want := []string{"10.0.0.1", deadInstance, "web-1"}; !slices.Equal(e.Names, want) {
			t.Errorf("%s is found by %q, want %q", e.Resource, e.Names, want)
		}
		if e.Account != here.Account || e.Region != here.Region || e.Reason == "" || e.Approver == "" || e.WorkflowID == "" || e.Policy != "prod" || e.Ended.IsZero() {
			t.Errorf("entry %+v", e)
		}
	}
	if node.Kind != ledger.ChefNode || client.Kind != ledger.ChefClient {
		t.Errorf("kinds %s, %s", node.Kind, client.Kind)
	}
}

// Whatever fails or loses its answer once: at the end both are gone, once, by us, and the neighbour is untouched.
func TestDeleteNodeSurvivesAnything(t *testing.T) {
	for _, operation := range []string{"GET nodes", "GET clients", "DELETE nodes", "DELETE clients", "Entries", "Undos", "Intend", "Conclude"} {
		for _, how := range []string{"fails", "loses its answer"} {
			w := newChefWorld(t)
			in := w.deletion("web-1")
			for _, wire := range []*wire{w.wire, w.ledger.wire} {
				if how == "fails" {
					wire.fail[operation] = []error{&chefAnswer{http.StatusBadGateway}}
				} else {
					wire.lose[operation]++
				}
			}
			if _, err := attempt(t, w.chef().DeleteNode, in); err == nil {
				t.Errorf("%s %s, and nobody noticed", operation, how)
			}
			out, err := attempt(t, w.chef().DeleteNode, in)
			if err != nil || out.Node.Outcome != ledger.Deleted || out.Client.Outcome != ledger.Deleted {
				t.Errorf("%s %s: %+v, %v", operation, how, out, err)
			}
			if again, err := attempt(t, w.chef().DeleteNode, in); err != nil || again != out {
				t.Errorf("%s %s: once more %+v, %v", operation, how, again, err)
			}
			if left := w.has("nodes") + " | " + w.has("clients"); left != "web-2 | chef-validator epoxy web-2" || len(w.ledger.entries) != 2 {
				t.Errorf("%s %s: left %s, %d entries", operation, how, left, len(w.ledger.entries))
			}
		}
	}
}

// What the server does not let us delete could not be deleted: nothing else that stays is called so, in no attempt.
func TestDeleteNodeThatIsForbidden(t *testing.T) {
	for refused, want := range map[string]struct{ node, client, left string }{
		"nodes":   {DeletedFailed + ": Chef refused: ", DeletedKept + ": its node stays: Chef refused: ", "web-1 web-2 | chef-validator epoxy web-1 web-2"},
		"clients": {DeletedDone + ": ", DeletedFailed + ": Chef refused: ", "web-2 | chef-validator epoxy web-1 web-2"},
	} {
		w := newChefWorld(t)
		w.fail["DELETE "+refused] = []error{&chefAnswer{http.StatusForbidden}}
		in := w.deletion("web-1")
		for range 2 { // the second is another attempt: the answer of the first was lost
			out, err := attempt(t, w.chef().DeleteNode, in)
			node, client := out.Node.Outcome+": "+out.Node.Detail, out.Client.Outcome+": "+out.Client.Detail
			if err != nil || !strings.HasPrefix(node, want.node) || !strings.HasPrefix(client, want.client) {
				t.Errorf("%s: %s, %s, %v", refused, node, client, err)
			}
			if told := node + client; !strings.Contains(told, "answers 403; let client epoxy do that: give it delete rights") {
				t.Errorf("%s: nobody knows what to do: %s", refused, told)
			}
		}
		if e := w.entry(refused, "web-1"); e.Outcome != ledger.Failed {
			t.Errorf("%s: the ledger says %s", refused, e.Outcome)
		}
		if left := w.has("nodes") + " | " + w.has("clients"); left != want.left || w.calls["DELETE "+refused] != 1 {
			t.Errorf("%s: left %s after %d calls", refused, left, w.calls["DELETE "+refused])
		}
	}
}

// An attempt dies after the intents; then a new machine registers under the name.
func TestDeleteNodeLeavesANewMachineOfItsNameAlone(t *testing.T) {
	w := newChefWorld(t)
	in := w.deletion("web-1")
	w.lose["DELETE nodes"]++
	if _, err := attempt(t, w.chef().DeleteNode, in); err == nil {
		t.Fatal("the answer was lost, and nobody noticed")
	}
	w.things["clients"]["web-1"] = `{"name":"web-1","public_key":"another key"}`
	out, err := attempt(t, w.chef().DeleteNode, in)
	if err != nil || out.Node.Outcome != ledger.Deleted || out.Client.Outcome != DeletedKept || !strings.Contains(out.Client.Detail, "a new machine has its name") {
		t.Errorf("%+v, %v", out, err)
	}
	if w.has("clients") != "chef-validator epoxy web-1 web-2" {
		t.Errorf("left %s", w.has("clients"))
	}
}

func TestDeleteNodeRefusesWhatIsNoName(t *testing.T) {
	for _, name := range []string{"", "../clients/web-2", "web-1?x", "web 1"} {
		w := newChefWorld(t)
		in := w.deletion("web-1")
		in.Node.Name = name
		_, err := attempt(t, w.chef().DeleteNode, in)
		wantError(t, name, err, refused(ErrInvalid, "is no name of a Chef node…nothing is deleted"))
		if len(w.sent) > 0 {
			t.Errorf("%q: asked %q", name, w.sent)
		}
	}
}

// A server of version 1 of the API tells a client's key apart.
func TestDeleteNodeFindsTheKeyWhereItIs(t *testing.T) {
	w := newChefWorld(t)
	w.things["clients"]["web-1"] = `{"name":"web-1","validator":false}`
	w.things["clients"]["web-1/keys/default"] = `{"name":"default","public_key":"key apart"}`
	if out, err := attempt(t, w.chef().DeleteNode, w.deletion("web-1")); err != nil || out.Client.Outcome != ledger.Deleted {
		t.Errorf("%+v, %v", out, err)
	}
	if key := textAt([]byte(w.entry("clients", "web-1").PutBack.Definition), "public_key"); key != "key apart" {
		t.Errorf("an undo would have the key %q", key)
	}
}
