package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func record(name, kind string, values ...string) RecordSet {
	return RecordSet{Zone: "Z1", Name: name, Type: kind, Values: values, Exact: name + kind}
}

func TestSweepJudgesRecords(t *testing.T) {
	known := func(name, value string) Remembered {
		return Remembered{Kind: knownValue, Where: "Z1", Name: name + " A " + value}
	}
	seen := func(what string) Remembered { return Remembered{Kind: OrphanRecord, Where: "Z1", Name: what} }
	for about, c := range map[string]struct {
		record RecordSet
		memory []Remembered
		want   string // as said
		why    string
	}{
		"an instance's":               {record: record("web.example.com.", "A", "10.0.0.9")},
		"a load balancer's":           {record: record("lb.example.com.", "A", "10.0.0.50")},
		"a printer's":                 {record: record("printer.example.com.", "A", "10.9.9.9"), want: "keep printer.example.com. A → 10.9.9.9", why: "by hand"},
		"a partner's, shared":         {record: record("shared.example.com.", "A", "10.9.9.9"), memory: []Remembered{seen("shared.example.com. A → 10.9.9.9")}, want: "keep shared.example.com. A → 10.9.9.9", why: "by hand"},
		"was ours, shared":            {record: record("shared.example.com.", "A", "10.0.0.9", "10.9.9.9"), memory: []Remembered{known("shared.example.com.", "10.9.9.9"), seen("shared.example.com. A → 10.9.9.9")}, want: "mop shared.example.com. A → 10.9.9.9"},
		"was ours, shared, young":     {record: record("shared.example.com.", "A", "10.0.0.9", "10.9.9.9"), memory: []Remembered{known("shared.example.com.", "10.9.9.9")}, want: "young shared.example.com. A → 10.9.9.9"},
		"was ours, not shared":        {record: record("own.example.com.", "A", "10.9.9.9"), memory: []Remembered{known("own.example.com.", "10.9.9.9"), seen("own.example.com. A → 10.9.9.9")}, want: "keep own.example.com. A → 10.9.9.9"},
		"a dead node's address":       {record: record("db.example.com.", "A", "10.0.0.1"), want: "keep db.example.com. A → 10.0.0.1", why: "goes with web-1"},
		"a dead node's name":          {record: record("web-1.example.com.", "A", "10.9.9.9"), want: "keep web-1.example.com. A → 10.9.9.9", why: "goes with web-1"},
		"an alias of a dead node":     {record: record("www.example.com.", "CNAME", "web-1.example.com."), want: "keep www.example.com. CNAME → web-1.example.com.", why: "goes with web-1"},
		"an alias elsewhere":          {record: record("www.example.com.", "CNAME", "d1.cloudfront.net.")},
		"an alias of EC2's, alive":    {record: record("www.example.com.", "CNAME", "ip-10-0-0-9.ec2.internal.")},
		"an alias of EC2's, gone":     {record: record("www.example.com.", "CNAME", "ec2-203-0-113-7.compute-1.amazonaws.com."), want: "keep www.example.com. CNAME → ec2-203-0-113-7.compute-1.amazonaws.com."},
		"reverse, alive":              {record: record("9.0.0.10.in-addr.arpa.", "PTR", "web-live.example.com.")},
		"reverse, dead":               {record: record("1.0.0.10.in-addr.arpa.", "PTR", "web-1.example.com."), want: "keep 1.0.0.10.in-addr.arpa. PTR → web-1.example.com.", why: "goes with web-1"},
		"reverse of a whole network":  {record: record("0.10.in-addr.arpa.", "PTR", "net.example.com.")},
		"IPv6, written out":           {record: record("v6.example.com.", "AAAA", "2001:db8:0:0:0:0:0:9")},
		"IPv6, reverse, gone":         {record: record("8."+strings.Repeat("0.", 23)+"8.b.d.0.1.0.0.2.ip6.arpa.", "PTR", "x.example.com."), want: "keep 8." + strings.Repeat("0.", 23) + "8.b.d.0.1.0.0.2.ip6.arpa. PTR → x.example.com."},
		"no address of a machine":     {record: record("localhost.example.com.", "A", "127.0.0.1")},
		"no address at all":           {record: record("odd.example.com.", "A", "*")},
		"a wildcard, shared":          {record: record(`\052.shared.example.com.`, "A", "10.9.9.9"), memory: []Remembered{known(`\052.shared.example.com.`, "10.9.9.9"), seen(`\052.shared.example.com. A → 10.9.9.9`)}, want: `keep \052.shared.example.com. A → 10.9.9.9`},
		"the zone's own name":         {record: record("example.com.", "A", "10.9.9.9"), memory: []Remembered{known("example.com.", "10.9.9.9"), seen("example.com. A → 10.9.9.9")}, want: "keep example.com. A → 10.9.9.9"},
		"one of a weighted set, gone": {record: RecordSet{Zone: "Z1", Name: "w.example.com.", Type: "A", SetID: "blue", Values: []string{"10.9.9.9"}}, want: "keep w.example.com. A (blue) → 10.9.9.9"},
	} {
		view := sweepOf(deadNode("web-1"))
		view.Rules.SharedNames = []string{"*shared.example.com", "example.com"}
		view.Places[0].Instances[0].Addresses = append(view.Places[0].Instances[0].Addresses, "2001:db8::9")
		view.Zones = []SweptZone{{Zone: "Z1", Name: "example.com.", Records: []RecordSet{c.record}}}
		view.Memory = seenBefore(48*time.Hour, slices.Concat(c.memory)...)
		plan, _ := mustSweep(t, view)
		plan.Orphans = slices.DeleteFunc(plan.Orphans, func(o Orphan) bool { return o.Kind != OrphanRecord })
		if got := said(plan); got != c.want {
			t.Errorf("%s: %q, want %q", about, got, c.want)
			continue
		}
		if c.want != "" && !strings.Contains(plan.Orphans[0].Kept, c.why) {
			t.Errorf("%s: kept because %q, want %q", about, plan.Orphans[0].Kept, c.why)
		}
	}
}

