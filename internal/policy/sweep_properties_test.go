package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawSweep is any small world: few names, ids and addresses, so that they meet.
func drawSweep(t *rapid.T) SweepView {
	ids := rapid.SampledFrom([]string{"", "*", "i-0000000a", "i-0000000b", "i-0000000c", "i-0000000d", "i-0000000d"})
	names := rapid.SampledFrom([]string{"web-1", "web-2", "web-1.example.com", "web-i-0000000a", "../x", "jenkins"})
	regions := rapid.SampledFrom([]string{"us-east-1", "us-east-1", "eu-west-1", "eu-west-1", "ap-south-1", ""})
	addresses := rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.1"})
	failed := rapid.SampledFrom([]string{"", "", "", "", "", "", "", "", "", "down"})
	ago := func(label string) time.Time {
		return sweepNow.Add(-time.Duration(rapid.IntRange(0, 50).Draw(t, label)) * time.Hour)
	}
	view := SweepView{Now: sweepNow, Grace: 24 * time.Hour, Most: rapid.IntRange(1, 5).Draw(t, "most")}
	view.Rules.NodeNames = rapid.SampledFrom([][]string{nil, {"web-{instance}"}, {"web-{name}"}}).Draw(t, "templates")
	view.Rules.SharedNames = []string{"web-1.*"}
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		place := SweptPlace{Account: sweepAccount, Region: region, Failed: failed.Draw(t, "place"), Instances: []Instance{{ID: "i-0000000f", State: "terminated"}}}
		if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
			place.Instances = nil
		}
		for range rapid.IntRange(0, 3).Draw(t, "instances") {
			place.Instances = append(place.Instances, Instance{
				ID: ids.Draw(t, "id"), State: rapid.SampledFrom([]string{"pending", "running", "stopping", "stopped", "shutting-down", "terminated", "new-state"}).Draw(t, "state"),
				Name: names.Draw(t, "tag"), Addresses: []string{addresses.Draw(t, "address")},
			})
		}
		view.Places = append(view.Places, place)
	}
	if rapid.Bool().Draw(t, "shared") {
		other := SweptPlace{Account: "222222222222", Region: "us-east-1", Failed: failed.Draw(t, "other"), Addresses: []string{addresses.Draw(t, "theirs")}}
		other.Instances = []Instance{{ID: "i-0000000e", State: "running", Name: names.Draw(t, "their tag")}, {ID: ids.Draw(t, "their id"), State: "running"}}
		view.Others = []SweptPlace{other}
	}
	for _, name := range []string{"prod", "test"} {
		server := SweptServer{Server: name, Failed: failed.Draw(t, "server")}
		for _, node := range rapid.SliceOfNDistinct(names, 0, 4, rapid.ID[string]).Draw(t, "nodes") {
			server.Nodes = append(server.Nodes, ChefNode{
				Server: name, Name: node, Instance: ids.Draw(t, "of"), Account: rapid.SampledFrom([]string{sweepAccount, sweepAccount, sweepAccount, "222222222222", ""}).Draw(t, "account"),
				Region: regions.Draw(t, "region"), CheckedIn: ago("check-in"), Addresses: []string{addresses.Draw(t, "had")},
			})
		}
		server.Clients = rapid.SliceOfN(names, 0, 3).Draw(t, "clients")
		view.Servers = append(view.Servers, server)
		for _, kind := range []string{OrphanNode, OrphanClient, knownClient} {
			for _, n := range rapid.SliceOfNDistinct(names, 1, 6, rapid.ID[string]).Draw(t, kind) {
				view.Memory.Things = append(view.Memory.Things, Remembered{Kind: kind, Where: name, Name: n, Since: ago("since")})
			}
		}
	}
	value := addresses.Draw(t, "value")
	view.Zones = []SweptZone{{Zone: "Z1", Failed: failed.Draw(t, "zone"), Records: []RecordSet{{Zone: "Z1", Name: "web-1.example.com.", Type: "A", Values: []string{value}}}}}
	view.Memory.Things = append(view.Memory.Things,
		Remembered{Kind: knownValue, Where: "Z1", Name: "web-1.example.com. A " + value},
		Remembered{Kind: OrphanRecord, Where: "Z1", Name: "web-1.example.com. A → " + value, Since: ago("record")})
	view.Memory = remembering(view.Memory.Things)
	return view
}

// blinded is the view as it looks to a sweep that could not look where it says so.
func blinded(view SweepView) SweepView {
	for i := range view.Places {
		if view.Places[i].Failed != "" {
			view.Places[i].Instances = nil
		}
	}
	for i := range view.Others {
		if view.Others[i].Failed != "" {
			view.Others[i].Instances, view.Others[i].Addresses = nil, nil
		}
	}
	for i := range view.Servers {
		if view.Servers[i].Failed != "" {
			view.Servers[i].Nodes, view.Servers[i].Clients = nil, nil
		}
	}
	if view.Zones[0].Failed != "" {
		view.Zones[0].Records = nil
	}
	return view
}

