package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkInSlack is how much later than its instance's death a node may seem to have checked in: clocks differ.
const checkInSlack = 5 * time.Minute

// JudgeNode tells whether a node, or a client without a node, is the subject's own, and why, in words. Its instance id decides
// where both have one; a name alone is enough only where it was announced, and an address alone never. Who calls with a subject
// without an instance confirms that the node's instance is dead. Without died, the time of its last check-in says nothing.
func JudgeNode(n ChefNode, s Subject, died time.Time) (own bool, why string) {
	switch {
	case n.ClientOnly:
		return true, "there is no node of this name, only a client"
	case n.elsewhere(s) != "":
		return false, n.elsewhere(s)
	case s.Instance != "" && n.Instance != "" && n.Instance != s.Instance:
		return false, fmt.Sprintf("it is instance %s, not %s", n.Instance, s.Instance)
	case n.Instance != "" && CheckInstanceID(n.Instance) != nil: // EC2 knows no such instance, which does not mean that it is dead
		return false, fmt.Sprintf("it says that it is instance %.40q, which is no instance id", n.Instance)
	case !died.IsZero() && n.CheckedIn.After(died.Add(checkInSlack)):
		return false, fmt.Sprintf("it checked in at %s, after %s was dead: it is alive elsewhere", inMinutes(n.CheckedIn), s)
	case s.Instance != "" && n.Instance == s.Instance:
		return true, "its instance is " + s.Instance
	}
	return judgeByName(n, s)
}

// elsewhere says why a node is not where the subject was; "" when it may be.
func (n ChefNode) elsewhere(s Subject) string {
	switch {
	case n.Account != "" && n.Account != s.Account:
		return fmt.Sprintf("it is in account %s, not in %s", n.Account, s.Account)
	case n.Region != "" && n.Region != s.Region:
		return fmt.Sprintf("it is in %s, not in %s", n.Region, s.Region)
	case s.Instance == "" && n.Instance != "" && (n.Account == "" || n.Region == ""):
		return "it does not say in which account and Region its instance " + n.Instance + " is"
	}
	return ""
}

// judgeByName is for what is known without an instance id on both sides, such as a node whose bootstrap failed.
func judgeByName(n ChefNode, s Subject) (own bool, why string) {
	named := s.Node != "" && n.Name == s.Node
	contradicts := s.Address != "" && len(n.Addresses) > 0 && !slices.Contains(n.Addresses, s.Address)
	switch {
	case contradicts:
		return false, fmt.Sprintf("it has the address %s, not %s", strings.Join(n.Addresses, " and "), s.Address)
	case named:
		return judgeNamed(n, s)
	case s.Instance != "":
		return false, "it does not say that it is " + s.Instance + ", and nobody announced its name"
	case s.Node != "":
		return false, fmt.Sprintf("its name is not %s", s.Node)
	case n.Instance != "" && slices.Contains(n.Addresses, s.Address):
		return true, "it has the address " + s.Address
	case slices.Contains(n.Addresses, s.Address):
		return false, "it does not say which instance it is, and an address alone proves nothing: if it is the one, name the node"
	}
	return false, "it does not have the address " + s.Address
}

// judgeNamed is for a node of the announced name. On EC2, Ohai finds out at every run which instance it is on: a node that checked
// in without one is a machine elsewhere; one that never did may be the dead one's.
// https://docs.chef.io/ohai/
func judgeNamed(n ChefNode, s Subject) (own bool, why string) {
	switch {
	case n.Instance == "" && !n.CheckedIn.IsZero():
		return false, "it checked in at " + inMinutes(n.CheckedIn) + ", and does not say that it is an EC2 instance: it is a machine elsewhere"
	case s.Instance != "":
		return true, "it has the announced name, and does not say which instance it is"
	}
	return true, "it has the announced name"
}

func inMinutes(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// vitalClients come with a Chef server; users are called admin and pivotal.
// https://docs.chef.io/server/server_users/
var vitalClients = []string{"admin", "pivotal", "chef-webui", "chef-validator"}

// ChefClient is what matters of a Chef client.
type ChefClient struct {
	Name      string `json:"name"`
	Validator bool   `json:"validator,omitempty"`
	Admin     bool   `json:"admin,omitempty"`
	PublicKey string `json:"public_key,omitempty"`
}

// KeyHash tells a client's key from another's: a new machine of the same name has a key of its own. "" is no key.
func (c ChefClient) KeyHash() string {
	if c.PublicKey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(c.PublicKey)))
	return hex.EncodeToString(sum[:8])
}

// NeverDeleted says why a client is nobody's to mop, or "": it registers new nodes, administers the server, or is ourself.
func (c ChefClient) NeverDeleted(ourself string) string {
	name := strings.ToLower(c.Name)
	switch {
	case name == strings.ToLower(ourself):
		return "it is the client that Epoxy itself signs with"
	case c.Validator || strings.HasSuffix(name, "-validator"):
		return "it is a validator: new nodes register with it"
	case c.Admin || slices.Contains(vitalClients, name):
		return "it administers the Chef server"
	}
	return ""
}
