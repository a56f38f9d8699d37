package policy

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const definitionPlace = "arn:aws:ecs:us-east-1:123456789012:task-definition/"

// revision is one that nothing keeps: registered, or deregistered, 400 days ago.
func revision(family string, n int, status string) TaskDefinition {
	d := TaskDefinition{ARN: fmt.Sprintf("%s%s:%d", definitionPlace, family, n), Family: family, Revision: n, Status: status, Registered: daysAgo(400)}
	if status == StatusInactive {
		d.Deregistered = daysAgo(400)
	}
	return d
}

func definitions(all ...TaskDefinition) TaskDefinitionPlanInput {
	return TaskDefinitionPlanInput{Now: noon, Rules: TaskDefinitionRules{MinAge: 30 * day, Families: []string{"*"}, Delete: true, InactiveMinAge: 10 * day}, Definitions: all}
}

func planDefinitions(t rapid.TB, in TaskDefinitionPlanInput) []Verdict {
	t.Helper()
	verdicts, err := PlanTaskDefinitions(in)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func TestEveryKindOfUseKeepsATaskDefinition(t *testing.T) {
	for _, kind := range kindsOfUse {
		for how, name := range map[string]string{"by ARN": definitionPlace + "web:1", "by family:revision": "web:1", "by family": "web", "by ARN without revision": definitionPlace + "web"} {
			in := definitions(revision("web", 1, StatusActive), revision("web", 2, StatusInactive), revision("job", 1, StatusActive))
			in.Uses = []TaskDefinitionUse{{ARN: name, Kind: kind, By: "arn:holder"}}
			all := planDefinitions(t, in)
			wantVerdict(t, kind+" "+how, verdictOf(all, definitionPlace+"web:1"), KeptInUse, "used by "+kind+" arn:holder")
			wantVerdict(t, "another revision", verdictOf(all, definitionPlace+"web:2"), VerdictDelete, "deregistered 400 days ago, not used")
			wantVerdict(t, "another family", verdictOf(all, definitionPlace+"job:1"), VerdictDelete, "registered 400 days ago, not used")
		}
	}
}

func TestAFamilyMeansItsLatestActiveRevision(t *testing.T) {
	in := definitions(revision("web", 9, StatusActive), revision("web", 10, StatusActive), revision("web", 11, StatusInactive))
	in.Uses = []TaskDefinitionUse{{ARN: "web", Kind: UseRule, By: "arn"}, {ARN: strings.Replace(definitionPlace, "us-east-1", "eu-west-1", 1) + "web", Kind: UseTask, By: "arn"}}
	all := planDefinitions(t, in)
	wantVerdict(t, "latest active", verdictOf(all, definitionPlace+"web:10"), KeptInUse, "used by eventbridge-rule arn")
	wantVerdict(t, "older", verdictOf(all, definitionPlace+"web:9"), VerdictDelete, "")
	wantVerdict(t, "later, inactive", verdictOf(all, definitionPlace+"web:11"), VerdictDelete, "")
}

func TestReasonsOfTaskDefinitions(t *testing.T) {
	active, inactive := revision("web", 1, StatusActive), revision("web", 1, StatusInactive)
	change := func(d TaskDefinition, f func(*TaskDefinition)) TaskDefinition { f(&d); return d }
	for name, c := range map[string]struct {
		d      TaskDefinition
		rules  func(*TaskDefinitionRules)
		code   string // "": no verdict
		reason string
	}{
		"old":                    {active, nil, VerdictDelete, "registered 400 days ago, not used"},
		"young":                  {change(active, func(d *TaskDefinition) { d.Registered = daysAgo(29) }), nil, KeptYoung, "registered 29 days ago, younger than 30 days"},
		"not described":          {change(active, func(d *TaskDefinition) { d.Registered = time.Time{} }), nil, KeptYoung, "when it was registered is not known"},
		"newest":                 {active, func(r *TaskDefinitionRules) { r.KeepNewest = 1 }, KeptNewest, "among the newest 1 of its family"},
		"protected":              {active, func(r *TaskDefinitionRules) { r.ProtectFamilies = []string{"w?b"} }, KeptProtected, "family web is protected"},
		"none of the policy's":   {active, func(r *TaskDefinitionRules) { r.Families = []string{"job-*"} }, "", ""},
		"inactive":               {inactive, nil, VerdictDelete, "deregistered 400 days ago, not used"},
		"inactive is not newest": {inactive, func(r *TaskDefinitionRules) { r.KeepNewest = 1 }, VerdictDelete, ""},
		"inactive since lately":  {change(inactive, func(d *TaskDefinition) { d.Deregistered = daysAgo(9) }), nil, KeptYoung, "deregistered 9 days ago, younger than 10 days"},
		"inactive, other age":    {change(inactive, func(d *TaskDefinition) { d.Deregistered = daysAgo(20) }), nil, VerdictDelete, ""},
		"inactive, no own age":   {change(inactive, func(d *TaskDefinition) { d.Deregistered = daysAgo(20) }), func(r *TaskDefinitionRules) { r.InactiveMinAge = 0 }, KeptYoung, "younger than 30 days"},
		"inactive since when":    {change(inactive, func(d *TaskDefinition) { d.Deregistered = time.Time{} }), nil, KeptYoung, "when it was deregistered is not known"},
		"inactive, not deleted":  {inactive, func(r *TaskDefinitionRules) { r.Delete = false }, "", ""},
		"on its way out":         {change(active, func(d *TaskDefinition) { d.Status = "DELETE_IN_PROGRESS" }), nil, "", ""},
	} {
		in := definitions(c.d)
		if c.rules != nil {
			c.rules(&in.Rules)
		}
		all := planDefinitions(t, in)
		if c.code == "" {
			if len(all) != 0 {
				t.Errorf("%s: %v", name, all)
			}
			continue
		}
		wantVerdict(t, name, verdictOf(all, c.d.ARN), c.code, c.reason)
	}
}

func TestImpossibleTaskDefinitionsPlanNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TaskDefinitionPlanInput)
		says   string
	}{
		"no clock":         {func(in *TaskDefinitionPlanInput) { in.Now = time.Time{} }, "what time it is"},
		"no age":           {func(in *TaskDefinitionPlanInput) { in.Rules.MinAge = 0 }, "min_age"},
		"negative age":     {func(in *TaskDefinitionPlanInput) { in.Rules.InactiveMinAge = -1 }, "inactive_min_age"},
		"negative count":   {func(in *TaskDefinitionPlanInput) { in.Rules.KeepNewest = -1 }, "keep_newest"},
		"bad pattern":      {func(in *TaskDefinitionPlanInput) { in.Rules.Families = []string{"[a]"} }, `families: "[a]"`},
		"bad protection":   {func(in *TaskDefinitionPlanInput) { in.Rules.ProtectFamilies = []string{""} }, "protect_families"},
		"no ARN":           {func(in *TaskDefinitionPlanInput) { in.Definitions[0].ARN = "web:1" }, `"web:1" is not the ARN`},
		"another revision": {func(in *TaskDefinitionPlanInput) { in.Definitions[0].Revision = 2 }, "revision 2"},
		"another family":   {func(in *TaskDefinitionPlanInput) { in.Definitions[0].Family = "job" }, "task definition job"},
		"listed twice": {func(in *TaskDefinitionPlanInput) {
			in.Definitions = append(in.Definitions, revision("web", 1, StatusInactive))
		}, "listed twice"},
		"a use of nothing": {func(in *TaskDefinitionPlanInput) {
			in.Uses = []TaskDefinitionUse{{ARN: "", Kind: UseRule, By: "arn:r"}}
		}, "eventbridge-rule arn:r uses something"},
		"a use of a thing": {func(in *TaskDefinitionPlanInput) {
			in.Uses = []TaskDefinitionUse{{ARN: "arn:aws:ecs:us-east-1:1:service/x"}}
		}, "names no task definition"},
	} {
		in := definitions(revision("web", 1, StatusActive))
		c.change(&in)
		if got, err := PlanTaskDefinitions(in); err == nil || !strings.Contains(err.Error(), c.says) || got != nil {
			t.Errorf("%s: %v and %v, want %q", name, got, err, c.says)
		}
		if got, err := NeedsDescription(in); err == nil || got != nil {
			t.Errorf("%s: described would be %v, and the error is %v", name, got, err)
		}
	}
}

