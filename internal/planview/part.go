package planview

import (
	"fmt"
	"strings"
	"time"

	"epoxy/internal/policy"
)

func (v view) part(p policy.PlanPart, content policy.PartContent, all bool) {
	t := p.Totals
	fmt.Fprintf(v.w, "\n%s: %s of %s %s\n", clean(p.Name), v.size(fmt.Sprint(t.Delete), t.DeleteBytes), v.size(v.noun.of(t.Images), t.Bytes), goes(t.Delete))
	v.rows("", content.Verdicts, func(x policy.Verdict) bool { return x.Code == policy.VerdictDelete })
	if all {
		v.rows("Stays", content.Verdicts, func(x policy.Verdict) bool { return x.Code != policy.VerdictDelete })
	}
}

func (v view) rows(title string, all []policy.Verdict, which func(policy.Verdict) bool) {
	shown := 0
	v.columns(func(line func(cells ...string)) {
		for _, x := range all {
			if !which(x) {
				continue
			}
			if shown++; shown == 1 {
				if title != "" {
					line("\n  " + title)
				}
				line(v.head()...)
			}
			line(v.row(x)...)
		}
	})
}

func (v view) head() []string {
	if v.images() {
		return []string{"\n  IMAGE", "TAGS", "SIZE", "AGE", "REASON"}
	}
	return []string{"\n  TASK DEFINITION", "STATUS", "AGE", "REASON"}
}

func (v view) row(x policy.Verdict) []string {
	reason := clean(x.Reason)
	if reason == "" {
		reason = clean(policy.KeptInWords(x.Code))
	}
	if v.images() {
		return []string{"  " + shortDigest(x.ID), tags(x.Tags), policy.HumanBytes(x.Bytes), v.age(x.Age), reason}
	}
	return []string{"  " + clean(policy.ShortID(x)), clean(x.Status), v.age(x.Age), reason}
}

// shortDigest is as much of a digest as tells images apart: sha256: and twelve digits.
func shortDigest(id string) string {
	id = clean(id)
	return id[:min(len("sha256:")+12, len(id))]
}

// shownTags keep a row readable where a build tags an image dozens of times.
const (
	shownTags = 3
	tagChars  = 40
)

func tags(all []string) string {
	if len(all) == 0 {
		return "-"
	}
	shown := make([]string, 0, shownTags)
	for _, tag := range all[:min(shownTags, len(all))] {
		tag = clean(tag)
		if r := []rune(tag); len(r) > tagChars {
			tag = string(r[:tagChars-1]) + "…"
		}
		shown = append(shown, tag)
	}
	text := strings.Join(shown, ", ")
	if more := len(all) - shownTags; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// age is in days before the plan was made.
func (v view) age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%d d", int(v.plan.Made.Sub(t).Hours()/24))
}
