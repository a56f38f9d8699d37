package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	sweepAccount = "111111111111"
	sweepRegion  = "us-east-1"
	deadID       = "i-0dead000000000001"
	aliveID      = "i-0a11e000000000001"
)

var sweepNow = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// sweepOf is one place with a live instance, and a Chef server.
func sweepOf(nodes ...ChefNode) SweepView {
	return SweepView{
		Now: sweepNow, Grace: 24 * time.Hour, Most: 200,
		Places: []SweptPlace{{Account: sweepAccount, Region: sweepRegion, Instances: []Instance{
			{ID: aliveID, State: "running", Name: "web-live", Hostname: "ip-10-0-0-9", Group: "shop-web", Addresses: []string{"10.0.0.9"}},
		}, Addresses: []string{"10.0.0.9", "10.0.0.50"}}},
		Servers: []SweptServer{{Server: "prod", Nodes: nodes}},
	}
}

func deadNode(name string) ChefNode {
	return ChefNode{
		Server: "prod", Name: name, Instance: deadID, Account: sweepAccount, Region: sweepRegion, Addresses: []string{"10.0.0.1"},
		FQDN: name + ".example.com", CheckedIn: sweepNow.Add(-72 * time.Hour),
	}
}

// seenBefore is the memory of a sweep that saw these as orphans a while ago.
func seenBefore(ago time.Duration, things ...Remembered) SweepMemory {
	for i := range things {
		if things[i].Since.IsZero() {
			things[i].Since = sweepNow.Add(-ago)
		}
	}
	return SweepMemory{Things: things}
}

func mustSweep(t *testing.T, view SweepView) (SweepPlan, SweepMemory) {
	t.Helper()
	plan, memory, err := Orphans(view)
	if err != nil {
		t.Fatal(err)
	}
	return plan, memory
}

// said is what becomes of each orphan: "mop node web-1 on prod".
func said(plan SweepPlan) string {
	lines := make([]string, len(plan.Orphans))
	for i, o := range plan.Orphans {
		lines[i] = o.Do + " " + o.String()
	}
	return strings.Join(lines, "; ")
}

