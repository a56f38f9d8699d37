package activities

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeRecords is a Route 53 that is as strict as the real one.
type fakeRecords struct {
	*wire
	t       testing.TB
	ledger  *fakeLedger
	zones   map[string]map[string]types.ResourceRecordSet // by id, then by key
	gone    map[string]int                                // "name type value": how often it went
	refuses map[string]string                             // by key, what is said of any change of it
	pages   int                                           // records on a page, at most; 0: as many as are asked for
	arrives func(operation string)                        // at the beginning of every call
}

func newRecords(t testing.TB, book *fakeLedger) *fakeRecords {
	return &fakeRecords{
		wire: newWire(route53.ServiceID), t: t, ledger: book,
		zones: map[string]map[string]types.ResourceRecordSet{}, gone: map[string]int{}, refuses: map[string]string{},
	}
}

func keyOfRecord(r types.ResourceRecordSet) string {
	return aws.ToString(r.Name) + " " + string(r.Type) + " " + aws.ToString(r.SetIdentifier)
}

// put writes "web-7.example.com. A 10.0.0.5 10.0.0.6"; a type may have a set id: A/blue.
func (f *fakeRecords) put(zone string, records ...string) {
	if f.zones[zone] == nil {
		f.zones[zone] = map[string]types.ResourceRecordSet{}
	}
	for _, text := range records {
		fields := strings.Fields(text)
		kind, id, weighted := strings.Cut(fields[1], "/")
		r := types.ResourceRecordSet{Name: &fields[0], Type: types.RRType(kind), TTL: aws.Int64(60)}
		if weighted {
			r.SetIdentifier, r.Weight = &id, aws.Int64(0)
		}
		for _, value := range fields[2:] {
			r.ResourceRecords = append(r.ResourceRecords, types.ResourceRecord{Value: aws.String(value)})
		}
		f.zones[zone][keyOfRecord(r)] = r
	}
}

// all is the zone as put takes it, in its order.
func (f *fakeRecords) all(zone string) []string {
	var out []string
	for _, r := range f.sorted(zone) {
		text := aws.ToString(r.Name) + " " + string(r.Type)
		if r.SetIdentifier != nil {
			text += "/" + *r.SetIdentifier
		}
		for _, value := range r.ResourceRecords {
			text += " " + aws.ToString(value.Value)
		}
		out = append(out, text)
	}
	return out
}

// sorted is Route 53's order: by the labels from the right.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
func (f *fakeRecords) sorted(zone string) []types.ResourceRecordSet {
	var all []types.ResourceRecordSet
	for _, r := range f.zones[zone] {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b types.ResourceRecordSet) int { return cmp.Compare(position(a), position(b)) })
	return all
}

