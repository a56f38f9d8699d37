package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestImpossibleInputPlansNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ImagePlanInput)
		says   string
	}{
		"digest":              {func(in *ImagePlanInput) { in.Images[0].Digest = "sha256:abc" }, `"sha256:abc" is no digest`},
		"digest in capitals":  {func(in *ImagePlanInput) { in.Images[0].Digest = strings.ToUpper(sha("a")) }, "is no digest"},
		"subject":             {func(in *ImagePlanInput) { in.Images[0].Subject = "v1" }, `refers to "v1"`},
		"child":               {func(in *ImagePlanInput) { in.Images[0].Children = []string{"v1"} }, `lists "v1"`},
		"bytes":               {func(in *ImagePlanInput) { in.Images[0].Bytes = -1 }, "-1 bytes"},
		"no push time":        {func(in *ImagePlanInput) { in.Images[0].Pushed = time.Time{} }, "when " + sha("a") + " was pushed is not known"},
		"one digest, two":     {func(in *ImagePlanInput) { in.Images = append(in.Images, old("a", "v2")) }, "listed twice"},
		"no clock":            {func(in *ImagePlanInput) { in.Now = time.Time{} }, "what time it is"},
		"no age":              {func(in *ImagePlanInput) { in.Rules.MinAge = 0 }, "min_age is 0s: it must be positive"},
		"negative age":        {func(in *ImagePlanInput) { in.Rules.MinAge = -1 }, "min_age"},
		"negative for others": {func(in *ImagePlanInput) { in.Rules.UntaggedMinAge = -time.Hour }, "untagged_min_age is -1h0m0s"},
		"negative count":      {func(in *ImagePlanInput) { in.Rules.KeepNewest = -1 }, "keep_newest is -1"},
		"negative by tag":     {func(in *ImagePlanInput) { in.Rules.KeepByTag = []KeepByTag{{"v*", -1}} }, "keep_by_tag: v* keeps -1"},
		"empty pattern":       {func(in *ImagePlanInput) { in.Rules.KeepByTag = []KeepByTag{{"", 1}} }, `keep_by_tag: "" is not a pattern`},
		"character class":     {func(in *ImagePlanInput) { in.Rules.ProtectTags = []string{"v[0-9]"} }, `protect_tags: "v[0-9]" is not a pattern`},
		"regular expression":  {func(in *ImagePlanInput) { in.Rules.CommitTag = "(" }, "is not a regular expression"},
		"two groups":          {func(in *ImagePlanInput) { in.Rules.CommitTag = "(a)(b)" }, "has 2 groups"},
		"a use of nothing":    {func(in *ImagePlanInput) { in.Uses = []Use{byTag("", UseTask, "arn:x")} }, "ecs-task arn:x uses an image"},
		"a use of no digest":  {func(in *ImagePlanInput) { in.Uses = []Use{{Reference: Reference{web, "v1", "abc"}, Kind: UseTask}} }, `digest is "abc"`},
	} {
		in := input(old("a", "v1"))
		c.change(&in)
		verdicts, err := PlanImages(in)
		if err == nil || !strings.Contains(err.Error(), c.says) || verdicts != nil {
			t.Errorf("%s: %v and %v, want nothing and %q", name, verdicts, err, c.says)
		}
		if commits, err := CommitCandidates(in); err == nil || commits != nil {
			t.Errorf("%s: candidates are %v and the error is %v", name, commits, err)
		}
	}
}

// What one may think of as impossible, and is not.
func TestOddInputIsPlanned(t *testing.T) {
	in := input(old("a", "v1"), old("b", "v1"), old("a", "v1")) // the tag moved, and an image came twice, while pages were read
	in.Uses = []Use{byTag("v1", UseTask, "arn")}
	for _, v := range plan(t, in) {
		wantVerdict(t, "whoever had the tag", v, KeptInUse, "")
	}
	if got, err := PlanImages(input()); err != nil || len(got) != 0 {
		t.Errorf("an empty repository: %v, %v", got, err)
	}
}

func TestCommitsOf(t *testing.T) {
	rules := ImageRules{CommitTag: `^(?:main|pr)-([0-9A-Fa-f]+)(?:-dirty)?$`}
	full := commit("a")
	for name, c := range map[string]struct{ tags, want []string }{
		"none":        {[]string{"latest", full, "main-", "main-xyz"}, nil},
		"whole":       {[]string{"main-" + full}, []string{full}},
		"abbreviated": {[]string{"pr-1234567"}, []string{"1234567"}},
		"too short":   {[]string{"pr-123456"}, nil},
		"too long":    {[]string{"pr-" + full + "0"}, nil},
		"capitals":    {[]string{"pr-ABCDEF0"}, []string{"abcdef0"}},
		"several":     {[]string{"pr-fffffff", "main-1234567", "pr-1234567-dirty"}, []string{"1234567", "fffffff"}},
	} {
		got, err := CommitsOf(rules, c.tags)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
	if got, err := CommitsOf(ImageRules{}, []string{"main-" + full}); err != nil || got != nil {
		t.Errorf("without a pattern: %v, %v", got, err)
	}
	if _, err := CommitsOf(ImageRules{CommitTag: "("}, nil); err == nil {
		t.Error("a pattern that is none is taken")
	}
}