func TestSweepJudgesNodes(t *testing.T) {
	twoDays := 48 * time.Hour
	node := func(change func(*ChefNode)) ChefNode {
		n := deadNode("web-1")
		change(&n)
		return n
	}
	for about, c := range map[string]struct {
		node   ChefNode
		change func(*SweepView)
		seen   time.Duration // ago; 0: never
		want   string
		why    string
	}{
		"dead for long":              {node: deadNode("web-1"), seen: twoDays, want: "mop node web-1 on prod", why: "EC2 shows no instance " + deadID},
		"seen for the first time":    {node: deadNode("web-1"), want: "young node web-1 on prod", why: "seen so since 2026-11-21 10:00 UTC"},
		"seen an hour ago":           {node: deadNode("web-1"), seen: time.Hour, want: "young node web-1 on prod"},
		"checked in an hour ago":     {node: node(func(n *ChefNode) { n.CheckedIn = sweepNow.Add(-time.Hour) }), seen: twoDays, want: "young node web-1 on prod", why: "it checked in at 2026-11-21 09:00 UTC"},
		"checked in in the future":   {node: node(func(n *ChefNode) { n.CheckedIn = sweepNow.Add(time.Hour) }), seen: twoDays, want: "young node web-1 on prod"},
		"never says when":            {node: node(func(n *ChefNode) { n.CheckedIn = time.Time{} }), seen: twoDays, want: "mop node web-1 on prod"},
		"alive":                      {node: node(func(n *ChefNode) { n.Instance = aliveID }), seen: twoDays},
		"its name is a live one's":   {node: deadNode("web-live"), seen: twoDays, want: "keep node web-live on prod", why: "a live instance has its name"},
		"its label is a live one's":  {node: deadNode("web-live.example.com"), seen: twoDays, want: "keep node web-live.example.com on prod"},
		"its name is no request's":   {node: deadNode("web/1"), seen: twoDays, want: "keep node web/1 on prod", why: "knife"},
		"another account":            {node: node(func(n *ChefNode) { n.Account = "222222222222" }), seen: twoDays},
		"another Region":             {node: node(func(n *ChefNode) { n.Region = "eu-west-1" }), seen: twoDays},
		"no account":                 {node: node(func(n *ChefNode) { n.Account = "" }), seen: twoDays},
		"no instance":                {node: node(func(n *ChefNode) { n.Instance = "" }), seen: twoDays},
		"an id that is none":         {node: node(func(n *ChefNode) { n.Instance = "*" }), seen: twoDays},
		"never converged, unknown":   {node: ChefNode{Server: "prod", Name: "web-1"}, seen: twoDays, want: "keep node web-1 on prod", why: "nothing shows"},
		"never converged, our name":  {node: ChefNode{Server: "prod", Name: "web-" + deadID}, change: named("web-{instance}"), seen: twoDays, want: "mop node web-" + deadID + " on prod"},
		"never converged, any name":  {node: ChefNode{Server: "prod", Name: "web-deployer"}, change: named("web-{name}"), seen: twoDays, want: "keep node web-deployer on prod", why: "nothing shows"},
		"never converged, coming up": {node: ChefNode{Server: "prod", Name: "web-" + aliveID}, change: named("web-{instance}"), seen: twoDays},
		"never converged, just now":  {node: ChefNode{Server: "prod", Name: "web-" + deadID}, change: named("web-{instance}"), want: "young node web-" + deadID + " on prod"},
		"group unknown":              {node: deadNode("web-1"), change: func(v *SweepView) { v.Groups = []string{"shop-*"} }, seen: twoDays, want: "keep node web-1 on prod", why: "Auto Scaling group"},
		"group seen before": {node: deadNode("web-1"), seen: twoDays, want: "mop node web-1 on prod", change: func(v *SweepView) {
			v.Groups = []string{"shop-*"}
			v.Memory.Things = append(v.Memory.Things, Remembered{Kind: knownNode, Where: "prod", Name: "web-1 " + deadID})
		}},
		"terminated, in our group": {node: deadNode("web-1"), seen: twoDays, want: "mop node web-1 on prod", why: "its instance " + deadID + " is terminated", change: func(v *SweepView) {
			v.Groups = []string{"shop-*"}
			v.Places[0].Instances = append(v.Places[0].Instances, Instance{ID: deadID, State: "terminated", Group: "shop-web"})
		}},
		"shutting down": {node: deadNode("web-1"), seen: twoDays, change: func(v *SweepView) {
			v.Places[0].Instances = append(v.Places[0].Instances, Instance{ID: deadID, State: "shutting-down"})
		}},
		"stopped, in another place": {node: deadNode("web-1"), seen: twoDays, change: func(v *SweepView) {
			v.Places = append(v.Places, SweptPlace{Account: sweepAccount, Region: "eu-west-1", Instances: []Instance{{ID: deadID, State: "stopped"}}})
		}},
		"another place is not to be seen": {node: deadNode("web-1"), seen: twoDays, change: func(v *SweepView) {
			v.Places = append(v.Places, SweptPlace{Account: sweepAccount, Region: "eu-west-1", Failed: "no answer"})
		}},
	} {
		view := sweepOf(c.node)
		if c.seen > 0 {
			view.Memory = seenBefore(c.seen, Remembered{Kind: OrphanNode, Where: "prod", Name: c.node.Name})
		}
		if c.change != nil {
			c.change(&view)
		}
		plan, _ := mustSweep(t, view)
		if got := said(plan); got != c.want {
			t.Errorf("%s: %q, want %q", about, got, c.want)
		}
		if c.want != "" && !strings.Contains(plan.Orphans[0].Why+plan.Orphans[0].Kept, c.why) {
			t.Errorf("%s: %+v, want %q", about, plan.Orphans[0], c.why)
		}
	}
}

