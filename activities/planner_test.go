package activities

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

func planner(s3 *artifacttest.S3) *Planner { return &Planner{S3: to[artifact.API](s3)} }

func digestOf(i int) string { return fmt.Sprintf("sha256:%064x", i) }

func useOf(r policy.Repository, i int) policy.Use {
	return policy.Use{Reference: policy.Reference{Repository: r, Digest: digestOf(i)}, Kind: policy.UseTask, By: fmt.Sprint("task/", i)}
}

func TestSortUses(t *testing.T) {
	s3 := artifacttest.New(bucket)
	web, unused, foreign := shopRepository, shopRepository, shopRepository
	web.Name, unused.Name, foreign.Account = "web", "unused", "999999999999"
	surveys := []Artifact{
		keep(t, s3, "uses", policy.Uses{Images: []policy.Use{useOf(web, 2), useOf(shopRepository, 1), useOf(foreign, 1)}}),
		keep(t, s3, "uses", policy.Uses{TaskDefinitions: []policy.TaskDefinitionUse{{ARN: "a"}}}),
		keep(t, s3, "uses", policy.Uses{Images: []policy.Use{useOf(web, 1), useOf(web, 2)}}),
	}
	in := SortUsesInput{Store: theStore(), Surveys: surveys, Repositories: []policy.Repository{web, unused, shopRepository}}
	out, err := attempt(t, planner(s3).SortUses, in)
	if err != nil || out.Images != 5 || len(out.ByRepository) != 2 {
		t.Fatalf("%+v: %v", out, err)
	}
	for r, want := range map[policy.Repository][]policy.Use{web: {useOf(web, 1), useOf(web, 2)}, shopRepository: {useOf(shopRepository, 1)}} {
		if got := fetch[[]policy.Use](t, s3, out.ByRepository[r.String()]); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", r, cmp.Diff(want, got))
		}
	}
	slices.Reverse(in.Surveys)
	if again, err := attempt(t, planner(s3).SortUses, in); err != nil || !cmp.Equal(again, out) {
		t.Errorf("in another order: %s: %v", cmp.Diff(out, again), err)
	}
	in.Surveys = nil
	if none, err := attempt(t, planner(s3).SortUses, in); err != nil || none.Images != 0 || len(none.ByRepository) != 0 {
		t.Errorf("of nothing: %+v: %v", none, err)
	}
}

// What people list, and rollback revisions, are there wherever one looks.
func TestListsProveNoSurvey(t *testing.T) {
	s3 := artifacttest.New(bucket)
	listed, rollback := useOf(shopRepository, 1), useOf(shopRepository, 2)
	listed.Kind, rollback.Kind = policy.UseListed, policy.UseRollback
	in := SortUsesInput{
		Store: theStore(), Surveys: []Artifact{keep(t, s3, "uses", policy.Uses{Images: []policy.Use{listed, rollback}})}, Repositories: []policy.Repository{shopRepository},
	}
	if out, err := attempt(t, planner(s3).SortUses, in); err != nil || out.Images != 0 || len(out.ByRepository) != 1 {
		t.Errorf("%+v: %v", out, err)
	}
}

// inventoryOf has n old images, of which the first is an index of the second.
func inventoryOf(n int) []policy.ContainerImage {
	images := make([]policy.ContainerImage, n)
	for i := range images {
		images[i] = policy.ContainerImage{Digest: digestOf(i), MediaType: mediaOCIImage, Bytes: int64(i + 1), Pushed: begun.AddDate(-1, 0, 0), Tags: []string{"git-" + shaOf(i)}}
	}
	images[0].MediaType, images[0].Children, images[1].Tags = mediaOCIIndex, []string{digestOf(1)}, nil
	return images
}

func planInput(t *testing.T, s3 *artifacttest.S3) PlanRepositoryInput {
	return PlanRepositoryInput{
		Store: theStore(), Repository: shopRepository, Now: begun, Inventory: keep(t, s3, "inventories", inventoryOf(5)),
		Rules: policy.ImageRules{MinAge: 24 * time.Hour, CommitTag: "^git-([0-9a-f]{40})$"},
	}
}

func codes(t *testing.T, s3 *artifacttest.S3, p policy.PlanPart) map[string]string {
	t.Helper()
	content := fetch[policy.PartContent](t, s3, artifact.Ref{Key: p.Key, SHA256: p.SHA256, Bytes: p.Size})
	if content.Name != p.Name || toJSON(policy.Sum(content.Verdicts)) != toJSON(p.Totals) {
		t.Errorf("the part %+v is not about %+v", p, content)
	}
	by := map[string]string{}
	for _, v := range content.Verdicts {
		by[v.ID] = v.Code
	}
	return by
}

