package policy

import "time"

// MopRules say what belongs to a dead instance of an environment, beside what its Chef node says.
type MopRules struct {
	// NodeNames are templates of how nodes are named: {instance}, {name} (the tag Name) and {hostname} (of the private DNS
	// name). With them a client is found whose node is gone already.
	NodeNames []string `json:"node_names,omitempty"`
	// RecordNames are templates of the DNS names that a node has for itself: {node}, {fqdn}, {hostname}, {instance}. A name
	// without the zone's name at its end gets it.
	RecordNames []string `json:"record_names,omitempty"`
	// SharedNames are DNS names that several nodes share (* and ? are wildcards): the dead one's address is taken out.
	SharedNames []string `json:"shared_names,omitempty"`
}

// ChefNode is what matters of a Chef node: a few attributes of it, as read.
type ChefNode struct {
	Server      string    `json:"server"` // name in the configuration's section chef
	Name        string    `json:"name"`
	Environment string    `json:"environment,omitempty"` // Chef's
	Instance    string    `json:"instance,omitempty"`    // automatic.ec2.instance_id
	Region      string    `json:"region,omitempty"`      // of automatic.ec2.placement_availability_zone
	Account     string    `json:"account,omitempty"`     // automatic.ec2.account_id
	Addresses   []string  `json:"addresses,omitempty"`   // ipaddress, ip6address, ec2.local_ipv4, ec2.public_ipv4, sorted
	FQDN        string    `json:"fqdn,omitempty"`
	Hostname    string    `json:"hostname,omitempty"`
	CheckedIn   time.Time `json:"checked_in,omitzero"`   // automatic.ohai_time: the last run of chef-client
	ClientOnly  bool      `json:"client_only,omitempty"` // there is no such node, only a client
	ClientKey   string    `json:"client_key,omitempty"`  // KeyHash of its client, where that was read
	Refused     bool      `json:"refused,omitempty"`     // a client that a mop before was to delete, and Chef refused
}

// Same tells whether it is the same node or client, however it looks by now.
func (n ChefNode) Same(other ChefNode) bool {
	return n.Server == other.Server && n.Name == other.Name && n.ClientOnly == other.ClientOnly
}

// Instance is what EC2 says of an instance.
type Instance struct {
	Place     string    `json:"place"` // account/Region
	ID        string    `json:"id"`
	State     string    `json:"state"`               // EC2's, or InstanceGone
	Lifecycle string    `json:"lifecycle,omitempty"` // of its Auto Scaling group: Terminating:Wait, …
	Group     string    `json:"group,omitempty"`
	Reused    bool      `json:"reused,omitempty"`   // its group returns instances to a warm pool on scale-in
	Name      string    `json:"name,omitempty"`     // the tag Name
	Hostname  string    `json:"hostname,omitempty"` // of the private DNS name
	Addresses []string  `json:"addresses,omitempty"`
	Launched  time.Time `json:"launched,omitzero"`
	Died      time.Time `json:"died,omitzero"` // of the state transition; not always known
}

// InstanceGone is the state of an instance that EC2 does not show: it forgets the terminated after about an hour.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
const InstanceGone = "gone"

// RecordSet is a Route 53 record set, exactly as read; alias records have no values and are never touched.
type RecordSet struct {
	Zone   string   `json:"zone"` // hosted zone id
	Name   string   `json:"name"` // lower case, with the dot at its end
	Type   string   `json:"type"`
	SetID  string   `json:"set_id,omitempty"` // SetIdentifier
	Values []string `json:"values"`           // sorted
	Exact  string   `json:"exact"`            // the whole record set as JSON: DELETE must name it exactly
}

// OwnRecord is a record set that is provably, wholly or in part, a dead instance's.
type OwnRecord struct {
	RecordSet
	Drop   []string `json:"drop"`             // its values among Values; all of them: the record set goes
	Shared bool     `json:"shared,omitempty"` // its name is shared: only the values are its own
	Proof  string   `json:"proof"`            // why it is its own, in words
}

// Facts are what is known of the dead: by these its records are recognized, and live holders are looked for.
type Facts struct {
	Subject   Subject  `json:"subject"`
	Addresses []string `json:"addresses,omitempty"`
	Names     []string `json:"names,omitempty"`   // DNS names of its own, without a zone where not fully qualified
	Holders   []string `json:"holders,omitempty"` // who may hold them and is not somebody else: the dead instance itself
}

// KeptThing is something that looked like the dead instance's and stays, and why.
type KeptThing struct {
	What string `json:"what"` // "node web-2 on prod", "web.example.com. A"
	Why  string `json:"why"`
}
