package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// planned is the verdict of an image that goes, and the image as it was.
func planned(t rapid.TB, image ContainerImage) Verdict {
	t.Helper()
	return plan(t, input(image))[0]
}

func recheck(image ContainerImage, v Verdict) ImageRecheck {
	return ImageRecheck{Repository: web, Rules: ImageRules{MinAge: 30 * day, ProtectTags: []string{"prod"}}, Planned: []Verdict{v}, Present: []ContainerImage{image}}
}

func TestTheSecondLook(t *testing.T) {
	read := daysAgo(50)
	for name, c := range map[string]struct {
		change func(*ImageRecheck, *ContainerImage)
		code   string
		says   string
	}{
		"nothing changed": {func(*ImageRecheck, *ContainerImage) {}, VerdictDelete, ""},
		"gone":            {func(in *ImageRecheck, _ *ContainerImage) { in.Present = nil }, KeptGone, "gone already"},
		"used by digest":  {func(in *ImageRecheck, _ *ContainerImage) { in.Uses = []Use{byDigest("a", UseTask, "arn:t")} }, KeptCameIntoUse, "used by ecs-task arn:t since"},
		"used by tag":     {func(in *ImageRecheck, _ *ContainerImage) { in.Uses = []Use{byTag("v1", UseTask, "arn:t")} }, KeptCameIntoUse, ""},
		"used by a new tag": {func(in *ImageRecheck, i *ContainerImage) {
			i.Tags = []string{"v1", "v9"}
			in.Uses = []Use{byTag("v9", UseTask, "arn")}
		}, KeptCameIntoUse, ""},
		"the used tag moved on": {func(in *ImageRecheck, i *ContainerImage) { i.Tags = nil; in.Uses = []Use{byTag("v1", UseTask, "arn")} }, VerdictDelete, ""},
		"used elsewhere": {func(in *ImageRecheck, _ *ContainerImage) {
			use := byDigest("a", UseTask, "arn")
			use.Repository.Name = "x"
			in.Uses = []Use{use}
		}, VerdictDelete, ""},
		"newly protected":          {func(_ *ImageRecheck, i *ContainerImage) { i.Tags = append(i.Tags, "prod") }, KeptProtected, "tag prod is protected"},
		"tagged again":             {func(_ *ImageRecheck, i *ContainerImage) { i.Tags = append(i.Tags, "v2") }, KeptYoung, "tagged v2 since the plan"},
		"lost a tag":               {func(_ *ImageRecheck, i *ContainerImage) { i.Tags = nil }, VerdictDelete, ""},
		"pushed again":             {func(_ *ImageRecheck, i *ContainerImage) { i.Pushed = noon }, KeptYoung, "pushed again 2026-05-01T12:00:00Z"},
		"pulled":                   {func(_ *ImageRecheck, i *ContainerImage) { i.Pulled = noon }, KeptYoung, "pulled 2026-05-01T12:00:00Z, since"},
		"pulled as planned":        {func(_ *ImageRecheck, i *ContainerImage) { i.Pulled = daysAgo(60) }, VerdictDelete, ""},
		"read by the inventory":    {func(_ *ImageRecheck, i *ContainerImage) { i.Pulled = read.Add(2 * time.Minute) }, VerdictDelete, ""},
		"read just before":         {func(_ *ImageRecheck, i *ContainerImage) { i.Pulled = read.Add(-2 * time.Minute) }, VerdictDelete, ""},
		"pulled after our reading": {func(_ *ImageRecheck, i *ContainerImage) { i.Pulled = read.Add(2*time.Minute + time.Second) }, KeptYoung, "pulled"},
		"read by our last attempt": {func(in *ImageRecheck, i *ContainerImage) { i.Pulled, in.Readings = noon, []time.Time{daysAgo(1), noon} }, VerdictDelete, ""},
		"pulled after that attempt": {func(in *ImageRecheck, i *ContainerImage) {
			i.Pulled, in.Readings = noon, []time.Time{noon.Add(-3 * time.Minute)}
		}, KeptYoung, ""},
		"its index stays":     {func(in *ImageRecheck, _ *ContainerImage) { in.StillThere = []string{sha("i")} }, KeptGraph, sha("i")[:19] + ", which it belongs to, stays"},
		"another index stays": {func(in *ImageRecheck, _ *ContainerImage) { in.StillThere = []string{sha("j")} }, VerdictDelete, ""},
		"vetoed":              {func(in *ImageRecheck, _ *ContainerImage) { in.Vetoed = []string{"v2", "v1"} }, KeptVetoed, "vetoed: v1"},
	} {
		image := with(old("a", "v1"), func(i *ContainerImage) { i.Pulled, i.Read = daysAgo(60), read })
		v := planned(t, image)
		v.After = []string{sha("i")}
		in := recheck(image, v)
		c.change(&in, &image)
		if in.Present != nil {
			in.Present[0] = image
		}
		going, kept, err := RecheckImages(in)
		if err != nil || len(going)+len(kept) != 1 {
			t.Fatalf("%s: %v go, %v stay, and the error is %v", name, going, kept, err)
		}
		all := append(going, kept...)
		wantVerdict(t, name, all[0], c.code, c.says)
		if all[0].ID != v.ID || all[0].Bytes != v.Bytes {
			t.Errorf("%s: the verdict is another image's: %+v", name, all[0])
		}
	}
}