func TestPlanRepository(t *testing.T) {
	s3 := artifacttest.New(bucket)
	in := planInput(t, s3)
	elsewhere := shopRepository
	elsewhere.Name = "elsewhere"
	in.Uses = new(Artifact)
	*in.Uses = keep(t, s3, "uses", []policy.Use{useOf(shopRepository, 4), useOf(shopRepository, 99), useOf(elsewhere, 3)})
	part, err := attempt(t, planner(s3).PlanRepository, in)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		digestOf(0): policy.VerdictDelete, digestOf(1): policy.VerdictDelete, digestOf(2): policy.VerdictDelete,
		digestOf(3): policy.VerdictDelete, digestOf(4): policy.KeptInUse,
	}
	if got := codes(t, s3, part); part.Name != shopRepository.String() || !cmp.Equal(got, want) {
		t.Errorf("%s: %s", part.Name, cmp.Diff(want, got))
	}
	total := 0
	for _, n := range part.Waves {
		total += n
	}
	if len(part.Waves) < 2 || total != 4 || part.Totals.Delete != 4 || part.Totals.DeleteBytes != 1+2+3+4 {
		t.Errorf("waves %v of %+v", part.Waves, part.Totals)
	}
	if again, err := attempt(t, planner(s3).PlanRepository, in); err != nil || !cmp.Equal(again, part) {
		t.Errorf("again: %s: %v", cmp.Diff(part, again), err)
	}
}

func TestPlanRepositoryBlocked(t *testing.T) {
	s3 := artifacttest.New(bucket)
	in := planInput(t, s3)
	in.Blocked = "account 222222222222 could not be looked at"
	part, err := attempt(t, planner(s3).PlanRepository, in)
	if err != nil || part.Totals.Delete != 0 || len(part.Waves) != 0 || part.Totals.Kept[policy.KeptBlocked] != 5 {
		t.Errorf("%+v: %v", part, err)
	}
}

func TestPlanRepositoryTakesWhatGitHubSaid(t *testing.T) {
	s3 := artifacttest.New(bucket)
	in := planInput(t, s3)
	facts := CommitFacts{Commits: map[string]policy.Commit{}, Heads: map[string]string{shaOf(3): "branch main"}}
	for i := range 5 {
		facts.Commits[shaOf(i)] = policy.Commit{Time: begun.AddDate(-1, 0, 0)}
	}
	facts.Commits[shaOf(4)] = policy.Commit{Missing: true}
	in.Commits = new(Artifact)
	*in.Commits = keep(t, s3, "commits", facts)
	part, err := attempt(t, planner(s3).PlanRepository, in)
	if err != nil {
		t.Fatal(err)
	}
	got := codes(t, s3, part)
	if got[digestOf(2)] != policy.VerdictDelete || got[digestOf(3)] != policy.KeptHead || got[digestOf(4)] != policy.KeptCommitUnknown {
		t.Errorf("verdicts: %v", got)
	}
}

func TestPlanRepositoryNeedsAllOfItsFacts(t *testing.T) {
	for about, change := range map[string]func(*PlanRepositoryInput){
		"inventories": func(in *PlanRepositoryInput) { in.Inventory = Artifact{Key: "epoxy/inventories/gone.json.gz"} },
		"uses":        func(in *PlanRepositoryInput) { in.Uses = &Artifact{Key: "epoxy/uses/gone.json.gz"} },
		"commits":     func(in *PlanRepositoryInput) { in.Commits = &Artifact{Key: "epoxy/commits/gone.json.gz"} },
	} {
		s3 := artifacttest.New(bucket)
		in := planInput(t, s3)
		change(&in)
		_, err := attempt(t, planner(s3).PlanRepository, in)
		wantError(t, about, err, refused(ErrNotFound, about+"/gone.json.gz does not exist"))
	}
	s3 := artifacttest.New(bucket)
	in := planInput(t, s3)
	in.Uses = new(Artifact)
	*in.Uses = keep(t, s3, "uses", []policy.Use{useOf(shopRepository, 1)})
	s3.Objects[in.Uses.Key] = s3.Objects[keep(t, s3, "uses", []policy.Use{}).Key]
	_, err := attempt(t, planner(s3).PlanRepository, in)
	wantError(t, "uses that somebody emptied", err, refused(ErrTampered, "is not what was written there…nothing is done with it"))
}

