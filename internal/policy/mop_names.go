package policy

import (
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

// FactsOf is what is known of the dead, by which its DNS records are recognized.
func FactsOf(s Subject, i Instance, n ChefNode) Facts {
	f := Facts{Subject: s, Addresses: slices.Concat(n.Addresses, i.Addresses), Names: []string{n.Name, n.FQDN, n.Hostname, s.Node, i.Name, i.Hostname}}
	if f.Subject.Node == "" {
		f.Subject.Node = n.Name
	}
	if s.Address != "" {
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
	merged := func(x, y []string) []string { return slices.Compact(slices.Sorted(slices.Values(slices.Concat(x, y)))) }
	a.Addresses, a.Names, a.Holders = merged(a.Addresses, b.Addresses), merged(a.Names, b.Names), merged(a.Holders, b.Holders)
	return a
}
