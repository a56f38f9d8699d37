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
	f := FactsOf(Subject{Instance: "i-0123456789abcdef0", Address: "10.0.0.5"},
		Instance{Addresses: []string{"10.0.0.5", "54.1.2.3"}},
		ChefNode{Name: "web-1", FQDN: "web-1.example.com", Hostname: "web-1", Addresses: []string{"10.0.0.5", "127.0.0.1", "fe80::1"}})
	if fmt.Sprintf("%v %v %s", f.Addresses, f.Names, f.Subject.Node) != "[10.0.0.5 54.1.2.3] [web-1 web-1.example.com] web-1" {
		t.Errorf("%+v", f)
	}
}
