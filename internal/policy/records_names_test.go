package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRecordName(t *testing.T) {
	for name, want := range map[string]string{
		"web-7.Example.COM":  "web-7.example.com.",
		"web-7.example.com.": "web-7.example.com.",
		"_x.example.com":     "_x.example.com.",
		"*.example.com":      `\052.example.com.`,
		`\052.example.com.`:  `\052.example.com.`,
		"a b/c.example.com":  `a\040b\057c.example.com.`,
		"bücher.example":     `b\303\274cher.example.`,
		`a\b`:                `a\134b.`,
		"":                   ".",
	} {
		if got := RecordName(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestOwnNames(t *testing.T) {
	zones := []string{"example.com.", "prod.example."}
	for about, c := range map[string]struct {
		facts     Facts
		templates []string
		want      []string
	}{
		"by default": {dead, nil, []string{
			"ip-10-0-0-5.example.com.", "ip-10-0-0-5.prod.example.", "web-7.example.com.", "web-7.example.com.prod.example.", "web-7.prod.example.",
		}},
		"templates":        {dead, []string{"{node}.int", "{instance}"}, []string{"i-0123456789abcdef0.example.com.", "i-0123456789abcdef0.prod.example.", "web-7.int.example.com.", "web-7.int.prod.example."}},
		"two in one":       {dead, []string{"{node}-{instance}.example.com"}, []string{"web-7-i-0123456789abcdef0.example.com.", "web-7-i-0123456789abcdef0.example.com.prod.example."}},
		"no instance":      {Facts{Subject: Subject{Node: "web-7"}}, []string{"{instance}"}, nil},
		"nothing is known": {Facts{}, nil, nil},
		"upper case":       {Facts{Names: []string{"WEB.Prod.Example."}}, nil, []string{"web.prod.example.", "web.prod.example.example.com."}},
		"no names of hosts": {
			Facts{Names: []string{"*", "a*b", "a b", "a/b", "..", "-a", strings.Repeat("a", 64), "example.com", "", `\052`}},
			nil,
			[]string{"example.com.prod.example."},
		},
	} {
		if got := OwnNames(c.facts, MopRules{RecordNames: c.templates}, zones...); !cmp.Equal(got, c.want) {
			t.Errorf("%s: %q", about, got)
		}
	}
}

// Reverse names lead back to their address.
func TestReverseNames(t *testing.T) {
	if got := ReverseName("10.1.2.3"); got != "3.2.1.10.in-addr.arpa." {
		t.Errorf("10.1.2.3 is at %s", got)
	}
	// https://www.rfc-editor.org/rfc/rfc3596#section-2.5
	if got := ReverseName("4321:0:1:2:3:4:567:89ab"); got != "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa." {
		t.Errorf("the example of RFC 3596 is at %s", got)
	}
	if got := ReverseName("web-7"); got != "" {
		t.Errorf("what is no address is at %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")
		if rapid.Bool().Draw(t, "v4") {
			raw = raw[:4]
		}
		ip, _ := netip.AddrFromSlice(raw)
		if ip.Is4In6() {
			t.Skip("no address of an interface")
		}
		if got := reversedAddress(ReverseName(ip.String())); got != ip.String() {
			t.Fatalf("%s leads to %s", ip, got)
		}
	})
}
