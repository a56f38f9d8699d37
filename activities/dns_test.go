package activities

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

func recordsIn(all []policy.OwnRecord) []string {
	out := make([]string, 0, len(all))
	for _, r := range all {
		out = append(out, fmt.Sprintf("%s - %v", r.RecordSet, r.Drop))
	}
	return out
}

func TestFindRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		out, err := w.find(7)
		want := []string{"web-7.example.com. A - [10.0.0.7]", "web.example.com. A - [10.0.0.7]", "7.0.0.10.in-addr.arpa. PTR - [web-7.example.com.]"}
		if got := recordsIn(out.Records); err != nil || !cmp.Equal(got, want) || len(out.Kept) > 0 {
			t.Errorf("%q, kept %v, %v", got, out.Kept, err)
		}
		out, err = w.find(8) // which lives
		if err != nil || len(out.Records) != 3 {
			t.Errorf("its own holding counts: %+v, %v", out, err)
		}
	})
}

func TestFindRecordsKeepsWhatOthersHold(t *testing.T) {
	for about, c := range map[string]struct {
		hold func(*fakeHolders)
		kept map[string]string
	}{
		"an instance has the address": {
			func(f *fakeHolders) { f.run(instanceNumber(99), "running", "new", "10.0.0.7") },
			map[string]string{
				"web-7.example.com. A": "10.0.0.7 is the address of i-00000000000000063 (new)", "web.example.com. A": "10.0.0.7 is the address of i-00000000000000063 (new)",
				"7.0.0.10.in-addr.arpa. PTR": "10.0.0.7 is the address of i-00000000000000063 (new)",
			},
		},
		"an instance has the name": {
			func(f *fakeHolders) { f.run(instanceNumber(99), "stopped", "web-7", "10.0.0.99") },
			map[string]string{
				"web-7.example.com. A":       "web-7.example.com is a name of i-00000000000000063 (web-7)",
				"7.0.0.10.in-addr.arpa. PTR": "web-7.example.com is a name of i-00000000000000063 (web-7)",
			},
		},
		"an interface has the address": {
			func(f *fakeHolders) { f.attach("eni-1", "", "10.0.0.7", "") },
			map[string]string{
				"web-7.example.com. A": "10.0.0.7 is the address of network interface eni-1", "web.example.com. A": "10.0.0.7 is the address of network interface eni-1",
				"7.0.0.10.in-addr.arpa. PTR": "10.0.0.7 is the address of network interface eni-1",
			},
		},
		"an elastic address": {
			func(f *fakeHolders) { f.attach("eni-1", instanceNumber(99), "10.9.9.9", "10.0.0.7") },
			map[string]string{
				"web-7.example.com. A": "10.0.0.7 is the address of i-00000000000000063", "web.example.com. A": "10.0.0.7 is the address of i-00000000000000063",
				"7.0.0.10.in-addr.arpa. PTR": "10.0.0.7 is the address of i-00000000000000063",
			},
		},
		"it is the dead one itself":         {func(f *fakeHolders) { f.run(instanceNumber(7), "running", "web-7", "10.0.0.7") }, map[string]string{}},
		"another that is dead, too, had it": {func(f *fakeHolders) { f.run(instanceNumber(99), "terminated", "web-7", "10.0.0.7") }, map[string]string{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			c.hold(w.ec2)
			out, err := w.find(7)
			got := map[string]string{}
			for _, k := range out.Kept {
				got[k.What] = k.Why
			}
			if err != nil || !cmp.Equal(got, c.kept) || len(out.Records)+len(out.Kept) != 3 {
				t.Errorf("%s: %v\n%s", about, err, cmp.Diff(c.kept, got))
			}
		})
	}
}

func TestFindRecordsFailsClosed(t *testing.T) {
	for about, c := range map[string]struct {
		fail func(*recordsWorld)
		want what
	}{
		"holders":    {func(w *recordsWorld) { w.ec2.failing("DescribeInstances", 503, "Unavailable", "") }, what{says: "DescribeInstances"}},
		"interfaces": {func(w *recordsWorld) { w.ec2.failing("DescribeNetworkInterfaces", 403, "UnauthorizedOperation", "no") }, refused(ErrForbidden, "ec2:DescribeNetworkInterfaces")},
		"zone":       {func(w *recordsWorld) { w.route53.failing("ListResourceRecordSets", 403, "AccessDenied", "no") }, refused(ErrForbidden, "route53:ListResourceRecordSets")},
		"no zone":    {func(w *recordsWorld) { delete(w.route53.zones, zoneID) }, refused(ErrInvalid, "No hosted zone found with ID: Z1")},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			c.fail(w)
			out, err := w.find(7)
			wantError(t, about, err, c.want)
			if len(out.Records) > 0 {
				t.Errorf("%s: found %+v", about, out.Records)
			}
		})
	}
	w := newRecordsWorld(t)
	_, err := w.dns.FindRecords(t.Context(), FindRecordsInput{Zones: []Zone{zone}, Facts: factsOf(7)})
	wantError(t, "nowhere to look for the living", err, refused(ErrInvalid, "where live instances could hold"))
}

