package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Statuses of a task definition. Another, DELETE_IN_PROGRESS, is on its way out already.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-definition-state.html
const (
	StatusActive   = "ACTIVE"
	StatusInactive = "INACTIVE"
)

// PlanTaskDefinitions says of every task definition that a policy is about whether it goes, and why. Families that it does
// not name, and INACTIVE ones where it does not delete, are none of its business: they have no verdict. It is a function of
// the set of its inputs; on an error nothing is planned.
func PlanTaskDefinitions(in TaskDefinitionPlanInput) ([]Verdict, error) {
	p, err := newDefinitionPlan(in)
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, 0, len(p.all))
	for _, d := range p.all {
		r := p.fixedReason(d)
		at, what := sinceWhen(d)
		if r.code == "" {
			r = p.youngReason(d, at, what)
		}
		if r.code == "" {
			r = because(VerdictDelete, "%s %s, not used", what, ago(in.Now, at))
		}
		out = append(out, Verdict{ID: d.ARN, Age: at, Code: r.code, Reason: r.words, Pushed: d.Registered, Status: d.Status})
	}
	sortVerdicts(out)
	return out, nil
}

// NeedsDescription are the ARNs of those whose age decides: all others are kept whatever it is. Sorted.
func NeedsDescription(in TaskDefinitionPlanInput) ([]string, error) {
	p, err := newDefinitionPlan(in)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, d := range p.all {
		if p.fixedReason(d).code == "" {
			arns = append(arns, d.ARN)
		}
	}
	return sortedUnique(arns), nil
}

type definitionPlan struct {
	in     TaskDefinitionPlanInput
	all    []TaskDefinition
	users  definitionHolders
	newest map[string]bool
}

func newDefinitionPlan(in TaskDefinitionPlanInput) (*definitionPlan, error) {
	if err := checkDefinitionRules(in); err != nil {
		return nil, err
	}
	all, err := sortDefinitions(in.Definitions)
	if err != nil {
		return nil, err
	}
	p := &definitionPlan{in: in, newest: map[string]bool{}}
	byFamily := map[string][]string{} // active, the newest last
	for _, d := range all {
		if d.Status == StatusActive {
			byFamily[d.Family] = append(byFamily[d.Family], d.ARN)
		}
		if p.isAbout(d) {
			p.all = append(p.all, d)
		}
	}
	latest := make(map[string]string, len(byFamily))
	for family, arns := range byFamily {
		latest[family] = arns[len(arns)-1]
		for _, arn := range arns[max(0, len(arns)-in.Rules.KeepNewest):] {
			p.newest[arn] = true
		}
	}
	p.users, err = definitionUsers(in.Uses, latest)
	return p, err
}

func (p *definitionPlan) isAbout(d TaskDefinition) bool {
	return matchesAny(p.in.Rules.Families, d.Family) && (d.Status == StatusActive || d.Status == StatusInactive && p.in.Rules.Delete)
}

// fixedReason is why one is kept whatever its age.
func (p *definitionPlan) fixedReason(d TaskDefinition) reason {
	if words := p.users.of(d.ARN); words != "" {
		return because(KeptInUse, "%s", words)
	}
	if matchesAny(p.in.Rules.ProtectFamilies, d.Family) {
		return because(KeptProtected, "family %s is protected", d.Family)
	}
	if p.newest[d.ARN] {
		return because(KeptNewest, "among the newest %d of its family", p.in.Rules.KeepNewest)
	}
	return reason{}
}

func (p *definitionPlan) youngReason(d TaskDefinition, at time.Time, what string) reason {
	need := p.in.Rules.MinAge
	if d.Status == StatusInactive && p.in.Rules.InactiveMinAge > 0 {
		need = p.in.Rules.InactiveMinAge
	}
	switch {
	case at.IsZero():
		return because(KeptYoung, "when it was %s is not known", what)
	case p.in.Now.Sub(at) < need:
		return because(KeptYoung, "%s %s, younger than %s", what, ago(p.in.Now, at), inDays(need))
	}
	return reason{}
}

// sinceWhen is what a task definition's age is counted from.
func sinceWhen(d TaskDefinition) (at time.Time, what string) {
	if d.Status == StatusInactive {
		return d.Deregistered, "deregistered"
	}
	return d.Registered, "registered"
}

func checkDefinitionRules(in TaskDefinitionPlanInput) error {
	r := in.Rules
	return errors.Join(checkNow(in.Now), checkAge("min_age", r.MinAge), checkNotNegative("inactive_min_age", r.InactiveMinAge),
		checkNotNegative("keep_newest", r.KeepNewest), checkGlobs("families", familyGlob, r.Families), checkGlobs("protect_families", familyGlob, r.ProtectFamilies))
}

// sortDefinitions sorts by family and revision; what cannot be is an error.
func sortDefinitions(in []TaskDefinition) ([]TaskDefinition, error) {
	for _, d := range in {
		named, err := parseDefinition(d.ARN)
		if err != nil || named.place == "" || named.family != d.Family || named.revision != fmt.Sprint(d.Revision) {
			return nil, fmt.Errorf("%q is not the ARN of revision %d of task definition %s", d.ARN, d.Revision, d.Family)
		}
	}
	all := slices.SortedFunc(slices.Values(in), func(a, b TaskDefinition) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.ARN, b.ARN))
	})
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.ARN == b.ARN && a != b {
			return nil, fmt.Errorf("%s is listed twice, and each time it is something else", a.ARN)
		}
	}
	return slices.Compact(all), nil
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return Matches(pattern, s) })
}

// FamilyRevision is what people call a task definition: shop-web:7.
func FamilyRevision(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
