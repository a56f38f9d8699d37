package policy

import (
	"cmp"
	"slices"
)

// Spot is an account in a Region.
type Spot struct{ Account, Region string }

func (s Spot) String() string { return s.Account + "/" + s.Region }

// Reach is where images of repositories may be used, as far as the configuration and the repositories' policies tell.
type Reach struct {
	Home         Spot               // of the repositories
	Consumers    []Spot             // that the configuration says use images, whatever policies let in
	Accounts     []string           // that can be entered
	Ignored      []string           // accounts, organisations or "*" that the configuration says use none
	Repositories []RepositoryAccess // all of Home
}

// Spots are where to look for uses: at home, at the configured consumers, and, in the repositories' Region, in every account
// that a repository lets in and that can be entered. An account that is a consumer in one Region is let in at home all the same.
func (r Reach) Spots() []Spot {
	all := append([]Spot{r.Home}, r.Consumers...)
	for _, access := range r.Repositories {
		for _, account := range access.Accounts {
			if slices.Contains(r.Accounts, account) && !slices.Contains(r.Ignored, account) {
				all = append(all, Spot{account, r.Home.Region})
			}
		}
	}
	slices.SortFunc(all, func(a, b Spot) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// MayUse tells whether images of a repository may be used in a spot that was surveyed: it is looked at again before anything
// is deleted there. A repository that is open to principals of no known account may be used by whoever was surveyed.
func (r Reach) MayUse(access RepositoryAccess, at Spot) bool {
	return len(access.Principals) > 0 || at.Account == access.Repository.Account || slices.Contains(access.Accounts, at.Account) ||
		slices.ContainsFunc(r.Consumers, func(c Spot) bool { return c.Account == at.Account })
}

// knows tells whether an account is in the configuration.
func (r Reach) knows(account string) bool {
	return account == r.Home.Account || slices.Contains(r.Accounts, account) ||
		slices.ContainsFunc(r.Consumers, func(c Spot) bool { return c.Account == account })
}
