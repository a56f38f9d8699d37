package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kindsOfUse is every kind there is: a kind that is added without being added here is not tested.
var kindsOfUse = []string{
	UseTask, UseStoppedTask, UseService, UseDeployment, UseTaskSet, UseServiceRevision, UseRollback, UseRule, UseSchedule, UseLambda,
	UseLambdaVersion, UseLambdaAlias, UseAppRunner, UseBatch, UseStepFunctions, UseListed, UseListedObject,
}

// Every image is older than everything else in its repository, and only its use keeps it.
func TestEveryKindOfUseKeepsAnImage(t *testing.T) {
	for _, kind := range kindsOfUse {
		for how, use := range map[string]Use{
			"by digest": byDigest("used", kind, "arn:holder"),
			"by tag":    byTag("v7", kind, "arn:holder"),
			"by both":   {Reference: Reference{Repository: web, Tag: "other", Digest: sha("used")}, Kind: kind, By: "arn:holder"},
		} {
			used := with(old("used", "v7"), func(i *ContainerImage) { i.Pushed = daysAgo(900) })
			in := input(used, old("unused", "v8"))
			in.Uses = []Use{use}
			all := plan(t, in)
			wantVerdict(t, kind+" "+how, verdictOf(all, sha("used")), KeptInUse, "used by "+kind+" arn:holder")
			wantVerdict(t, kind+" "+how+", another", verdictOf(all, sha("unused")), VerdictDelete, "pushed 400 days ago, not used")
		}
	}
}

func TestUsesOfOtherRepositoriesAreIgnored(t *testing.T) {
	for name, change := range map[string]func(*Repository){
		"another name":    func(r *Repository) { r.Name = "team/shop" },
		"another account": func(r *Repository) { r.Account = "222222222222" },
		"another Region":  func(r *Repository) { r.Region = "eu-west-1" },
	} {
		in := input(old("a", "v1"))
		elsewhere := byTag("v1", UseTask, "arn")
		change(&elsewhere.Repository)
		in.Uses = []Use{elsewhere, byTag("v2", UseTask, "arn"), byDigest("not here", UseTask, "arn")}
		wantVerdict(t, name, plan(t, in)[0], VerdictDelete, "")
	}
}

func TestHowManyUseIt(t *testing.T) {
	in := input(old("a", "v1"))
	for n, says := range []string{"used by ecs-service arn:0", "used by ecs-service arn:0 and one other", "used by ecs-service arn:0 and 2 others"} {
		in.Uses = append(in.Uses, byTag("v1", UseService, fmt.Sprintf("arn:%d", n)), byDigest("a", UseService, fmt.Sprintf("arn:%d", n)))
		if v := plan(t, in)[0]; v.Reason != says {
			t.Errorf("%d holders: %q, want %q", n+1, v.Reason, says)
		}
	}
}

