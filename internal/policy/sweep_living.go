package policy

import (
	"regexp"
	"slices"
	"strings"
)

// living is what instances that are not dead hold: whatever a sweep finds of it, it leaves alone.
type living struct {
	ids       map[string]Instance // of the environment
	elsewhere map[string]bool     // ids in other environments
	dead      map[string]Instance // that EC2 still shows
	names     map[string]bool     // lower case
	labels    map[string]bool     // the first labels of names with dots
	addresses map[string]bool     // of instances, and of all other network interfaces
	machines  map[string]string   // addresses of instances, with their Auto Scaling groups
}

func newLiving(view SweepView) living {
	l := living{
		ids: map[string]Instance{}, elsewhere: map[string]bool{}, dead: map[string]Instance{}, names: map[string]bool{},
		labels: map[string]bool{}, addresses: map[string]bool{}, machines: map[string]string{},
	}
	for _, p := range view.Places {
		for _, i := range p.Instances {
			if PhaseOfInstance(i) == Dead {
				l.dead[i.ID] = i
				continue
			}
			l.ids[i.ID] = i
			l.holds(i, view.Rules)
			for _, a := range i.Addresses {
				l.machines[plainAddress(a)] = i.Group
			}
		}
	}
	for _, p := range view.Others {
		for _, i := range p.Instances {
			if PhaseOfInstance(i) != Dead {
				l.elsewhere[i.ID] = true
				l.holds(i, view.Rules)
			}
		}
	}
	for _, p := range slices.Concat(view.Places, view.Others) {
		for _, a := range p.Addresses {
			l.addresses[plainAddress(a)] = true
		}
	}
	return l
}

// holds adds the names and addresses that a live instance has.
func (l living) holds(i Instance, rules MopRules) {
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
	}
}

// instanceIn and hostIn find instance ids, and hostnames as EC2 makes them, in names: another environment has templates of its
// own, and what its nodes are called is not known here.
var (
	instanceIn = regexp.MustCompile(`i-(?:[0-9a-f]{17}|[0-9a-f]{8})`)
	hostIn     = regexp.MustCompile(`ip(?:-[0-9]{1,3}){4}`)
)

// has tells that a live instance has a name: as its tag Name, as its hostname, as the environment names nodes, or with its id or
// its hostname in it. Of two names of which one is fully qualified and the other is not, the first labels count.
func (l living) has(name string) bool {
	name = foldName(name)
	label, _, dotted := strings.Cut(name, ".")
	if l.names[name] || dotted && l.names[label] || !dotted && l.labels[name] {
		return true
	}
	for _, id := range instanceIn.FindAllString(name, -1) {
		if _, alive := l.ids[id]; alive || l.elsewhere[id] {
			return true
		}
	}
	return slices.ContainsFunc(hostIn.FindAllString(name, -1), func(host string) bool { return l.names[host] || l.labels[host] })
}
