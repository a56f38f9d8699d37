package policy

import (
	"testing"

	"pgregory.net/rapid"
)

func TestFitsNodeName(t *testing.T) {
	for about, c := range map[string]struct {
		template, name string
		want           bool
	}{
		"an instance id":              {"{instance}", "i-0dead000000000001", true},
		"an old instance id":          {"{instance}", "i-0dead001", true},
		"an id of no length there is": {"{instance}", "i-0dead", false},
		"an id with more behind":      {"web-{instance}", "web-i-0dead001-deployer", false},
		"a hostname":                  {"{hostname}", "ip-10-0-0-1", true},
		"a hostname by its resource":  {"{hostname}.example.com", "i-0dead000000000001.example.com", true},
		"a word for a hostname":       {"{hostname}.example.com", "terraform.example.com", false},
		"with the tag Name":           {"{name}-{instance}", "web-i-0dead001", true},
		"with the tag Name, no id":    {"{name}-{instance}", "web-deployer", false},
		"the tag Name alone":          {"{name}", "web-1", false},
		"the tag Name and a word":     {"web-{name}", "web-deployer", false},
		"the tag Name in a domain":    {"{name}.example.com", "terraform.example.com", false},
		"no part at all":              {"web-1", "web-1", false},
		"dots are dots":               {"{instance}.a", "i-0dead001xa", false},
	} {
		if got := FitsNodeName(MopRules{NodeNames: []string{"other-{instance}", c.template}}, c.name); got != c.want {
			t.Errorf("%s: %s and %s fit: %v", about, c.template, c.name, got)
		}
	}
}

// Whatever the templates: what has neither an instance id nor a hostname in it proves nothing.
func TestFitsNodeNameNeedsEvidence(t *testing.T) {
	part := rapid.SampledFrom([]string{"{name}", "{instance}", "{hostname}", "web-", ".example.com", "-"})
	rapid.Check(t, func(t *rapid.T) {
		template := ""
		for _, p := range rapid.SliceOfN(part, 1, 4).Draw(t, "template") {
			template += p
		}
		name := rapid.StringMatching(`[a-z]{1,8}([.-][a-z]{1,8}){0,3}`).Draw(t, "name")
		if FitsNodeName(MopRules{NodeNames: []string{template}}, name) && !instanceIn.MatchString(name) && !hostIn.MatchString(name) {
			t.Fatalf("%s is taken for one of %s", name, template)
		}
	})
}
