package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The small world of the properties: so few names and addresses that they meet all the time.
var (
	someNames     = rapid.SampledFrom([]string{"web-7", "web-8", "web", "db", "a.pool", `\052`, "www"})
	someAddresses = rapid.SampledFrom([]string{"10.0.0.5", "10.0.0.6", "54.1.2.3", "2001:db8::5", "2001:db8::6"})
	someTargets   = rapid.SampledFrom([]string{
		"web-7.example.com.", "web-8.example.com", "WEB-7.example.com.", "ip-10-0-0-5.eu-west-1.compute.internal.", "ec2-54-1-2-3.eu-west-1.compute.amazonaws.com.", "db.example.org.",
	})
	someTypes = rapid.SampledFrom([]string{"A", "A", "A", "AAAA", "CNAME", "PTR", "TXT", "MX", "NS"})
)

func drawSet(t *rapid.T) RecordSet {
	set := RecordSet{Zone: "Z1", Type: someTypes.Draw(t, "type"), Name: someNames.Draw(t, "name") + ".example.com."}
	if rapid.IntRange(0, 9).Draw(t, "apex") == 0 {
		set.Name = "example.com."
	}
	values := rapid.OneOf(someAddresses, someTargets)
	if set.Type == "PTR" {
		set.Name = ReverseName(someAddresses.Draw(t, "of"))
		values = rapid.OneOf(someTargets)
	}
	set.Values = rapid.SliceOfNDistinct(values, 0, 4, rapid.ID).Draw(t, "values")
	if rapid.Bool().Draw(t, "weighted") {
		set.SetID = "blue"
	}
	return set
}

func drawRecordsInput(t *rapid.T) RecordsInput {
	held := Held{Addresses: map[string]string{}, Names: map[string]string{}}
	for _, address := range rapid.SliceOfN(someAddresses, 0, 2).Draw(t, "held addresses") {
		held.Addresses[address] = "i-alive"
	}
	for _, name := range rapid.SliceOfN(someNames, 0, 2).Draw(t, "held names") {
		held.Names[name] = "i-alive"
	}
	return RecordsInput{
		Zone: rapid.SampledFrom([]string{"example.com.", "arpa."}).Draw(t, "zone"), Zones: []string{"example.com.", "arpa."},
		Sets: rapid.SliceOfN(rapid.Custom(drawSet), 1, 6).Draw(t, "sets"),
		Facts: Facts{
			Subject:   Subject{Account: "123456789012", Region: "eu-west-1", Instance: "i-0123456789abcdef0", Node: rapid.SampledFrom([]string{"", "web-7"}).Draw(t, "node")},
			Addresses: rapid.SliceOfNDistinct(someAddresses, 0, 3, rapid.ID).Draw(t, "addresses"),
			Names:     rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"web-7", "web-7.example.com", "*", "example.com", "", "www"}), 0, 3, rapid.ID).Draw(t, "names"),
		},
		Rules: MopRules{
			SharedNames: rapid.SliceOfN(rapid.SampledFrom([]string{"web.example.com", "*.pool.example.com", "*"}), 0, 2).Draw(t, "shared"),
			RecordNames: rapid.SliceOfN(rapid.SampledFrom([]string{"{node}", "{fqdn}", "{instance}.x"}), 0, 2).Draw(t, "templates"),
		},
		Held: held,
	}
}

// Whatever the zone, the facts and the holders are: what goes is the dead's, and nobody's who lives.
func TestOnlyTheDeadsOwnGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawRecordsInput(t)
		own, kept := OwnRecords(in)
		for _, r := range own {
			if i := slices.IndexFunc(in.Sets, func(s RecordSet) bool { return fmt.Sprint(s) == fmt.Sprint(r.RecordSet) }); i < 0 {
				t.Fatalf("%v was not read", r.RecordSet)
			}
			if len(r.Drop) == 0 || r.Name == in.Zone || strings.HasPrefix(r.Name, `\052`) || !slices.Contains([]string{"A", "AAAA", "CNAME", "PTR"}, r.Type) {
				t.Fatalf("%v is never touched, and loses %q", r.RecordSet, r.Drop)
			}
			for _, value := range r.Drop {
				wantOwn(t, in, r, value)
			}
		}
		for _, k := range kept {
			if k.Why == "" || !slices.ContainsFunc(in.Sets, func(s RecordSet) bool { return s.String() == k.What }) {
				t.Fatalf("what stays is %+v", k)
			}
		}
	})
}

// wantOwn is the rule once more, from the value's side.
func wantOwn(t *rapid.T, in RecordsInput, r OwnRecord, value string) {
	if !slices.Contains(r.Values, value) {
		t.Fatalf("%v never had %s", r.RecordSet, value)
	}
	address := value
	switch r.Type {
	case "PTR":
		address = in.Facts.Addresses[slices.IndexFunc(in.Facts.Addresses, func(a string) bool { return ReverseName(a) == r.Name })]
	case "CNAME":
		address = ec2Address(value)
	}
	if ip, err := netip.ParseAddr(address); err == nil {
		if address = ip.String(); !slices.Contains(in.Facts.Addresses, address) || in.Held.Addresses[address] != "" {
			t.Fatalf("%v loses %s: %s is not the dead's, or a living one's", r.RecordSet, value, address)
		}
	} else if r.Type != "CNAME" {
		t.Fatalf("%v loses %s, which is no address", r.RecordSet, value)
	}
	var names []string
	if r.Type == "CNAME" || r.Type == "PTR" {
		names = append(names, value)
	}
	if r.Type != "PTR" && !r.Shared {
		names = append(names, r.Name)
	}
	for _, name := range names {
		host, _, _ := strings.Cut(strings.ToLower(name), ".")
		if host != "web-7" && host != "www" && !strings.HasPrefix(host, "i-0123") && ec2Address(name) == "" {
			t.Fatalf("%v loses %s: %s is no name of the dead's", r.RecordSet, value, name)
		}
		if in.Held.Names[host] != "" {
			t.Fatalf("%v loses %s: %s is a living one's", r.RecordSet, value, name)
		}
	}
}

// A record set that keeps values keeps exactly those that are not the dead's own.
func TestTheOthersValuesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawRecordsInput(t)
		own, _ := OwnRecords(in)
		for _, r := range own {
			rest := slices.DeleteFunc(slices.Clone(r.Values), func(v string) bool { return slices.Contains(r.Drop, v) })
			if len(rest)+len(r.Drop) != len(r.Values) {
				t.Fatalf("%v loses %q and keeps %q", r.RecordSet, r.Drop, rest)
			}
			if len(rest) == 0 {
				continue
			}
			now := r.RecordSet
			now.Values, now.Exact = rest, `{}`
			r.Exact = `{}`
			if drop, why := r.Reread(&now); len(drop) > 0 || why != "" {
				t.Fatalf("what is left of %v is to lose %q (%s)", r.RecordSet, drop, why)
			}
		}
	})
}
