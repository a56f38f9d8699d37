package planview

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"epoxy/internal/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

const hash = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"

var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func ago(days int) time.Time { return made.AddDate(0, 0, -days) }

func digest(of string) string { return "sha256:" + strings.Repeat(of, 64) }

// store is where the parts of a plan are.
type store map[string]policy.PartContent

func (s store) read(p policy.PlanPart) (policy.PartContent, error) {
	c, ok := s[p.Name]
	if !ok {
		return c, errors.New(p.Name + " is gone")
	}
	return c, nil
}

func images() (policy.Plan, store) {
	shop, web, quiet := "111111111111/eu-west-1/shop", "111111111111/eu-west-1/team/web", "111111111111/eu-west-1/quiet"
	contents := store{
		shop: {Name: shop, Verdicts: []policy.Verdict{
			{ID: digest("a"), Tags: []string{"v1"}, Bytes: 700 << 20, Age: ago(412), Code: policy.VerdictDelete, Reason: "pushed 412 days ago, not used"},
			{ID: digest("b"), Bytes: 300 << 10, Age: ago(401), Code: policy.VerdictDelete, Reason: "untagged, pushed 401 days ago, not used", Wave: 1},
			{ID: digest("c"), Tags: []string{"prod", "v9", "a-tag-that-a-build-made-of-a-branch-and-a-commit", "main", "latest"}, Bytes: 720 << 20, Age: ago(3), Code: policy.KeptInUse, Reason: "used by ecs-service arn:aws:ecs:eu-west-1:111111111111:service/a/b"},
			{ID: digest("d"), Tags: []string{"v8"}, Bytes: 1, Age: ago(40), Code: policy.KeptYoung},
		}},
		web: {Name: web, Verdicts: []policy.Verdict{
			{ID: digest("e"), Tags: []string{"\x1b[2Jx\r\n\tv1\u202eevil\x00\xff"}, Bytes: 2 << 30, Age: ago(100), Code: policy.VerdictDelete, Reason: "says \x1b]0;hello\x07 this"},
		}},
		quiet: {Name: quiet, Verdicts: []policy.Verdict{{ID: digest("f"), Bytes: 5, Code: policy.KeptBlocked, Reason: "account 222222222222 could not be looked at"}}},
	}
	return policy.Plan{
		Kind: policy.PlanOfImages, Policy: "shop", WorkflowID: "prune-images/shop", RunID: "0197a1b2", Made: made,
		ImageRules: &policy.ImageRules{
			MinAge: 90 * 24 * time.Hour, UntaggedMinAge: 36 * time.Hour, KeepNewest: 10, KeepByTag: []policy.KeepByTag{{Pattern: "release-*", Newest: 5}},
			ProtectTags: []string{"prod", "keep-*"}, CommitTag: "^git-([0-9a-f]{40})$",
		},
		Parts: []policy.PlanPart{
			{Name: quiet, Totals: policy.Totals{Images: 1, Bytes: 5, Kept: map[string]int{policy.KeptBlocked: 1}}},
			{Name: shop, Totals: policy.Totals{Images: 4, Bytes: 1420 << 20, Delete: 2, DeleteBytes: 701 << 20, Kept: map[string]int{policy.KeptInUse: 1, policy.KeptYoung: 1}}},
			{Name: web, Totals: policy.Totals{Images: 1, Bytes: 2 << 30, Delete: 1, DeleteBytes: 2 << 30}},
		},
		Blocked: []policy.Blocked{{Name: quiet, Reason: "account 222222222222\ncould not be looked at"}},
		Totals: policy.Totals{
			Images: 6, Bytes: 3468 << 20, Delete: 3, DeleteBytes: 2749 << 20,
			Kept: map[string]int{policy.KeptBlocked: 1, policy.KeptInUse: 1, policy.KeptYoung: 12},
		},
		OverCap: "3 of 6 images would go, and max_percent is 40",
	}, contents
}

func taskDefinitions() (policy.Plan, store) {
	place := "111111111111/eu-west-1"
	arn := "arn:aws:ecs:eu-west-1:111111111111:task-definition/"
	plan := policy.Plan{
		Kind: policy.PlanOfTaskDefinitions, Policy: "all", WorkflowID: "prune-task-definitions/all/dry-run", RunID: "r", Made: made,
		TaskDefinitionRules: &policy.TaskDefinitionRules{MinAge: 24 * time.Hour, KeepNewest: 5, Families: []string{"*"}, ProtectFamilies: []string{"core-*"}, Delete: true, InactiveMinAge: 48 * time.Hour},
		Parts:               []policy.PlanPart{{Name: place, Totals: policy.Totals{Images: 3, Delete: 2, Kept: map[string]int{policy.KeptNewest: 1}}}},
		Totals:              policy.Totals{Images: 3, Delete: 2, Kept: map[string]int{policy.KeptNewest: 1}},
	}
	return plan, store{place: {Verdicts: []policy.Verdict{
		{ID: arn + "shop:2", Status: "INACTIVE", Age: ago(30), Code: policy.VerdictDelete, Reason: "deregistered 3 days ago"},
		{ID: arn + "shop:3", Status: "ACTIVE", Age: ago(20), Code: policy.VerdictDelete, Reason: "registered 20 days ago"},
		{ID: arn + "shop:4", Status: "ACTIVE", Code: policy.KeptNewest},
	}}}
}

