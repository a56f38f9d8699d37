package policy

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"shop", "shop", true},
		{"shop", "shops", false},
		{"*", "", true},
		{"?", "", false},
		{"", "", true},
		{"", "a", false},
		{"team/*", "team/a/b", true},
		{"*-web", "shop-web", true},
		{"*-web", "shop-web-old", false},
		{"v?.?", "v1.2", true},
		{"v?.?", "v1.22", false},
		{"a*b*c", "a-bb-b-c", true},
		{"a**c", "ac", true},
		{"ü?", "üö", true},
		{"[a]", "a", false},
	} {
		if got := Matches(c.pattern, c.s); got != c.want {
			t.Errorf("Matches(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

func TestMatchesIsTheRegularExpression(t *testing.T) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 0, 12, -1)
	patterns := rapid.StringOfN(rapid.SampledFrom([]rune("ab/*?")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		p, s := patterns.Draw(t, "pattern"), letters.Draw(t, "s")
		expr := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(p))
		if want := regexp.MustCompile("^" + expr + "$").MatchString(s); Matches(p, s) != want {
			t.Fatalf("Matches(%q, %q) = %v", p, s, !want)
		}
	})
}

func TestMatchesIsNotSlow(t *testing.T) {
	if Matches(strings.Repeat("*a", 5000)+"b", strings.Repeat("a", 20_000)) {
		t.Error("matched")
	}
}
