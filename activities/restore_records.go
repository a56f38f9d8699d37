package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// putRecordSet puts back what was taken: the record set if its place is free, or the values into a set that others still have.
// What is somebody else's by now stays as it is.
func (a *Restorer) putRecordSet(ctx context.Context, place Place, e ledger.Entry) (string, error) {
	var was policy.OwnRecord
	if err := json.Unmarshal([]byte(e.PutBack.Definition), &was); err != nil || was.Zone == "" || len(was.Drop) == 0 {
		return "", Refuse(ErrInvalid, "the ledger's copy of %s cannot be read (%v): write the record anew by hand", e.Resource, err)
	}
	before, err := parseExact(was.RecordSet)
	if err != nil {
		return "", err
	}
	client, err := a.DNS.Route53(ctx, place)
	if err != nil {
		return "", translate(place, err)
	}
	for range rounds {
		now, err := a.recordNow(ctx, place, was.RecordSet)
		if err != nil {
			return "", err
		}
		changes, note, err := putBackChanges(was, before, now)
		if err != nil || len(changes) == 0 {
			return note, err
		}
		switch err := changeRecords(ctx, client, was.Zone, changes); {
		case err == nil:
			return note, nil
		case codeOf(err) != codeBadChange:
			return "", translate(place, err)
		default:
			again, wrong := a.recordNow(ctx, place, was.RecordSet)
			if wrong != nil {
				return "", wrong
			}
			if exactOf(again) == exactOf(now) { // else somebody was quicker
				return "", Refuse(ErrInvalid, "Route 53 does not take %s back: %s", was.RecordSet, badChangeMessage(err))
			}
		}
	}
	return "", fmt.Errorf("%s is changed by others again and again", was.RecordSet)
}

// recordNow is the record set that has the same key now, nil for none.
func (a *Restorer) recordNow(ctx context.Context, place Place, was policy.RecordSet) (*policy.RecordSet, error) {
	sets, err := a.DNS.door(Zone{Place: place, ID: was.Zone}).reads.ask(ctx, policy.WantedRecords{Names: []string{was.Name}})
	if err != nil {
		return nil, translate(place, err)
	}
	if i := slices.IndexFunc(sets, func(set policy.RecordSet) bool { return set.Key() == was.Key() }); i >= 0 {
		return &sets[i], nil
	}
	return nil, nil
}

func exactOf(set *policy.RecordSet) string {
	if set == nil {
		return ""
	}
	return set.Exact
}

// putBackChanges are the changes that bring the values back, and what is told of it; none where they are there.
func putBackChanges(was policy.OwnRecord, before types.ResourceRecordSet, now *policy.RecordSet) ([]types.Change, string, error) {
	values := strings.Join(was.Drop, ", ")
	create := func(after types.ResourceRecordSet, from ...string) types.Change {
		after.ResourceRecords = nil
		for _, value := range unique(slices.Clone(from)) {
			after.ResourceRecords = append(after.ResourceRecords, types.ResourceRecord{Value: aws.String(value)})
		}
		return types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &after}
	}
	isThere := func(value string) bool { return now != nil && slices.Contains(now.Values, value) }
	missing := slices.DeleteFunc(slices.Clone(was.Drop), isThere)
	switch {
	case now == nil && len(was.Drop) == len(was.Values):
		return []types.Change{create(before, was.Drop...)}, "as it was", nil
	case now == nil:
		return []types.Change{create(before, was.Drop...)}, "with " + values + " alone: its other values are gone since", nil
	case !was.SameButValues(*now):
		return nil, "", Refuse(ErrInvalid, "%s is something else by now, and is left as it is: %.500s; if the old one must be there, delete that and undo again", was.RecordSet, now.Exact)
	case len(missing) == 0:
		return nil, values + " is there already", nil
	case !slices.ContainsFunc(was.Values, isThere):
		return nil, "", Refuse(ErrInvalid, "%s is somebody else's by now, and is left as it is: %s; if %s must be there, add it by hand", was.RecordSet, now.PointsTo(), values)
	}
	there, err := parseExact(*now)
	if err != nil {
		return nil, "", err
	}
	add := slices.Concat(now.Values, missing)
	return []types.Change{{Action: types.ChangeActionDelete, ResourceRecordSet: &there}, create(there, add...)},
		fmt.Sprintf("%s, in a set of %d values", strings.Join(missing, ", "), len(add)), nil
}
