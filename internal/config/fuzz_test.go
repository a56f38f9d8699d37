package config

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"epoxy/internal/cloud"
	"epoxy/internal/policy"
)

// FuzzLoad: whatever the file holds, Load returns a configuration or an *Error
// whose problems lie in the file, and the configuration answers questions.
func FuzzLoad(f *testing.F) {
	f.Add(base)
	f.Add(manyTargets)
	f.Add(pruning)
	f.Add("a: &a [*a]\nb: {<<: *a}")
	f.Add("bake: {targets: {vg: {a: {b: {c: {d: null}}}}}}")
	f.Add("slack: {token: {s3: {kms: 1}}, channel: #\n}")
	f.Fuzz(func(t *testing.T, text string) { checkLoad(t, text) })
}

func checkLoad(t rapid.TB, text string) {
	c, err := read("epoxy.yaml", []byte(text), noEnv)
	if err != nil {
		var all *Error
		if !errors.As(err, &all) || len(all.Problems) == 0 {
			t.Fatalf("not an *Error: %v", err)
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for _, p := range all.Problems {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 || p.Message == "" {
				t.Fatalf("problem outside the file: %+v", p)
			}
		}
		_ = all.Format(true)
		return
	}
	for _, target := range c.BakeTargets(Selector{}) {
		if got, err := c.Bake(target.Selector); err != nil || got.Selector != target.Selector {
			t.Fatalf("%s is listed but not found: %v", target.Selector, err)
		}
		if !templatePattern.MatchString(target.LaunchTemplateID) || !instancePattern.MatchString(target.InstanceID) ||
			target.AccountID == "" || target.Region == "" || target.Source == "" || target.Publish == "" {
			t.Fatalf("incomplete: %+v", target)
		}
	}
	for _, name := range c.PruneNames(policy.PlanOfImages) {
		p, err := c.PruneImages(name)
		if err != nil || len(p.Repositories) == 0 || p.Rules.MinAge <= 0 || p.Rules.KeepNewest < 1 {
			t.Fatalf("%s: %v, incomplete: %+v", name, err, p)
		}
		checkJob(t, name, p.PruneJob)
	}
	for _, name := range c.PruneNames(policy.PlanOfTaskDefinitions) {
		p, err := c.PruneTaskDefinitions(name)
		if err != nil || len(p.Rules.Families) == 0 || p.Rules.MinAge <= 0 || p.Rules.KeepNewest < 1 || p.Rules.InactiveMinAge <= 0 {
			t.Fatalf("%s: %v, incomplete: %+v", name, err, p)
		}
		checkJob(t, name, p.PruneJob)
	}
	c.Warnings(noEnv)
}

func checkJob(t rapid.TB, name string, p PruneJob) {
	for _, place := range []cloud.Place{p.Place, p.Artifacts.Place, p.Ledger.Place} {
		if place.Account == "" || place.Region == "" {
			t.Fatalf("%s: a place is open: %+v", name, p)
		}
	}
	if p.Policy != name || len(p.Sources) == 0 || p.Timeout <= 0 || p.Approval.Mode == "" || p.Approval.Expires <= 0 ||
		p.Artifacts.Bucket == "" || p.Ledger.Table == "" {
		t.Fatalf("%s: incomplete: %+v", name, p)
	}
}

// snippets are what people (and fuzzers) put into YAML.
var snippets = []string{
	"", " ", "\n", "\n  ", ": ", "- ", "{", "}", "[", "]", ",", "#", "\"", "'", "&a ", "*a", "<<: *a", "!!str ", "|", ">", "? ", "~", "---\n", "\t",
	"null", "true", "0", "012345678901", "é", "\u0000", "\u2028", "%YAML 1.2", "@", "`", "\\", "xoxb-1",
	"token: ", "vg: ", "refresh: ", "refresh: {}", "copy_to: [", "tags: {a: b}", "launch_template: ", "publish: ssm", "approval: ", "mode: veto", "30d", "sources: [", "policies:", "region: vg",
}

func mutated(t *rapid.T, text string) string {
	for range rapid.IntRange(1, 6).Draw(t, "mutations") {
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := min(len(text), from+rapid.IntRange(0, 12).Draw(t, "length"))
		text = text[:from] + rapid.SampledFrom(snippets).Draw(t, "snippet") + text[to:]
	}
	return text
}

func TestLoadNeverPanics(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkLoad(t, mutated(t, rapid.SampledFrom([]string{base, manyTargets, pruning, string(example)}).Draw(t, "text")))
	})
}

// A Slack token in the file stays out of every message, wherever it is put and
// whatever else is wrong; so does any literal that stands under its key.
func TestMessagesNeverHoldTheToken(t *testing.T) {
	leak := regexp.MustCompile(`canary`)
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.SampledFrom([]string{"xoxb-canary", "xapp-1-canary"}).Draw(t, "token")
		line := rapid.SampledFrom([]string{"  token: %\n", "  token: \"%\"\n", "  token:\n    %\n", "  token: { env: % }\n", "  token: { % }\n", "  tokn: %\n", "  token: |\n    %\n"}).Draw(t, "line")
		around := strings.Split(base, "  token: { env: EPOXY_SLACK_TOKEN }\n")
		text := mutated(t, around[0]) + strings.ReplaceAll(line, "%", token) + mutated(t, around[1])
		if _, err := read("epoxy.yaml", []byte(text), noEnv); err != nil && leak.MatchString(err.Error()) {
			t.Fatalf("%s\n%v", text, err)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Replace(mutated(t, strings.Replace(base, "{ env: EPOXY_SLACK_TOKEN }", "%", 1)), "%", "canary", 1)
		if _, err := read("epoxy.yaml", []byte(text), noEnv); err != nil && strings.Contains(text, "\n  token: canary\n") && leak.MatchString(err.Error()) {
			t.Fatalf("%s\n%v", text, err)
		}
	})
}
