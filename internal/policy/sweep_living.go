package policy

import (
	"regexp"
	"strings"
)

// living is what instances that are not dead hold: whatever a sweep finds of it, it leaves alone.
type living struct {
	ids       map[string]Instance
	dead      map[string]Instance // that EC2 still shows
	names     map[string]bool     // lower case
	labels    map[string]bool     // the first labels of names with dots
	addresses map[string]bool     // of instances, and of all other network interfaces
	machines  map[string]string   // addresses of instances, with their Auto Scaling groups
}

func newLiving(places []SweptPlace, rules MopRules) living {
	l := living{
		ids: map[string]Instance{}, dead: map[string]Instance{}, names: map[string]bool{},
		labels: map[string]bool{}, addresses: map[string]bool{}, machines: map[string]string{},
	}
	for _, p := range places {
		for _, i := range p.Instances {
			l.add(i, rules)
		}
		for _, a := range p.Addresses {
			l.addresses[plainAddress(a)] = true
		}
	}
	return l
}

func (l living) add(i Instance, rules MopRules) {
	if PhaseOfInstance(i) == Dead {
		l.dead[i.ID] = i
		return
	}
	l.ids[i.ID] = i
	for _, name := range append(NodeNames(rules, Subject{Instance: i.ID}, i), i.Name, i.Hostname) {
		if name = foldName(name); name == "" {
			continue
		}
		l.names[name] = true
		if label, _, dotted := strings.Cut(name, "."); dotted {
			l.labels[label] = true
		}
	}
	for _, a := range i.Addresses {
		l.addresses[plainAddress(a)] = true
		l.machines[plainAddress(a)] = i.Group
	}
}

// instanceIn finds instance ids in names.
var instanceIn = regexp.MustCompile(`i-(?:[0-9a-f]{17}|[0-9a-f]{8})`)

// has tells that a live instance has a name: as its tag Name, as its hostname, as the environment names nodes, or with its id in
// it. Of two names of which one is fully qualified and the other is not, the first labels count.
func (l living) has(name string) bool {
	name = foldName(name)
	label, _, dotted := strings.Cut(name, ".")
	if l.names[name] || dotted && l.names[label] || !dotted && l.labels[name] {
		return true
	}
	for _, id := range instanceIn.FindAllString(name, -1) {
		if _, alive := l.ids[id]; alive {
			return true
		}
	}
	return false
}
