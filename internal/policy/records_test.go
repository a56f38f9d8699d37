package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dead is web-7: all that is known of it.
var dead = Facts{
	Subject:   Subject{Account: "123456789012", Region: "eu-west-1", Instance: "i-0123456789abcdef0", Node: "web-7"},
	Addresses: []string{"10.0.0.5", "2001:db8::5", "54.1.2.3"},
	Names:     []string{"ip-10-0-0-5", "web-7", "web-7.example.com"},
}

const whoDied = "i-0123456789abcdef0 (web-7)"

// recordOf reads "web-7.example.com. A 10.0.0.5 10.0.0.6"; a type may have a set id: A/eu.
func recordOf(text string) RecordSet {
	fields := strings.Fields(text)
	kind, id, _ := strings.Cut(fields[1], "/")
	set := RecordSet{Zone: "Z1", Name: fields[0], Type: kind, SetID: id, Values: fields[2:]}
	slices.Sort(set.Values)
	set.Exact = fmt.Sprintf(`{"Name":%q,"Type":%q,"TTL":60,"ResourceRecords":%q}`, set.Name, set.Type, strings.Join(set.Values, " "))
	return set
}

func TestOwnRecords(t *testing.T) {
	foreign := ", which is not " + whoDied + "'s"
	held := Held{Addresses: map[string]string{}, Names: map[string]string{}}
	for _, c := range []struct {
		record string
		drop   string // values
		kept   string // why, or ""
	}{
		// Its own name and its own address.
		{"web-7.example.com. A 10.0.0.5", "10.0.0.5", ""},
		{"web-7.example.com. A 54.1.2.3", "54.1.2.3", ""},
		{"ip-10-0-0-5.example.com. A 10.0.0.5", "10.0.0.5", ""},
		{"web-7.example.com. AAAA 2001:0db8:0::5", "2001:0db8:0::5", ""},
		{"web-7.example.com. A 10.0.0.5 10.0.0.9", "10.0.0.5", ""},
		{"web-7.example.com. A 10.0.0.5 54.1.2.3", "10.0.0.5 54.1.2.3", ""},
		{"web-7.example.com. A/blue 10.0.0.5", "10.0.0.5", ""},
		{"web-7.example.com. A/green 10.0.0.9", "", "it points to 10.0.0.9" + foreign},
		{"web-7.example.com. A 10.0.0.9", "", "it points to 10.0.0.9" + foreign},
		{"web-7.example.com. A 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9", "", "it points to 10.0.0.6, 10.0.0.7, 10.0.0.8, …" + foreign},
		{"web-7.example.com. A 10.0.0.50", "", "it points to 10.0.0.50" + foreign},
		// Its address under a name that is not its own.
		{"db.example.com. A 10.0.0.5", "", ""},
		{"web-77.example.com. A 10.0.0.5", "", ""},
		{"a.web-7.example.com. A 10.0.0.5", "", ""},
		// Names that nodes share.
		{"web.example.com. A 10.0.0.5 10.0.0.6", "10.0.0.5", ""},
		{"web.example.com. A 10.0.0.5", "10.0.0.5", ""},
		{"web.example.com. A 10.0.0.6", "", ""},
		{"a.pool.example.com. A 10.0.0.5 10.0.0.6", "10.0.0.5", ""},
		{"web.example.com. CNAME ip-10-0-0-5.eu-west-1.compute.internal.", "", ""},
		{"web.example.com. TXT 10.0.0.5", "", ""},
		// CNAME: name and target are its own.
		{"ip-10-0-0-5.example.com. CNAME web-7.example.com", "web-7.example.com", ""},
		{"ip-10-0-0-5.example.com. CNAME web-7.internal.example.", "web-7.internal.example.", ""},
		{"web-7.example.com. CNAME ip-10-0-0-5.eu-west-1.compute.internal.", "ip-10-0-0-5.eu-west-1.compute.internal.", ""},
		{"web-7.example.com. CNAME EC2-54-1-2-3.eu-west-1.compute.amazonaws.com", "EC2-54-1-2-3.eu-west-1.compute.amazonaws.com", ""},
		{"web-7.example.com. CNAME i-0123456789abcdef0.eu-west-1.compute.internal", "i-0123456789abcdef0.eu-west-1.compute.internal", ""},
		{"web-7.example.com. CNAME ip-10-0-0-5.eu-west-2.compute.internal.", "", "it points to ip-10-0-0-5.eu-west-2.compute.internal" + foreign},
		{"web-7.example.com. CNAME web-8.example.com.", "", "it points to web-8.example.com" + foreign},
		{"www.example.com. CNAME web-7.example.com.", "", ""},
		// Never.
		{"web-7.example.com. A", "", "it is an alias or a traffic policy's, and leads to what is no instance"},
		{"web-7.example.com. TXT 10.0.0.5", "", "only records of the types A, AAAA, CNAME and PTR are deleted"},
		{"web-7.example.com. MX 10.0.0.5", "", "only records of the types A, AAAA, CNAME and PTR are deleted"},
		{"web-7.example.com. SRV 10.0.0.5", "", "only records of the types A, AAAA, CNAME and PTR are deleted"},
		{"example.com. A 10.0.0.5", "", ""},
		{"example.com. NS 10.0.0.5", "", ""},
		{"example.com. SOA 10.0.0.5", "", ""},
		{`\052.example.com. A 10.0.0.5`, "", ""},
		{`\052.pool.example.com. A 10.0.0.5`, "", ""},
		{"5.0.0.10.in-addr.arpa. A 10.0.0.5", "", ""},
	} {
		set := recordOf(c.record)
		own, kept := OwnRecords(RecordsInput{
			Zone: "example.com.", Zones: []string{"example.com.", "internal.example."}, Sets: []RecordSet{set}, Facts: dead, Held: held,
			Rules: MopRules{SharedNames: []string{"Web.example.com", "*.pool.example.com"}},
		})
		wantJudged(t, c.record, own, kept, c.drop, c.kept)
	}
}