func TestReasons(t *testing.T) {
	asked := func(in *ImagePlanInput) {
		in.Rules.CommitTag, in.Commits, in.Heads = "^(?:git-)?([0-9a-f]+)$", map[string]Commit{}, map[string]string{}
	}
	for name, c := range map[string]struct {
		image  ContainerImage
		change func(*ImagePlanInput)
		code   string
		says   string
	}{
		"old":              {old("a", "v1"), nil, VerdictDelete, "pushed 400 days ago, not used"},
		"untagged":         {old("a"), nil, VerdictDelete, "untagged, pushed 400 days ago, not used"},
		"just old enough":  {with(old("a", "v1"), func(i *ContainerImage) { i.Pushed = daysAgo(30) }), nil, VerdictDelete, "pushed 30 days ago"},
		"young":            {with(old("a", "v1"), func(i *ContainerImage) { i.Pushed = daysAgo(29) }), nil, KeptYoung, "pushed 29 days ago, younger than 30 days"},
		"pulled":           {with(old("a", "v1"), func(i *ContainerImage) { i.Pulled = daysAgo(3) }), nil, KeptYoung, "pulled 3 days ago"},
		"pulled long ago":  {with(old("a", "v1"), func(i *ContainerImage) { i.Pulled = daysAgo(99) }), nil, VerdictDelete, "pulled 99 days ago"},
		"tagged again":     {with(old("a", "v1"), func(i *ContainerImage) { i.Tagged = noon.Add(-5 * time.Hour) }), nil, KeptYoung, "tagged again 5 hours ago"},
		"from tomorrow":    {with(old("a", "v1"), func(i *ContainerImage) { i.Pushed = daysAgo(-1) }), nil, KeptYoung, "just now"},
		"blocked":          {old("a", "v1"), func(in *ImagePlanInput) { in.Blocked = "a survey failed" }, KeptBlocked, "a survey failed"},
		"protected":        {old("a", "v1", "prod-eu"), func(in *ImagePlanInput) { in.Rules.ProtectTags = []string{"x", "prod-*"} }, KeptProtected, "tag prod-eu is protected (prod-*)"},
		"not protected":    {old("a", "v1"), func(in *ImagePlanInput) { in.Rules.ProtectTags = []string{"prod-*", "v"} }, VerdictDelete, ""},
		"newest":           {old("a", "v1"), func(in *ImagePlanInput) { in.Rules.KeepNewest = 2 }, KeptNewest, "among the newest 2"},
		"newest, untagged": {old("a"), func(in *ImagePlanInput) { in.Rules.KeepNewest = 2 }, VerdictDelete, ""},
		"newest by tag": {old("a", "release-1"), func(in *ImagePlanInput) {
			in.Rules.KeepByTag = []KeepByTag{{Pattern: "release-*", Newest: 1}}
		}, KeptNewest, "among the newest 1 tagged release-*"},
		"newest of other tags": {old("a", "v1"), func(in *ImagePlanInput) {
			in.Rules.KeepByTag = []KeepByTag{{Pattern: "release-*", Newest: 1}}
		}, VerdictDelete, ""},
		"untagged, young": {with(old("a"), func(i *ContainerImage) { i.Pushed = daysAgo(40) }), func(in *ImagePlanInput) {
			in.Rules.UntaggedMinAge = 50 * day
		}, KeptYoung, "younger than 50 days"},
		"untagged, old enough": {with(old("a"), func(i *ContainerImage) { i.Pushed = daysAgo(10) }), func(in *ImagePlanInput) {
			in.Rules.UntaggedMinAge = 5 * day
		}, VerdictDelete, "pushed 10 days ago"},
		"head of a branch": {old("a", commit("a")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")] = Commit{Time: daysAgo(500)}
			in.Heads[commit("a")] = "branch main"
		}, KeptHead, "commit " + commit("a")[:12] + " is the head of branch main"},
		"head, abbreviated": {old("a", "git-"+commit("a")[:7]), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")[:7]] = Commit{Time: daysAgo(500)}
			in.Heads[commit("a")] = "pull request 12"
		}, KeptHead, "pull request 12"},
		"not a head": {old("a", commit("a")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")] = Commit{Time: daysAgo(500)}
			in.Heads[commit("b")] = "branch main"
		}, VerdictDelete, ""},
		"young commit": {old("a", commit("a")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")] = Commit{Time: daysAgo(2)}
		}, KeptCommitYoung, "was made 2 days ago, younger than 30 days"},
		"one young commit of two": {old("a", commit("a"), commit("b")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")], in.Commits[commit("b")] = Commit{Time: daysAgo(500)}, Commit{Time: daysAgo(2)}
		}, KeptCommitYoung, commit("b")[:12]},
		"commit later than the push": {old("a", commit("a")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")] = Commit{Time: daysAgo(200)}
		}, VerdictDelete, "committed 200 days ago"},
		"commit that GitHub does not know": {old("a", commit("a"), commit("b")), func(in *ImagePlanInput) {
			asked(in)
			in.Commits[commit("a")], in.Commits[commit("b")] = Commit{Time: daysAgo(500)}, Commit{Missing: true}
		}, KeptCommitUnknown, "GitHub does not know commit " + commit("b")[:12]},
		"commit without a time":       {old("a", commit("a")), func(in *ImagePlanInput) { asked(in); in.Commits[commit("a")] = Commit{} }, KeptCommitUnknown, ""},
		"commit that nobody asked of": {old("a", commit("a")), asked, KeptCommitUnknown, "was not looked up"},
		"GitHub is not asked":         {old("a", commit("a")), func(in *ImagePlanInput) { in.Rules.CommitTag = "^([0-9a-f]+)$" }, VerdictDelete, ""},
		"no commit in the tag":        {old("a", "v1", "abc"), asked, VerdictDelete, ""},
	} {
		in := input(c.image)
		if c.change != nil {
			c.change(&in)
		}
		wantVerdict(t, name, plan(t, in)[0], c.code, c.says)
	}
}