func TestTable(t *testing.T) {
	plan, contents := images()
	single := plan
	single.Parts, single.Blocked, single.OverCap, single.Totals = plan.Parts[1:2], nil, "", plan.Parts[1].Totals
	nothing := plan
	nothing.Parts, nothing.OverCap, nothing.Totals = plan.Parts[:1], "", plan.Parts[0].Totals
	tasks, definitions := taskDefinitions()
	for name, c := range map[string]struct {
		plan     policy.Plan
		contents store
		o        Options
	}{
		"images":                {plan, contents, Options{}},
		"images-all":            {plan, contents, Options{All: true, Top: 1}},
		"images-one-repository": {plan, contents, Options{Repository: "team/web"}},
		"images-single":         {single, contents, Options{}},
		"images-nothing":        {nothing, contents, Options{}},
		"task-definitions":      {tasks, definitions, Options{All: true}},
		"empty":                 {policy.Plan{Kind: policy.PlanOfImages, Policy: "none", Made: made}, nil, Options{All: true}},
	} {
		var got bytes.Buffer
		if err := Table(&got, hash, c.plan, c.contents.read, c.o); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", name+".golden"), got.Bytes())
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what Table writes (-update writes it anew):\n%s", file, got)
	}
}

func TestTableNamesWhatThereIsInsteadOfAnUnknownRepository(t *testing.T) {
	plan, contents := images()
	err := Table(&bytes.Buffer{}, hash, plan, contents.read, Options{Repository: "op"})
	if err == nil || !strings.Contains(err.Error(), `no part "op"; it has: 111111111111/eu-west-1/quiet, 111111111111/eu-west-1/shop`) {
		t.Error(err)
	}
}

// Parts are read one at a time, each once, and only those that are shown.
func TestTableStreams(t *testing.T) {
	plan, contents := images()
	for o, want := range map[Options]string{
		{}:                    "111111111111/eu-west-1/shop 111111111111/eu-west-1/team/web",
		{All: true}:           "111111111111/eu-west-1/quiet 111111111111/eu-west-1/shop 111111111111/eu-west-1/team/web",
		{Repository: "shop"}:  "111111111111/eu-west-1/shop",
		{Repository: "quiet"}: "",
	} {
		var got []string
		var out bytes.Buffer
		err := Table(&out, hash, plan, func(p policy.PlanPart) (policy.PartContent, error) {
			if n := len(got); n > 0 && !strings.Contains(out.String(), "\n"+got[n-1]+": ") {
				t.Errorf("%s was read before %s was written", p.Name, got[n-1])
			}
			got = append(got, p.Name)
			return contents.read(p)
		}, o)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%+v: read %q, want %q: %v", o, got, want, err)
		}
	}
}

func TestTableStopsAtAnError(t *testing.T) {
	plan, contents := images()
	delete(contents, plan.Parts[1].Name)
	if err := Table(&bytes.Buffer{}, hash, plan, contents.read, Options{}); err == nil || !strings.Contains(err.Error(), "shop is gone") {
		t.Errorf("a part that cannot be read: %v", err)
	}
	plan, contents = images()
	reads := 0
	err := Table(closed{}, hash, plan, func(p policy.PlanPart) (policy.PartContent, error) {
		reads++
		return contents.read(p)
	}, Options{})
	if !errors.Is(err, os.ErrClosed) || reads > 1 {
		t.Errorf("a closed pipe: %v after %d reads", err, reads)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

// Whatever a tag says, a row stays a row, and nothing reaches the terminal but text.
func TestTableShowsTextOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, contents := images()
		part := plan.Parts[1]
		lines := func() int {
			var out bytes.Buffer
			if err := Table(&out, hash, plan, contents.read, Options{All: true}); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff) {
					t.Fatalf("%q is in %q", r, out.String())
				}
			}
			return strings.Count(out.String(), "\n")
		}
		before := lines()
		text := rapid.String()
		v := contents[part.Name].Verdicts[0]
		v.Tags, v.Reason = []string{text.Draw(t, "tag"), "\u2066\u200f" + text.Draw(t, "tag")}, "\n"+text.Draw(t, "reason")+"\v\f\t\x9b\u2028"
		contents[part.Name].Verdicts[0] = v
		plan.OverCap, plan.Blocked[0].Reason, plan.ImageRules.ProtectTags = "\r"+text.Draw(t, "cap"), text.Draw(t, "blocked"), []string{text.Draw(t, "pattern")}
		if after := lines(); after != before {
			t.Fatalf("%d lines became %d", before, after)
		}
	})
}
