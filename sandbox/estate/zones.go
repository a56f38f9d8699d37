package estate

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// batchRecords is what one request may put: an UPSERT counts twice of 1,000 values and 32,000 characters.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
const (
	batchRecords    = 500
	batchCharacters = 16000
)

// Zones is an account's Route 53, as its owner sees it.
type Zones struct{ Route53 *route53.Client }

// DNS is the Route 53 of the sandbox's own account.
func (e *Estate) DNS() *Zones { return &Zones{Route53: route53.NewFromConfig(e.cfg)} }

// Record is a record set to put: weighted with a SetID, else simple.
type Record struct {
	Name, Type string
	TTL        int64
	Values     []string
	SetID      string
	Weight     int64
}

// Key is how Records names a record set: name, type and, if it has one, set identifier.
func (r Record) Key() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s %s", strings.TrimSuffix(strings.ToLower(r.Name), ".")+".", r.Type, r.SetID), " ")
}

// NewZone makes a public hosted zone, and returns its id, such as Z0123456789.
func (z *Zones) NewZone(ctx context.Context, name string) (id string, err error) {
	out, err := z.Route53.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String("sandbox " + name)})
	if err != nil {
		return "", fmt.Errorf("create zone %s: %w", name, err)
	}
	return strings.TrimPrefix(aws.ToString(out.HostedZone.Id), "/hostedzone/"), nil
}

// Put makes or replaces a simple record set.
func (z *Zones) Put(ctx context.Context, zone, name, kind string, ttl int64, values ...string) error {
	return z.PutMany(ctx, zone, []Record{{Name: name, Type: kind, TTL: ttl, Values: values}})
}

// PutWeighted makes or replaces a weighted record set.
func (z *Zones) PutWeighted(ctx context.Context, zone, name, kind string, ttl int64, setID string, weight int64, values ...string) error {
	return z.PutMany(ctx, zone, []Record{{Name: name, Type: kind, TTL: ttl, SetID: setID, Weight: weight, Values: values}})
}

// PutMany makes or replaces any number of record sets, in as few requests as may be.
func (z *Zones) PutMany(ctx context.Context, zone string, records []Record) error {
	for len(records) > 0 {
		n := fitting(records)
		changes := make([]types.Change, n)
		for i, r := range records[:n] {
			changes[i] = types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: r.set()}
		}
		if err := z.change(ctx, zone, changes); err != nil {
			return fmt.Errorf("put %s and %d more into zone %s: %w", records[0].Key(), n-1, zone, err)
		}
		records = records[n:]
	}
	return nil
}

// Records are a zone's record sets with their values, by "name type" or "name type setid"; without its NS and SOA.
func (z *Zones) Records(ctx context.Context, zone string) (map[string][]string, error) {
	all, err := z.sets(ctx, zone)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, set := range all {
		if set.Type == types.RRTypeNs || set.Type == types.RRTypeSoa {
			continue
		}
		values := []string{}
		for _, r := range set.ResourceRecords {
			values = append(values, aws.ToString(r.Value))
		}
		out[keyOf(set)] = values
	}
	return out, nil
}

func (z *Zones) sets(ctx context.Context, zone string) ([]types.ResourceRecordSet, error) {
	var all []types.ResourceRecordSet
	pages := route53.NewListResourceRecordSetsPaginator(z.Route53, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list zone %s: %w", zone, err)
		}
		all = append(all, page.ResourceRecordSets...)
	}
	return all, nil
}

func (z *Zones) change(ctx context.Context, zone string, changes []types.Change) error {
	_, err := z.Route53.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Changes: changes},
	})
	return err
}

// fitting is how many of the first records go into one request; at least one, which Route 53 refuses if it is too long.
func fitting(records []Record) int {
	values, characters := 0, 0
	for i, r := range records {
		values += len(r.Values)
		for _, v := range r.Values {
			characters += len(v)
		}
		if i > 0 && (values > batchRecords || characters > batchCharacters) {
			return i
		}
	}
	return len(records)
}

func (r Record) set() *types.ResourceRecordSet {
	set := &types.ResourceRecordSet{Name: &r.Name, Type: types.RRType(r.Type), TTL: &r.TTL}
	if r.SetID != "" {
		set.SetIdentifier, set.Weight = &r.SetID, &r.Weight
	}
	for _, v := range r.Values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set
}

func keyOf(set types.ResourceRecordSet) string {
	return Record{Name: aws.ToString(set.Name), Type: string(set.Type), SetID: aws.ToString(set.SetIdentifier)}.Key()
}
