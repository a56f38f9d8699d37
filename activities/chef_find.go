package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"epoxy/internal/policy"
)

// maxNodes is how many nodes an instance can have had: a search that finds more finds something else.
const maxNodes = 20

// FindNodes looks for the nodes of a dead instance on every server of its environment: by its instance id, or its address
// where there is no instance, and by the names that its node may have. What is found is read and compared exactly. Without a
// node of a name, a client of that name is looked for.
func (a *Chef) FindNodes(ctx context.Context, in FindNodesInput) (FindNodesOutput, error) {
	defer beating(ctx, in.Subject.Key())()
	if err := in.Subject.Check(); err != nil {
		return FindNodesOutput{}, Refuse(ErrInvalid, "%v", err)
	}
	var out FindNodesOutput
	for _, name := range in.Servers {
		if err := a.findOn(ctx, name, in, &out); err != nil {
			return FindNodesOutput{}, err
		}
	}
	return out, nil
}

// findOn looks on one server. Its turn ends also with a panic: a few lost turns, and nobody gets to that server any more.
func (a *Chef) findOn(ctx context.Context, name string, in FindNodesInput, out *FindNodesOutput) error {
	s, err := a.server(name)
	if err != nil {
		return err
	}
	leave, err := a.enter(ctx, name, "find")
	if err != nil {
		return err
	}
	defer leave()
	f := nodeSearch{in: in, server: s, ledger: a.Ledger, out: out, looked: map[string]bool{}}
	return f.run(ctx)
}

// nodeSearch looks at one server.
type nodeSearch struct {
	in     FindNodesInput
	server chefServer
	ledger OpenLedger
	out    *FindNodesOutput
	looked map[string]bool // names
}

func (f *nodeSearch) run(ctx context.Context) error {
	before := len(f.out.Nodes)
	names, err := f.candidates(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := f.look(ctx, name); err != nil {
			return err
		}
	}
	if len(f.out.Nodes) == before {
		if err := f.lookForRefused(ctx); err != nil {
			return err
		}
	}
	for _, name := range append([]string{f.in.Subject.Node}, f.in.Names...) {
		if policy.CheckNodeName(name) != nil {
			continue // made of a tag, which may be anything; no node is called so
		}
		found, err := f.look(ctx, name)
		if err != nil {
			return err
		}
		if !found {
			if err := f.lookForClient(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidates are the names of what the index finds.
func (f *nodeSearch) candidates(ctx context.Context) ([]string, error) {
	query := f.query()
	if query == "" {
		return nil, nil
	}
	rows, total, err := f.server.search(ctx, "node", query, map[string][]string{"name": {"name"}}, 0, maxNodes+1)
	switch {
	case isMissing(err):
		return nil, Refuse(ErrInvalid, "%v: check its url in the section chef, with /organizations/NAME if it has organisations", err)
	case err != nil:
		return nil, err
	case max(total, len(rows)) > maxNodes:
		return nil, Refuse(ErrInvalid, "%s finds %d nodes for %s, and an instance has one or two: nothing is deleted; look what they are: knife search node '%s'",
			f.server.api, max(total, len(rows)), f.in.Subject, query)
	}
	var names []string
	for _, row := range rows {
		name := textAt(row.Data, "name")
		if err := policy.CheckNodeName(name); err != nil {
			f.keep(fmt.Sprintf("%.60q", name), err.Error())
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// query is in the language of the index, of checked values alone. Attributes are found by their path, with _ between its parts.
// https://docs.chef.io/chef_search/#nested-fields
func (f *nodeSearch) query() string {
	s := f.in.Subject
	switch {
	case s.Instance != "":
		return "ec2_instance_id:" + s.Instance
	case s.Address == "":
		return ""
	case strings.Contains(s.Address, ":"):
		return "ip6address:" + strings.ReplaceAll(s.Address, ":", `\:`)
	}
	return "ipaddress:" + s.Address + " OR ec2_local_ipv4:" + s.Address + " OR ec2_public_ipv4:" + s.Address
}

// look reads a node and judges it.
func (f *nodeSearch) look(ctx context.Context, name string) (found bool, err error) {
	if f.looked[name] {
		return true, nil
	}
	n, _, found, err := f.server.node(ctx, name)
	if err != nil || !found {
		return false, err
	}
	f.looked[name] = true
	if own, why := policy.JudgeNode(n, f.in.Subject, f.in.Died); !own {
		f.keep(name, why)
		return true, nil
	}
	return true, f.add(n)
}

// lookForClient remembers the key, too: without a node that is all that tells the dead one's client from a new one.
func (f *nodeSearch) lookForClient(ctx context.Context, name string) error {
	if f.looked[name] {
		return nil
	}
	f.looked[name] = true
	c, found, err := f.server.client(ctx, name)
	if err != nil || !found {
		return err
	}
	if why := c.NeverDeleted(f.server.api.Client()); why != "" {
		f.out.Kept = append(f.out.Kept, policy.KeptThing{What: "client " + name + " on " + f.server.name, Why: why})
		return nil
	}
	return f.add(policy.ChefNode{Server: f.server.name, Name: name, ClientOnly: true, ClientKey: c.KeyHash()})
}

func (f *nodeSearch) keep(name, why string) {
	f.out.Kept = append(f.out.Kept, policy.KeptThing{What: "node " + name + " on " + f.server.name, Why: why})
}

func (f *nodeSearch) add(n policy.ChefNode) error {
	if f.out.Nodes = append(f.out.Nodes, n); len(f.out.Nodes) > maxNodes {
		return Refuse(ErrInvalid, "%s has more than %d nodes, which is hardly true: nothing is deleted; check its events and the node_names of its environment", f.in.Subject, maxNodes)
	}
	return nil
}