func position(r types.ResourceRecordSet) string {
	labels := strings.Split(strings.TrimSuffix(aws.ToString(r.Name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + ". " + string(r.Type) + " " + aws.ToString(r.SetIdentifier)
}

func (f *fakeRecords) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	const operation = "ListResourceRecordSets"
	out := &route53.ListResourceRecordSetsOutput{}
	return out, f.call(ctx, operation, func() error {
		f.arrived(operation)
		most := int(aws.ToInt32(in.MaxItems))
		switch {
		case f.zones[*in.HostedZoneId] == nil:
			return f.refuse(operation, "NoSuchHostedZone", "No hosted zone found with ID: %s", *in.HostedZoneId)
		case most < 1 || most > 300 || in.StartRecordType != "" && in.StartRecordName == nil:
			return f.refuse(operation, "InvalidInput", "%d items", most)
		case f.pages > 0:
			most = min(most, f.pages)
		}
		from := ""
		if in.StartRecordName != nil {
			from = position(types.ResourceRecordSet{Name: in.StartRecordName, Type: in.StartRecordType, SetIdentifier: in.StartRecordIdentifier})
		}
		all := slices.DeleteFunc(f.sorted(*in.HostedZoneId), func(r types.ResourceRecordSet) bool { return position(r) < strings.TrimRight(from, " ") })
		if len(all) > most {
			next := all[most]
			out.IsTruncated, out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = true, next.Name, next.Type, next.SetIdentifier
			all = all[:most]
		}
		out.ResourceRecordSets = all
		return nil
	})
}

func (f *fakeRecords) arrived(operation string) {
	if f.arrives != nil {
		f.arrives(operation)
	}
}

// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
func (f *fakeRecords) ChangeResourceRecordSets(ctx context.Context, in *route53.ChangeResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	const operation = "ChangeResourceRecordSets"
	return &route53.ChangeResourceRecordSetsOutput{}, f.call(ctx, operation, func() error {
		f.arrived(operation)
		before := f.zones[*in.HostedZoneId]
		after := maps.Clone(before)
		var bad []string
		elements, characters := 0, 0
		for _, c := range in.ChangeBatch.Changes {
			for _, value := range c.ResourceRecordSet.ResourceRecords {
				elements++
				characters += len(*value.Value)
			}
			if message := f.apply(after, c); message != "" {
				bad = append(bad, message)
			}
		}
		if elements > 1000 || characters > 32_000 || len(in.ChangeBatch.Changes) == 0 {
			bad = append(bad, fmt.Sprintf("%d elements with %d characters", elements, characters))
		}
		if len(bad) > 0 {
			// So the SDK returns it: without the answer's status.
			return &smithy.OperationError{ServiceID: route53.ServiceID, OperationName: operation, Err: &types.InvalidChangeBatch{Message: aws.String("ChangeBatch errors occurred"), Messages: bad}}
		}
		f.count(*in.HostedZoneId, before, after)
		f.zones[*in.HostedZoneId] = after
		return nil
	})
}

// apply makes one change, or says why it cannot be made.
func (f *fakeRecords) apply(zone map[string]types.ResourceRecordSet, c types.Change) string {
	r := *c.ResourceRecordSet
	about := fmt.Sprintf("resource record set [name='%s', type='%s']", *r.Name, r.Type)
	there, exists := zone[keyOfRecord(r)]
	switch {
	case f.refuses[keyOfRecord(r)] != "":
		return f.refuses[keyOfRecord(r)]
	case len(r.ResourceRecords) == 0:
		return "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
	case c.Action == types.ChangeActionDelete && !exists:
		return "Tried to delete " + about + " but it was not found"
	case c.Action == types.ChangeActionDelete && exactly(f.t, there) != exactly(f.t, r):
		return "Tried to delete " + about + " but the values provided do not match the current values"
	case c.Action == types.ChangeActionDelete:
		delete(zone, keyOfRecord(r))
		return ""
	case c.Action == types.ChangeActionCreate && exists:
		return "Tried to create " + about + " but it already exists"
	case c.Action != types.ChangeActionCreate:
		return "an action that mops never need"
	}
	for _, other := range zone {
		if *other.Name == *r.Name && other.Type != r.Type && (other.Type == types.RRTypeCname || r.Type == types.RRTypeCname) {
			return "RRSet of type " + string(r.Type) + " with DNS name " + *r.Name + " is not permitted as it conflicts with other records with the same DNS name in zone"
		}
	}
	zone[keyOfRecord(r)] = r
	return ""
}

func exactly(t testing.TB, r types.ResourceRecordSet) string {
	return must[policy.RecordSet](t)(recordSetOf("", r)).Exact
}

// count notes which values went. Nothing may go without an intent.
func (f *fakeRecords) count(zone string, before, after map[string]types.ResourceRecordSet) {
	for key, r := range before {
		for _, value := range r.ResourceRecords {
			stays := slices.ContainsFunc(after[key].ResourceRecords, func(v types.ResourceRecord) bool { return *v.Value == *value.Value })
			if !stays {
				f.gone[strings.TrimSpace(key)+" "+*value.Value]++
				f.wantIntent(zone, r, *value.Value)
			}
		}
	}
}

func (f *fakeRecords) wantIntent(zone string, r types.ResourceRecordSet, value string) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	for _, e := range f.ledger.entries {
		if e.Kind == ledger.RecordSet && e.Outcome == "" && strings.HasPrefix(e.Resource, "route53/"+zone+"/"+*r.Name+"/"+string(r.Type)) && slices.Contains(e.Names, value) {
			return
		}
	}
	f.t.Errorf("%s loses %s, and nobody said so in the ledger", keyOfRecord(r), value)
}
