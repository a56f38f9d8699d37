package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What plans are tested on.
var (
	noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	web  = Repository{Account: "123456789012", Region: "us-east-1", Name: "team/shop-web"}
)

// sha is a digest that is always the same for a name.
func sha(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// commit is a commit's name, likewise.
func commit(name string) string { return strings.TrimPrefix(sha("commit "+name), "sha256:")[:40] }

func daysAgo(n int) time.Time { return noon.Add(-time.Duration(n) * day) }

// old is an image that nothing keeps: pushed 400 days ago.
func old(name string, tags ...string) ContainerImage {
	return ContainerImage{Digest: sha(name), Tags: tags, Bytes: 100, Pushed: daysAgo(400)}
}

func with(image ContainerImage, change func(*ContainerImage)) ContainerImage {
	change(&image)
	return image
}

func index(name string, children ...string) ContainerImage {
	return with(old(name, "tag-"+name), func(i *ContainerImage) {
		for _, child := range children {
			i.Children = append(i.Children, sha(child))
		}
	})
}

func referrer(name, subject string) ContainerImage {
	return with(old(name), func(i *ContainerImage) { i.Subject = sha(subject) })
}

// cosignTag is how cosign names the signature of an image.
func cosignTag(subject, suffix string) string {
	return strings.Replace(sha(subject), ":", "-", 1) + suffix
}

func byDigest(name, kind, by string) Use {
	return Use{Reference: Reference{Repository: web, Digest: sha(name)}, Kind: kind, By: by}
}

func byTag(tag, kind, by string) Use {
	return Use{Reference: Reference{Repository: web, Tag: tag}, Kind: kind, By: by}
}

func input(images ...ContainerImage) ImagePlanInput {
	return ImagePlanInput{Repository: web, Now: noon, Rules: ImageRules{MinAge: 30 * day}, Images: images}
}

func plan(t rapid.TB, in ImagePlanInput) []Verdict {
	t.Helper()
	verdicts, err := PlanImages(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != len(slices.CompactFunc(slices.SortedFunc(slices.Values(in.Images), byDigestOrder), sameDigest)) {
		t.Fatalf("%d verdicts for %d images", len(verdicts), len(in.Images))
	}
	return verdicts
}

func byDigestOrder(a, b ContainerImage) int { return strings.Compare(a.Digest, b.Digest) }
func sameDigest(a, b ContainerImage) bool   { return a.Digest == b.Digest }
func verdictOf(all []Verdict, id string) Verdict {
	for _, v := range all {
		if v.ID == id {
			return v
		}
	}
	return Verdict{Code: "no verdict"}
}

// wantVerdict wants a code, and parts of the reason, which are separated by ….
func wantVerdict(t *testing.T, about string, v Verdict, code, says string) {
	t.Helper()
	if v.Code != code {
		t.Errorf("%s: %s (%s), want %s", about, v.Code, v.Reason, code)
		return
	}
	for part := range strings.SplitSeq(says, "…") {
		if !strings.Contains(v.Reason, part) {
			t.Errorf("%s: the reason is %q, which lacks %q", about, v.Reason, part)
		}
	}
}

// estates are repositories of every shape: few tags and digests, so that they meet.
func estates() *rapid.Generator[ImagePlanInput] {
	return rapid.Custom(func(t *rapid.T) ImagePlanInput {
		n := rapid.IntRange(1, 14).Draw(t, "images")
		in := input()
		in.Rules = drawRules(t)
		for i := range n {
			in.Images = append(in.Images, drawImage(t, i, n))
		}
		in.Uses = rapid.SliceOfN(uses(n), 0, 3).Draw(t, "uses")
		if rapid.Bool().Draw(t, "asks GitHub") {
			in.Commits, in.Heads = drawCommits(t, n)
		}
		return in
	})
}

func drawRules(t *rapid.T) ImageRules {
	r := ImageRules{
		MinAge: rapid.SampledFrom([]time.Duration{time.Hour, 30 * day, 300 * day}).Draw(t, "min age"), UntaggedMinAge: rapid.SampledFrom([]time.Duration{0, day, 350 * day}).Draw(t, "untagged"),
		KeepNewest: rapid.IntRange(0, 3).Draw(t, "newest"), CommitTag: `^c-([0-9a-f]+)$`,
	}
	if rapid.Bool().Draw(t, "protects") {
		r.ProtectTags = []string{"v1*", "prod"}
	}
	if rapid.Bool().Draw(t, "keeps by tag") {
		r.KeepByTag = []KeepByTag{{Pattern: "v*", Newest: rapid.IntRange(0, 2).Draw(t, "of v*")}}
	}
	return r
}

// drawImage makes image i of n. It lists and refers to those of higher numbers only, as content can; tags can go any way.
func drawImage(t *rapid.T, i, n int) ContainerImage {
	image := old(fmt.Sprint(i))
	image.Pushed, image.Bytes = daysAgo(rapid.IntRange(0, 400).Draw(t, "pushed")), rapid.Int64Range(0, 3).Draw(t, "bytes")
	if rapid.IntRange(0, 2).Draw(t, "tagged") > 0 {
		image.Tags = []string{fmt.Sprintf("v%d", i)}
	}
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1, 2:
		for j := i + 1; j < n; j++ {
			if rapid.IntRange(0, 2).Draw(t, "lists") == 0 {
				image.Children = append(image.Children, sha(fmt.Sprint(j)))
			}
		}
	case 3:
		image.Subject = sha(fmt.Sprint(rapid.IntRange(i+1, n+1).Draw(t, "subject")))
	case 4:
		image.Tags = append(image.Tags, cosignTag(fmt.Sprint(rapid.IntRange(0, n).Draw(t, "signs")), ".sig"))
	case 5:
		image.Tags = append(image.Tags, "c-"+commit(fmt.Sprint(i)))
	case 6:
		image.Pulled = daysAgo(rapid.IntRange(0, 400).Draw(t, "pulled"))
	case 7:
		if rapid.IntRange(0, 4).Draw(t, "unread") == 0 {
			image.Unread = "AccessDenied"
		}
	}
	return image
}

func uses(n int) *rapid.Generator[Use] {
	return rapid.Custom(func(t *rapid.T) Use {
		i := rapid.IntRange(0, n).Draw(t, "of") // n is not there
		use := byTag(fmt.Sprintf("v%d", i), UseService, "arn:service")
		if rapid.Bool().Draw(t, "by digest") {
			use = byDigest(fmt.Sprint(i), UseTask, "arn:task")
		}
		if rapid.IntRange(0, 5).Draw(t, "elsewhere") == 0 {
			use.Repository.Name = "other"
		}
		return use
	})
}

func drawCommits(t *rapid.T, n int) (map[string]Commit, map[string]string) {
	commits, heads := map[string]Commit{}, map[string]string{}
	for i := range n {
		name := commit(fmt.Sprint(i))
		switch rapid.IntRange(0, 4).Draw(t, "commit") {
		case 0:
			commits[name] = Commit{Missing: true}
		case 1:
			heads[name] = "branch main"
			fallthrough
		case 2, 3:
			commits[name] = Commit{Time: daysAgo(rapid.IntRange(0, 500).Draw(t, "committed"))}
		}
	}
	return commits, heads
}
