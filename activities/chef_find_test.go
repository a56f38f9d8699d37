package activities

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/internal/policy"
)

func namesOfNodes(nodes []policy.ChefNode) string {
	var names []string
	for _, n := range nodes {
		name := n.Name
		if n.ClientOnly {
			name += " (client)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func keptOf(kept []policy.KeptThing) string {
	var all []string
	for _, k := range kept {
		all = append(all, k.What+": "+k.Why)
	}
	return strings.Join(all, "; ")
}

func TestFindNodes(t *testing.T) {
	for name, c := range map[string]struct {
		world  func(*chefWorld)
		in     func(*FindNodesInput)
		nodes  string
		kept   string // a part of it; "": none
		unsent string // a request that is not made
	}{
		"by instance":  {nodes: "web-1", unsent: "GET nodes/web-2"},
		"nothing left": {world: func(w *chefWorld) { delete(w.things["nodes"], "web-1") }},
		"gone, but indexed still": {
			world: func(w *chefWorld) {
				delete(w.things["nodes"], "web-1")
				w.indexed = func(string) []string { return []string{"web-1"} }
			},
		},
		"not indexed yet, by name": {
			world: func(w *chefWorld) { w.indexed = func(string) []string { return nil } },
			in:    func(in *FindNodesInput) { in.Names = []string{"web-1", "web-3"} }, nodes: "web-1",
		},
		"the index is wrong": {
			world: func(w *chefWorld) { w.indexed = func(string) []string { return []string{"web-2", "web-1"} } },
			nodes: "web-1", kept: "node web-2 on prod: it is instance " + otherInstance,
		},
		"its name is another's by now": {
			world: func(w *chefWorld) { w.register("web-1", otherInstance, "10.0.0.3", died.Add(time.Hour)) },
			in:    func(in *FindNodesInput) { in.Names = []string{"web-1"} },
			kept:  "node web-1 on prod: it is instance " + otherInstance, unsent: "GET clients/web-1",
		},
		"two nodes claim it": {
			world: func(w *chefWorld) { w.register("old", deadInstance, "10.0.0.9", died.Add(-time.Hour)) }, nodes: "old, web-1",
		},
		"two nodes claim it, one lives": {
			world: func(w *chefWorld) { w.register("copy", deadInstance, "10.0.0.9", died.Add(time.Hour)) },
			nodes: "web-1", kept: "node copy on prod: it checked in",
		},
		"only the client is left": {
			world: func(w *chefWorld) { delete(w.things["nodes"], "web-1") },
			in:    func(in *FindNodesInput) { in.Names = []string{"web-1", "web-1", "gone"} }, nodes: "web-1 (client)",
		},
		"only a validator of that name": {
			in:   func(in *FindNodesInput) { in.Names = []string{"chef-validator"} },
			kept: "client chef-validator on prod: it is a validator", nodes: "web-1",
		},
		"only ourself of that name": {
			in:   func(in *FindNodesInput) { in.Names = []string{"epoxy"} },
			kept: "client epoxy on prod: it is the client that Epoxy itself signs with", nodes: "web-1",
		},
		"bootstrap failed": {
			world: func(w *chefWorld) {
				w.things["nodes"]["web-1"] = `{"name":"web-1","automatic":{}}`
			},
			in: func(in *FindNodesInput) { in.Subject.Node, in.Names = "web-1", []string{"web-1"} }, nodes: "web-1",
		},
		"by address": {
			world: func(w *chefWorld) { w.indexed = func(string) []string { return []string{"web-1"} } },
			in:    func(in *FindNodesInput) { in.Subject.Instance, in.Subject.Address = "", "10.0.0.1" }, nodes: "web-1",
		},
		"by name alone": {
			in: func(in *FindNodesInput) { in.Subject.Instance, in.Subject.Node = "", "web-1" }, nodes: "web-1", unsent: "POST search/node",
		},
		"names that are none": {
			in: func(in *FindNodesInput) {
				in.Names = []string{"", "../clients/web-2", "My web server", "a?b", strings.Repeat("x", 10_000)}
			}, nodes: "web-1", unsent: "GET clients/web-2",
		},
		"an indexed name that is none": {
			world: func(w *chefWorld) { w.indexed = func(string) []string { return []string{"../clients/web-2", "web-1"} } },
			nodes: "web-1", kept: "is no name of a Chef node", unsent: "GET nodes/../clients/web-2",
		},
	} {
		w := newChefWorld(t)
		if c.world != nil {
			c.world(w)
		}
		out, err := w.find(c.in)
		kept := keptOf(out.Kept)
		if err != nil || namesOfNodes(out.Nodes) != c.nodes || c.kept == "" && kept != "" || !strings.Contains(kept, c.kept) {
			t.Errorf("%s: found %s, kept %q, %v; want %s, %q", name, namesOfNodes(out.Nodes), kept, err, c.nodes, c.kept)
		}
		if c.unsent != "" && slices.Contains(w.sent, c.unsent) {
			t.Errorf("%s: asked %s: %q", name, c.unsent, w.sent)
		}
	}
}

func TestFindNodesAsksTheIndexForCheckedValuesAlone(t *testing.T) {
	for want, subject := range map[string]policy.Subject{
		"ec2_instance_id:" + deadInstance:                                            {Instance: deadInstance, Address: "10.0.0.1"},
		"ipaddress:10.0.0.1 OR ec2_local_ipv4:10.0.0.1 OR ec2_public_ipv4:10.0.0.1 ": {Address: "10.0.0.1"},
		`ip6address:2600\:1f18\:\:1`:                                                 {Address: "2600:1f18::1"},
	} {
		w := newChefWorld(t)
		asked := ""
		w.indexed = func(q string) []string { asked = q; return nil }
		if _, err := w.find(func(in *FindNodesInput) {
			in.Subject = subject
			in.Subject.Account, in.Subject.Region = here.Account, here.Region
		}); err != nil || asked != strings.TrimSpace(want) {
			t.Errorf("asked %q, %v; want %q", asked, err, want)
		}
	}
	for name, change := range map[string]func(*policy.Subject){
		"a wildcard":    func(s *policy.Subject) { s.Instance = "*" },
		"an operator":   func(s *policy.Subject) { s.Instance = deadInstance + " OR *:*" },
		"a path":        func(s *policy.Subject) { s.Node = "../clients/web-2" },
		"a query":       func(s *policy.Subject) { s.Node = "web-1?x=1&y" },
		"no address":    func(s *policy.Subject) { s.Address = "10.0.0.1 OR *" },
		"10 kB of name": func(s *policy.Subject) { s.Node = strings.Repeat("w", 10_000) },
	} {
		w := newChefWorld(t)
		_, err := w.find(func(in *FindNodesInput) { change(&in.Subject) })
		wantError(t, name, err, refused(ErrInvalid, "is no"))
		if len(w.sent) > 0 {
			t.Errorf("%s: asked %q", name, w.sent)
		}
	}
}

func TestFindNodesRefusesTooMany(t *testing.T) {
	w := newChefWorld(t)
	for i := range maxNodes {
		w.register(fmt.Sprintf("web-1-%d", i), deadInstance, "10.0.0.1", died)
	}
	_, err := w.find(nil)
	wantError(t, "a search that finds everything", err, refused(ErrInvalid, "finds 21 nodes for "+deadInstance+"…knife search node 'ec2_instance_id:"+deadInstance+"'"))
	w.indexed = func(string) []string { return nil }
	_, err = w.find(func(in *FindNodesInput) { in.Names = sortedKeys(w.things["nodes"]) })
	wantError(t, "too many by name", err, refused(ErrInvalid, "more than 20 nodes"))
}

func TestChefErrors(t *testing.T) {
	for status, want := range map[int]what{
		http.StatusUnauthorized:        refused(ErrForbidden, "answers 401…chef.prod.private_key…client epoxy…clocks"),
		http.StatusForbidden:           refused(ErrForbidden, "answers 403…client epoxy…create and update rights"),
		http.StatusNotFound:            refused(ErrInvalid, "answers 404…/organizations/NAME"),
		http.StatusBadRequest:          refused(ErrInvalid, "answers 400"),
		http.StatusRequestURITooLong:   refused(ErrInvalid, "answers 414"),
		http.StatusTooManyRequests:     {kind: ErrThrottled, after: 5 * time.Second, upTo: 10 * time.Second, says: "answers 429"},
		http.StatusInternalServerError: {says: "answers 500"},
		http.StatusBadGateway:          {says: "answers 502"},
	} {
		w := newChefWorld(t)
		w.fail["POST search"] = []error{&chefAnswer{status}}
		_, err := w.find(nil)
		wantError(t, fmt.Sprint(status), err, want)
	}
	w := newChefWorld(t)
	_, err := w.find(func(in *FindNodesInput) { in.Servers = []string{"prod", "test"} })
	wantError(t, "a server that the worker does not know", err, refused(ErrInvalid, `no Chef server "test"…section chef`))
	w.things["nodes"]["web-1"] = `{"name":"other"}`
	w.indexed = func(string) []string { return []string{"web-1"} }
	_, err = w.find(nil)
	wantError(t, "what is no Chef server", err, refused(ErrInvalid, `something else, named "other"`))
	w.things["nodes"]["web-1"] = ""
	_, err = w.find(nil)
	wantError(t, "goiardi at a path of no meaning", err, refused(ErrInvalid, `something else, named ""`))
	w.things["nodes"]["web-1"] = `{"name":"web-1","automatic":"` + strings.Repeat("x", maxNode) + `"}`
	_, err = w.find(nil)
	wantError(t, "a node that is too big", err, refused(ErrInvalid, "answers 413"))
}
