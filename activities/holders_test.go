package activities

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

func TestAlive(t *testing.T) {
	const other = "i-00000000000000063"
	for about, c := range map[string]struct {
		tag, address, name string
		state              string
		except             string
		want               string
	}{
		"the name":            {tag: "web-1", name: "web-1", want: other + " (web-1)"},
		"in upper case":       {tag: "Web-1", name: "web-1", want: other + " (Web-1)"},
		"asked in upper case": {tag: "web-1", name: "WEB-1.", want: other + " (web-1)"},
		"with a domain":       {tag: "Web-1.example.com", name: "web-1", want: other + " (Web-1.example.com)"},
		"asked with a domain": {tag: "web-1", name: "web-1.example.com", want: other + " (web-1)"},
		"both with a domain":  {tag: "web-1.example.com", name: "web-1.EXAMPLE.com", want: other + " (web-1.example.com)"},
		"another domain":      {tag: "web-1.example.org", name: "web-1.example.com"},
		"as many letters":     {tag: "api-1", name: "web-1"},
		"a longer name":       {tag: "web-12", name: "web-1"},
		"a pattern":           {tag: "web-1", name: "*"},
		"the host's name":     {tag: "x", name: "ip-10-0-0-99", want: other + " (x)"},
		"the host's, longer":  {tag: "x", name: "IP-10-0-0-99.example.com", want: other + " (x)"},
		"stopped":             {tag: "web-1", state: "stopped", name: "web-1", want: other + " (web-1)"},
		"ending":              {tag: "web-1", state: "shutting-down", name: "web-1"},
		"dead":                {tag: "web-1", state: "terminated", name: "web-1"},
		"the address":         {tag: "web-1", address: "10.0.0.99", want: other + " (web-1)"},
		"another address":     {tag: "web-1", address: "10.0.0.9"},
		"the one itself":      {tag: "web-1", name: "web-1", address: "10.0.0.99", except: other},
		"nothing":             {tag: "web-1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			if c.state == "" {
				c.state = "running"
			}
			w.ec2.run(other, c.state, c.tag, "10.0.0.99")
			got, err := w.dns.alive(t.Context(), []Place{here, abroad}, given(c.address), given(c.name), c.except)
			if c.want != "" {
				c.want += " in " + here.String()
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %q, %v", about, got, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		w.ec2.failing("DescribeInstances", 403, "UnauthorizedOperation", "no")
		_, err := w.dns.alive(t.Context(), []Place{here}, nil, []string{"web-1"}, "")
		wantError(t, "a place that cannot be looked at", err, refused(ErrForbidden, "ec2:DescribeInstances"))
	})
}

// What an instance does not take along keeps its addresses.
func TestWhatOutlivesAnInstanceHoldsItsAddresses(t *testing.T) {
	const public = "198.51.100.7"
	dead := instanceNumber(7)
	elastic := func(f *fakeHolders, instance string) {
		f.elastic = append(f.elastic, types.Address{PublicIp: aws.String(public), AllocationId: aws.String("eipalloc-1"), InstanceId: &instance})
	}
	attach := func(f *fakeHolders, address, public string, goes bool) {
		f.attach("eni-1", dead, address, public)
		f.nics[len(f.nics)-1].Attachment.DeleteOnTermination = &goes
	}
	for about, c := range map[string]struct {
		hold func(*fakeHolders)
		why  string // of the address 10.0.0.7
		also string // of the public one
	}{
		"its only interface goes":         {func(f *fakeHolders) { attach(f, "10.0.0.7", public, true) }, "", ""},
		"its interface stays":             {func(f *fakeHolders) { attach(f, "10.0.0.7", public, false) }, "network interface eni-1, which outlives " + dead, "network interface eni-1, which outlives " + dead},
		"another interface stays":         {func(f *fakeHolders) { attach(f, "10.9.9.9", "", false) }, "", ""},
		"an Elastic IP that nobody has":   {func(f *fakeHolders) { elastic(f, "") }, "", "the Elastic IP address eipalloc-1"},
		"an Elastic IP that it still has": {func(f *fakeHolders) { attach(f, "10.0.0.7", public, true); elastic(f, dead) }, "", "the Elastic IP address eipalloc-1, which outlives " + dead},
	} {
		for _, state := range []string{"running", "shutting-down", "terminated"} {
			synctest.Test(t, func(t *testing.T) {
				w := newRecordsWorld(t)
				w.ec2.run(dead, state, "web-7", "10.0.0.77")
				c.hold(w.ec2)
				facts := factsOf(7)
				facts.Addresses = append(facts.Addresses, public)
				w.route53.put(zoneID, "web-7.example.com. A 10.0.0.7 "+public)
				out, err := w.dns.FindRecords(t.Context(), FindRecordsInput{Zones: []Zone{zone}, Facts: facts, Live: []Place{here}})
				var want []policy.KeptThing
				for address, why := range map[string]string{"10.0.0.7": c.why, public: c.also} {
					if why != "" {
						want = []policy.KeptThing{{What: "web-7.example.com. A", Why: address + " is the address of " + why}}
					}
				}
				drop := 0
				for _, why := range []string{c.why, c.also} {
					if why == "" {
						drop++
					}
				}
				got := 0
				for _, r := range out.Records {
					got += len(r.Drop)
				}
				if err != nil || got != drop || len(out.Kept) != len(want) || len(want) > 0 && c.why == "" && !cmp.Equal(out.Kept, want) {
					t.Errorf("%s, %s: %+v, %v", about, state, out, err)
				}
				if w.ec2.calls["DescribeAddresses"] != 1 {
					t.Errorf("%s: %d calls", about, w.ec2.calls["DescribeAddresses"])
				}
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		_, err := w.find(7)
		if n := w.ec2.calls["DescribeAddresses"]; err != nil || n > 0 {
			t.Errorf("private addresses: %d calls, %v", n, err)
		}
		w.ec2.failing("DescribeAddresses", 403, "UnauthorizedOperation", "no")
		_, err = w.dns.alive(t.Context(), []Place{here}, []string{public}, nil, "")
		wantError(t, "addresses", err, refused(ErrForbidden, "ec2:DescribeAddresses"))
	})
}