func TestPlanTaskDefinitions(t *testing.T) {
	s3 := artifacttest.New(bucket)
	var all []policy.TaskDefinition
	for i := range 4 {
		all = append(all, policy.TaskDefinition{ARN: revisionARN("shop", i+1), Family: "shop", Revision: i + 1, Status: "ACTIVE", Registered: begun.AddDate(-1, 0, 0)})
	}
	in := PlanTaskDefinitionsInput{
		Store: theStore(), Place: here, Rules: definitionRules(false), Now: begun, Inventory: keep(t, s3, "task-definitions", all),
		Uses: []Artifact{keep(t, s3, "uses", policy.Uses{TaskDefinitions: []policy.TaskDefinitionUse{{ARN: revisionARN("shop", 2), Kind: policy.UseService, By: "s"}}})},
	}
	part, err := attempt(t, planner(s3).PlanTaskDefinitions, in)
	if err != nil {
		t.Fatal(err)
	}
	got := codes(t, s3, part)
	if part.Name != "123456789012/us-east-1" || part.Totals.Delete != 3 || got[revisionARN("shop", 2)] != policy.KeptInUse || len(part.Waves) != 1 || part.Waves[0] != 3 {
		t.Errorf("%+v: %v", part, got)
	}
	in.Inventory.SHA256 = strings.Repeat("0", 64)
	_, err = attempt(t, planner(s3).PlanTaskDefinitions, in)
	wantError(t, "another inventory", err, refused(ErrTampered, "its SHA-256 is"))
}

func TestWritePlan(t *testing.T) {
	s3 := artifacttest.New(bucket)
	part := func(name string, images, gone int) policy.PlanPart {
		return policy.PlanPart{Name: name, Key: name, Totals: policy.Totals{
			Images: images, Bytes: 10 * int64(images), Delete: gone, DeleteBytes: 10 * int64(gone), Kept: map[string]int{policy.KeptInUse: images - gone},
		}}
	}
	in := WritePlanInput{
		Store: theStore(), Caps: policy.Caps{MaxDelete: 5},
		Plan: policy.Plan{Kind: policy.PlanOfImages, Policy: "shop", Made: begun, Parts: []policy.PlanPart{part("b", 10, 2), part("a", 10, 3)}, OverCap: "from an earlier attempt"},
	}
	out, err := attempt(t, planner(s3).WritePlan, in)
	if err != nil || out.Totals.Images != 20 || out.Totals.Delete != 5 || out.Totals.DeleteBytes != 50 || out.Totals.Kept[policy.KeptInUse] != 15 || out.OverCap != "" {
		t.Fatalf("%+v: %v", out, err)
	}
	root := fetch[policy.Plan](t, s3, out.Plan)
	if len(root.Parts) != 2 || root.Parts[0].Name != "a" || !cmp.Equal(root.Totals, out.Totals) || root.OverCap != "" || root.Policy != "shop" {
		t.Errorf("the root: %+v", root)
	}
	name := policy.NewestPlan(policy.PlanOfImages, "shop")
	if newest := recall[Artifact](t, s3, name); newest != out.Plan {
		t.Errorf("the newest is %+v, not %+v", newest, out.Plan)
	}
	// In whatever order the parts came, and after a lost answer, it is the same plan.
	slices.Reverse(in.Plan.Parts)
	s3.Fail["PutObject"] = []error{errLost("S3", "PutObject")}
	_, err = attempt(t, planner(s3).WritePlan, in)
	wantError(t, "a lost answer", err, what{})
	if again, err := attempt(t, planner(s3).WritePlan, in); err != nil || !cmp.Equal(again, out) {
		t.Errorf("again: %s: %v", cmp.Diff(out, again), err)
	}

	in.Caps.MaxDelete = 4
	over, err := attempt(t, planner(s3).WritePlan, in)
	if err != nil || over.OverCap == "" || fetch[policy.Plan](t, s3, over.Plan).OverCap != over.OverCap || over.Plan == out.Plan {
		t.Errorf("over the cap: %+v: %v", over, err)
	}
	if newest := recall[Artifact](t, s3, name); newest != over.Plan {
		t.Errorf("the newest is %+v, not %+v", newest, over.Plan)
	}
}

// Nobody has both a plan and no way to find it.
func TestWritePlanRemembersEvenWhenItWasWrittenBefore(t *testing.T) {
	s3 := artifacttest.New(bucket)
	in := WritePlanInput{Store: theStore(), Plan: policy.Plan{Kind: policy.PlanOfTaskDefinitions, Policy: "all", Made: begun}}
	s3.Fail["PutObject"] = []error{nil, errLost("S3", "PutObject")}
	if _, err := attempt(t, planner(s3).WritePlan, in); err == nil {
		t.Fatal("a lost answer is no success")
	}
	out, err := attempt(t, planner(s3).WritePlan, in)
	if newest := recall[Artifact](t, s3, policy.NewestPlan(policy.PlanOfTaskDefinitions, "all")); err != nil || newest != out.Plan {
		t.Errorf("the newest is %+v, not %+v: %v", newest, out.Plan, err)
	}
}
