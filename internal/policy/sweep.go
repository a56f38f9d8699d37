package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of what a sweep finds.
const (
	OrphanNode   = "node"
	OrphanClient = "client" // without a node
	OrphanRecord = "record" // a record set, or values of it, that lead to nobody
)

// What a sweep does with an orphan.
const (
	SweepMops  = "mop"
	SweepYoung = "young" // it has not been an orphan for the time of grace
	SweepKeeps = "keep"  // Kept says why
	SweepLater = "later" // more than one sweep takes
)

// SweepView is all that a sweep has seen.
type SweepView struct {
	Now    time.Time
	Grace  time.Duration
	Rules  MopRules
	Groups []string // whose instances are the environment's; none: all
	Most   int      // so many are mopped by one sweep
	Memory SweepMemory

	Places  []SweptPlace
	Others  []SweptPlace // of other environments that share a Chef server: whoever is there is alive, and nothing more
	Servers []SweptServer
	Zones   []SweptZone
}

// SweptPlace is what EC2 shows in an account and Region.
type SweptPlace struct {
	Account   string     `json:"account"`
	Region    string     `json:"region"`
	Failed    string     `json:"failed,omitempty"` // why it could not be looked at
	Instances []Instance `json:"instances"`        // in every state
	Addresses []string   `json:"addresses"`        // of all network interfaces
}

// SweptServer is what a Chef server knows.
type SweptServer struct {
	Server  string     `json:"server"`
	Failed  string     `json:"failed,omitempty"`
	Nodes   []ChefNode `json:"nodes"`
	Clients []string   `json:"clients"` // without a node; without those that are never deleted
}

// SweptZone is what a hosted zone holds.
type SweptZone struct {
	Zone    string      `json:"zone"` // its id
	Name    string      `json:"name"` // with the dot at its end
	Failed  string      `json:"failed,omitempty"`
	Records []RecordSet `json:"records"`
}

// Orphan is something whose instance nobody finds.
type Orphan struct {
	Kind    string     `json:"kind"`
	Where   string     `json:"where"` // Chef server, or hosted zone
	Name    string     `json:"name"`
	Why     string     `json:"why"`
	Since   time.Time  `json:"since"` // the first sweep that saw it so
	Do      string     `json:"do"`    // Sweep…
	Kept    string     `json:"kept,omitempty"`
	Subject Subject    `json:"subject,omitzero"` // of its mop
	Record  *OwnRecord `json:"record,omitempty"` // to be deleted by the sweep itself
}

// String is how people read it.
func (o Orphan) String() string {
	const most = 200 // a record set may have 400 values
	switch {
	case o.Kind != OrphanRecord:
		return o.Kind + " " + o.Name + " on " + o.Where
	case len(o.Name) > most:
		return strings.ToValidUTF8(o.Name[:most], "") + " …"
	}
	return o.Name
}

// SweepPlan is what a sweep found, and what becomes of it.
type SweepPlan struct {
	Sweep     string         `json:"sweep"`
	Made      time.Time      `json:"made"`
	Grace     time.Duration  `json:"grace"`
	Blind     []Blocked      `json:"blind,omitempty"`     // what could not be looked at
	Empty     []string       `json:"empty,omitempty"`     // of Blind: places that show nothing, and should
	Strangers map[string]int `json:"strangers,omitempty"` // nodes that are not ours to judge, by why
	Orphans   []Orphan       `json:"orphans"`             // the oldest first
}

// maxSweptRecords bounds the record sets that one sweep changes: each may have 32 kB, and travels as a payload.
const maxSweptRecords = 20

// sweep is one judgement. It fills the plan and the memory of the next sweep.
type sweep struct {
	SweepView

	living  living
	homes   map[string]bool   // account/Region of the environment
	empty   map[string]string // account/Region that is empty and should not be, and why that is thought
	doubt   string            // why nothing goes that does not say which instance it was; "" when it may
	blindTo string            // a Chef server that could not be looked at; "" when all could
	known   map[string]bool   // names of nodes that have converged, on any server
	vague   map[string]bool   // names of nodes and clients that do not say which instance they are
	owners  map[string]string
	before  map[Remembered]time.Time
	plan    SweepPlan
	next    []Remembered
}

// Orphans compares Chef and Route 53 with EC2. What could not be looked at makes nothing an orphan. The memory is what the
// next sweep is told.
func Orphans(view SweepView) (SweepPlan, SweepMemory, error) {
	s := newSweep(view)
	if len(view.Places) == 0 {
		return s.plan, view.Memory, errors.New("a sweep needs an account and Region where live instances are looked for")
	}
	if slices.ContainsFunc(view.Places, func(p SweptPlace) bool { return p.Failed != "" }) {
		return s.plan, view.Memory, nil // any instance may be alive there
	}
	s.doubts()
	for _, server := range view.Servers {
		for _, n := range server.Nodes {
			s.judgeNode(n)
		}
	}
	for _, server := range view.Servers { // after the nodes, which vouch for their clients
		for _, name := range server.Clients {
			s.judgeClient(server.Server, name)
		}
	}
	for _, zone := range view.Zones {
		for _, set := range zone.Records {
			s.judgeRecord(zone, set)
		}
	}
	s.choose()
	s.carryOver()
	return s.plan, remembering(s.next), nil
}

