package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// Reread compares a record with the record set that has its key now, nil for none, and says what of its own is still to go.
// The other values of a set may have changed meanwhile: nodes come and go, and what is its own stays its own. Anything else
// that changed was somebody's will: why says how the set looks now, and nothing is to go. With neither, its own is gone.
func (r OwnRecord) Reread(now *RecordSet) (drop []string, why string) {
	if now == nil {
		return nil, ""
	}
	for _, value := range r.Drop {
		if slices.Contains(now.Values, value) {
			drop = append(drop, value)
		}
	}
	if len(drop) > 0 && !r.SameButValues(*now) {
		return nil, "it was changed since it was looked at, and is now " + now.Exact
	}
	return drop, ""
}

// SameButValues tells whether two versions of a record set differ in nothing but their values.
func (r RecordSet) SameButValues(now RecordSet) bool {
	before, ok := withoutValues(r.Exact)
	after, fine := withoutValues(now.Exact)
	return ok && fine && r.Key() == now.Key() && reflect.DeepEqual(before, after)
}

func withoutValues(exact string) (map[string]any, bool) {
	var fields map[string]any
	err := json.Unmarshal([]byte(exact), &fields)
	delete(fields, "ResourceRecords")
	return fields, err == nil
}

// PointsTo says in words where a record set leads.
func (r RecordSet) PointsTo() string {
	if len(r.Values) == 0 {
		return "it is an alias"
	}
	return "it points to " + listed(r.Values)
}

// Check refuses what cannot have come from OwnRecords: it is about to be deleted.
func (r OwnRecord) Check(zoneID, zone string) error {
	inValues := func(value string) bool { return slices.Contains(r.Values, value) }
	switch {
	case r.Zone != zoneID || r.Name == zone || !inZone(r.Name, zone) || !isHostName(r.Name):
		return fmt.Errorf("%.300q is no record of a host in the hosted zone %s (%s)", r.Name, zone, zoneID)
	case !slices.Contains([]string{"A", "AAAA", "CNAME", "PTR"}, r.Type):
		return fmt.Errorf("%s is of a type that is never deleted", r.RecordSet)
	case len(r.Drop) == 0 || slices.ContainsFunc(r.Drop, func(value string) bool { return !inValues(value) }):
		return fmt.Errorf("%s does not have the values that are to go: %q", r.RecordSet, r.Drop)
	}
	return nil
}
