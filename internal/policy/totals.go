package policy

import (
	"fmt"
	"maps"
)

// Sum counts verdicts.
func Sum(verdicts []Verdict) Totals {
	var t Totals
	for _, v := range verdicts {
		t.Images++
		t.Bytes += v.Bytes
		if v.Code != VerdictDelete {
			if t.Kept == nil {
				t.Kept = map[string]int{}
			}
			t.Kept[v.Code]++
			continue
		}
		t.Delete++
		t.DeleteBytes += v.Bytes
		if len(v.Tags) > 0 {
			t.Tagged++
		}
	}
	return t
}

// AddTotals adds up totals.
func AddTotals(all ...Totals) Totals {
	var sum Totals
	for _, t := range all {
		sum.Images += t.Images
		sum.Bytes += t.Bytes
		sum.Delete += t.Delete
		sum.DeleteBytes += t.DeleteBytes
		sum.Tagged += t.Tagged
		if sum.Kept == nil && len(t.Kept) > 0 {
			sum.Kept = map[string]int{}
		}
		for code, n := range maps.All(t.Kept) {
			sum.Kept[code] += n
		}
	}
	return sum
}

// CheckCaps says which cap a plan exceeds and where, or "".
func CheckCaps(caps Caps, total Totals, parts []PlanPart) string {
	if caps.MaxDelete > 0 && total.Delete > caps.MaxDelete {
		return fmt.Sprintf("%d would go, more than max_delete allows (%d)", total.Delete, caps.MaxDelete)
	}
	if over(caps, total) {
		return fmt.Sprintf("%s would go, more than max_percent allows (%d %%)", share(total), caps.MaxPercent)
	}
	name, worst := "", Totals{}
	for _, part := range parts {
		// The first by name, so that the order of the parts does not matter.
		if over(caps, part.Totals) && (name == "" || part.Name < name) {
			name, worst = part.Name, part.Totals
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%s of %s would go, more than max_percent allows (%d %%)", share(worst), name, caps.MaxPercent)
}

func over(caps Caps, t Totals) bool {
	return caps.MaxPercent > 0 && t.Delete*100 > caps.MaxPercent*t.Images
}

func share(t Totals) string {
	return fmt.Sprintf("%d of %d (%d %%)", t.Delete, t.Images, (t.Delete*100+t.Images-1)/max(1, t.Images))
}
