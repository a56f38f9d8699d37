package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatHangsOnWhatIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		images []ContainerImage
		used   string            // whom a task uses, by digest
		want   map[string]string // code of each
	}{
		"children of an index": {
			[]ContainerImage{index("i", "amd", "arm", "not here"), old("amd"), old("arm"), old("x")},
			"i",
			map[string]string{"i": KeptInUse, "amd": KeptGraph, "arm": KeptGraph, "x": VerdictDelete},
		},
		"an index of indexes": {
			[]ContainerImage{index("i", "j"), index("j", "amd"), old("amd")},
			"i",
			map[string]string{"i": KeptInUse, "j": KeptGraph, "amd": KeptGraph},
		},
		"a child alone: its index goes, its sibling too": {
			[]ContainerImage{index("i", "amd", "arm"), old("amd"), old("arm")},
			"amd",
			map[string]string{"i": VerdictDelete, "amd": KeptInUse, "arm": VerdictDelete},
		},
		"a child of two indexes": {
			[]ContainerImage{index("i", "amd"), index("j", "amd"), old("amd")},
			"j",
			map[string]string{"i": VerdictDelete, "j": KeptInUse, "amd": KeptGraph},
		},
		"referrers, and referrers of those": {
			[]ContainerImage{old("a", "v1"), referrer("sbom", "a"), referrer("sig of sbom", "sbom")},
			"a",
			map[string]string{"a": KeptInUse, "sbom": KeptGraph, "sig of sbom": KeptGraph},
		},
		"referrers of children": {
			[]ContainerImage{index("i", "amd"), old("amd"), referrer("sig", "amd")},
			"i",
			map[string]string{"i": KeptInUse, "amd": KeptGraph, "sig": KeptGraph},
		},
		"a referrer alone: its subject goes": {
			[]ContainerImage{old("a", "v1"), referrer("sig", "a")},
			"sig",
			map[string]string{"a": VerdictDelete, "sig": KeptInUse},
		},
		"a referrer whose subject is not here": {
			[]ContainerImage{old("a", "v1"), referrer("sig", "gone")},
			"a",
			map[string]string{"a": KeptInUse, "sig": VerdictDelete},
		},
		"cosign's tags": {
			[]ContainerImage{old("a", "v1"), old("sig", cosignTag("a", ".sig")), old("att", cosignTag("a", ".att")), old("sbom", cosignTag("a", ".sbom"))},
			"a",
			map[string]string{"a": KeptInUse, "sig": KeptGraph, "att": KeptGraph, "sbom": KeptGraph},
		},
		"an index of referrers, under the tag of their subject": {
			[]ContainerImage{old("a", "v1"), with(index("refs", "sig"), func(i *ContainerImage) { i.Tags = []string{cosignTag("a", "")} }), old("sig")},
			"a",
			map[string]string{"a": KeptInUse, "refs": KeptGraph, "sig": KeptGraph},
		},
		"tags that only look like cosign's": {
			[]ContainerImage{old("a", "v1"), old("b", cosignTag("a", ".sig")[:70]), old("c", "x"+cosignTag("a", ".sig"))},
			"a",
			map[string]string{"a": KeptInUse, "b": VerdictDelete, "c": VerdictDelete},
		},
	} {
		in := input(c.images...)
		in.Uses = []Use{byDigest(c.used, UseTask, "arn")}
		wantCodes(t, name, in, c.want)
	}
}

func wantCodes(t *testing.T, about string, in ImagePlanInput, want map[string]string) {
	t.Helper()
	all, got := plan(t, in), map[string]string{}
	for name := range want {
		got[name] = verdictOf(all, sha(name)).Code
	}
	if !cmp.Equal(got, want) {
		t.Errorf("%s: %s", about, cmp.Diff(want, got))
	}
}

func TestTheReasonNamesWhatStays(t *testing.T) {
	in := input(index("i", "amd"), old("amd"), referrer("sig", "i"))
	in.Rules.ProtectTags = []string{"tag-i"}
	all := plan(t, in)
	wantVerdict(t, "child", verdictOf(all, sha("amd")), KeptGraph, "part of index tag-i ("+sha("i")[:19]+"), which stays")
	wantVerdict(t, "referrer", verdictOf(all, sha("sig")), KeptGraph, "refers to tag-i ("+sha("i")[:19]+"), which stays")
}

