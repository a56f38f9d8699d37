package policy

import (
	"strings"
	"testing"
	"time"
)

func TestJudgeNode(t *testing.T) {
	died := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const dead, other = "i-0123456789abcdef0", "i-0fedcba9876543210"
	node := ChefNode{
		Server: "prod", Name: "web-1", Instance: dead, Account: "123456789012", Region: "us-east-1",
		Addresses: []string{"10.0.0.1", "203.0.113.7"}, CheckedIn: died.Add(-time.Minute),
	}
	subject := Subject{Account: "123456789012", Region: "us-east-1", Instance: dead}
	byName := Subject{Account: "123456789012", Region: "us-east-1", Node: "web-1"}
	byAddress := Subject{Account: "123456789012", Region: "us-east-1", Address: "10.0.0.1"}
	with := func(change func(*ChefNode)) ChefNode {
		n := node
		change(&n)
		return n
	}
	nameless := with(func(n *ChefNode) { n.Instance, n.Account, n.Region, n.CheckedIn = "", "", "", time.Time{} }) // it never converged
	elsewhere := with(func(n *ChefNode) { n.Instance, n.Account, n.Region = "", "", "" })
	for name, c := range map[string]struct {
		node    ChefNode
		subject Subject
		died    time.Time
		own     bool
		why     string
	}{
		"its instance":                        {node, subject, died, true, "its instance is " + dead},
		"its instance, under another name":    {node, Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-9"}, died, true, dead},
		"its instance, says nothing of where": {with(func(n *ChefNode) { n.Account, n.Region = "", "" }), subject, died, true, dead},
		"another instance of its name":        {with(func(n *ChefNode) { n.Instance = other }), Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-1"}, died, false, "it is instance " + other},
		"an instance id that is none":         {with(func(n *ChefNode) { n.Instance = "*" }), subject, died, false, "it is instance *"},
		"by name, an id that is a wildcard":   {with(func(n *ChefNode) { n.Instance = "*" }), byName, time.Time{}, false, "no instance id"},
		"by name, an id that is a word":       {with(func(n *ChefNode) { n.Instance = "unknown" }), byName, time.Time{}, false, "no instance id"},
		"by name, an id in upper case":        {with(func(n *ChefNode) { n.Instance = "i-0123456789ABCDEF0" }), byName, time.Time{}, false, "no instance id"},
		"by address, an id that is none":      {with(func(n *ChefNode) { n.Instance = "*" }), byAddress, time.Time{}, false, "no instance id"},
		"another account":                     {with(func(n *ChefNode) { n.Account = "210987654321" }), subject, died, false, "account 210987654321"},
		"another Region":                      {with(func(n *ChefNode) { n.Region = "eu-west-1" }), subject, died, false, "in eu-west-1, not in us-east-1"},
		"just within the clocks' slack":       {with(func(n *ChefNode) { n.CheckedIn = died.Add(5 * time.Minute) }), subject, died, true, dead},
		"checked in after it was dead":        {with(func(n *ChefNode) { n.CheckedIn = died.Add(5*time.Minute + time.Second) }), subject, died, false, "checked in at 2026-01-02 03:09 UTC"},
		"checked in, death unknown":           {with(func(n *ChefNode) { n.CheckedIn = died.Add(time.Hour) }), subject, time.Time{}, true, dead},

		"no instance id, its name announced":       {nameless, Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-1"}, died, true, "announced name"},
		"no instance id, name by template":         {nameless, subject, died, false, "nobody announced its name"},
		"no instance id, another name":             {nameless, Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-2"}, died, false, "nobody announced its name"},
		"no instance id, another's address":        {nameless, Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-1", Address: "10.9.9.9"}, died, false, "10.0.0.1 and 203.0.113.7, not 10.9.9.9"},
		"no instance id, without address":          {with(func(n *ChefNode) { n.Instance, n.Addresses, n.CheckedIn = "", nil, time.Time{} }), Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-1", Address: "10.9.9.9"}, died, true, "announced name"},
		"by name":                                  {nameless, byName, died, true, "announced name"},
		"by name, a machine elsewhere":             {elsewhere, byName, died, false, "it is a machine elsewhere"},
		"announced, a machine elsewhere":           {elsewhere, Subject{Account: subject.Account, Region: subject.Region, Instance: dead, Node: "web-1"}, died, false, "it is a machine elsewhere"},
		"by name, its instance is who knows where": {with(func(n *ChefNode) { n.Region = "" }), byName, died, false, "does not say in which account"},
		"by name, has an instance":                 {node, byName, died, true, "announced name"},
		"by name, of another account":              {with(func(n *ChefNode) { n.Account = "210987654321" }), byName, died, false, "account"},
		"by name, alive":                           {with(func(n *ChefNode) { n.CheckedIn = died.Add(time.Hour) }), byName, died, false, "alive elsewhere"},
		"by name, another name":                    {with(func(n *ChefNode) { n.Name = "web-10" }), byName, died, false, "not web-1"},
		"by name in another spelling":              {with(func(n *ChefNode) { n.Name = "WEB-1" }), byName, died, false, "not web-1"},
		"by name and address, another address":     {node, Subject{Account: subject.Account, Region: subject.Region, Node: "web-1", Address: "10.9.9.9"}, died, false, "not 10.9.9.9"},
		"by address":                               {node, byAddress, died, true, "the address 10.0.0.1"},
		"by address, which instance?":              {nameless, byAddress, died, false, "an address alone proves nothing"},
		"by address, nowhere near":                 {with(func(n *ChefNode) { n.Addresses = nil }), byAddress, died, false, "does not have the address"},
		"by address, only similar":                 {with(func(n *ChefNode) { n.Addresses = []string{"10.0.0.10"} }), byAddress, died, false, "10.0.0.10, not 10.0.0.1"},

		"a client without a node": {ChefNode{Server: "prod", Name: "web-1", ClientOnly: true}, subject, died, true, "only a client"},
	} {
		own, why := JudgeNode(c.node, c.subject, c.died)
		if own != c.own || !strings.Contains(why, c.why) {
			t.Errorf("%s: own %t, %q; want %t, %q", name, own, why, c.own, c.why)
		}
	}
}

func TestKeysAreToldApart(t *testing.T) {
	one := ChefClient{Name: "web-1", PublicKey: "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"}
	same, other := one, one
	same.Name, same.PublicKey = "web-2", strings.TrimSpace(one.PublicKey) // servers differ in the line break at its end
	other.PublicKey = strings.Replace(one.PublicKey, "MIIB", "MIIC", 1)
	if one.KeyHash() == "" || one.KeyHash() != same.KeyHash() || one.KeyHash() == other.KeyHash() || (ChefClient{Name: "web-1"}).KeyHash() != "" {
		t.Errorf("%q, %q, %q", one.KeyHash(), same.KeyHash(), other.KeyHash())
	}
}

func TestClientsThatAreNeverDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		client ChefClient
		why    string
	}{
		"a node's":              {ChefClient{Name: "web-1"}, ""},
		"validator by right":    {ChefClient{Name: "web-1", Validator: true}, "validator"},
		"validator by name":     {ChefClient{Name: "shop-validator"}, "validator"},
		"the first validator":   {ChefClient{Name: "chef-validator"}, "validator"},
		"admin by right":        {ChefClient{Name: "web-1", Admin: true}, "administers"},
		"admin by name":         {ChefClient{Name: "Admin"}, "administers"},
		"the web interface":     {ChefClient{Name: "chef-webui"}, "administers"},
		"pivotal":               {ChefClient{Name: "pivotal"}, "administers"},
		"ourself":               {ChefClient{Name: "epoxy"}, "Epoxy itself"},
		"ourself, another case": {ChefClient{Name: "Epoxy"}, "Epoxy itself"},
		"a name that starts so": {ChefClient{Name: "admin-web-1"}, ""},
	} {
		why := c.client.NeverDeleted("epoxy")
		if c.why == "" && why != "" || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q, want %q", name, why, c.why)
		}
	}
}