func TestAUseThatCannotBeReadStopsTheBatch(t *testing.T) {
	image := old("a", "v1")
	in := recheck(image, planned(t, image))
	in.Uses = []Use{byTag("", UseTask, "arn:x")}
	if going, kept, err := RecheckImages(in); err == nil || going != nil || kept != nil {
		t.Errorf("%v go, %v stay, and the error is %v", going, kept, err)
	}
}

func TestVetoesOfImages(t *testing.T) {
	digest := sha("a")
	hex := strings.TrimPrefix(digest, "sha256:")
	host := "123456789012.dkr.ecr.us-east-1.amazonaws.com/"
	for item, want := range map[string]bool{
		digest: true, hex: true, digest[:7+12]: true, hex[:12]: true, strings.ToUpper(hex[:14]): true, hex[:11]: false, digest[:7+11]: false, hex[1:]: false,
		"v1": true, "v": false, "v11": false, " v1 ": true, "": false, "sha256:": false,
		web.Name: true, web.String(): true, web.ImageName(digest): true, host + web.Name: true, "https://" + host + web.Name + ":v1": true,
		web.Name + ":v1": true, web.Name + "@" + digest: true, host + web.Name + "@" + digest: true, web.Name + ":v2": false, web.Name + "@" + sha("b"): false,
		"arn:aws:ecr:us-east-1:123456789012:repository/" + web.Name: true, "arn:aws:ecr:us-east-1:123456789012:repository/team/shop": false,
		"team/shop": false, "shop-web": false, web.Name + "2": false, "222222222222/us-east-1/" + web.Name: false,
		strings.Replace(host, "us-east-1", "eu-west-1", 1) + web.Name: false,
	} {
		if got := vetoOfImage([]string{"other", item}, web, digest, []string{"v0", "v1"}); (got != "") != want || want && got != item {
			t.Errorf("%q: vetoed by %q, want %v", item, got, want)
		}
	}
}

func TestAVetoNeverAddsADeletion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := ImageRecheck{Repository: web, Rules: ImageRules{MinAge: day}}
		for _, name := range []string{"a", "b", "c"} {
			image := old(name, "v"+name)
			in.Planned, in.Present = append(in.Planned, planned(t, image)), append(in.Present, image)
		}
		item := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"va", sha("b"), web.Name}))
		in.Vetoed = rapid.SliceOf(item).Draw(t, "vetoed")
		before, _, err := RecheckImages(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Vetoed = append(in.Vetoed, item.Draw(t, "one more"))
		after, _, err := RecheckImages(in)
		if err != nil {
			t.Fatal(err)
		}
		wantSubset(t, goingOf(after), goingOf(before))
	})
}

// Of a veto the report tells what named nothing: it was perhaps mistyped, and people rely on it.
func TestItemsOfImages(t *testing.T) {
	images := []Verdict{{ID: sha("a"), Tags: []string{"v1"}}, {ID: sha("b")}}
	items := []string{"v1", "v11", sha("a")[:20], sha("c"), web.Name, web.Name + ":v2"}
	if got, want := ItemsOfImages(items, web, images), []string{"v1", sha("a")[:20], web.Name}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestItemsOfDefinitions(t *testing.T) {
	const arn = "arn:aws:ecs:eu-west-1:111111111111:task-definition/"
	got := ItemsOfDefinitions([]string{"shop", "shop:7", "shop:8", arn + "shop:7", arn + "web", "sho"}, []Verdict{{ID: arn + "shop:7"}})
	if want := []string{"shop", "shop:7", arn + "shop:7"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