// Only what an instance of the environment had is taken out of a shared name, and only the values that nobody has now.
func TestSweepTakesValuesOutOfSharedNames(t *testing.T) {
	view := sweepOf()
	view.Rules.SharedNames = []string{"shared.*"}
	view.Places[0].Instances = append(view.Places[0].Instances, Instance{ID: deadID, State: "running", Addresses: []string{"10.0.0.1"}})
	view.Zones = []SweptZone{{Zone: "Z1", Records: []RecordSet{record("shared.example.com.", "A", "10.0.0.1", "10.0.0.50", "10.0.0.9", "10.9.9.9")}}}
	plan, memory := mustSweep(t, view)
	if said(plan) != "keep shared.example.com. A → 10.9.9.9" {
		t.Fatal(said(plan))
	}
	view.Places[0].Instances = view.Places[0].Instances[:1]
	view.Places[0].Addresses = nil // the load balancer's is gone, too
	for _, want := range []string{"young", "mop"} {
		view.Memory, view.Now = memory, view.Now.Add(25*time.Hour)
		plan, memory = mustSweep(t, view)
		at := slices.IndexFunc(plan.Orphans, func(o Orphan) bool { return o.Record != nil })
		if at < 0 || plan.Orphans[at].Do != want {
			t.Fatalf("%q, want it %s", said(plan), want)
		}
		if got := plan.Orphans[at].Record; !slices.Equal(got.Drop, []string{"10.0.0.1"}) || len(got.Values) != 4 || plan.Orphans[at].Subject.Check() != nil {
			t.Errorf("%+v", plan.Orphans[at])
		}
	}
	if mop := plan.ToMop(); len(mop) != 1 || mop[0].Record == nil {
		t.Errorf("%+v", mop)
	}
}

// The oldest go first, no more than one sweep takes, and what one instance left goes together.
func TestSweepTakesTheOldestFirst(t *testing.T) {
	view := sweepOf()
	view.Most = 3
	for i := range 5 {
		n := deadNode(fmt.Sprintf("web-%d", i))
		n.Instance = fmt.Sprintf("i-0dead00000000000%d", i/2) // two claim each
		view.Servers[0].Nodes = append(view.Servers[0].Nodes, n)
		view.Memory.Things = append(view.Memory.Things, Remembered{Kind: OrphanNode, Where: "prod", Name: n.Name, Since: sweepNow.Add(-time.Duration(30+i) * time.Hour)})
	}
	plan, _ := mustSweep(t, view)
	if want := "mop node web-4 on prod; mop node web-3 on prod; mop node web-2 on prod; mop node web-1 on prod; mop node web-0 on prod"; said(plan) != want || len(plan.ToMop()) != 3 {
		t.Errorf("%s; %d to mop", said(plan), len(plan.ToMop()))
	}
	view.Most = 2
	if plan, _ = mustSweep(t, view); plan.Count(SweepLater) != 2 || len(plan.ToMop()) != 2 || plan.Orphans[4].Do != SweepLater || !strings.Contains(plan.Orphans[4].Kept, "next sweep") {
		t.Errorf("%s", said(plan))
	}
}

// A name that several servers have is no name to go by: the subject leaves it out.
func TestSweepLeavesOutANameThatProvesNothing(t *testing.T) {
	for about, office := range map[string]SweptServer{
		"a node that is no instance": {Server: "office", Nodes: []ChefNode{{Server: "office", Name: "web-1", FQDN: "web-1.office"}}},
		"somebody's client":          {Server: "office", Clients: []string{"web-1"}},
	} {
		view := sweepOf(deadNode("web-1"))
		view.Servers = append(view.Servers, office)
		plan, _ := mustSweep(t, view)
		if plan.Orphans[0].Kind == OrphanClient {
			slices.Reverse(plan.Orphans)
		}
		if plan.Orphans[0].Subject != (Subject{Account: sweepAccount, Region: sweepRegion, Instance: deadID}) {
			t.Errorf("%s: %+v", about, plan.Orphans)
		}
	}
}

// One mop deletes all that one instance left: nothing of it goes while something of it stays.
func TestSweepWaitsForAllOfAnInstance(t *testing.T) {
	young := deadNode("web-2")
	young.CheckedIn = sweepNow.Add(-time.Hour)
	taken := deadNode("web-live")
	for want, other := range map[string]ChefNode{
		"young node web-1 on prod; young node web-2 on prod":  young,
		"keep node web-1 on prod; keep node web-live on prod": taken,
	} {
		view := sweepOf(deadNode("web-1"), other)
		view.Memory = seenBefore(48*time.Hour, Remembered{Kind: OrphanNode, Where: "prod", Name: "web-1"}, Remembered{Kind: OrphanNode, Where: "prod", Name: other.Name})
		plan, _ := mustSweep(t, view)
		if got := said(plan); got != want || !strings.Contains(plan.Orphans[0].Kept, "goes together with node "+other.Name) {
			t.Errorf("%s (%s), want %s", got, plan.Orphans[0].Kept, want)
		}
	}
}