// A thousand mops read a zone a few times, and each gets its own records.
func TestReadsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		var records []string
		for n := 100; n < 1100; n++ {
			records = append(records, fmt.Sprintf("web-%d.example.com. A 10.0.%d.%d", n, n/250, n%250))
		}
		w.route53.put(zoneID, records...)
		var all sync.WaitGroup
		for n := 100; n < 1100; n++ {
			all.Go(func() {
				out, err := w.find(n)
				if got := recordsIn(out.Records); err != nil || len(got) != 1 || got[0] != fmt.Sprintf("web-%d.example.com. A - [10.0.%d.%d]", n, n/250, n%250) {
					t.Errorf("web-%d: %q, %v", n, got, err)
				}
			})
		}
		all.Wait()
		if n := w.route53.calls["ListResourceRecordSets"]; n > 10 {
			t.Errorf("%d pages were read of two zones with 5 pages", n)
		}
		if n := w.ec2.calls["DescribeInstances"] + w.ec2.calls["DescribeNetworkInterfaces"]; n > 80 {
			t.Errorf("%d calls in two places for 1,000 names and addresses", n)
		}
	})
}

// A big zone is not read whole for a few names, and what is read from positions on is the same.
func TestBigZonesAreReadByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		w.route53.pages = 3
		var want []string
		for n := range 12 {
			want = append(want, fmt.Sprintf("web-7.example.com. A/set-%02d 10.0.0.7", n))
		}
		delete(w.route53.zones[zoneID], "web-7.example.com. A ")
		w.route53.put(zoneID, want...)
		var others []string
		for n := range 900 {
			others = append(others, fmt.Sprintf("web-%d.example.com. A 10.1.1.1", 1000+n))
		}
		w.route53.put(zoneID, others...)
		out, err := w.find(7)
		if err != nil || len(out.Records) != 14 {
			t.Errorf("%q, %v", recordsIn(out.Records), err)
		}
		if n := w.route53.calls["ListResourceRecordSets"]; n > 12 {
			t.Errorf("%d pages of 300", n)
		}
	})
}

// A page ends in the middle of a name's record sets.
func TestNamesThatAPageCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		for w.route53.pages = 1; w.route53.pages < 6; w.route53.pages++ {
			w.route53.put(zoneID, "a.example.com. A 1.1.1.1", "b.example.com. A/x 1.1.1.1", "b.example.com. A/y 1.1.1.1", "b.example.com. TXT x", "c.example.com. A 1.1.1.1")
			sets, err := w.dns.door(zone).reads.ask(t.Context(), policy.WantedRecords{Names: []string{"a.example.com.", "b.example.com.", "bb.example.com."}})
			if err != nil || len(sets) != 4 {
				t.Errorf("pages of %d: %v, %v", w.route53.pages, sets, err)
			}
		}
	})
}

func TestZonesAreReadWholeWherePatternsNeedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		w.route53.pages = 2
		w.route53.put(zoneID, "a.pool.example.com. A 10.0.0.7 10.0.0.8", "b.pool.example.com. A 10.0.0.8", "c.pool.example.com. TXT 10.0.0.7")
		out, err := w.dns.FindRecords(t.Context(), FindRecordsInput{
			Zones: []Zone{zone}, Facts: factsOf(7), Rules: policy.MopRules{SharedNames: []string{"*.pool.example.com"}}, Live: []Place{here},
		})
		if got := recordsIn(out.Records); err != nil || !cmp.Equal(got, []string{"a.pool.example.com. A - [10.0.0.7]", "web-7.example.com. A - [10.0.0.7]"}) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// What Route 53 says comes back to it unchanged; what has no values of its own has none here.
func TestRecordSetsAreExact(t *testing.T) {
	simple := types.ResourceRecordSet{
		Name: aws.String("a.example.com."), Type: types.RRTypeA, TTL: aws.Int64(0), Weight: aws.Int64(0), SetIdentifier: aws.String("x"), HealthCheckId: aws.String("h"),
		GeoLocation: &types.GeoLocation{CountryCode: aws.String("*")}, ResourceRecords: []types.ResourceRecord{{Value: aws.String("2.2.2.2")}, {Value: aws.String("1.1.1.1")}},
	}
	set := must[policy.RecordSet](t)(recordSetOf(zoneID, simple))
	back := must[types.ResourceRecordSet](t)(parseExact(set))
	if exactly(t, back) != exactly(t, simple) || !slices.Equal(set.Values, []string{"1.1.1.1", "2.2.2.2"}) || back.TTL == nil || *back.Weight != 0 {
		t.Errorf("%+v becomes %s", simple, set.Exact)
	}
	for about, other := range map[string]types.ResourceRecordSet{
		"alias":          {Name: aws.String("a."), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: aws.String("lb.")}},
		"traffic policy": {Name: aws.String("a."), Type: types.RRTypeA, TrafficPolicyInstanceId: aws.String("x"), ResourceRecords: simple.ResourceRecords},
	} {
		if set := must[policy.RecordSet](t)(recordSetOf(zoneID, other)); len(set.Values) > 0 {
			t.Errorf("%s has the values %q", about, set.Values)
		}
	}
	for about, exact := range map[string]string{"no JSON": "{", "another name": `{"Name":"b.","Type":"A"}`, "other values": `{"Name":"a.example.com.","Type":"A","SetIdentifier":"x"}`} {
		bad := set
		bad.Exact = exact
		if _, err := parseExact(bad); err == nil {
			t.Errorf("%s is taken", about)
		}
	}
}
