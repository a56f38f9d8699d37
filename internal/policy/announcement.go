package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"time"
)

// Kinds of announcement.
const (
	AnnouncedTerminated  = "terminated"       // it is said to be gone
	AnnouncedTerminating = "terminating"      // a lifecycle hook holds it, and waits for us
	AnnouncedFailed      = "bootstrap-failed" // it never came up, and may not have told Chef its instance id
	AnnouncedByPerson    = "asked"            // with the command
	AnnouncedBySweep     = "sweep"
)

// Announcement is what somebody says of an instance: a hint, which is confirmed before anything is done.
type Announcement struct {
	Kind    string         `json:"kind"`         // Announced…
	Format  string         `json:"format"`       // how it came, for people: "sns notification", "eventbridge", "raw notification", …
	ID      string         `json:"id,omitempty"` // of the event, as its sender names it
	Subject Subject        `json:"subject"`
	Group   string         `json:"group,omitempty"` // Auto Scaling group
	Hook    *LifecycleHook `json:"hook,omitempty"`  // to be finished
	At      time.Time      `json:"at,omitzero"`     // when it happened, as the event says
}

// LifecycleHook is a hook that holds an instance in Terminating:Wait.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
type LifecycleHook struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Token string `json:"token"` // LifecycleActionToken
}

// Subject is who is to be mopped up after. One of instance, node and address is the key: the first that is known.
type Subject struct {
	Account  string `json:"account"`
	Region   string `json:"region"`
	Instance string `json:"instance,omitempty"` // i-…
	Node     string `json:"node,omitempty"`     // its name in Chef
	Address  string `json:"address,omitempty"`  // IPv4 or IPv6
}

// Key is what a subject's run is named after: account/Region/instance, or …/node/NAME, or …/ip/ADDRESS.
func (s Subject) Key() string {
	key := s.Account + "/" + s.Region + "/"
	switch {
	case s.Instance != "":
		return key + s.Instance
	case s.Node != "":
		return key + "node/" + s.Node
	}
	return key + "ip/" + s.Address
}

// String is how people read it.
func (s Subject) String() string {
	switch {
	case s.Instance != "" && s.Node != "":
		return s.Instance + " (" + s.Node + ")"
	case s.Instance != "":
		return s.Instance
	case s.Node != "":
		return s.Node
	}
	return s.Address
}

// What a name or an id may look like. Nothing else ever gets into a request: a wildcard, a path or a search operator in an id
// made others delete what was not meant.
var (
	instancePattern = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)
	accountPattern  = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,})+-[0-9]{1,2}$`)
	// https://docs.chef.io/nodes/#node-names, without the colon, which search gives a meaning
	nodePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$`)
)

// CheckInstanceID refuses what is no instance id.
func CheckInstanceID(id string) error {
	if !instancePattern.MatchString(id) {
		return fmt.Errorf("%.40q is no instance id: i- and 8 or 17 characters of 0-9a-f", id)
	}
	return nil
}

// CheckNodeName refuses what is no name of a Chef node or client.
func CheckNodeName(name string) error {
	if !nodePattern.MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("%.40q is no name of a Chef node: 1 to 255 letters, digits, dots, _ and -", name)
	}
	return nil
}

// CheckAddress refuses what is no IP address that an instance of ours can have, or is not written as usual.
func CheckAddress(address string) error {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil || ip.String() != address || ip.Zone() != "":
		return fmt.Errorf("%.60q is no IP address", address)
	case ip.IsUnspecified() || ip.IsLoopback() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no address that one instance has", address)
	}
	return nil
}

// Check refuses a subject that is incomplete or not what it should be.
func (s Subject) Check() error {
	switch {
	case !accountPattern.MatchString(s.Account):
		return fmt.Errorf("%.40q is no AWS account id: 12 digits", s.Account)
	case !regionPattern.MatchString(s.Region):
		return fmt.Errorf("%.40q is no AWS Region", s.Region)
	case s.Instance == "" && s.Node == "" && s.Address == "":
		return fmt.Errorf("it names neither an instance nor a Chef node nor an IP address")
	}
	for _, part := range []struct {
		value string
		check func(string) error
	}{{s.Instance, CheckInstanceID}, {s.Node, CheckNodeName}, {s.Address, CheckAddress}} {
		if part.value == "" {
			continue
		}
		if err := part.check(part.value); err != nil {
			return err
		}
	}
	return nil
}