func drawDefinitions(t *rapid.T) TaskDefinitionPlanInput {
	in := definitions()
	in.Rules.KeepNewest, in.Rules.Delete = rapid.IntRange(0, 3).Draw(t, "newest"), rapid.Bool().Draw(t, "delete")
	for n := range rapid.IntRange(1, 12).Draw(t, "revisions") {
		d := revision(rapid.SampledFrom([]string{"web", "job"}).Draw(t, "family"), n+1, rapid.SampledFrom([]string{StatusActive, StatusActive, StatusInactive}).Draw(t, "status"))
		d.Registered = daysAgo(rapid.IntRange(0, 100).Draw(t, "age"))
		in.Definitions = append(in.Definitions, d)
	}
	in.Uses = rapid.SliceOfN(definitionUses(), 0, 3).Draw(t, "uses")
	return in
}

func definitionUses() *rapid.Generator[TaskDefinitionUse] {
	return rapid.Custom(func(t *rapid.T) TaskDefinitionUse {
		name := rapid.SampledFrom([]string{"web", "job", "web:1", "job:2", definitionPlace + "web:3", definitionPlace + "job"}).Draw(t, "name")
		return TaskDefinitionUse{ARN: name, Kind: UseService, By: "arn"}
	})
}

func TestPropertiesOfTaskDefinitionPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawDefinitions(t)
		all := planDefinitions(t, in)
		going := goingOf(all)
		for _, use := range in.Uses {
			if _, goes := going[use.ARN]; goes {
				t.Fatalf("%s is used, and goes", use.ARN)
			}
		}
		for _, d := range in.Definitions {
			newer := 0
			for _, other := range in.Definitions {
				if other.Family == d.Family && other.Status == StatusActive && other.Revision > d.Revision {
					newer++
				}
			}
			if _, goes := going[d.ARN]; goes && d.Status == StatusActive && newer < in.Rules.KeepNewest {
				t.Fatalf("%s goes, with %d newer ones only", d.ARN, newer)
			}
		}
		more := in
		more.Uses = append(slices.Clone(in.Uses), definitionUses().Draw(t, "one more"))
		wantSubset(t, goingOf(planDefinitions(t, more)), going)

		turned := in
		turned.Definitions, turned.Uses = slices.Clone(in.Definitions), slices.Clone(in.Uses)
		rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))).Shuffle(len(turned.Definitions), func(i, j int) {
			turned.Definitions[i], turned.Definitions[j] = turned.Definitions[j], turned.Definitions[i]
		})
		slices.Reverse(turned.Uses)
		if got := planDefinitions(t, turned); !cmp.Equal(got, all) {
			t.Fatal(cmp.Diff(all, got))
		}

		// Who describes only what is needed plans the same.
		needed, err := NeedsDescription(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range turned.Definitions {
			if !slices.Contains(needed, d.ARN) {
				turned.Definitions[i].Registered, turned.Definitions[i].Deregistered = time.Time{}, time.Time{}
			}
		}
		wantSubset(t, going, goingOf(planDefinitions(t, turned)))
		wantSubset(t, goingOf(planDefinitions(t, turned)), going)
	})
}

