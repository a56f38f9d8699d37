package policy

import "strings"

// FitsNodeName tells that a name is one that the environment gives to nodes alone: one of its templates fits that has an
// instance id or a host's name in it. The tag Name is no evidence: pipelines have names, too.
func FitsNodeName(rules MopRules, name string) bool {
	var telling []string
	for _, template := range rules.NodeNames {
		if strings.Contains(template, "{instance}") || strings.Contains(template, "{hostname}") {
			telling = append(telling, template)
		}
	}
	return fitsTemplates(telling, name)
}
