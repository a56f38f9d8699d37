package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	target = Target{Region: "vg", App: "shop", Layer: "web", Env: "prod", Group: "a"}
	begun  = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
)

// zones are where people sit; none of them may show in a name.
var zones = []*time.Location{time.UTC, time.FixedZone("CET", 3600), time.FixedZone("PST", -8*3600), time.FixedZone("NPT", 20700)}

func TestImageNameInEveryZone(t *testing.T) {
	const want = "vg-shop-web-prod-a-20260102030405" // the format that images have had since long before Epoxy
	for _, zone := range zones {
		if got := ImageName(target, begun.In(zone)); got != want {
			t.Errorf("begun in %s: %s, want %s", zone, got, want)
		}
		if got := ImageDescription(begun.In(zone)); got != "Auto created for auto scaling at 2026-01-02 03:04:05 UTC." {
			t.Errorf("begun in %s: %q", zone, got)
		}
	}
	if got := target.String(); got != "vg/shop/web/prod/a" {
		t.Errorf("the target reads %s", got)
	}
}

func TestImageNamesDifferBySecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		})
		a, b := moment.Draw(t, "a"), moment.Draw(t, "b")
		same := ImageName(target, a) == ImageName(target, b)
		if same != (a.Unix() == b.Unix()) {
			t.Fatalf("%s and %s: the same name is %v", a, b, same)
		}
		if name := ImageName(target, a); !ValidImageName(name) {
			t.Fatalf("%q is no image name", name)
		}
	})
}

func TestValidImageName(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "ab": false, "abc": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
		"Az09()[] ./-'@_": true, "a#b": false, "a:b": false, "ab\n": false, "a\tb": false, "naïve": false, `a"b`: false, "a\\b": false,
	} {
		if got := ValidImageName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestPhaseOf(t *testing.T) {
	for state, want := range map[string]ImagePhase{
		"pending": ImageWaiting, "transient": ImageWaiting, "": ImageWaiting, "a state of next year": ImageWaiting,
		"available": ImageReady,
		"failed":    ImageFailed, "error": ImageFailed, "invalid": ImageFailed, "deregistered": ImageFailed, "disabled": ImageFailed,
	} {
		if got := PhaseOf(state); got != want {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
}

func TestImageTags(t *testing.T) {
	own := map[string]string{"team": "web", TagRun: "mine", "epoxy:target": "mine"}
	got := ImageTags("run-1", "the-name", target, "i-1", "c0ffee", own)
	want := map[string]string{
		"Name": "the-name", "team": "web", TagRun: "run-1", "epoxy:target": "vg/shop/web/prod/a", "epoxy:instance": "i-1", "epoxy:commit": "c0ffee",
	}
	if !maps.Equal(got, want) {
		t.Errorf("tags are %v, want %v", got, want)
	}
	if _, has := ImageTags("run-1", "the-name", target, "i-1", "", nil)["epoxy:commit"]; has {
		t.Error("a bake without a commit has the tag of one")
	}
}

func TestImageTagsOfPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.SampledFrom([]string{"Name", TagRun, "epoxy:target", "epoxy:instance", "epoxy:commit"}), rapid.String())
		own := rapid.MapOf(key, rapid.String()).Draw(t, "own")
		before := maps.Clone(own)
		got := ImageTags("run-1", "the-name", target, "i-1", "c0ffee", own)
		if !maps.Equal(own, before) {
			t.Fatalf("the person's map was changed: %v", own)
		}
		for k, want := range map[string]string{TagRun: "run-1", "epoxy:target": target.String(), "epoxy:instance": "i-1", "epoxy:commit": "c0ffee"} {
			if got[k] != want {
				t.Fatalf("a person's tag replaced %s: %q, want %q", k, got[k], want)
			}
			delete(own, k)
		}
		for k, v := range own {
			if got[k] != v {
				t.Fatalf("the person's %q is %q, want %q", k, got[k], v)
			}
		}
		if _, named := own["Name"]; !named && got["Name"] != "the-name" {
			t.Fatalf("Name is %q", got["Name"])
		}
	})
}

func TestAdopt(t *testing.T) {
	mine, stranger, untagged := Candidate{"ami-mine", "run-1"}, Candidate{"ami-other", "run-2"}, Candidate{"ami-bare", ""}
	for name, c := range map[string]struct {
		run          string
		found        []Candidate
		own, foreign string
	}{
		"not visible yet":        {"run-1", nil, "", ""},
		"our own":                {"run-1", []Candidate{mine}, "ami-mine", ""},
		"another run's":          {"run-1", []Candidate{stranger}, "", "ami-other"},
		"nobody's":               {"run-1", []Candidate{untagged}, "", "ami-bare"},
		"both, the own one last": {"run-1", []Candidate{stranger, mine}, "ami-mine", ""},
		"a run without a name":   {"", []Candidate{untagged}, "", "ami-bare"},
	} {
		if own, foreign := Adopt(c.run, c.found); own != c.own || foreign != c.foreign {
			t.Errorf("%s: own %q, foreign %q; want %q, %q", name, own, foreign, c.own, c.foreign)
		}
	}
}

func TestAdoptNeverTakesAForeignImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.SampledFrom([]string{"", "run-1", "run-2"}).Draw(t, "run")
		found := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Candidate {
			return Candidate{ID: rapid.StringMatching(`ami-[0-9]{2}`).Draw(t, "id"), Run: rapid.SampledFrom([]string{"", "run-1", "run-2", "run-10"}).Draw(t, "of")}
		}), 0, 4, func(c Candidate) string { return c.ID }).Draw(t, "found")
		own, foreign := Adopt(run, found)
		marked := slices.ContainsFunc(found, func(c Candidate) bool { return run != "" && c.Run == run })
		if (own != "") != marked {
			t.Fatalf("run %q of %v: own is %q", run, found, own)
		}
		if own != "" && (foreign != "" || !slices.Contains(found, Candidate{own, run})) {
			t.Fatalf("run %q of %v: adopted %q, and called %q foreign", run, found, own, foreign)
		}
		if own == "" && (foreign != "") != (len(found) > 0) {
			t.Fatalf("run %q of %v: foreign is %q", run, found, foreign)
		}
		slices.Reverse(found)
		if turned, _ := Adopt(run, found); (turned != "") != (own != "") {
			t.Fatalf("run %q of %v: %q in one order, %q in the other", run, found, own, turned)
		}
	})
}
