package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// NodeNames are the names that a dead instance's node may have in Chef: what was announced, and what the environment's
// templates make of what EC2 says of the instance. What is no proper name is left out.
func NodeNames(rules MopRules, s Subject, i Instance) []string {
	values := [...]struct{ key, value string }{{"{instance}", s.Instance}, {"{name}", i.Name}, {"{hostname}", i.Hostname}}
	names := []string{s.Node}
	for _, template := range rules.NodeNames {
		name, complete := template, true
		for _, v := range values {
			if strings.Contains(name, v.key) {
				complete = complete && v.value != ""
				name = strings.ReplaceAll(name, v.key, v.value)
			}
		}
		if complete {
			names = append(names, name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return CheckNodeName(name) != nil })
	slices.Sort(names)
	return slices.Compact(names)
}

// FactsOf is what is known of the dead, by which its DNS records are recognized: what its own Chef node says (an empty one
// where there is none), and EC2. What was merely announced proves nothing: a private address counts where a node of the
// announced name is its own, and nothing else.
func FactsOf(s Subject, i Instance, n ChefNode) Facts {
	f := Facts{Subject: Subject{Account: s.Account, Region: s.Region, Instance: s.Instance, Node: n.Name}}
	f.Addresses = slices.Concat(n.Addresses, i.Addresses)
	f.Names = []string{n.Name, n.FQDN, n.Hostname, i.Name, i.Hostname}
	if ip, err := netip.ParseAddr(s.Address); err == nil && ip.IsPrivate() && n.Name != "" && n.Name == s.Node {
		f.Addresses = append(f.Addresses, s.Address)
	}
	for _, list := range []*[]string{&f.Addresses, &f.Names} {
		slices.Sort(*list)
		*list = slices.DeleteFunc(slices.Compact(*list), func(v string) bool { return v == "" })
	}
	f.Addresses = slices.DeleteFunc(f.Addresses, func(a string) bool { return CheckAddress(a) != nil })
	return f
}

// MergeFacts are the facts of both: of two nodes that one instance had.
func MergeFacts(a, b Facts) Facts {
	if a.Subject == (Subject{}) {
		return b
	}
	if a.Subject.Node == "" {
		a.Subject.Node = b.Subject.Node
	}
	merged := func(x, y []string) []string { return slices.Compact(slices.Sorted(slices.Values(slices.Concat(x, y)))) }
	a.Addresses, a.Names, a.Holders = merged(a.Addresses, b.Addresses), merged(a.Names, b.Names), merged(a.Holders, b.Holders)
	return a
}

// VouchedFor tells whether something else than an announcement says that a client without a node was the dead one's: the
// environment's templates, filled with what EC2 says of the instance, or templates that no pipeline's name fits.
func VouchedFor(rules MopRules, s Subject, i Instance, name string) bool {
	s.Node = ""
	return slices.Contains(NodeNames(rules, s, i), name) || FitsNodeName(rules, name)
}
