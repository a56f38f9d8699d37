package config

import (
	"regexp"
	"strings"
)

// AWS is where Epoxy works.
type AWS struct {
	Accounts map[string]Account `yaml:"accounts" doc:"the accounts, under names of your choice"`
	Regions  map[string]Region  `yaml:"regions" doc:"the short names people type for a Region, such as vg for us-east-1"`
}

// Account is one AWS account and the role Epoxy takes in it.
type Account struct {
	ID         AccountID `yaml:"id" rule:"required" doc:"the 12-digit account id, in quotes"`
	RoleARN    RoleARN   `yaml:"role_arn" doc:"role to assume; leave it out to use the worker's own credentials"`
	ExternalID string    `yaml:"external_id" doc:"external id that the role's trust policy asks for"`
}

// Region is what a short name stands for.
type Region struct {
	Region  RegionID `yaml:"region" rule:"required" doc:"the AWS Region id, such as us-east-1"`
	Account string   `yaml:"account" rule:"required" doc:"account in aws.accounts that is meant unless a target names another"`
}

// namePattern keeps every name usable in an image name, a tag and a flag.
const namePattern = `^[A-Za-z0-9][A-Za-z0-9_.-]*$`

var (
	nameRegexp       = regexp.MustCompile(namePattern)
	externalIDRegexp = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

func checkName(at place, name string) {
	if !nameRegexp.MatchString(name) {
		at.errorf("%s cannot be a name: start with a letter or digit and go on with letters, digits, dots, _ and -", at.show(name))
	}
}

func (a AWS) validate(at place) {
	accounts, regions := at.key("accounts"), at.key("regions")
	for _, name := range sortedKeys(a.Accounts) {
		checkName(accounts.key(name), name)
		a.Accounts[name].validate(accounts.key(name))
	}
	for _, name := range sortedKeys(a.Regions) {
		checkName(regions.key(name), name)
		a.checkAccount(regions.key(name).key("account"), a.Regions[name].Account, a.Regions[name].Region)
	}
}

func (a Account) validate(at place) {
	role, external := at.key("role_arn"), at.key("external_id")
	if _, account := a.RoleARN.parts(); account != "" && a.ID != "" && account != a.ID {
		role.errorf("the role is in account %s, but this account is %s (%s): correct one of them", account, a.ID, at.key("id").line())
	}
	if !external.known() || external.bad() {
		return
	}
	if !role.known() {
		external.errorf("is used only when a role is assumed: add role_arn, or remove external_id")
	}
	if n := len(a.ExternalID); n < 2 || n > 1224 || !externalIDRegexp.MatchString(a.ExternalID) {
		external.errorf("is not an external id: 2 to 1224 letters, digits and +=,.@:/-_")
	}
}

// checkAccount checks a reference to an account used in a Region.
func (a AWS) checkAccount(at place, name string, region RegionID) {
	accounts := at.doc.root().key("aws").key("accounts")
	if name == "" || at.bad() || accounts.bad() {
		return
	}
	account, ok := a.Accounts[name]
	if !ok {
		if accounts.key(name).known() {
			return // it is there, and already reported for something else
		}
		names := sortedKeys(a.Accounts)
		at.errorf("no account %s in aws.accounts%s%s", at.show(name), didYouMean(name, names), has(names))
		return
	}
	if partition, _ := account.RoleARN.parts(); partition != "" && region != "" && partition != region.Partition() {
		at.errorf("account %s has a role in partition %s, but Region %s is in %s: use an account of that partition",
			name, partition, region, region.Partition())
	}
}

// has ends a message with what there is to choose from.
func has(names []string) string {
	if len(names) == 0 {
		return " (there are none)"
	}
	const most = 20
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return " (has: " + strings.Join(names, ", ") + ")"
}
