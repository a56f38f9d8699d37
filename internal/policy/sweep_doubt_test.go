package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	otherAccount = "222222222222"
	otherID      = "i-0a11e000000000002"
)

// neighbour is a place of another environment on the same Chef server.
func neighbourAt(instances ...Instance) SweptPlace {
	return SweptPlace{Account: otherAccount, Region: sweepRegion, Instances: instances}
}

// Several environments may share a Chef server: who lives in another one is alive.
func TestSweepOfASharedChefServer(t *testing.T) {
	running := func(change func(*Instance)) SweptPlace {
		i := Instance{ID: otherID, State: "running"}
		change(&i)
		return neighbourAt(i)
	}
	theirs := func(i *Instance) { i.Name, i.Hostname = "api", "ip-10-5-0-7" }
	for about, c := range map[string]struct {
		name, template string
		known          bool // an earlier sweep saw it as ours
		other          SweptPlace
		want           string // "" is nothing; else what is done
		why            string
	}{
		"its id is a live one's there":       {name: "web-" + otherID, template: "web-{instance}", other: running(theirs)},
		"its hostname is a live one's there": {name: "ip-10-5-0-7", template: "{hostname}", other: running(theirs)},
		"named by their template":            {name: "db-ip-10-5-0-7", template: "{name}-{hostname}", other: running(func(i *Instance) { i.Hostname = "ip-10-5-0-7" })},
		"its tag is a live one's there":      {name: "api", known: true, other: running(theirs)},
		"terminated there":                   {name: "web-" + otherID, template: "web-{instance}", other: running(func(i *Instance) { i.State = "terminated" }), want: SweepMops},
		"somebody else lives there":          {name: "web-" + deadID, template: "web-{instance}", other: running(theirs), want: SweepMops},
		"nobody could look there":            {name: "web-" + deadID, template: "web-{instance}", other: SweptPlace{Account: otherAccount, Region: sweepRegion, Failed: "denied"}, want: SweepKeeps, why: "EC2 in 222222222222/us-east-1 could not be looked at"},
		"nobody could look, known":           {name: "web-1", known: true, other: SweptPlace{Account: otherAccount, Region: sweepRegion, Failed: "denied"}, want: SweepKeeps, why: "could not be looked at"},
	} {
		for kind, put := range map[string]func(*SweptServer){
			OrphanNode:   func(s *SweptServer) { s.Nodes = []ChefNode{{Server: "prod", Name: c.name}} },
			OrphanClient: func(s *SweptServer) { s.Clients = []string{c.name} },
		} {
			view := sweepOf()
			view.Others = []SweptPlace{c.other}
			view.Rules.NodeNames = []string{c.template}
			put(&view.Servers[0])
			view.Memory = seenBefore(48*time.Hour, Remembered{Kind: kind, Where: "prod", Name: c.name})
			if c.known {
				view.Memory.Things = append(view.Memory.Things, Remembered{Kind: knownClient, Where: "prod", Name: c.name})
			}
			plan, _ := mustSweep(t, view)
			want := ""
			if c.want != "" {
				want = c.want + " " + kind + " " + c.name + " on prod"
			}
			if got := said(plan); got != want || want != "" && !strings.Contains(plan.Orphans[0].Kept, c.why) {
				t.Errorf("%s, %s: %q, want %q with %q: %+v", kind, about, got, want, c.why, plan.Orphans)
			}
		}
	}
}

// Another environment vouches for what lives there, and makes nothing this one's own.
func TestSweepLearnsNothingOfOthers(t *testing.T) {
	theirs := deadNode("api-1")
	theirs.Instance = otherID
	view := sweepOf(theirs) // and its attributes even say that it is here
	view.Others = []SweptPlace{neighbourAt(Instance{ID: otherID, State: "running", Addresses: []string{"10.5.0.7"}})}
	view.Others[0].Addresses = []string{"10.5.0.8"}
	view.Rules.SharedNames = []string{"shared.*"}
	view.Zones = []SweptZone{{Zone: "Z1", Name: "example.com.", Records: []RecordSet{record("shared.example.com.", "A", "10.5.0.7", "10.5.0.8")}}}
	plan, memory := mustSweep(t, view)
	if len(plan.Orphans) != 0 || len(memory.Things) != 0 || plan.Strangers[strangerPlace] != 1 {
		t.Errorf("%+v, then %+v", plan, memory)
	}
}