func wantJudged(t *testing.T, about string, own []OwnRecord, kept []KeptThing, drop, why string) {
	t.Helper()
	set := recordOf(about)
	var gotDrop, gotWhy string
	if len(own) == 1 {
		gotDrop = strings.Join(own[0].Drop, " ")
		if !cmp.Equal(own[0].RecordSet, set) || own[0].Proof == "" {
			t.Errorf("%s: %+v", about, own[0])
		}
	}
	if len(kept) == 1 {
		gotWhy = kept[0].Why
		if kept[0].What != set.String() {
			t.Errorf("%s: what stays is %q", about, kept[0].What)
		}
	}
	if gotDrop != drop || gotWhy != why || len(own) > 1 || len(kept) > 1 {
		t.Errorf("%s:\n loses %q, want %q\n stays because %q, want %q", about, gotDrop, drop, gotWhy, why)
	}
}

func TestOwnReverseRecords(t *testing.T) {
	const v6 = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. "
	for _, c := range []struct{ zone, record, drop, kept string }{
		{"0.0.10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR web-7.example.com.", "web-7.example.com.", ""},
		{"0.0.10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR WEB-7.example.com", "WEB-7.example.com", ""},
		{"0.0.10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR ip-10-0-0-5.eu-west-1.compute.internal.", "ip-10-0-0-5.eu-west-1.compute.internal.", ""},
		{"0.0.10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR web-7.example.com. web-8.example.com.", "web-7.example.com.", ""},
		{"0.0.10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR web-8.example.com.", "", "it points to web-8.example.com, which is not " + whoDied + "'s"},
		{"0.0.10.in-addr.arpa.", "6.0.0.10.in-addr.arpa. PTR web-7.example.com.", "", ""},
		{"8.b.d.0.1.0.0.2.ip6.arpa.", v6 + "PTR web-7.example.com.", "web-7.example.com.", ""},
	} {
		own, kept := OwnRecords(RecordsInput{Zone: c.zone, Zones: []string{c.zone, "example.com."}, Sets: []RecordSet{recordOf(c.record)}, Facts: dead})
		wantJudged(t, c.record, own, kept, c.drop, c.kept)
	}
}

