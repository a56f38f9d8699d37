package policy

import (
	"maps"
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func goingOf(all []Verdict) map[string]Verdict {
	going := map[string]Verdict{}
	for _, v := range all {
		if v.Code == VerdictDelete {
			going[v.ID] = v
		}
	}
	return going
}

func TestNothingInUseIsInThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		going := goingOf(plan(t, in))
		for _, image := range in.Images {
			for _, use := range in.Uses {
				holds := use.Digest == image.Digest || use.Tag != "" && slices.Contains(image.Tags, use.Tag)
				if _, goes := going[image.Digest]; goes && holds && use.Repository == in.Repository {
					t.Fatalf("%s goes, and %s uses it", image.Digest, use.By)
				}
			}
		}
	})
}

func TestAConsumerNeverAddsADeletion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		before := goingOf(plan(t, in))
		in.Uses = append(slices.Clone(in.Uses), uses(len(in.Images)).Draw(t, "one more"))
		wantSubset(t, goingOf(plan(t, in)), before)
	})
}

func TestGitHubNeverAddsADeletion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		in.Commits, in.Heads = drawCommits(t, len(in.Images))
		with := goingOf(plan(t, in))
		in.Commits, in.Heads = nil, nil
		wantSubset(t, with, goingOf(plan(t, in)))
	})
}

func wantSubset(t *rapid.T, small, big map[string]Verdict) {
	for id, v := range small {
		if _, there := big[id]; !there {
			t.Fatalf("%s goes (%s), and it did not before", id, v.Reason)
		}
	}
}

func TestTheOrderOfInputDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		want := plan(t, in)
		shuffle := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed"))).Shuffle
		turned := in
		turned.Images = slices.Clone(append(in.Images, in.Images[0])) // once more: it is a set
		for i, image := range turned.Images {
			image.Tags, image.Children = slices.Clone(image.Tags), slices.Clone(image.Children)
			slices.Reverse(image.Tags)
			slices.Reverse(image.Children)
			turned.Images[i] = image
		}
		shuffle(len(turned.Images), func(i, j int) { turned.Images[i], turned.Images[j] = turned.Images[j], turned.Images[i] })
		turned.Uses, turned.Rules.ProtectTags = slices.Clone(in.Uses), slices.Clone(in.Rules.ProtectTags)
		shuffle(len(turned.Uses), func(i, j int) { turned.Uses[i], turned.Uses[j] = turned.Uses[j], turned.Uses[i] })
		slices.Reverse(turned.Rules.ProtectTags)
		if got := plan(t, turned); !cmp.Equal(got, want) {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}

func TestThePlanIsClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		going := goingOf(plan(t, in))
		here := map[string]bool{}
		for _, image := range in.Images {
			here[image.Digest] = true
		}
		for _, image := range in.Images {
			above, goes := going[image.Digest]
			for _, child := range image.Children {
				wantAfter(t, "child", above, goes, going[child])
			}
			below := going[image.Digest]
			for _, subject := range subjectsOf(image) {
				if here[subject] {
					above, goes := going[subject]
					wantAfter(t, "referrer", above, goes, below)
				}
			}
		}
	})
}

// wantAfter wants nothing to go before what it belongs to, or without it.
func wantAfter(t *rapid.T, what string, above Verdict, goes bool, below Verdict) {
	switch {
	case below.ID == "":
	case !goes:
		t.Fatalf("the %s %s goes, and what it belongs to stays", what, below.ID)
	case below.Wave <= above.Wave || !slices.Contains(below.After, above.ID):
		t.Fatalf("the %s %s goes in wave %d after %v, and %s in wave %d", what, below.ID, below.Wave, below.After, above.ID, above.Wave)
	}
}

func TestTheNewestStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		going := goingOf(plan(t, in))
		for _, image := range in.Images {
			if _, goes := going[image.Digest]; !goes || !slices.ContainsFunc(image.Tags, isOrdinaryTag) {
				continue
			}
			at, _ := registryTime(image)
			newer := 0
			for _, other := range in.Images {
				if t, _ := registryTime(other); slices.ContainsFunc(other.Tags, isOrdinaryTag) && (t.After(at) || t.Equal(at) && other.Digest < image.Digest) {
					newer++
				}
			}
			if newer < in.Rules.KeepNewest {
				t.Fatalf("%s goes, with %d newer ones only", image.Digest, newer)
			}
		}
	})
}

func TestWavesAreDense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waves, last := map[int]bool{}, 0
		for _, v := range plan(t, estates().Draw(t, "estate")) {
			if v.Code == VerdictDelete {
				if v.Wave < last {
					t.Fatalf("wave %d comes after wave %d", v.Wave, last)
				}
				waves[v.Wave], last = true, v.Wave
			} else if v.Wave != 0 || v.After != nil {
				t.Fatalf("%s stays, in wave %d", v.ID, v.Wave)
			}
			if v.Reason == "" {
				t.Fatalf("%s: no reason", v.ID)
			}
		}
		if len(waves) > 0 && len(waves) != last+1 {
			t.Fatalf("waves are %v", slices.Sorted(maps.Keys(waves)))
		}
	})
}

func TestCommitCandidatesAreThoseOfWhatWouldGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := estates().Draw(t, "estate")
		got, err := CommitCandidates(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Commits, in.Heads = nil, nil
		want := map[string]bool{}
		for _, v := range goingOf(plan(t, in)) {
			commits, err := CommitsOf(in.Rules, v.Tags)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range commits {
				want[c] = true
			}
		}
		if !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("candidates are %v, want %v", got, want)
		}
		// Whoever asks about these, and nothing else, is told of everything that matters.
		in.Commits = map[string]Commit{}
		for _, c := range got {
			in.Commits[c] = Commit{Time: daysAgo(500)}
		}
		for _, v := range plan(t, in) {
			if v.Code == KeptCommitUnknown {
				t.Fatalf("%s: %s", v.ID, v.Reason)
			}
		}
	})
}