func TestTheSecondLookAtTaskDefinitions(t *testing.T) {
	arn := definitionPlace + "web:1"
	used := func(name string) []TaskDefinitionUse {
		return []TaskDefinitionUse{{ARN: name, Kind: UseTask, By: "arn:t"}}
	}
	for name, c := range map[string]struct {
		change func(*DefinitionRecheck)
		code   string
		says   string
	}{
		"nothing changed":            {func(*DefinitionRecheck) {}, VerdictDelete, ""},
		"gone":                       {func(in *DefinitionRecheck) { in.Status = nil }, KeptGone, "gone already"},
		"being deleted":              {func(in *DefinitionRecheck) { in.Status[arn] = "DELETE_IN_PROGRESS" }, KeptGone, ""},
		"deregistered by others":     {func(in *DefinitionRecheck) { in.Status[arn] = StatusInactive }, KeptGone, "deregistered since the plan was made, by somebody else"},
		"deregistered by ourselves":  {func(in *DefinitionRecheck) { in.Status[arn] = StatusInactive; in.Own = map[string]bool{arn: true} }, VerdictDelete, ""},
		"used":                       {func(in *DefinitionRecheck) { in.Uses = used(arn) }, KeptCameIntoUse, "used by ecs-task arn:t since"},
		"used by family:revision":    {func(in *DefinitionRecheck) { in.Uses = used("web:1") }, KeptCameIntoUse, ""},
		"used as its family's first": {func(in *DefinitionRecheck) { in.Uses, in.Latest = used("web"), map[string]string{"web": arn} }, KeptCameIntoUse, ""},
		"used is a later one": {func(in *DefinitionRecheck) {
			in.Uses, in.Latest = used("web"), map[string]string{"web": definitionPlace + "web:2"}
		}, VerdictDelete, ""},
		"vetoed by ARN":              {func(in *DefinitionRecheck) { in.Vetoed = []string{arn} }, KeptVetoed, "vetoed: " + arn},
		"vetoed by name":             {func(in *DefinitionRecheck) { in.Vetoed = []string{"x", " web:1"} }, KeptVetoed, ""},
		"vetoed by family":           {func(in *DefinitionRecheck) { in.Vetoed = []string{"web"} }, KeptVetoed, ""},
		"vetoed by the family's ARN": {func(in *DefinitionRecheck) { in.Vetoed = []string{definitionPlace + "web"} }, KeptVetoed, ""},
		"another one vetoed":         {func(in *DefinitionRecheck) { in.Vetoed = []string{"web:11", "we", definitionPlace + "web:11", ""} }, VerdictDelete, ""},
	} {
		in := DefinitionRecheck{Planned: []Verdict{{ID: arn, Code: VerdictDelete, Status: StatusActive}}, Status: map[string]string{arn: StatusActive}}
		c.change(&in)
		going, kept, err := RecheckTaskDefinitions(in)
		if err != nil || len(going)+len(kept) != 1 {
			t.Fatalf("%s: %v go, %v stay, and the error is %v", name, going, kept, err)
		}
		wantVerdict(t, name, append(going, kept...)[0], c.code, c.says)
	}
	if _, _, err := RecheckTaskDefinitions(DefinitionRecheck{Uses: used("?")}); err == nil {
		t.Error("a use that cannot be read stops nothing")
	}
	if got := FamiliesByName(append(used("web"), append(used(definitionPlace+"job"), append(used("web:1"), used("?")...)...)...)); !slices.Equal(got, []string{"job", "web"}) {
		t.Errorf("families that are used by name are %v", got)
	}
}