func newSweep(view SweepView) *sweep {
	s := &sweep{
		SweepView: view, living: newLiving(view), homes: map[string]bool{}, empty: map[string]string{}, known: map[string]bool{}, vague: map[string]bool{},
		owners: map[string]string{}, before: view.Memory.index(), plan: SweepPlan{Made: view.Now, Grace: view.Grace, Strangers: map[string]int{}},
	}
	for _, p := range view.Places {
		s.homes[p.name()] = true
	}
	for _, p := range slices.Concat(view.Places, view.Others) {
		s.blind("EC2 in "+p.name(), p.Failed)
	}
	for _, server := range view.Servers {
		s.blind("Chef server "+server.Server, server.Failed)
		if server.Failed != "" {
			s.blindTo = server.Server
		}
		for _, n := range server.Nodes {
			if n.Instance == "" {
				s.vague[n.Name] = true
			}
			if hasConverged(n) {
				s.known[n.Name] = true
			}
		}
		for _, name := range server.Clients {
			s.vague[name] = true
		}
	}
	for _, zone := range view.Zones {
		s.blind("hosted zone "+zone.Zone, zone.Failed)
	}
	return s
}

func (s *sweep) blind(what, why string) {
	if why != "" {
		s.plan.Blind = append(s.plan.Blind, Blocked{Name: what, Reason: why})
	}
}

// choose lets go what is ripe, the oldest first, no more than one sweep takes. One run mops up after all that one instance left,
// so it waits until all of that may go.
func (s *sweep) choose() {
	slices.SortStableFunc(s.plan.Orphans, func(a, b Orphan) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name))
	})
	stays := map[string]Orphan{}
	for _, o := range s.plan.Orphans {
		if o.Do != SweepMops && o.Kind != OrphanRecord {
			stays[o.Subject.Key()] = o
		}
	}
	runs, records := map[string]bool{}, 0
	for i := range s.plan.Orphans {
		o := &s.plan.Orphans[i]
		if other, stay := stays[o.Subject.Key()]; stay && o.Do == SweepMops {
			o.Do, o.Kept = other.Do, "it goes together with "+other.String()+", and that stays: "+other.Kept
		}
		switch {
		case o.Do != SweepMops || o.Record == nil && runs[o.Subject.Key()]:
		case len(runs)+records >= s.Most, o.Record != nil && records >= maxSweptRecords:
			o.Do, o.Kept = SweepLater, fmt.Sprintf("one sweep takes %d, the oldest first: the next sweep goes on", s.Most)
		case o.Record != nil:
			records++
		default:
			runs[o.Subject.Key()] = true
		}
	}
}

// add takes an orphan. Without a reason to keep it, or a doubt about it, only its age does. Under a doubt nothing begins to be an
// orphan: it may well be alive.
func (s *sweep) add(o Orphan, lastSign time.Time, doubt string) {
	o.Since, o.Kept = s.since(o, doubt == ""), cmp.Or(o.Kept, doubt)
	ripe := s.Now.Add(-s.Grace)
	switch {
	case o.Kept != "":
		o.Do = SweepKeeps
	case lastSign.After(ripe):
		o.Do, o.Kept = SweepYoung, "it checked in at "+inMinutes(lastSign)+", and the time of grace is "+Span(s.Grace)
	case o.Since.After(ripe):
		o.Do, o.Kept = SweepYoung, "seen so since "+inMinutes(o.Since)+", and the time of grace is "+Span(s.Grace)
	default:
		o.Do = SweepMops
	}
	s.plan.Orphans = append(s.plan.Orphans, o)
}

// ToMop are the subjects to be mopped up after, each once, in the plan's order.
func (p SweepPlan) ToMop() []Orphan {
	var out []Orphan
	seen := map[string]bool{}
	for _, o := range p.Orphans {
		if o.Do == SweepMops && (o.Record != nil || !seen[o.Subject.Key()]) {
			seen[o.Subject.Key()] = true
			out = append(out, o)
		}
	}
	return out
}

// Count is how many orphans there are of a kind, or that get a treatment.
func (p SweepPlan) Count(what string) int {
	n := 0
	for _, o := range p.Orphans {
		if o.Kind == what || o.Do == what {
			n++
		}
	}
	return n
}

// foldName is how names are compared: DNS and people do not tell upper case from lower.
func foldName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
