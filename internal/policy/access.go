package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Access is who else may pull from a repository.
type Access struct {
	Accounts   []string // other accounts
	Principals []string // let in, and no account can be told from them
}

// WhoMayPull reads the policies of a repository and of its registry; "" is none. Deny statements are not looked at: they can
// only take away, and whoever is asked in vain costs a survey, not an image.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
func WhoMayPull(r Repository, documents ...string) Access {
	found := grants{own: r.Account, accounts: map[string]bool{}, principals: map[string]bool{}}
	for _, text := range documents {
		var d accessDocument
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			found.principals["a policy that cannot be read: "+err.Error()] = true
			continue
		}
		for _, s := range d.Statement {
			if s.Effect != "Deny" && s.letsPull() && s.isAbout(r) {
				found.add(s)
			}
		}
	}
	return Access{Accounts: slices.Sorted(maps.Keys(found.accounts)), Principals: slices.Sorted(maps.Keys(found.principals))}
}

type accessDocument struct {
	Statement oneOrMore[accessStatement]
}

type accessStatement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       oneOrMore[string]
	NotAction    oneOrMore[string]
	Resource     oneOrMore[string]
	Condition    map[string]map[string]oneOrMore[any]
}

// oneOrMore is a list that may be written as its only element.
type oneOrMore[T any] []T

// UnmarshalJSON reads either form.
func (l *oneOrMore[T]) UnmarshalJSON(raw []byte) error {
	if raw[0] == '[' {
		return json.Unmarshal(raw, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(raw, &(*l)[0])
}

// pulling needs both. https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
var pulling = []string{"ecr:batchgetimage", "ecr:getdownloadurlforlayer"}

func (s accessStatement) letsPull() bool {
	for _, action := range pulling {
		listed := slices.ContainsFunc(s.Action, func(p string) bool { return Matches(strings.ToLower(p), action) })
		barred := slices.ContainsFunc(s.NotAction, func(p string) bool { return Matches(strings.ToLower(p), action) })
		if listed || len(s.NotAction) > 0 && !barred {
			return true
		}
	}
	return false
}

// isAbout reads a registry's policy, which may name repositories; a repository's names none.
func (s accessStatement) isAbout(r Repository) bool {
	name := ":ecr:" + r.Region + ":" + r.Account + ":repository/" + r.Name
	return len(s.Resource) == 0 || slices.ContainsFunc(s.Resource, func(p string) bool {
		return Matches(p, "arn:aws"+name) || Matches(p, "arn:aws-cn"+name) || Matches(p, "arn:aws-us-gov"+name)
	})
}

type grants struct {
	own                  string
	accounts, principals map[string]bool
}

// add finds the accounts that a statement lets in: those of its principals, or, of a principal that stands for many, those
// that a condition narrows it to.
func (g grants) add(s accessStatement) {
	var anybody string
	var named map[string]oneOrMore[string]
	switch {
	case len(s.NotPrincipal) > 0:
		g.principals["everybody but "+string(s.NotPrincipal)] = true
		return
	case json.Unmarshal(s.Principal, &anybody) == nil && anybody != "":
		named = map[string]oneOrMore[string]{"AWS": {anybody}}
	case json.Unmarshal(s.Principal, &named) != nil || len(named) == 0:
		g.principals["a principal that cannot be read: "+string(s.Principal)] = true
		return
	}
	narrowed, how := narrowing(s)
	for kind, ids := range named {
		for _, id := range ids {
			account := accountIn(id)
			switch {
			case account != "":
				g.let(account)
			case kind == "AWS" && deletedPrincipal.MatchString(id):
			case len(narrowed) > 0:
				for _, a := range narrowed {
					g.let(a)
				}
			default:
				g.principals[id+how] = true
			}
		}
	}
}

func (g grants) let(account string) {
	if account != g.own {
		g.accounts[account] = true
	}
}

var (
	accountID  = regexp.MustCompile(`^\d{12}$`)
	accountARN = regexp.MustCompile(`^arn:aws[a-z-]*:[a-z0-9*?-]*:[a-z0-9*?-]*:(\d{12}):`)
	// deletedPrincipal is what IAM writes instead of the ARN of a user or role that was deleted; nobody can be it again.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
	deletedPrincipal = regexp.MustCompile(`^A(?:ID|RO)A[A-Z0-9]{12,}$`)
)

// accountIn is the account that an id or an ARN names, or "".
func accountIn(id string) string {
	if accountID.MatchString(id) {
		return id
	}
	if m := accountARN.FindStringSubmatch(id); m != nil {
		return m[1]
	}
	return ""
}

// binding are the operators under which a request without the key, or with another value, is not let in. Those that end
// in IfExists, and ForAllValues, let in what lacks the key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var binding = map[string]bool{
	"stringequals": true, "stringequalsignorecase": true, "stringlike": true, "arnequals": true, "arnlike": true,
}

// narrowingKeys name accounts.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var narrowingKeys = map[string]bool{
	"aws:principalaccount": true, "aws:principalarn": true, "aws:sourceaccount": true, "aws:sourcearn": true,
}

// narrowing gives the accounts to which one condition confines everybody; how says in words what the conditions are.
func narrowing(s accessStatement) (accounts []string, how string) {
	var words []string
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			values := s.Condition[operator][key]
			words = append(words, fmt.Sprintf("%s %s %v", key, operator, []any(values)))
			confines := binding[strings.TrimPrefix(strings.ToLower(operator), "foranyvalue:")] && narrowingKeys[strings.ToLower(key)]
			if named := accountsIn(values); confines && accounts == nil {
				accounts = named
			}
		}
	}
	if len(words) == 0 {
		return nil, ""
	}
	return accounts, " if " + strings.Join(words, " and ")
}

// accountsIn is nil unless every value names one account.
func accountsIn(values []any) []string {
	var accounts []string
	for _, v := range values {
		account := accountIn(fmt.Sprint(v))
		if account == "" {
			return nil
		}
		accounts = append(accounts, account)
	}
	return accounts
}
