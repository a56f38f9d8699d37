package policy

import (
	"slices"
	"strings"
	"time"
)

// judgeRecord looks for values that lead to nobody. Only an address that an instance of the environment was seen to have, in a
// name that the environment says its nodes share, is ever taken out; any other may be a printer's, or a partner's, and is told.
// A node's own names go with its mop.
func (s *sweep) judgeRecord(zone SweptZone, set RecordSet) {
	shared := s.isShared(zone, set)
	var ours, others []string
	for _, value := range set.Values {
		key := set.String() + " " + value
		switch led := leadsTo(set, value); {
		case led == "": // it leads to no address that one machine has
			if s.owners[foldName(value)] != "" || s.owners[foldName(set.Name)] != "" {
				others = append(others, value)
			}
		case s.living.addresses[led]:
			if group, held := s.living.machines[led]; shared && held && s.ourGroup(group) {
				s.learn(knownValue, zone.Zone, key)
			}
		case shared && s.recall(knownValue, zone.Zone, key):
			ours = append(ours, value)
		default:
			others = append(others, value)
		}
	}
	s.addRecord(zone, set, ours, "")
	s.addRecord(zone, set, others, s.whyKept(set, others))
}

// addRecord takes the values of a record set that lead to nobody; other values are another orphan, which begins to be one anew.
func (s *sweep) addRecord(zone SweptZone, set RecordSet, values []string, kept string) {
	if len(values) == 0 {
		return
	}
	list := strings.Join(values, ", ")
	o := Orphan{Kind: OrphanRecord, Where: zone.Zone, Name: set.String() + " → " + list, Why: "nobody in the environment has " + list, Kept: kept}
	if kept == "" {
		first := s.Places[0]
		o.Subject = Subject{Account: first.Account, Region: first.Region, Address: values[0]}
		o.Record = &OwnRecord{RecordSet: set, Drop: values, Shared: true, Proof: "an instance of the environment had it when a sweep last saw it held, and nobody has it now; the name is shared"}
	}
	s.add(o, time.Time{}, s.doubt)
}

// whyKept says why values are only told of.
func (s *sweep) whyKept(set RecordSet, values []string) string {
	for _, key := range append(slices.Clone(values), set.Name) {
		if owner := s.owners[foldName(plainAddress(key))]; owner != "" {
			return "it goes with " + owner + ", if it is its own"
		}
	}
	return "nothing shows that it was an instance's: delete it by hand if it was"
}

// isShared tells that a name is one that several nodes share. A zone's own name and wildcards never are.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html (\052 is an asterisk)
func (s *sweep) isShared(zone SweptZone, set RecordSet) bool {
	name := foldName(set.Name)
	return (set.Type == "A" || set.Type == "AAAA") && name != foldName(zone.Name) && !strings.HasPrefix(name, `\052.`) &&
		slices.ContainsFunc(s.Rules.SharedNames, func(pattern string) bool { return Matches(foldName(pattern), name) })
}

// leadsTo is the address that a value of a record set, or the name of a reverse record, stands for; "" for none.
func leadsTo(set RecordSet, value string) string {
	led := ""
	switch set.Type {
	case "A", "AAAA":
		led = plainAddress(value)
	case "PTR":
		led = reversedAddress(set.Name)
	case "CNAME":
		led = ec2Address(value)
	}
	if CheckAddress(led) != nil {
		return ""
	}
	return led
}