// A node says where its instance was; who could not be looked at elsewhere does not matter to it.
func TestSweepJudgesNodesWhateverOthersAre(t *testing.T) {
	view := sweepOf(deadNode("web-1"))
	view.Others = []SweptPlace{{Account: otherAccount, Region: sweepRegion, Failed: "denied"}}
	view.Memory = seenBefore(48*time.Hour, Remembered{Kind: OrphanNode, Where: "prod", Name: "web-1"})
	plan, _ := mustSweep(t, view)
	if said(plan) != "mop node web-1 on prod" || len(plan.Blind) != 1 || len(plan.Empty) != 0 {
		t.Errorf("%s: %+v", said(plan), plan)
	}
}

// A place without instances, where Chef knows some, is more likely the wrong one. The nodes there stay, and so does all that does
// not say where it was; the rest of the sweep goes on.
func TestSweepGoesOnBesideAnEmptyPlace(t *testing.T) {
	away := deadNode("web-2")
	away.Instance, away.Region = "i-0dead000000000002", "eu-west-1"
	for about, c := range map[string]struct {
		away  ChefNode
		empty func(*SweepView)
		want  string
		blind int
	}{
		"scaled to zero": {
			away, func(v *SweepView) {
				v.Places = append(v.Places, SweptPlace{Account: sweepAccount, Region: "eu-west-1"})
			},
			"keep client web-" + deadID + " on prod; mop node web-1 on prod; keep node web-2 on prod; keep shared.example.com. A → 10.9.9.9", 1,
		},
		"nobody claims to be there": {
			away, func(v *SweepView) {
				v.Places = append(v.Places, SweptPlace{Account: sweepAccount, Region: "ap-south-1"})
			},
			"mop client web-" + deadID + " on prod; mop node web-1 on prod; mop shared.example.com. A → 10.9.9.9", 0,
		},
		"another environment's": {
			ChefNode{Server: "prod", Name: "web-2", Instance: otherID, Account: otherAccount, Region: sweepRegion},
			func(v *SweepView) { v.Others = []SweptPlace{neighbourAt()} },
			"keep client web-" + deadID + " on prod; mop node web-1 on prod; keep shared.example.com. A → 10.9.9.9", 1,
		},
	} {
		view := sweepOf(deadNode("web-1"), c.away)
		view.Servers[0].Clients = []string{"web-" + deadID}
		view.Rules = MopRules{NodeNames: []string{"web-{instance}"}, SharedNames: []string{"shared.*"}}
		view.Zones = []SweptZone{{Zone: "Z1", Name: "example.com.", Records: []RecordSet{record("shared.example.com.", "A", "10.9.9.9")}}}
		view.Memory = seenBefore(48*time.Hour,
			Remembered{Kind: OrphanClient, Where: "prod", Name: "web-" + deadID}, Remembered{Kind: OrphanNode, Where: "prod", Name: "web-1"},
			Remembered{Kind: OrphanNode, Where: "prod", Name: "web-2"}, Remembered{Kind: knownValue, Where: "Z1", Name: "shared.example.com. A 10.9.9.9"},
			Remembered{Kind: OrphanRecord, Where: "Z1", Name: "shared.example.com. A → 10.9.9.9"})
		c.empty(&view)
		plan, _ := mustSweep(t, view)
		if got := said(plan); got != c.want || len(plan.Empty) != c.blind || len(plan.Blind) != c.blind {
			t.Errorf("%s: %q, want %q; %+v", about, got, c.want, plan.Empty)
		}
		if c.blind > 0 && (!strings.Contains(plan.Empty[0], "not one instance in ") || !strings.Contains(plan.Empty[0], "knows 1 nodes there: check")) {
			t.Errorf("%s: %q", about, plan.Empty)
		}
	}
	if _, _, err := Orphans(SweepView{Now: sweepNow}); err == nil {
		t.Error("a sweep that looked at EC2 nowhere must not judge")
	}
}

// What stays for a doubt may be alive, so the time of grace begins once there is none.
func TestSweepCountsNoGraceInDoubt(t *testing.T) {
	view := sweepOf()
	view.Rules.NodeNames = []string{"web-{instance}"}
	view.Servers[0].Clients = []string{"web-" + deadID}
	view.Others = []SweptPlace{{Account: otherAccount, Region: sweepRegion, Failed: "denied"}}
	plan, memory := mustSweep(t, view)
	if said(plan) != "keep client web-"+deadID+" on prod" || len(memory.Things) != 0 {
		t.Fatalf("%s, then %+v", said(plan), memory)
	}
	view.Others = nil
	for _, want := range []string{SweepYoung, SweepMops} {
		view.Memory, view.Now = memory, view.Now.Add(25*time.Hour)
		plan, memory = mustSweep(t, view)
		if !slices.ContainsFunc(plan.Orphans, func(o Orphan) bool { return o.Do == want }) {
			t.Errorf("%s, want it %s", said(plan), want)
		}
	}
}