func named(template string) func(*SweepView) {
	return func(v *SweepView) { v.Rules.NodeNames = []string{template} }
}

func TestSweepCountsWhoIsNotOurs(t *testing.T) {
	foreign, nowhere, nobody := deadNode("a"), deadNode("b"), deadNode("c")
	foreign.Account, nowhere.Region, nobody.Instance = "222222222222", "", ""
	plan, _ := mustSweep(t, sweepOf(foreign, nowhere, nobody, nobody))
	if len(plan.Orphans) != 0 || plan.Strangers[strangerPlace] != 1 || plan.Strangers[strangerNoPlace] != 1 || plan.Strangers[strangerNoEC2] != 2 {
		t.Errorf("%+v", plan)
	}
}

func TestSweepJudgesClients(t *testing.T) {
	twoDays := 48 * time.Hour
	known := Remembered{Kind: knownClient, Where: "prod", Name: "web-1"}
	for about, c := range map[string]struct {
		client string
		memory []Remembered
		change func(*SweepView)
		want   string
		why    string
	}{
		"a pipeline's":           {client: "jenkins", want: "keep client jenkins on prod", why: "nothing shows"},
		"its node was ours":      {client: "web-1", memory: []Remembered{known}, want: "mop client web-1 on prod"},
		"named as nodes are":     {client: "ip-10-0-0-1", change: named("{hostname}"), want: "mop client ip-10-0-0-1 on prod"},
		"named as anything is":   {client: "jenkins", change: named("{name}"), want: "keep client jenkins on prod"},
		"a deployer's":           {client: "web-deployer", change: named("web-{name}"), want: "keep client web-deployer on prod", why: "nothing shows"},
		"terraform's":            {client: "terraform.example.com", change: named("{name}.example.com"), want: "keep client terraform.example.com on prod", why: "nothing shows"},
		"not named as nodes are": {client: "web-1", change: named("web-{instance}"), want: "keep client web-1 on prod"},
		"an instance comes up":   {client: "web-live", change: named("web-{name}")},
		"node on another server": {client: "web-1", memory: []Remembered{known}, want: "keep client web-1 on prod", why: "another Chef server", change: func(v *SweepView) {
			v.Servers = append(v.Servers, SweptServer{Server: "test", Nodes: []ChefNode{{Server: "test", Name: "web-1", FQDN: "x"}}})
		}},
		"another server is blind": {client: "web-1", memory: []Remembered{known}, want: "keep client web-1 on prod", why: "Chef server test could not", change: func(v *SweepView) { v.Servers = append(v.Servers, SweptServer{Server: "test", Failed: "down"}) }},
	} {
		view := sweepOf()
		view.Servers[0].Clients = []string{c.client}
		view.Memory = seenBefore(twoDays, append(c.memory, Remembered{Kind: OrphanClient, Where: "prod", Name: c.client})...)
		if c.change != nil {
			c.change(&view)
		}
		plan, _ := mustSweep(t, view)
		if got := said(plan); got != c.want {
			t.Errorf("%s: %q, want %q", about, got, c.want)
			continue
		}
		if c.want != "" && !strings.Contains(plan.Orphans[0].Kept, c.why) {
			t.Errorf("%s: kept because %q, want %q", about, plan.Orphans[0].Kept, c.why)
		}
		if c.want != "" && plan.Orphans[0].Subject != (Subject{Account: sweepAccount, Region: sweepRegion, Node: c.client}) {
			t.Errorf("%s: subject %+v", about, plan.Orphans[0].Subject)
		}
	}
}