// TestTheMostTellingReasonWins takes the reasons away one after the other, each time the next one shows.
func TestTheMostTellingReasonWins(t *testing.T) {
	image := with(old("a", "prod", commit("a"), commit("b"), commit("c")), func(i *ContainerImage) { i.Pushed = daysAgo(1) })
	in := input(image, with(index("idx", "a"), func(i *ContainerImage) { i.Tags = []string{"keep"} }))
	in.Rules = ImageRules{MinAge: 30 * day, KeepNewest: 9, ProtectTags: []string{"prod", "keep"}, CommitTag: "^([0-9a-f]{40})$"}
	in.Uses = []Use{byTag("prod", UseTask, "arn")}
	in.Commits = map[string]Commit{commit("a"): {Time: daysAgo(2)}, commit("b"): {Missing: true}}
	in.Heads = map[string]string{commit("a"): "tag v1"}
	in.Blocked = "blocked"
	for _, step := range []struct {
		code string
		take func()
	}{
		{KeptBlocked, func() { in.Blocked = "" }},
		{KeptInUse, func() { in.Uses = nil }},
		{KeptProtected, func() { in.Rules.ProtectTags = []string{"keep"} }},
		{KeptNewest, func() { in.Rules.KeepNewest = 0 }},
		{KeptHead, func() { in.Heads = nil }},
		{KeptYoung, func() { in.Images[0].Pushed = daysAgo(400) }},
		{KeptCommitYoung, func() { in.Commits[commit("a")] = Commit{Time: daysAgo(400)} }},
		{KeptCommitUnknown, func() { in.Commits[commit("b")] = Commit{Time: daysAgo(400)} }},
		{KeptGraph, func() { in.Images = in.Images[:1] }},
		{KeptCommitUnknown, func() { in.Commits[commit("c")] = Commit{Time: daysAgo(400)} }}, // never asked of
		{VerdictDelete, func() {}},
	} {
		if v := verdictOf(plan(t, in), sha("a")); v.Code != step.code {
			t.Fatalf("%s (%s), want %s", v.Code, v.Reason, step.code)
		}
		step.take()
	}
}

func TestTheNewestAreRankedTotally(t *testing.T) {
	in := input(old("a", "v1"), old("b", "v2"), old("c", "v3"), old("d"), old("e", cosignTag("gone", ".sig")),
		with(old("f", "v4"), func(i *ContainerImage) { i.Pulled = daysAgo(100) }), with(old("g", "v5"), func(i *ContainerImage) { i.Tagged = daysAgo(90) }))
	in.Rules.KeepNewest = 3
	kept := map[string]bool{}
	for _, v := range plan(t, in) {
		if v.Code == KeptNewest {
			kept[v.ID] = true
		}
	}
	first := min(sha("a"), sha("b"), sha("c")) // of equal age the one with the first digest
	if want := map[string]bool{sha("f"): true, sha("g"): true, first: true}; !cmp.Equal(kept, want) {
		t.Errorf("kept are not the three newest: %s", cmp.Diff(want, kept))
	}
}

// GitHub's times would make B newer than A. Then A, which nobody asked about, would go because of what GitHub says of B.
func TestACommitPushesNobodyOut(t *testing.T) {
	in := input(with(old("a", "v1"), func(i *ContainerImage) { i.Pushed = daysAgo(300) }), old("b", commit("b")))
	in.Rules.KeepNewest, in.Rules.CommitTag = 1, "^([0-9a-f]{40})$"
	in.Commits = map[string]Commit{commit("b"): {Time: daysAgo(200)}}
	wantVerdict(t, "the newest by push", verdictOf(plan(t, in), sha("a")), KeptNewest, "")
	wantVerdict(t, "the one with the later commit", verdictOf(plan(t, in), sha("b")), VerdictDelete, "committed 200 days ago")
}

func TestWhatGoesComesFirst(t *testing.T) {
	in := input(index("i", "c1", "c2"), old("c1"), with(old("c2"), func(i *ContainerImage) { i.Bytes = 900 }), old("x"), with(old("y"), func(i *ContainerImage) { i.Bytes = 500 }),
		with(old("k1"), func(i *ContainerImage) { i.Pushed = noon }), with(old("k2"), func(i *ContainerImage) { i.Pushed = noon }))
	got := make([]string, 0, len(in.Images))
	for _, v := range plan(t, in) {
		got = append(got, fmt.Sprintf("%d %d %s", v.Wave, v.Bytes, v.ID[:9]))
	}
	name := func(wave, bytes int, image string) string {
		return fmt.Sprintf("%d %d %s", wave, bytes, sha(image)[:9])
	}
	small, kept := []string{"i", "x"}, []string{"k1", "k2"}
	for _, pair := range [][]string{small, kept} {
		if sha(pair[0]) > sha(pair[1]) {
			pair[0], pair[1] = pair[1], pair[0]
		}
	}
	want := []string{
		name(0, 500, "y"), name(0, 100, small[0]), name(0, 100, small[1]), name(1, 900, "c2"), name(1, 100, "c1"),
		name(0, 100, kept[0]), name(0, 100, kept[1]),
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