func TestSweepProperties(t *testing.T) {
	mopped := map[string]bool{}
	for range 20 { // most worlds leave nothing to mop
		rapid.Check(t, func(t *rapid.T) { checkSweep(t, blinded(drawSweep(t)), mopped) })
	}
	for _, kind := range []string{OrphanNode, OrphanClient, OrphanRecord} {
		if !mopped[kind] {
			t.Errorf("no %s was ever mopped: the properties prove nothing of it", kind)
		}
	}
}

func checkSweep(t *rapid.T, view SweepView, mopped map[string]bool) {
	plan, memory, err := Orphans(view)
	if err != nil {
		return
	}
	blind := slices.ContainsFunc(view.Places, func(p SweptPlace) bool { return p.Failed != "" })
	if blind && len(plan.Orphans) > 0 {
		t.Fatalf("orphans, with a place that nobody looked at: %+v", plan.Orphans)
	}
	if n := len(plan.ToMop()); n > view.Most {
		t.Fatalf("%d to mop, at most %d", n, view.Most)
	}
	for _, o := range plan.Orphans {
		checkOrphan(t, view, o)
		if o.Do == SweepMops {
			mopped[o.Kind] = true
		}
	}
	view.Memory = memory
	twice, _, _ := Orphans(view)
	if a, b := said(plan), said(twice); a != b {
		t.Fatalf("the same sweep once more says %q, first %q", b, a)
	}
}

// checkOrphan is what must hold of every orphan, told in other words than the code's.
func checkOrphan(t *rapid.T, view SweepView, o Orphan) {
	var alive []Instance
	for _, p := range slices.Concat(view.Places, view.Others) {
		for _, i := range p.Instances {
			if i.State != "terminated" {
				alive = append(alive, i)
			}
		}
	}
	server := slices.IndexFunc(view.Servers, func(s SweptServer) bool { return s.Server == o.Where })
	if server >= 0 && view.Servers[server].Failed != "" || o.Where == "Z1" && view.Zones[0].Failed != "" {
		t.Fatalf("%s was not looked at: %+v", o.Where, o)
	}
	for _, i := range alive {
		if o.Kind == OrphanNode && o.Subject.Instance == i.ID {
			t.Fatalf("%s is alive in %s: %+v", i.ID, i.State, o)
		}
		if o.Do == SweepMops && o.Kind != OrphanRecord && i.Name == o.Name {
			t.Fatalf("a live instance is called %s: %+v", i.Name, o)
		}
		if o.Record != nil && slices.ContainsFunc(o.Record.Drop, func(a string) bool { return slices.Contains(i.Addresses, a) }) {
			t.Fatalf("%s has the address: %+v", i.ID, o)
		}
	}
	if o.Do != SweepMops {
		if o.Kept == "" {
			t.Fatalf("nobody says why it stays: %+v", o)
		}
		return
	}
	if o.Subject.Instance == "" && viewUnseen(view) {
		t.Fatalf("somebody alive could be where nothing was seen: %+v", o)
	}
	if o.Kind != OrphanRecord && o.Subject.Instance == "" && !slices.ContainsFunc(view.Memory.Things, func(r Remembered) bool {
		return r.Kind == knownClient && r.Where == o.Where && r.Name == o.Name
	}) && !strings.Contains(o.Name, "i-0000000") {
		t.Fatalf("nothing shows that it was an instance's: %+v", o)
	}
	if err := o.Subject.Check(); err != nil {
		t.Fatalf("%v: %+v", err, o)
	}
	seen := slices.ContainsFunc(view.Memory.Things, func(r Remembered) bool {
		return r.Kind == o.Kind && r.Where == o.Where && r.Name == o.Name && !r.Since.After(view.Now.Add(-view.Grace))
	})
	if !seen {
		t.Fatalf("no earlier sweep saw it, for the time of grace: %+v", o)
	}
	if o.Kind == OrphanNode && slices.ContainsFunc(view.Servers[server].Nodes, func(n ChefNode) bool {
		return n.Name == o.Name && n.CheckedIn.After(view.Now.Add(-view.Grace))
	}) {
		t.Fatalf("it checked in lately: %+v", o)
	}
}

// unsure tells that a place could not be looked at, or shows nothing where Chef knows nodes.
func viewUnseen(view SweepView) bool {
	return slices.ContainsFunc(slices.Concat(view.Places, view.Others), func(p SweptPlace) bool {
		return p.Failed != "" || len(p.Instances) == 0 && slices.ContainsFunc(view.Servers, func(s SweptServer) bool {
			return slices.ContainsFunc(s.Nodes, func(n ChefNode) bool { return n.Account == p.Account && n.Region == p.Region })
		})
	})
}

// 100,000 nodes are judged in one go.
func TestSweepOfManyNodes(t *testing.T) {
	view := sweepOf()
	for i := range 100_000 {
		n := deadNode(fmt.Sprintf("web-%06d", i))
		n.Instance = fmt.Sprintf("i-0%016x", i)
		if i%100 > 0 {
			view.Places[0].Instances = append(view.Places[0].Instances, Instance{ID: n.Instance, State: "running"})
		}
		view.Servers[0].Nodes = append(view.Servers[0].Nodes, n)
	}
	plan, memory := mustSweep(t, view)
	if len(plan.Orphans) != 1000 || len(memory.Things) != 101_000 {
		t.Errorf("%d orphans, %d things in mind", len(plan.Orphans), len(memory.Things))
	}
}