// A life: alive, dead, its node deleted by hand, and then the client, too.
func TestSweepRemembersFromSweepToSweep(t *testing.T) {
	view := sweepOf()
	alive := deadNode("web-1")
	alive.Instance = aliveID
	for _, step := range []struct {
		about   string
		after   time.Duration
		nodes   []ChefNode
		clients []string
		want    string
	}{
		{"alive", 0, []ChefNode{alive}, nil, ""},
		{"dead", time.Hour, []ChefNode{deadNode("web-1")}, nil, "young node web-1 on prod"},
		{"for ten hours", 10 * time.Hour, []ChefNode{deadNode("web-1")}, nil, "young node web-1 on prod"},
		{"back for a moment", time.Hour, []ChefNode{alive}, nil, ""},
		{"dead again", time.Hour, []ChefNode{deadNode("web-1")}, nil, "young node web-1 on prod"},
		{"too young still", 23 * time.Hour, []ChefNode{deadNode("web-1")}, nil, "young node web-1 on prod"},
		{"ripe", time.Hour, []ChefNode{deadNode("web-1")}, nil, "mop node web-1 on prod"},
		{"only its client", time.Hour, nil, []string{"web-1"}, "young client web-1 on prod"},
		{"client, too", 24 * time.Hour, nil, []string{"web-1"}, "mop client web-1 on prod"},
		{"nothing", time.Hour, nil, nil, ""},
	} {
		view.Now = view.Now.Add(step.after)
		view.Servers[0].Nodes, view.Servers[0].Clients = step.nodes, step.clients
		plan, memory := mustSweep(t, view)
		if got := said(plan); got != step.want {
			t.Errorf("%s: %q, want %q", step.about, got, step.want)
		}
		view.Memory = memory
	}
	if len(view.Memory.Things) != 0 {
		t.Errorf("what is gone is remembered: %+v", view.Memory.Things)
	}
}

// EC2 tells the group of a terminated instance for an hour at most. Whoever saw it alive, or dead within that hour, knows it later.
func TestSweepRemembersWhoseNodesWere(t *testing.T) {
	for about, states := range map[string][]string{
		"alive and then gone":         {"running", ""},
		"terminated and then gone":    {"terminated", ""},
		"alive, terminated, and gone": {"running", "terminated", ""},
	} {
		view := sweepOf(deadNode("web-1"))
		view.Groups = []string{"shop-*"}
		others := view.Places[0].Instances
		var plan SweepPlan
		for _, state := range append(states, "", "", "", "", "") {
			view.Places[0].Instances = others
			if state != "" {
				view.Places[0].Instances = append(slices.Clone(others), Instance{ID: deadID, State: state, Group: "shop-web"})
			}
			plan, view.Memory = mustSweep(t, view)
			view.Now = view.Now.Add(6 * time.Hour)
		}
		if got := said(plan); got != "mop node web-1 on prod" {
			t.Errorf("%s: %q, kept because %q", about, got, plan.Orphans[0].Kept)
		}
	}
}

// What could not be looked at is neither an orphan nor forgotten.
func TestSweepKeepsInMindWhereItCouldNotLook(t *testing.T) {
	view := sweepOf()
	view.Memory = seenBefore(time.Hour, Remembered{Kind: OrphanNode, Where: "prod", Name: "web-1"}, Remembered{Kind: OrphanRecord, Where: "Z1", Name: "a"}, Remembered{Kind: OrphanNode, Where: "old", Name: "web-2"})
	view.Servers = []SweptServer{{Server: "prod", Failed: "down"}}
	view.Zones = []SweptZone{{Zone: "Z1", Failed: "throttled"}}
	plan, memory := mustSweep(t, view)
	if len(plan.Orphans) != 0 || len(plan.Blind) != 2 || !slices.Equal(memory.Things, view.Memory.Things[:2]) {
		t.Errorf("%+v, then %+v", plan, memory)
	}
	view.Places[0].Failed = "denied"
	if plan, memory = mustSweep(t, view); len(plan.Blind) != 3 || len(memory.Things) != 3 {
		t.Errorf("%+v, then %+v", plan, memory)
	}
}
