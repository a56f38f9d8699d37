package planview

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"epoxy/internal/policy"
)

// clean keeps what a terminal and Slack show as text. Tags, reasons and names come from outside: an escape sequence in one
// must not colour, move or hide anything of the plan that somebody approves, and neither must a change of direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, s)
}

// rules says in words what a plan was made by.
func rules(p policy.Plan) []string {
	switch {
	case p.ImageRules != nil:
		return imageRules(*p.ImageRules)
	case p.TaskDefinitionRules != nil:
		return taskDefinitionRules(*p.TaskDefinitionRules)
	}
	return nil
}

func imageRules(r policy.ImageRules) []string {
	age := "goes after " + days(r.MinAge) + " without push, commit, pull or new tag"
	if r.UntaggedMinAge > 0 {
		age += "; without a tag after " + days(r.UntaggedMinAge)
	}
	out := []string{age}
	if r.KeepNewest > 0 {
		out = append(out, fmt.Sprintf("keeps the newest %d of each repository", r.KeepNewest))
	}
	for _, k := range r.KeepByTag {
		out = append(out, fmt.Sprintf("keeps the newest %d tagged %s", k.Newest, clean(k.Pattern)))
	}
	if len(r.ProtectTags) > 0 {
		out = append(out, "keeps what is tagged "+list(r.ProtectTags))
	}
	if r.CommitTag != "" {
		out = append(out, "finds the commit in a tag by "+clean(r.CommitTag))
	}
	return append(out, "keeps whatever is in use, and what that needs")
}

func taskDefinitionRules(r policy.TaskDefinitionRules) []string {
	out := []string{"deregisters what was registered " + days(r.MinAge) + " ago or earlier"}
	if r.Delete {
		out[0] = "deregisters and deletes what was registered " + days(r.MinAge) + " ago or earlier"
		out = append(out, "deletes what was deregistered "+days(r.InactiveMinAge)+" ago or earlier")
	}
	if r.KeepNewest > 0 {
		out = append(out, fmt.Sprintf("keeps the newest %d active of each family", r.KeepNewest))
	}
	if len(r.Families) > 0 {
		out = append(out, "in the families "+list(r.Families))
	}
	if len(r.ProtectFamilies) > 0 {
		out = append(out, "keeps the families "+list(r.ProtectFamilies))
	}
	return append(out, "keeps whatever is in use")
}

func list(all []string) string { return firstOf(all, 10) }

func firstOf(all []string, n int) string {
	text := clean(strings.Join(all[:min(n, len(all))], ", "))
	if more := len(all) - n; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// days writes a duration as a policy does.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.String()
}
