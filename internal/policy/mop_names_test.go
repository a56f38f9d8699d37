package policy

import (
	"fmt"
	"testing"
)

func TestNodeNames(t *testing.T) {
	rules := MopRules{NodeNames: []string{"{instance}", "{name}", "{name}.example.com", "ip-{hostname}"}}
	s := Subject{Account: "123456789012", Region: "us-east-1", Instance: "i-0123456789abcdef0"}
	for _, c := range []struct {
		s    Subject
		i    Instance
		want string
	}{
		{s, Instance{Name: "web-1", Hostname: "h"}, "[i-0123456789abcdef0 ip-h web-1 web-1.example.com]"},
		{s, Instance{Name: "../clients/x"}, "[i-0123456789abcdef0]"},
		{s, Instance{Name: "a b & c"}, "[i-0123456789abcdef0]"},
		{s, Instance{Name: "*"}, "[i-0123456789abcdef0]"},
		{Subject{Node: "db-1"}, Instance{}, "[db-1]"},
		{Subject{Node: "db-1:x"}, Instance{}, "[]"},
	} {
		if got := fmt.Sprint(NodeNames(rules, c.s, c.i)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.i, got, c.want)
		}
	}
}

func TestFactsOf(t *testing.T) {
	dead := Subject{Instance: "i-0123456789abcdef0"}
	announced := Subject{Node: "web-1", Address: "10.0.0.5"}
	public := Subject{Node: "vpn", Address: "198.51.100.7"}
	for name, c := range map[string]struct {
		s    Subject
		i    Instance
		n    ChefNode
		want string
	}{
		"node and instance": {
			dead,
			Instance{Addresses: []string{"10.0.0.5", "54.1.2.3"}},
			ChefNode{Name: "web-1", FQDN: "web-1.example.com", Hostname: "web-1", Addresses: []string{"10.0.0.5", "127.0.0.1", "fe80::1"}},
			"[10.0.0.5 54.1.2.3] [web-1 web-1.example.com] web-1",
		},
		"EC2 alone":                          {dead, Instance{Name: "web-1", Addresses: []string{"10.0.0.5"}}, ChefNode{}, "[10.0.0.5] [web-1] "},
		"announced, and the node is its own": {announced, Instance{}, ChefNode{Name: "web-1"}, "[10.0.0.5] [web-1] web-1"},
		"announced, and the node another":    {announced, Instance{}, ChefNode{Name: "web-2"}, "[] [web-2] web-2"},
		"announced alone":                    {announced, Instance{}, ChefNode{}, "[] [] "},
		"announced and public":               {public, Instance{}, ChefNode{Name: "vpn"}, "[] [vpn] vpn"},
	} {
		f := FactsOf(c.s, c.i, c.n)
		if got := fmt.Sprintf("%v %v %s", f.Addresses, f.Names, f.Subject.Node); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMergeFacts(t *testing.T) {
	a := FactsOf(Subject{Instance: "i-1"}, Instance{Addresses: []string{"10.0.0.5"}}, ChefNode{})
	b := FactsOf(Subject{Instance: "i-1"}, Instance{}, ChefNode{Name: "web-1", Addresses: []string{"10.0.0.5", "10.0.0.6"}})
	f := MergeFacts(MergeFacts(Facts{}, a), b)
	if got := fmt.Sprintf("%v %v %s", f.Addresses, f.Names, f.Subject.Node); got != "[10.0.0.5 10.0.0.6] [web-1] web-1" {
		t.Error(got)
	}
}
