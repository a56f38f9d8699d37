// Package planview renders a plan for people: in the terminal, and as the file that goes with the message in Slack.
package planview

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"epoxy/internal/policy"
)

// Options choose what is shown.
type Options struct {
	All        bool   // also what stays, each with its reason
	Repository string // only this part: account/region/name, or the name alone
	Top        int    // how many of those that free most; 0: ten
}

// Read gets the content of a part; it is called once for each part that is shown, one after the other.
type Read func(policy.PlanPart) (policy.PartContent, error)

// Table writes the plan with this hash. One part is in memory at a time.
func Table(w io.Writer, hash string, plan policy.Plan, read Read, o Options) error {
	parts, err := chosen(plan, o.Repository)
	if err != nil {
		return err
	}
	v := view{w: &sink{w: w}, plan: plan, noun: nouns[plan.Kind]}
	v.header(hash)
	v.most(parts, cmp.Or(o.Top, 10))
	v.kept()
	v.blocked()
	for _, p := range parts {
		if p.Totals.Delete == 0 && !o.All {
			continue
		}
		content, err := read(p)
		if err != nil {
			return err
		}
		v.part(p, content, o.All)
		if v.w.err != nil {
			return v.w.err
		}
	}
	return v.w.err
}

func chosen(plan policy.Plan, name string) ([]policy.PlanPart, error) {
	if name == "" {
		return plan.Parts, nil
	}
	var found []policy.PlanPart
	names := make([]string, 0, len(plan.Parts))
	for _, p := range plan.Parts {
		if p.Name == name || strings.HasSuffix(p.Name, "/"+name) {
			found = append(found, p)
		}
		names = append(names, clean(p.Name))
	}
	if found == nil {
		return nil, fmt.Errorf("the plan has no part %q; it has: %s", name, firstOf(names, 20))
	}
	return found, nil
}

type noun struct{ one, many, part string }

// of counts: 1 image, 2 images.
func (n noun) of(count int) string {
	if count == 1 {
		return "1 " + n.one
	}
	return fmt.Sprintf("%d %s", count, n.many)
}

var nouns = map[string]noun{
	policy.PlanOfImages:          {"image", "images", "repository"},
	policy.PlanOfTaskDefinitions: {"task definition", "task definitions", "place"},
}

type view struct {
	w    *sink
	plan policy.Plan
	noun noun
}

func (v view) images() bool { return v.plan.Kind == policy.PlanOfImages }

func (v view) header(hash string) {
	p := v.plan
	fmt.Fprintf(v.w, "Plan %s: prune %s by policy %s\n\n", policy.ShortHash(hash), v.noun.many, clean(p.Policy))
	v.columns(func(line func(cells ...string)) {
		line("  hash", hash)
		line("  made", p.Made.UTC().Format(time.DateTime)+" UTC by "+clean(p.WorkflowID)+" (run "+clean(p.RunID)+")")
		for i, rule := range rules(p) {
			line([]string{"  rules", ""}[min(i, 1)], rule)
		}
	})
	t := p.Totals
	fmt.Fprintf(v.w, "\n%s: %s, %d %s.\n", v.size(v.noun.of(t.Images), t.Bytes), v.size(fmt.Sprintf("%d %s", t.Delete, goes(t.Delete)), t.DeleteBytes),
		t.Images-t.Delete, stays(t.Images-t.Delete))
	if v.images() && t.Delete > 0 {
		fmt.Fprint(v.w, "Sizes are ECR's, which counts a layer with every image that has it: less may be freed.\n")
	}
	if p.OverCap != "" {
		fmt.Fprintf(v.w, "OVER THE CAP, so somebody must approve: %s\n", clean(p.OverCap))
	}
}

// size adds bytes to what is counted, where there are any: task definitions have none.
func (v view) size(counted string, bytes int64) string {
	if !v.images() {
		return counted
	}
	return counted + " (" + policy.HumanBytes(bytes) + ")"
}

func goes(n int) string { return map[bool]string{true: "goes", false: "go"}[n == 1] }

func stays(n int) string { return map[bool]string{true: "stays", false: "stay"}[n == 1] }

// most knows from the root alone what frees most. Within a part, the content is in that order.
func (v view) most(parts []policy.PlanPart, top int) {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p policy.PlanPart) bool { return p.Totals.Delete == 0 })
	slices.SortFunc(parts, func(a, b policy.PlanPart) int {
		return cmp.Or(cmp.Compare(b.Totals.DeleteBytes, a.Totals.DeleteBytes), cmp.Compare(b.Totals.Delete, a.Totals.Delete), cmp.Compare(a.Name, b.Name))
	})
	if len(parts) < 2 {
		return // its own table says it
	}
	fmt.Fprint(v.w, "\nFrees most\n\n")
	v.columns(func(line func(cells ...string)) {
		for _, p := range parts[:min(top, len(parts))] {
			cells := []string{"  " + clean(p.Name), fmt.Sprintf("%d of %s", p.Totals.Delete, v.noun.of(p.Totals.Images))}
			if v.images() {
				cells = append(cells, policy.HumanBytes(p.Totals.DeleteBytes)+" of "+policy.HumanBytes(p.Totals.Bytes))
			}
			line(cells...)
		}
	})
	if more := len(parts) - top; more > 0 {
		fmt.Fprintf(v.w, "  and %d more\n", more)
	}
}

func (v view) kept() {
	codes := make([]string, 0, len(v.plan.Totals.Kept))
	for code := range v.plan.Totals.Kept {
		codes = append(codes, code)
	}
	if len(codes) == 0 {
		return
	}
	slices.SortFunc(codes, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.plan.Totals.Kept[b], v.plan.Totals.Kept[a]), cmp.Compare(a, b))
	})
	fmt.Fprint(v.w, "\nKept because\n\n")
	v.columns(func(line func(cells ...string)) {
		for _, code := range codes {
			line("  "+clean(policy.KeptInWords(code)), fmt.Sprint(v.plan.Totals.Kept[code]))
		}
	})
}

func (v view) blocked() {
	if len(v.plan.Blocked) == 0 {
		return
	}
	fmt.Fprint(v.w, "\nBlocked: nothing is deleted there\n\n")
	v.columns(func(line func(cells ...string)) {
		for _, b := range v.plan.Blocked {
			line("  "+clean(b.Name), clean(b.Reason))
		}
	})
}

// columns aligns the cells of the lines that fill writes.
func (v view) columns(fill func(line func(cells ...string))) {
	t := tabwriter.NewWriter(v.w, 0, 0, 2, ' ', 0)
	fill(func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) })
	_ = t.Flush() // the sink keeps the error
}

// sink keeps the first error, so that what writes need not look at each.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err == nil {
		_, s.err = s.w.Write(p)
	}
	return len(p), s.err
}
