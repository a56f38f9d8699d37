package policy

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var regions = []string{"eu-west-1", "us-east-1"}

func reaches() *rapid.Generator[Reach] {
	account := rapid.SampledFrom([]string{owner, consumer, stranger, "444444444444"})
	return rapid.Custom(func(t *rapid.T) Reach {
		r := Reach{
			Home:     home,
			Accounts: rapid.SliceOfN(account, 0, 4).Draw(t, "accounts"),
			Ignored:  rapid.SliceOfN(rapid.OneOf(account, rapid.Just("*")), 0, 2).Draw(t, "ignored"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "consumers") {
			r.Consumers = append(r.Consumers, Spot{account.Draw(t, "consumer"), rapid.SampledFrom(regions).Draw(t, "its Region")})
		}
		for _, name := range []string{"a", "b"} {
			r.Repositories = append(r.Repositories, RepositoryAccess{
				Repository: Repository{Account: home.Account, Region: home.Region, Name: name},
				Accounts:   rapid.SliceOfN(account.Filter(func(a string) bool { return a != owner }), 0, 3).Draw(t, "let in"),
				Principals: rapid.SliceOfN(rapid.Just("*"), 0, 1).Draw(t, "open"),
			})
		}
		return r
	})
}

// Before anything is deleted from a repository, every place that could use it is looked at, and looked at again.
func TestWhoeverCouldUseARepositoryIsLookedAtAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reaches().Draw(t, "reach")
		spots := r.Spots()
		surveys := make([]Survey, len(spots))
		for i, s := range spots {
			surveys[i] = Survey{Account: s.Account, Region: s.Region, Source: SourceECS}
		}
		blocked := BlockedBy(r, surveys)
		for _, access := range r.Repositories {
			if blocked[access.Repository.String()] != "" {
				continue
			}
			could := append([]Spot{home}, r.Consumers...)
			for _, account := range access.Accounts {
				if !slices.Contains(r.Ignored, account) {
					could = append(could, Spot{account, home.Region})
				}
			}
			if len(access.Principals) > 0 {
				could = append(could, spots...)
			}
			for _, s := range could {
				if !slices.Contains(spots, s) || !r.MayUse(access, s) {
					t.Fatalf("%s could use %s: surveyed is %v, looked at again: %t", s, access.Repository, spots, r.MayUse(access, s))
				}
			}
		}
	})
}

// One look that fails, wherever it could have found a use, blocks what it is looked at again for.
func TestWhatIsLookedAtAgainBlocksWhenItFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := reaches().Draw(t, "reach")
		spots := r.Spots()
		lost := rapid.SampledFrom(spots).Draw(t, "lost")
		var surveys []Survey
		for _, s := range spots {
			if s != lost {
				surveys = append(surveys, Survey{Account: s.Account, Region: s.Region})
			}
		}
		for _, access := range r.Repositories {
			must := lost == home || slices.Contains(r.Consumers, lost) || slices.Contains(access.Accounts, lost.Account) && !slices.Contains(r.Ignored, lost.Account)
			if why := BlockedBy(r, surveys)[access.Repository.String()]; must && why == "" {
				t.Fatalf("%s was not looked at, and %s is free", lost, access.Repository)
			}
		}
	})
}

func TestSpotsAreSortedAndOnce(t *testing.T) {
	r := Reach{
		Home: home, Accounts: []string{owner, consumer}, Consumers: []Spot{{consumer, "us-east-1"}, home},
		Repositories: []RepositoryAccess{{Repository: shop, Accounts: []string{consumer}}, {Repository: shop, Accounts: []string{consumer, stranger}}},
	}
	if got, want := r.Spots(), []Spot{home, {consumer, "eu-west-1"}, {consumer, "us-east-1"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
