package activities

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/policy"
)

func lookInto[T any](t *testing.T, w *sweepWorld, ref Artifact) (out T) {
	t.Helper()
	store := must[shelf](t)(openShelf(t.Context(), w.sweeper().S3, w.store()))
	if err := store.get(t.Context(), ref, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestListNodesOfASweep(t *testing.T) {
	w := newSweepWorld()
	w.nodes = []policy.ChefNode{{Server: "prod", Name: "web-2"}, {Server: "prod", Name: "web-1"}}
	w.clients = map[string]ClientInfo{
		"web-1": {}, "left": {}, "alone": {}, "acme-validator": {Validator: true, NeverDeleted: "it is a validator"}, "root": {Admin: true, NeverDeleted: "it administers"},
	}
	out, err := attempt(t, w.sweeper().ListNodes, SweepServerInput{Store: w.store(), Server: "prod"})
	if err != nil || out.Count != 2 {
		t.Fatalf("%+v %v", out, err)
	}
	got := lookInto[policy.SweptServer](t, w, out.Found)
	if got.Server != "prod" || !slices.Equal(got.Clients, []string{"alone", "left"}) || len(got.Nodes) != 2 || got.Nodes[0].Name != "web-1" {
		t.Errorf("%+v", got)
	}
	w.chefFails = errors.New("Chef hangs up in the middle")
	if _, err := attempt(t, w.sweeper().ListNodes, SweepServerInput{Store: w.store(), Server: "prod"}); err == nil || !strings.Contains(err.Error(), "hangs up") {
		t.Errorf("half a list is none: %v", err)
	}
}

func TestListInstancesOfASweep(t *testing.T) {
	w := newSweepWorld()
	for i, id := range many(2500, "i-0000000000000%04d") {
		w.launch(id, []string{"running", "terminated"}[i%2], "web", "10.0.0.1")
	}
	for _, id := range many(1200, "eni-%04d") {
		w.nics = append(w.nics, ec2types.NetworkInterface{NetworkInterfaceId: &id, PrivateIpAddresses: []ec2types.NetworkInterfacePrivateIpAddress{
			{PrivateIpAddress: aws.String("10.1.0.1"), Association: &ec2types.NetworkInterfaceAssociation{PublicIp: aws.String("203.0.113.5")}},
		}, Ipv6Addresses: []ec2types.NetworkInterfaceIpv6Address{{Ipv6Address: aws.String("2001:db8::5")}}})
	}
	out, err := attempt(t, w.sweeper().ListInstances, SweepPlaceInput{Store: w.store(), Place: here})
	if err != nil || out.Count != 2500 {
		t.Fatalf("%+v %v", out, err)
	}
	got := lookInto[policy.SweptPlace](t, w, out.Found)
	if got.Account != here.Account || got.Region != here.Region || len(got.Instances) != 2500 || got.Instances[1].State != "terminated" || got.Instances[1].Name != "web" {
		t.Errorf("%d instances: %+v", len(got.Instances), got.Instances[1])
	}
	if !slices.Equal(got.Addresses, []string{"10.1.0.1", "2001:db8::5", "203.0.113.5"}) {
		t.Errorf("addresses %v", got.Addresses)
	}
	if w.calls["DescribeInstances"] != 3 || w.calls["DescribeNetworkInterfaces"] != 2 {
		t.Errorf("%v, want full pages", w.calls)
	}
	for _, operation := range []string{"DescribeInstances", "DescribeNetworkInterfaces"} {
		w.failing(operation, 403, "UnauthorizedOperation", "no")
		_, err = attempt(t, w.sweeper().ListInstances, SweepPlaceInput{Store: w.store(), Place: here})
		wantError(t, operation, err, refused(ErrForbidden, "ec2:"+operation))
	}
}

func TestListRecordsOfASweep(t *testing.T) {
	w := newSweepWorld()
	for _, name := range many(650, "web-%04d.example.com.") {
		w.point(name, types.RRTypeA, "10.0.0.2", "10.0.0.1")
	}
	w.point("zulu.example.com.", types.RRTypeAaaa, "2001:db8::1")
	w.point("example.com.", types.RRTypeMx, "10 mail.example.com.")
	w.records = append(w.records, types.ResourceRecordSet{Name: aws.String("zz.example.com."), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{}})
	out, err := attempt(t, w.sweeper().ListRecords, SweepZoneInput{Store: w.store(), Zone: Zone{Place: here, ID: "Z1", Name: "example.com."}})
	if err != nil || out.Count != 651 || w.calls["ListResourceRecordSets"] != 3 {
		t.Fatalf("%+v %v %v", out, w.calls, err)
	}
	got := lookInto[policy.SweptZone](t, w, out.Found)
	first, last := got.Records[0], got.Records[650]
	if got.Zone != "Z1" || !slices.Equal(first.Values, []string{"10.0.0.1", "10.0.0.2"}) || !strings.Contains(first.Exact, `300`) {
		t.Errorf("%+v", first)
	}
	if last.Name != "zulu.example.com." || last.Type != "AAAA" || last.Zone != "Z1" {
		t.Errorf("%+v", last)
	}
	_, err = attempt(t, w.sweeper().ListRecords, SweepZoneInput{Store: w.store(), Zone: Zone{Place: here, ID: "Z2"}})
	if err == nil || !strings.Contains(err.Error(), "NoSuchHostedZone") {
		t.Errorf("%v", err)
	}
}

const (
	sweptDead  = "i-0dead000000000001"
	sweptAlive = "i-0a11e000000000001"
)

// sweepAt looks at everything, and plans.
func (w *sweepWorld) sweepAt(t *testing.T, now time.Time, blind ...string) (PlanSweepOutput, error) {
	t.Helper()
	node := must[SweptOutput](t)(attempt(t, w.sweeper().ListNodes, SweepServerInput{Store: w.store(), Server: "prod"}))
	zone := must[SweptOutput](t)(attempt(t, w.sweeper().ListRecords, SweepZoneInput{Store: w.store(), Zone: Zone{Place: here, ID: "Z1"}}))
	place := must[SweptOutput](t)(attempt(t, w.sweeper().ListInstances, SweepPlaceInput{Store: w.store(), Place: here}))
	in := PlanSweepInput{
		Store: w.store(), Sweep: "nightly", Now: now, Grace: 24 * time.Hour, Most: 200,
		Places: []SweepLook{{Place: here, Found: place.Found}}, Servers: []SweepLook{{Name: "prod", Found: node.Found}}, Zones: []SweepLook{{Name: "Z1", Found: zone.Found}},
	}
	for _, looks := range [][]SweepLook{in.Places, in.Servers, in.Zones} {
		if slices.Contains(blind, looks[0].Name+looks[0].Place.Region) {
			looks[0].Failed, looks[0].Found = "no answer", Artifact{}
		}
	}
	return attempt(t, w.sweeper().PlanSweep, in)
}

func deadInWorld() *sweepWorld {
	w := newSweepWorld()
	w.launch(sweptAlive, "running", "web-2", "10.0.0.2")
	for i, id := range []string{sweptDead, sweptAlive} {
		w.nodes = append(w.nodes, policy.ChefNode{
			Server: "prod", Name: []string{"web-1", "web-2"}[i], Instance: id, Account: here.Account, Region: here.Region, CheckedIn: begun.Add(-100 * time.Hour),
		})
	}
	w.clients["jenkins"] = ClientInfo{}
	w.point("web-2.example.com.", types.RRTypeA, "10.0.0.2")
	w.point("printer.example.com.", types.RRTypeA, "10.7.7.7")
	return w
}

// Neither Chef nor EC2 tells since when something is an orphan: the sweeps before do.
func TestPlanSweepRemembers(t *testing.T) {
	w := deadInWorld()
	first, err := w.sweepAt(t, begun)
	if err != nil || first.Nodes != 1 || first.Clients != 1 || first.Records != 1 || first.Young != 1 || first.Kept != 2 || len(first.ToMop) != 0 || len(first.Some) != 3 {
		t.Fatalf("%+v (%v)", first, err)
	}
	if first.Some[0].What != "node web-1 on prod" || !strings.Contains(first.Some[0].Why, "2026-01-02 03:04 UTC") {
		t.Errorf("%+v, want the node first", first.Some)
	}
	again, err := w.sweepAt(t, begun)
	if err != nil || again.Plan != first.Plan {
		t.Errorf("repeated, it plans %+v (%v)", again, err)
	}
	second, err := w.sweepAt(t, begun.Add(24*time.Hour))
	want := policy.Subject{Account: here.Account, Region: here.Region, Instance: sweptDead, Node: "web-1"}
	if err != nil || len(second.ToMop) != 1 || second.ToMop[0].Subject != want || second.Young != 0 {
		t.Fatalf("%+v (%v)", second, err)
	}
	plan := lookInto[policy.SweepPlan](t, w, second.Plan)
	if plan.Sweep != "nightly" || len(plan.Orphans) != 3 || !strings.HasPrefix(second.Plan.Key, "epoxy/sweeps/") {
		t.Errorf("%+v in %s", plan, second.Plan.Key)
	}
	w.launch(sweptDead, "pending", "web-1", "10.0.0.1") // not how EC2 is, but that is all the same
	if third, err := w.sweepAt(t, begun.Add(25*time.Hour)); err != nil || third.Nodes != 0 {
		t.Errorf("%+v (%v)", third, err)
	}
	w.instances = w.instances[:1]
	if fourth, err := w.sweepAt(t, begun.Add(26*time.Hour)); err != nil || fourth.Young != 1 || len(fourth.ToMop) != 0 {
		t.Errorf("it was alive in between: %+v (%v)", fourth, err)
	}
}

func TestPlanSweepFailsClosed(t *testing.T) {
	w := deadInWorld()
	for i, blind := range []string{here.Region, "prod", "Z1"} {
		must[PlanSweepOutput](t)(w.sweepAt(t, begun))
		got, err := w.sweepAt(t, begun.Add(48*time.Hour), blind)
		if err != nil || len(got.ToMop) != []int{0, 0, 1}[i] || got.Records != []int{0, 1, 0}[i] {
			t.Errorf("%s is not seen: %+v (%v)", blind, got, err)
		}
	}
	if got, err := w.sweepAt(t, begun.Add(48*time.Hour)); err != nil || len(got.ToMop) != 1 {
		t.Errorf("what could not be looked at was forgotten: %+v (%v)", got, err)
	}
	w.instances = nil
	if got, err := w.sweepAt(t, begun.Add(48*time.Hour)); err != nil || len(got.ToMop) != 0 || len(got.Empty) != 1 ||
		!strings.Contains(got.Empty[0], "not one instance in "+here.Account+"/"+here.Region+", and Chef knows 2 nodes there") {
		t.Errorf("an empty place: %+v (%v)", got, err)
	}
	w.instances = []ec2types.Instance{{InstanceId: aws.String(sweptAlive), State: &ec2types.InstanceState{Name: "running"}}}
	w.s3.Lose["PutObject"] = 1
	if _, err := attempt(t, w.sweeper().PlanSweep, PlanSweepInput{Store: w.store(), Sweep: "other", Now: begun, Places: []SweepLook{{Place: here, Failed: "no"}}}); err == nil {
		t.Error("a plan whose writing failed was told as done")
	}
}

// What another environment on the same Chef server holds is read, too, and so is that nobody could look there.
func TestPlanSweepAsksOthers(t *testing.T) {
	w := deadInWorld()
	w.clients["web-"+sweptDead] = ClientInfo{}
	node := must[SweptOutput](t)(attempt(t, w.sweeper().ListNodes, SweepServerInput{Store: w.store(), Server: "prod"}))
	place := must[SweptOutput](t)(attempt(t, w.sweeper().ListInstances, SweepPlaceInput{Store: w.store(), Place: here}))
	w.launch(sweptDead, "running", "api", "10.0.0.7")
	other := must[SweptOutput](t)(attempt(t, w.sweeper().ListInstances, SweepPlaceInput{Store: w.store(), Place: abroad}))
	for about, c := range map[string]struct {
		others  []SweepLook
		clients int // jenkins is always one
		kept    string
	}{
		"nobody shares the server": {nil, 2, "seen so since"},
		"it is alive there":        {[]SweepLook{{Place: abroad, Found: other.Found}}, 1, "nothing shows"},
		"nobody could look":        {[]SweepLook{{Place: abroad, Failed: "no answer"}}, 2, "EC2 in " + abroad.Account + "/" + abroad.Region + " could not be looked at"},
	} {
		got, err := attempt(t, w.sweeper().PlanSweep, PlanSweepInput{
			Store: w.store(), Sweep: about, Now: begun, Grace: 24 * time.Hour, Most: 200, Rules: policy.MopRules{NodeNames: []string{"web-{instance}"}},
			Places: []SweepLook{{Place: here, Found: place.Found}}, Others: c.others, Servers: []SweepLook{{Name: "prod", Found: node.Found}},
		})
		last := policy.KeptThing{}
		for _, k := range got.Some {
			if strings.HasPrefix(k.What, "client ") {
				last = k
			}
		}
		if err != nil || got.Clients != c.clients || !strings.Contains(last.Why, c.kept) {
			t.Errorf("%s: %+v (%v)", about, got, err)
		}
	}
}

// A lost answer, or somebody else's write in between, neither doubles nor loses what is remembered.
func TestPlanSweepSurvivesConflicts(t *testing.T) {
	w := deadInWorld()
	raced := false
	w.s3.Before = func(operation, key string) {
		if operation == "PutObject" && strings.Contains(key, "sweep/nightly/seen") && !raced {
			raced = true
			must[PlanSweepOutput](t)(w.sweepAt(t, begun.Add(-time.Hour)))
		}
	}
	got, err := w.sweepAt(t, begun)
	if err != nil || !raced || got.Young != 1 || !strings.Contains(got.Some[0].Why, "2026-01-02 02:04 UTC") {
		t.Errorf("%+v (%v), want the time of the one that was first", got, err)
	}
}
