package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// definitionName is how task definitions are named: by ARN, family:revision, or family alone, which means its latest active
// revision. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
var definitionName = regexp.MustCompile(`^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/)?([A-Za-z0-9_-]{1,255})(?::([1-9][0-9]*))?$`)

// definition is such a name: place is the ARN's part before the family, or "".
type definition struct{ place, family, revision string }

func parseDefinition(name string) (definition, error) {
	m := definitionName.FindStringSubmatch(name)
	if m == nil {
		return definition{}, fmt.Errorf("%q names no task definition", name)
	}
	return definition{place: m[1], family: m[2], revision: m[3]}, nil
}

// FamiliesByName are the families that are used without a revision, sorted: which one that is changes with every
// registration and deregistration.
func FamiliesByName(uses []TaskDefinitionUse) []string {
	var families []string
	for _, use := range uses {
		if named, err := parseDefinition(use.ARN); err == nil && named.revision == "" {
			families = append(families, named.family)
		}
	}
	return sortedUnique(families)
}

// definitionHolders are who holds which task definition, by ARN, or by family:revision where that was named alone.
type definitionHolders map[string][]holder

// definitionUsers reads uses; latest is the ARN of the latest active revision of each family.
func definitionUsers(uses []TaskDefinitionUse, latest map[string]string) (definitionHolders, error) {
	users := definitionHolders{}
	for _, use := range uses {
		named, err := parseDefinition(use.ARN)
		if err != nil {
			return nil, fmt.Errorf("%s %s uses something that cannot be told: %w", use.Kind, use.By, err)
		}
		name := use.ARN
		if named.revision == "" {
			name = latest[named.family]
			if !strings.HasPrefix(name, named.place) {
				continue // a family of that name in another place
			}
		}
		users[name] = append(users[name], holder{use.Kind, use.By})
	}
	return users, nil
}

// of says in words who holds a task definition, or "".
func (u definitionHolders) of(arn string) string {
	return holdersInWords(slices.Concat(u[arn], u[FamilyRevision(arn)]))
}