func TestWhatTheLivingHoldStays(t *testing.T) {
	const living = "i-0fffffffffffffff0 (web-7)"
	address := func(a string) Held { return Held{Addresses: map[string]string{a: living}} }
	name := func(n string) Held { return Held{Names: map[string]string{n: living}} }
	for _, c := range []struct {
		zone, record string
		held         Held
		drop, kept   string
	}{
		{"example.com.", "web-7.example.com. A 10.0.0.5", address("10.0.0.5"), "", "10.0.0.5 is the address of " + living},
		{"example.com.", "web-7.example.com. A 10.0.0.5", address("54.1.2.3"), "10.0.0.5", ""},
		{"example.com.", "web-7.example.com. A 10.0.0.5 54.1.2.3", address("54.1.2.3"), "10.0.0.5", "54.1.2.3 is the address of " + living},
		{"example.com.", "web-7.example.com. AAAA 2001:0db8::5", address("2001:db8::5"), "", "2001:db8::5 is the address of " + living},
		{"example.com.", "web-7.example.com. A 10.0.0.5", name("web-7"), "", "web-7.example.com is a name of " + living},
		{"example.com.", "web-7.example.com. A 10.0.0.5", name("web-7.example.com"), "", "web-7.example.com is a name of " + living},
		{"example.com.", "web-7.example.com. A 10.0.0.5", name("web-8"), "10.0.0.5", ""},
		{"example.com.", "web.example.com. A 10.0.0.5 10.0.0.6", name("web"), "10.0.0.5", ""}, // a tag of the whole group
		{"example.com.", "web.example.com. A 10.0.0.5 10.0.0.6", address("10.0.0.5"), "", "10.0.0.5 is the address of " + living},
		{"example.com.", "ip-10-0-0-5.example.com. CNAME web-7.example.com.", name("web-7"), "", "web-7.example.com is a name of " + living},
		{"example.com.", "web-7.example.com. CNAME ec2-54-1-2-3.eu-west-1.compute.amazonaws.com.", address("54.1.2.3"), "", "54.1.2.3 is the address of " + living},
		{"10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR web-7.example.com.", address("10.0.0.5"), "", "10.0.0.5 is the address of " + living},
		{"10.in-addr.arpa.", "5.0.0.10.in-addr.arpa. PTR web-7.example.com.", name("web-7"), "", "web-7.example.com is a name of " + living},
	} {
		own, kept := OwnRecords(RecordsInput{
			Zone: c.zone, Zones: []string{c.zone, "example.com."}, Sets: []RecordSet{recordOf(c.record)}, Facts: dead, Held: c.held,
			Rules: MopRules{SharedNames: []string{"web.example.com"}},
		})
		wantJudged(t, c.record, own, kept, c.drop, c.kept)
	}
}

func TestReread(t *testing.T) {
	own := func(text string, drop ...string) OwnRecord { return OwnRecord{RecordSet: recordOf(text), Drop: drop} }
	now := func(text string) *RecordSet { s := recordOf(text); return &s }
	changed := now("web. A 1.1.1.1")
	changed.Exact = strings.Replace(changed.Exact, "60", "30", 1)
	for about, c := range map[string]struct {
		was  OwnRecord
		now  *RecordSet
		drop []string
		why  string
	}{
		"gone":                 {own("web. A 1.1.1.1", "1.1.1.1"), nil, nil, ""},
		"the same":             {own("web. A 1.1.1.1", "1.1.1.1"), now("web. A 1.1.1.1"), []string{"1.1.1.1"}, ""},
		"others left":          {own("web. A 1.1.1.1 2.2.2.2 3.3.3.3", "1.1.1.1"), now("web. A 1.1.1.1 3.3.3.3"), []string{"1.1.1.1"}, ""},
		"others came":          {own("web. A 1.1.1.1", "1.1.1.1"), now("web. A 1.1.1.1 3.3.3.3"), []string{"1.1.1.1"}, ""},
		"its own is gone":      {own("web. A 1.1.1.1 2.2.2.2", "1.1.1.1"), now("web. A 2.2.2.2"), nil, ""},
		"some of its own is":   {own("web. A 1.1.1.1 2.2.2.2", "1.1.1.1", "2.2.2.2"), now("web. A 2.2.2.2"), []string{"2.2.2.2"}, ""},
		"another has its name": {own("web. A 1.1.1.1", "1.1.1.1"), now("web. A 9.9.9.9"), nil, ""},
		"another TTL":          {own("web. A 1.1.1.1", "1.1.1.1"), changed, nil, "it was changed since it was looked at, and is now " + changed.Exact},
	} {
		if drop, why := c.was.Reread(c.now); !cmp.Equal(drop, c.drop) || why != c.why {
			t.Errorf("%s: drops %q because %q", about, drop, why)
		}
	}
}

func TestCheckRefusesWhatIsNoOwnRecord(t *testing.T) {
	good := OwnRecord{RecordSet: recordOf("web-7.example.com. A 1.1.1.1"), Drop: []string{"1.1.1.1"}}
	if err := good.Check("Z1", "example.com."); err != nil {
		t.Error(err)
	}
	for about, spoil := range map[string]func(*OwnRecord){
		"another zone":   func(r *OwnRecord) { r.Zone = "Z2" },
		"a foreign name": func(r *OwnRecord) { r.Name = "web-7.example.org." },
		"the apex":       func(r *OwnRecord) { r.Name = "example.com." },
		"a wildcard":     func(r *OwnRecord) { r.Name = `\052.example.com.` },
		"an asterisk":    func(r *OwnRecord) { r.Name = "*.example.com." },
		"TXT":            func(r *OwnRecord) { r.Type = "TXT" },
		"nothing":        func(r *OwnRecord) { r.Drop = nil },
		"another value":  func(r *OwnRecord) { r.Drop = []string{"1.1.1.2"} },
	} {
		bad := good
		spoil(&bad)
		if bad.Check("Z1", "example.com.") == nil {
			t.Errorf("%s passes", about)
		}
	}
}
