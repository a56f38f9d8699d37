package activities

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/policy"
)

// Route53API is what reading and changing records needs of Route 53.
type Route53API interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error)
}

// DNS reads and changes Route 53's hosted zones. Mops that do so at the same time share their calls.
type DNS struct {
	Route53 Connect[Route53API]
	EC2     Connect[HoldersAPI]
	Ledger  OpenLedger

	mu     sync.Mutex
	zones  map[Zone]*zoneDoor
	places map[Place]*gatherer[heldQuestion, heldAnswer]
}

// zoneDoor is the one way to a hosted zone.
type zoneDoor struct {
	zone    Zone
	connect Connect[Route53API]
	reads   *gatherer[policy.WantedRecords, []policy.RecordSet]
	changes *gatherer[[]recordChange, []error]
	size    atomic.Int64 // record sets when the zone was last read whole
}

// Route 53 handles one change of a zone at a time, and few calls of an account; what comes within changeMoment becomes one
// change. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html
const (
	readMoment   = 100 * time.Millisecond
	changeMoment = time.Second
	changeEvery  = 10 * time.Second // twenty changes for a thousand nodes in three minutes
	zoneTimeout  = 45 * time.Second // of a change, and of a page: who comes in the middle of another's can wait for both
	readTimeout  = 4 * time.Minute  // of a reading whose pages come, however many; below that of an activity
)

// door is shared by all who read or change a zone.
func (a *DNS) door(z Zone) *zoneDoor {
	z.ID, z.Name = strings.TrimPrefix(z.ID, "/hostedzone/"), policy.RecordName(z.Name)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.zones == nil {
		a.zones = map[Zone]*zoneDoor{}
	}
	door := a.zones[z]
	if door == nil {
		door = &zoneDoor{zone: z, connect: a.Route53}
		door.reads = newGatherer(gatherOptions{Moment: readMoment, Timeout: readTimeout}, door.read)
		door.changes = newGatherer(gatherOptions{Moment: changeMoment, Every: changeEvery, Timeout: zoneTimeout}, door.change)
		a.zones[z] = door
	}
	return door
}

// FindRecords finds the record sets that are provably a dead instance's, wholly or in part, in every zone.
func (a *DNS) FindRecords(ctx context.Context, in FindRecordsInput) (FindRecordsOutput, error) {
	defer beating(ctx, in.Facts.Subject.String())()
	if len(in.Live) == 0 {
		return FindRecordsOutput{}, Refuse(ErrInvalid, "it is not said where live instances could hold the addresses and names of %s: nothing is looked for", in.Facts.Subject)
	}
	zones, err := a.readZones(ctx, in)
	if err != nil {
		return FindRecordsOutput{}, err
	}
	var own []policy.OwnRecord
	for _, zone := range zones {
		found, _ := policy.OwnRecords(zone)
		own = append(own, found...)
	}
	held, err := a.holders(ctx, in.Live, in.Facts, own)
	if err != nil {
		return FindRecordsOutput{}, err
	}
	var out FindRecordsOutput
	for _, zone := range zones {
		zone.Held = held
		own, kept := policy.OwnRecords(zone)
		out.Records, out.Kept = append(out.Records, own...), append(out.Kept, kept...)
	}
	slices.SortFunc(out.Records, func(a, b policy.OwnRecord) int { return strings.Compare(a.Zone+" "+a.Key(), b.Zone+" "+b.Key()) })
	slices.SortFunc(out.Kept, func(a, b policy.KeptThing) int { return strings.Compare(a.What, b.What) })
	return out, nil
}

// readZones reads of every zone what can be the dead instance's.
func (a *DNS) readZones(ctx context.Context, in FindRecordsInput) ([]policy.RecordsInput, error) {
	doors, names := make([]*zoneDoor, len(in.Zones)), make([]string, len(in.Zones))
	for i, zone := range in.Zones {
		doors[i] = a.door(zone)
		names[i] = doors[i].zone.Name
	}
	zones := make([]policy.RecordsInput, len(doors))
	group, ctx := errgroup.WithContext(ctx)
	for i, door := range doors {
		zones[i] = policy.RecordsInput{Zone: names[i], Zones: names, Facts: in.Facts, Rules: in.Rules}
		group.Go(func() (err error) {
			zones[i].Sets, err = door.reads.ask(ctx, zones[i].Wanted())
			return translate(door.zone.Place, err)
		})
	}
	return zones, group.Wait()
}
