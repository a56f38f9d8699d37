package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	owner    = "111111111111"
	consumer = "222222222222"
	stranger = "333333333333"
)

var home = Spot{shop.Account, shop.Region}

func ok(account string) Survey {
	return Survey{Account: account, Region: "eu-west-1", Source: SourceECS}
}

func elsewhere(account string) Survey {
	return Survey{Account: account, Region: "us-east-1", Source: SourceECS}
}

func failed(account, why string) Survey {
	return Survey{Account: account, Region: "eu-west-1", Source: SourceECS, Failed: why}
}

func TestBlockedBy(t *testing.T) {
	const org = "* if aws:PrincipalOrgID StringEquals [o-acme]"
	for name, c := range map[string]struct {
		access    RepositoryAccess
		ignored   []string
		surveys   []Survey
		want      string // "": not blocked
		consumers []Spot
	}{
		"all is seen":              {RepositoryAccess{Accounts: []string{consumer}}, nil, []Survey{ok(owner), ok(consumer)}, "", nil},
		"own account failed":       {RepositoryAccess{}, nil, []Survey{failed(owner, "throttled"), ok(consumer)}, "survey of ecs in 111111111111/eu-west-1 failed: throttled", nil},
		"consumer failed":          {RepositoryAccess{Accounts: []string{consumer}}, nil, []Survey{ok(owner), failed(consumer, "AccessDenied")}, "what uses it is not known: the survey of ecs in 222222222222/eu-west-1 failed: AccessDenied", nil},
		"one of its looks failed":  {RepositoryAccess{Accounts: []string{consumer}}, nil, []Survey{ok(owner), ok(consumer), failed(consumer, "x")}, "failed: x", nil},
		"two looks failed":         {RepositoryAccess{}, nil, []Survey{failed(owner, "b"), failed(owner, "a")}, "failed: a (and one other)", nil},
		"three looks failed":       {RepositoryAccess{}, nil, []Survey{failed(owner, "b"), failed(owner, "a"), failed(owner, "c")}, "failed: a (and 2 others)", nil},
		"another account failed":   {RepositoryAccess{}, nil, []Survey{ok(owner), failed(consumer, "x")}, "", nil},
		"an ignored one failed":    {RepositoryAccess{Accounts: []string{consumer}}, []string{consumer}, []Survey{ok(owner), failed(consumer, "x")}, "", nil},
		"the owner is not ignored": {RepositoryAccess{}, []string{owner}, []Survey{failed(owner, "x")}, "failed: x", nil},
		"nobody looked here":       {RepositoryAccess{}, nil, []Survey{ok(consumer)}, "account 111111111111 was not surveyed", nil},
		"nobody looked there":      {RepositoryAccess{Accounts: []string{consumer}}, nil, []Survey{ok(owner)}, "account 222222222222 was not surveyed", nil},
		"a stranger":               {RepositoryAccess{Accounts: []string{stranger}}, nil, []Survey{ok(owner)}, "lets in account 333333333333, which is not in aws.accounts: add it there…ignore_principals", nil},
		"an ignored stranger":      {RepositoryAccess{Accounts: []string{stranger}}, []string{stranger}, []Survey{ok(owner)}, "", nil},
		"everybody":                {RepositoryAccess{Principals: []string{"*"}}, nil, []Survey{ok(owner)}, "lets in *, and which accounts that are cannot be told…ignore_principals", nil},
		"everybody, ignored":       {RepositoryAccess{Principals: []string{"*"}}, []string{"*"}, []Survey{ok(owner), ok(consumer)}, "", nil},
		"an organisation":          {RepositoryAccess{Principals: []string{org}}, nil, []Survey{ok(owner), ok(consumer)}, "lets in " + org, nil},
		"ignored organisation":     {RepositoryAccess{Principals: []string{org}}, []string{"o-acme"}, []Survey{ok(owner), ok(consumer)}, "", nil},
		"another organisation":     {RepositoryAccess{Principals: []string{org}}, []string{"o-other"}, []Survey{ok(owner), ok(consumer)}, "lets in", nil},
		"two, one ignored":         {RepositoryAccess{Principals: []string{strings.Replace(org, "o-acme", "o-acme o-two", 1)}}, []string{"o-acme"}, []Survey{ok(owner), ok(consumer)}, "lets in", nil},
		"a path of it":             {RepositoryAccess{Principals: []string{"* if aws:PrincipalOrgPaths ForAnyValue:StringLike [o-acme/r-1/*]"}}, []string{"o-acme"}, []Survey{ok(owner), ok(consumer)}, "", nil},
		"all but an organisation":  {RepositoryAccess{Principals: []string{"* if aws:PrincipalOrgID StringNotEquals [o-acme]"}}, []string{"o-acme"}, []Survey{ok(owner), ok(consumer)}, "lets in", nil},
		"who lacks the key, too":   {RepositoryAccess{Principals: []string{"* if aws:PrincipalOrgID StringEqualsIfExists [o-acme]"}}, []string{"o-acme"}, []Survey{ok(owner), ok(consumer)}, "lets in", nil},
		"open to a failed one":     {RepositoryAccess{Principals: []string{"*"}}, []string{"*"}, []Survey{ok(owner), failed(consumer, "x")}, "failed: x", nil},
		"configured, failed":       {RepositoryAccess{}, nil, []Survey{ok(owner), failed(consumer, "x")}, "failed: x", []Spot{{consumer, home.Region}}},
		"configured, unseen":       {RepositoryAccess{}, nil, []Survey{ok(owner), ok(consumer)}, "account 222222222222 was not surveyed in us-east-1", []Spot{{consumer, "us-east-1"}}},
		"seen elsewhere alone": {
			RepositoryAccess{Accounts: []string{consumer}},
			nil,
			[]Survey{ok(owner), elsewhere(consumer)},
			"account 222222222222 was not surveyed in eu-west-1",
			[]Spot{{consumer, "us-east-1"}},
		},
		"seen in both":   {RepositoryAccess{Accounts: []string{consumer}}, nil, []Survey{ok(owner), elsewhere(consumer), ok(consumer)}, "", []Spot{{consumer, "us-east-1"}}},
		"own, elsewhere": {RepositoryAccess{}, nil, []Survey{elsewhere(owner)}, "account 111111111111 was not surveyed in eu-west-1", nil},
		"unreadable":     {RepositoryAccess{Unreadable: "AccessDenied"}, []string{"*"}, []Survey{ok(owner), ok(consumer)}, "who may use it is not known: AccessDenied", nil},
	} {
		c.access.Repository = shop
		got := BlockedBy(Reach{
			Home: home, Repositories: []RepositoryAccess{c.access}, Accounts: []string{owner, consumer}, Consumers: c.consumers, Ignored: c.ignored,
		}, c.surveys)
		why, there := got[shop.String()]
		if !there || len(got) != 1 || (why == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for part := range strings.SplitSeq(c.want, "…") {
			if !strings.Contains(why, part) {
				t.Errorf("%s: %q lacks %q", name, why, part)
			}
		}
	}
}

// Two other accounts use repositories; the look at one of them fails.
func TestOnlyWhatTheFailedAccountMayUseIsBlocked(t *testing.T) {
	both, one, none := shop, shop, shop
	both.Name, one.Name, none.Name = "both", "one", "none"
	got := BlockedBy(Reach{
		Home:         home,
		Repositories: []RepositoryAccess{{Repository: both, Accounts: []string{consumer, stranger}}, {Repository: one, Accounts: []string{consumer}}, {Repository: none}},
		Accounts:     []string{owner, consumer, stranger},
	}, []Survey{ok(owner), ok(consumer), failed(stranger, "AccessDenied")})
	if got[both.String()] == "" || got[one.String()] != "" || got[none.String()] != "" {
		t.Errorf("blocked are %v", got)
	}
}

func TestAFailureNeverFreesARepository(t *testing.T) {
	accounts := []string{owner, consumer, stranger}
	rapid.Check(t, func(t *rapid.T) {
		in := Reach{
			Home:         home,
			Repositories: []RepositoryAccess{{Repository: shop, Accounts: rapid.SliceOf(rapid.SampledFrom(accounts[1:])).Draw(t, "let in"), Principals: rapid.SliceOfN(rapid.Just("*"), 0, 1).Draw(t, "open")}},
			Accounts:     []string{owner, consumer}, Ignored: rapid.SliceOf(rapid.SampledFrom([]string{"*", stranger})).Draw(t, "ignored"),
		}
		var surveys []Survey
		for _, account := range accounts {
			surveys = append(surveys, Survey{Account: account, Region: home.Region, Failed: rapid.SampledFrom([]string{"", "x"}).Draw(t, "failed")})
		}
		before := BlockedBy(in, surveys)[shop.String()]
		surveys = slices.Clone(surveys)
		surveys[rapid.IntRange(0, 2).Draw(t, "also")].Failed = "y"
		if after := BlockedBy(in, surveys)[shop.String()]; before != "" && after == "" {
			t.Fatalf("blocked because %q, and free once more has failed", before)
		}
	})
}
