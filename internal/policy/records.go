package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// RecordsInput is what is needed to say which records of a hosted zone are a dead instance's.
type RecordsInput struct {
	Zone  string   // its name: example.com.
	Zones []string // the names of all zones in which the instance has names, this one too
	Sets  []RecordSet
	Facts Facts
	Rules MopRules
	Held  Held
}

// WantedRecords are the record sets that can be a dead instance's at all: those with one of the names, and those of type A or
// AAAA that match a pattern with wildcards and have one of the addresses.
type WantedRecords struct {
	Names     []string
	Patterns  []string
	Addresses []string
}

// Wanted says what is to be read of a zone.
func (in RecordsInput) Wanted() WantedRecords {
	w := WantedRecords{Names: OwnNames(in.Facts, in.Rules, in.Zone)}
	for _, address := range in.Facts.Addresses {
		w.Names = append(w.Names, ReverseName(address))
		w.Addresses = append(w.Addresses, plainAddress(address))
	}
	for _, pattern := range in.Rules.SharedNames {
		if strings.ContainsAny(pattern, "*?") {
			w.Patterns = append(w.Patterns, pattern)
		} else {
			w.Names = append(w.Names, RecordName(pattern))
		}
	}
	slices.Sort(w.Names)
	w.Names = slices.DeleteFunc(slices.Compact(w.Names), func(name string) bool { return !inZone(name, in.Zone) })
	return w
}

// Has tells whether a record set of type A or AAAA matches a pattern; who asks has one of its addresses.
func (w WantedRecords) Has(set RecordSet) bool {
	return (set.Type == "A" || set.Type == "AAAA") && matchesShared(w.Patterns, set.Name)
}

// OwnRecords finds the record sets that are provably, wholly or in part, a dead instance's, and says why what looks like its
// own stays. Name and value must both be its own, and nobody alive may hold either. Alias and wildcard records and those of a
// zone's apex are never anybody's own.
func OwnRecords(in RecordsInput) ([]OwnRecord, []KeptThing) {
	o := ownerOf(in)
	var own []OwnRecord
	var kept []KeptThing
	for _, set := range in.Sets {
		record, why := o.judge(set)
		if len(record.Drop) > 0 {
			var held string
			if record.Drop, held = record.Free(in.Held); held != "" {
				why = held
			}
		}
		if len(record.Drop) > 0 {
			own = append(own, record)
		}
		if why != "" {
			kept = append(kept, KeptThing{What: set.String(), Why: why})
		}
	}
	return own, kept
}

// String is how people know a record set.
func (r RecordSet) String() string {
	text := r.Name + " " + r.Type
	if r.SetID != "" {
		text += " (" + r.SetID + ")"
	}
	return text
}

// Key tells a record set from all others of its zone.
func (r RecordSet) Key() string { return r.Name + " " + r.Type + " " + r.SetID }

// dnsOwner is who is dead, as far as DNS knows it.
type dnsOwner struct {
	who       string
	zone      string
	names     map[string]bool // of its own
	targets   map[string]bool // names that lead to it: its own and those that EC2 gave it
	shared    []string
	addresses map[netip.Addr]bool
	reverse   map[string]bool
}

func ownerOf(in RecordsInput) dnsOwner {
	o := dnsOwner{
		who: in.Facts.Subject.String(), zone: in.Zone, shared: in.Rules.SharedNames,
		names: map[string]bool{}, targets: map[string]bool{}, addresses: map[netip.Addr]bool{}, reverse: map[string]bool{},
	}
	for _, name := range OwnNames(in.Facts, in.Rules, in.Zone) {
		o.names[name] = true
	}
	for _, name := range slices.Concat(OwnNames(in.Facts, in.Rules, in.Zones...), ec2Names(in.Facts), in.Facts.Names) {
		if name = RecordName(name); isHostName(name) && strings.Count(name, ".") > 1 {
			o.targets[name] = true
		}
	}
	for _, address := range in.Facts.Addresses {
		if ip, err := netip.ParseAddr(address); err == nil && CheckAddress(address) == nil {
			o.addresses[ip] = true
			o.reverse[ReverseName(address)] = true
		}
	}
	return o
}

// judge says what of a record set is the owner's; or why it stays, where its name is the owner's.
func (o dnsOwner) judge(set RecordSet) (OwnRecord, string) {
	record := OwnRecord{RecordSet: set}
	if set.Name == o.zone || isWildcard(set.Name) {
		return record, ""
	}
	switch {
	case set.Type == "PTR" && o.reverse[set.Name]:
		return o.take(record, o.isTarget, reversedAddress(set.Name)+" is its address", "name")
	case (set.Type == "A" || set.Type == "AAAA") && matchesShared(o.shared, set.Name):
		record.Shared = true
		record, _ = o.take(record, o.isAddress, plain(set.Name)+" is a shared name", "address")
		return record, "" // the others' addresses are no matter of ours
	case !o.names[set.Name]:
		return record, ""
	case set.Type == "A" || set.Type == "AAAA":
		return o.take(record, o.isAddress, plain(set.Name)+" is its name", "address")
	case set.Type == "CNAME":
		return o.take(record, o.isTarget, plain(set.Name)+" is its name", "name")
	}
	return record, "only records of the types A, AAAA, CNAME and PTR are deleted"
}

// take claims the values that are the owner's.
func (o dnsOwner) take(record OwnRecord, isOwn func(string) bool, proof, kind string) (OwnRecord, string) {
	for _, value := range record.Values {
		if isOwn(value) {
			record.Drop = append(record.Drop, value)
		}
	}
	switch {
	case len(record.Drop) > 0:
		record.Proof = proof + ", " + listed(record.Drop) + " its " + kind
		return record, ""
	case len(record.Values) == 0:
		return record, "it is an alias or a traffic policy's, and leads to what is no instance"
	}
	return record, "it points to " + listed(record.Values) + ", which is not " + o.who + "'s"
}

func (o dnsOwner) isAddress(value string) bool {
	ip, err := netip.ParseAddr(value)
	return err == nil && o.addresses[ip]
}

func (o dnsOwner) isTarget(value string) bool { return o.targets[RecordName(value)] }

// matchesShared tells whether a record's name matches one of the patterns of names that nodes share.
func matchesShared(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return Matches(foldName(pattern), foldName(name)) })
}

// plain is a name without the dot at its end, as people write it.
func plain(name string) string { return strings.TrimSuffix(name, ".") }

// listed names a few of many values.
func listed(values []string) string {
	const few = 3
	text := make([]string, 0, few+1)
	for _, v := range values[:min(few, len(values))] {
		text = append(text, plain(v))
	}
	if len(values) > few {
		text = append(text, "…")
	}
	return strings.Join(text, ", ")
}