func TestAnIndexThatCannotBeRead(t *testing.T) {
	unread := with(index("i"), func(i *ContainerImage) { i.Unread = "AccessDenied" })
	in := input(unread, old("perhaps a child"), old("tagged", "v1"), referrer("sig of tagged", "tagged"), referrer("stray", "gone"),
		with(index("j", "child of j"), func(i *ContainerImage) { i.Tags = nil }), old("child of j", "v2"))
	wantCodes(t, "unread", in, map[string]string{
		"i": KeptUnread, "perhaps a child": KeptUnread, "tagged": VerdictDelete, "sig of tagged": VerdictDelete, "stray": KeptUnread,
		"j": KeptUnread, "child of j": KeptGraph,
	})
	all := plan(t, in)
	wantVerdict(t, "the index", verdictOf(all, sha("i")), KeptUnread, "could not be read…AccessDenied")
	wantVerdict(t, "perhaps a child", verdictOf(all, sha("perhaps a child")), KeptUnread, "may be part of index tag-i")

	in.Uses = []Use{byDigest("perhaps a child", UseTask, "arn"), byTag("tag-i", UseTask, "arn")}
	wantCodes(t, "unread, and kept anyway", in, map[string]string{"i": KeptInUse, "perhaps a child": KeptInUse, "stray": KeptUnread})
}

func TestWaves(t *testing.T) {
	in := input(index("i", "j", "amd"), index("j", "amd"), old("amd"), referrer("sig", "amd"), referrer("sig of i", "i"), old("alone", "v1"))
	all := plan(t, in)
	for name, want := range map[string]struct {
		wave  int
		after []string
	}{
		"i": {0, nil}, "alone": {0, nil}, "j": {1, []string{"i"}}, "sig of i": {1, []string{"i"}}, "amd": {2, []string{"i", "j"}}, "sig": {3, []string{"amd"}},
	} {
		v := verdictOf(all, sha(name))
		after := make([]string, 0, len(want.after))
		for _, before := range want.after {
			after = append(after, sha(before))
		}
		slices.Sort(after)
		if v.Wave != want.wave || !slices.Equal(v.After, after) {
			t.Errorf("%s goes in wave %d after %v, want %d after %v", name, v.Wave, v.After, want.wave, want.after)
		}
	}
}

// Content cannot refer to itself, but tags can: each of two images may claim to be the other's signature.
func TestCirclesStay(t *testing.T) {
	in := input(old("a", cosignTag("b", ".sig")), old("b", cosignTag("a", ".sig")), referrer("sig", "a"), old("self", cosignTag("self", ".sig")), old("x", "v1"))
	wantCodes(t, "circles", in, map[string]string{"a": KeptGraph, "b": KeptGraph, "sig": KeptGraph, "self": KeptGraph, "x": VerdictDelete})
	wantVerdict(t, "the reason", verdictOf(plan(t, in), sha("a")), KeptGraph, "in a circle…by hand")
}

// BenchmarkPlanImages shows that the cost for each image does not grow: compare ns/image.
func BenchmarkPlanImages(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		in := input()
		in.Rules = ImageRules{MinAge: 30 * day, KeepNewest: 100, ProtectTags: []string{"prod-*"}, CommitTag: "^c-([0-9a-f]{40})$", KeepByTag: []KeepByTag{{"release-*", 10}}}
		for i := range n / 4 {
			name := fmt.Sprint(i)
			in.Images = append(in.Images, index(name, name+"amd", name+"arm"), old(name+"amd"), old(name+"arm"), old(name+"sig", cosignTag(name, ".sig")))
			in.Images[len(in.Images)-4].Tags = append(in.Images[len(in.Images)-4].Tags, "c-"+commit(name))
			if i%10 == 0 {
				in.Uses = append(in.Uses, byDigest(name, UseTask, "arn"))
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := PlanImages(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/image")
		})
	}
}
