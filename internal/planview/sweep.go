package planview

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"epoxy/internal/policy"
)

// SweepTable writes what a sweep found: what goes, and what stays and why.
func SweepTable(w io.Writer, hash string, plan policy.SweepPlan) error {
	v := view{w: &sink{w: w}}
	ripe, left := splitOrphans(plan.Orphans)
	fmt.Fprintf(v.w, "Plan %s: sweep %s\n\n", policy.ShortHash(hash), clean(plan.Sweep))
	v.columns(func(line func(cells ...string)) {
		line("  hash", hash)
		line("  made", plan.Made.UTC().Format(time.DateTime)+" UTC")
		line("  grace", days(plan.Grace))
	})
	fmt.Fprintf(v.w, "\n%s: %d %s, %d %s.\n", noun{one: "orphan", many: "orphans"}.of(len(plan.Orphans)), len(ripe), goes(len(ripe)), len(left), stays(len(left)))
	if len(ripe) > 0 {
		fmt.Fprint(v.w, "\nA sweep of mode mop deletes\n\n")
		v.orphans(ripe, []string{"  ORPHAN", "SINCE", "REASON"}, func(o policy.Orphan) []string { return []string{clean(o.Why)} })
	}
	if len(left) > 0 {
		fmt.Fprint(v.w, "\nStays\n\n")
		v.orphans(left, []string{"  ORPHAN", "SINCE", "REASON", "STAYS BECAUSE"}, func(o policy.Orphan) []string { return []string{clean(o.Why), clean(o.Kept)} })
	}
	v.unjudged(plan)
	return v.w.err
}

func splitOrphans(all []policy.Orphan) (ripe, left []policy.Orphan) {
	for _, o := range all {
		if o.Do == policy.SweepMops {
			ripe = append(ripe, o)
		} else {
			left = append(left, o)
		}
	}
	return ripe, left
}

func (v view) orphans(all []policy.Orphan, head []string, why func(policy.Orphan) []string) {
	v.columns(func(line func(cells ...string)) {
		line(head...)
		for _, o := range all {
			line(append([]string{"  " + clean(o.String()), o.Since.UTC().Format("2006-01-02 15:04")}, why(o)...)...)
		}
	})
}

// unjudged is what the sweep could say nothing of.
func (v view) unjudged(plan policy.SweepPlan) {
	if len(plan.Blind) > 0 {
		fmt.Fprint(v.w, "\nCould not be looked at: what may be there was left alone\n\n")
		v.columns(func(line func(cells ...string)) {
			for _, b := range plan.Blind {
				line("  "+clean(b.Name), clean(b.Reason))
			}
		})
	}
	if len(plan.Strangers) > 0 {
		fmt.Fprint(v.w, "\nNot this environment's to judge\n\n")
		v.columns(func(line func(cells ...string)) {
			for _, why := range slices.Sorted(maps.Keys(plan.Strangers)) {
				line("  "+noun{one: "node", many: "nodes"}.of(plan.Strangers[why]), clean(why))
			}
		})
	}
}
