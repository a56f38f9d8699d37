package policy

import (
	"slices"
	"strings"
)

// DefinitionRecheck is a batch, as planned, and everything that the second look found.
type DefinitionRecheck struct {
	Planned []Verdict
	Status  map[string]string // by ARN, as it is now; what is missing is gone
	Latest  map[string]string // family → ARN of its latest active revision now, for FamiliesByName of the uses
	Own     map[string]bool   // ARNs that this run said before that it would remove
	Uses    []TaskDefinitionUse
	Vetoed  []string // items, as people wrote them
}

// RecheckTaskDefinitions says which of a batch still go, and of the others why they are kept now. On an error nothing may go.
func RecheckTaskDefinitions(in DefinitionRecheck) (going, kept []Verdict, err error) {
	users, err := definitionUsers(in.Uses, in.Latest)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range in.Planned {
		r := in.keeps(v, users)
		if r.code == "" {
			going = append(going, v)
			continue
		}
		v.Code, v.Reason = r.code, r.words
		kept = append(kept, v)
	}
	return going, kept, nil
}

func (in DefinitionRecheck) keeps(v Verdict, users definitionHolders) reason {
	status := in.Status[v.ID]
	switch {
	case status != StatusActive && status != StatusInactive:
		return because(KeptGone, "it was gone already")
	case status != v.Status && !in.Own[v.ID]:
		return because(KeptGone, "it was deregistered since the plan was made, by somebody else")
	}
	if item := vetoOfDefinition(in.Vetoed, v.ID); item != "" {
		return because(KeptVetoed, "vetoed: %s", item)
	}
	if words := users.of(v.ID); words != "" {
		return because(KeptCameIntoUse, "%s since the plan was made", words)
	}
	return reason{}
}

// vetoOfDefinition is the first item that means a task definition; "" when none does.
func vetoOfDefinition(items []string, arn string) string {
	for _, item := range items {
		if vetoesDefinition(item, arn) {
			return item
		}
	}
	return ""
}

// vetoesDefinition tells whether an item means a task definition: its ARN, family:revision, or family, which is all of it.
func vetoesDefinition(item, arn string) bool {
	name := FamilyRevision(arn)
	family, _, _ := strings.Cut(name, ":")
	return slices.Contains([]string{arn, name, family, strings.TrimSuffix(arn, name) + family}, strings.TrimSpace(item))
}

// ItemsOfDefinitions are those items that mean any of these task definitions, as ItemsOfImages has it.
func ItemsOfDefinitions(items []string, definitions []Verdict) []string {
	var named []string
	for _, item := range items {
		if slices.ContainsFunc(definitions, func(v Verdict) bool { return vetoesDefinition(item, v.ID) }) {
			named = append(named, item)
		}
	}
	return named
}
