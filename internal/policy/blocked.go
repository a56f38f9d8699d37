package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// RepositoryAccess is who else may use a repository.
type RepositoryAccess struct {
	Repository Repository `json:"repository"`
	Accounts   []string   `json:"accounts,omitempty"`   // other accounts that are let in
	Principals []string   `json:"principals,omitempty"` // let in, and no account can be told from them
	Unreadable string     `json:"unreadable,omitempty"` // why that cannot be told at all
}

// Survey is one look at what is in use: a source in a place.
type Survey struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Source  string `json:"source"`
	Failed  string `json:"failed,omitempty"` // why; "" when it succeeded
}

// BlockedBy says why nothing may be deleted from a repository, by Repository.String(); "" where nothing speaks against it.
// Where somebody could use images and nobody could look, nothing is deleted.
func BlockedBy(reach Reach, surveys []Survey) map[string]string {
	out := make(map[string]string, len(reach.Repositories))
	for _, r := range reach.Repositories {
		out[r.Repository.String()] = reach.blocks(r, surveys)
	}
	return out
}

func (r Reach) blocks(access RepositoryAccess, surveys []Survey) string {
	if access.Unreadable != "" {
		return fmt.Sprintf("who may use it is not known: %s", access.Unreadable)
	}
	home := access.Repository.Region
	users := append([]Spot{{access.Repository.Account, home}}, r.Consumers...)
	for _, principal := range sortedUnique(access.Principals) {
		if !r.ignores(principal) {
			return fmt.Sprintf("its policy lets in %s, and which accounts that are cannot be told: name accounts in the repository's policy, or, if none of them uses images, add it to ignore_principals", principal)
		}
	}
	for _, account := range sortedUnique(access.Accounts) {
		switch {
		case slices.Contains(r.Ignored, account):
		case !r.knows(account):
			return fmt.Sprintf("its policy lets in account %s, which is not in aws.accounts: add it there, so that it can be surveyed, or, if it uses no images, to ignore_principals", account)
		default:
			users = append(users, Spot{account, home})
		}
	}
	return unseen(users, surveys, len(access.Principals) > 0)
}

// unseen tells where a survey failed, or is missing, so that uses may be missing. A repository that is open to all can be used
// by whoever was surveyed.
func unseen(users []Spot, surveys []Survey, open bool) string {
	var failed []string
	surveyed := map[Spot]bool{}
	for _, s := range surveys {
		surveyed[Spot{s.Account, s.Region}] = true
		if s.Failed != "" && (open || slices.ContainsFunc(users, func(u Spot) bool { return u.Account == s.Account })) {
			failed = append(failed, fmt.Sprintf("the survey of %s in %s/%s failed: %s", s.Source, s.Account, s.Region, s.Failed))
		}
	}
	for _, u := range users {
		if !surveyed[u] {
			failed = append(failed, fmt.Sprintf("account %s was not surveyed in %s", u.Account, u.Region))
		}
	}
	if len(failed) == 0 {
		return ""
	}
	failed = sortedUnique(failed)
	words := "what uses it is not known: " + failed[0]
	switch n := len(failed) - 1; n {
	case 0:
		return words
	case 1:
		return words + " (and one other)"
	default:
		return fmt.Sprintf("%s (and %d others)", words, n)
	}
}

// organisation finds the organisations to which a condition confines everybody: in "* if aws:PrincipalOrgID StringEquals
// [o-a]", as WhoMayPull writes it.
var organisation = regexp.MustCompile(`(?i) (?:if|and) aws:PrincipalOrg(?:ID|Paths) (?:ForAnyValue:)?String(?:Equals|EqualsIgnoreCase|Like) \[([^\]]+)\]`)

// ignores tells whether the configuration says that a principal uses no images. To ignore everybody is to ignore everybody
// under a condition, too.
func (r Reach) ignores(principal string) bool {
	who, _, _ := strings.Cut(principal, " if ")
	if slices.Contains(r.Ignored, principal) || slices.Contains(r.Ignored, who) {
		return true
	}
	m := organisation.FindStringSubmatch(principal)
	if m == nil {
		return false
	}
	for path := range strings.FieldsSeq(m[1]) {
		id, _, _ := strings.Cut(path, "/")
		if !slices.Contains(r.Ignored, id) {
			return false
		}
	}
	return true
}
