package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/policy"
)

// recordsPerPage is the most that a page has.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
const recordsPerPage = 300

// fewNames are looked up one by one in a zone of which nobody knows how big it is.
const fewNames = 8

// read answers all who asked with one reading of the zone: whole, or, where that takes fewer calls, from each name on. Of the
// zone it keeps only what was asked for.
func (z *zoneDoor) read(ctx context.Context, asked []policy.WantedRecords) ([][]policy.RecordSet, error) {
	client, err := z.connect(ctx, z.zone.Place)
	if err != nil {
		return nil, err
	}
	s := newSorter(asked)
	if len(s.byName) == 0 && len(s.byAddress) == 0 {
		return s.found, nil
	}
	few := len(s.byName) <= fewNames
	if size := int(z.size.Load()); size > 0 {
		few = len(s.byName) < size/recordsPerPage
	}
	client = pageClient{client}
	if few && len(s.byAddress) == 0 {
		err = z.readNames(ctx, client, s)
	} else {
		err = z.readWhole(ctx, client, s)
	}
	return s.found, err
}

// pageClient bounds each page, and so not a reading: a big zone takes as long as its pages keep coming.
type pageClient struct{ Route53API }

func (c pageClient) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput, options ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, zoneTimeout)
	defer cancel()
	return c.Route53API.ListResourceRecordSets(ctx, in, options...)
}

func (z *zoneDoor) readWhole(ctx context.Context, client Route53API, s *sorter) error {
	pages := route53.NewListResourceRecordSetsPaginator(client, &route53.ListResourceRecordSetsInput{HostedZoneId: &z.zone.ID, MaxItems: aws.Int32(recordsPerPage)})
	size := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		size += len(page.ResourceRecordSets)
		if err := s.sort(z.zone.ID, page.ResourceRecordSets); err != nil {
			return err
		}
	}
	z.size.Store(int64(size))
	return nil
}

// readNames reads from each name on; a start name is a position in the zone's order, and a page may well have other names that
// are wanted.
func (z *zoneDoor) readNames(ctx context.Context, client Route53API, s *sorter) error {
	left := slices.Sorted(maps.Keys(s.byName))
	for len(left) > 0 {
		in := &route53.ListResourceRecordSetsInput{HostedZoneId: &z.zone.ID, StartRecordName: &left[0], MaxItems: aws.Int32(recordsPerPage)}
		done := map[string]bool{left[0]: true}
		for {
			page, err := client.ListResourceRecordSets(ctx, in)
			if err != nil {
				return err
			}
			if err := s.sort(z.zone.ID, page.ResourceRecordSets); err != nil {
				return err
			}
			for _, set := range page.ResourceRecordSets {
				if name := aws.ToString(set.Name); !page.IsTruncated || name != aws.ToString(page.NextRecordName) {
					done[name] = true
				}
			}
			if !page.IsTruncated || aws.ToString(page.NextRecordName) != left[0] {
				break
			}
			in.StartRecordType, in.StartRecordIdentifier = page.NextRecordType, page.NextRecordIdentifier
		}
		left = slices.DeleteFunc(left, func(name string) bool { return done[name] })
	}
	return nil
}

// sorter gives each who asked the record sets that were asked for.
type sorter struct {
	asked     []policy.WantedRecords
	byName    map[string][]int
	byAddress map[string][]int // of who has patterns
	found     [][]policy.RecordSet
	seen      map[string]bool // pages may overlap
}

func newSorter(asked []policy.WantedRecords) *sorter {
	s := &sorter{asked: asked, byName: map[string][]int{}, byAddress: map[string][]int{}, found: make([][]policy.RecordSet, len(asked)), seen: map[string]bool{}}
	for i, w := range asked {
		for _, name := range w.Names {
			s.byName[name] = append(s.byName[name], i)
		}
		if len(w.Patterns) > 0 {
			for _, address := range w.Addresses {
				s.byAddress[address] = append(s.byAddress[address], i)
			}
		}
	}
	return s
}

func (s *sorter) sort(zone string, sets []types.ResourceRecordSet) error {
	for _, raw := range sets {
		to := slices.Clone(s.byName[aws.ToString(raw.Name)])
		if raw.AliasTarget == nil && len(s.byAddress) > 0 {
			for _, value := range raw.ResourceRecords {
				to = append(to, s.byAddress[usualAddress(aws.ToString(value.Value))]...)
			}
		}
		if len(to) == 0 {
			continue
		}
		set, err := recordSetOf(zone, raw)
		if err != nil {
			return err
		}
		if s.seen[set.Key()] {
			continue
		}
		s.seen[set.Key()] = true
		slices.Sort(to)
		for _, i := range slices.Compact(to) {
			if slices.Contains(s.asked[i].Names, set.Name) || s.asked[i].Has(set) {
				s.found[i] = append(s.found[i], set)
			}
		}
	}
	return nil
}

// recordSetOf is a record set as the rest of Epoxy knows it. An alias, and what a traffic policy made, has no values.
func recordSetOf(zone string, set types.ResourceRecordSet) (policy.RecordSet, error) {
	out := policy.RecordSet{Zone: zone, Name: aws.ToString(set.Name), Type: string(set.Type), SetID: aws.ToString(set.SetIdentifier)}
	set.ResourceRecords = slices.SortedFunc(slices.Values(set.ResourceRecords), func(a, b types.ResourceRecord) int {
		return cmp.Compare(aws.ToString(a.Value), aws.ToString(b.Value))
	})
	if set.AliasTarget == nil && set.TrafficPolicyInstanceId == nil {
		for _, r := range set.ResourceRecords {
			out.Values = append(out.Values, aws.ToString(r.Value))
		}
	}
	text, err := json.Marshal(set)
	var fields any
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err == nil {
		text, err = json.Marshal(dense(fields))
	}
	out.Exact = string(text)
	return out, err
}

// usualAddress is an address as it is usually spelt.
func usualAddress(value string) string {
	if ip, err := netip.ParseAddr(value); err == nil {
		return ip.String()
	}
	return value
}

// dense leaves out what is not there, so that a field that a later SDK knows does not make a record look changed.
func dense(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if value != nil && value != "" {
				out[key] = dense(value)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = dense(v[i])
		}
	}
	return v
}

// parseExact is the record set as Route 53 wants it named: with all that it has.
func parseExact(set policy.RecordSet) (types.ResourceRecordSet, error) {
	var out types.ResourceRecordSet
	if err := json.Unmarshal([]byte(set.Exact), &out); err != nil {
		return out, Refuse(ErrInvalid, "what was read of %s is no record set: %v", set, err)
	}
	if again, err := recordSetOf(set.Zone, out); err != nil || again.Key() != set.Key() || !slices.Equal(again.Values, set.Values) {
		return out, Refuse(ErrInvalid, "what was read of %s is another record set: %.300s", set, set.Exact)
	}
	return out, nil
}
