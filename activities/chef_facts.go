package activities

import (
	"encoding/json"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"epoxy/internal/policy"
)

// chefFacts reads what matters of a node's JSON. A node writes its attributes itself, in any shape: what is not as Ohai writes
// it is left out, but for an instance id and an account, which stand as they are and match nobody.
// https://docs.chef.io/ohai/
func chefFacts(server string, text []byte) policy.ChefNode {
	top := objectAt(text)
	automatic := objectAt(top["automatic"])
	ec2 := objectAt(automatic["ec2"])
	n := policy.ChefNode{
		Server: server, Name: textOf(top["name"]), Environment: cut(textOf(top["chef_environment"])),
		Instance: claim(ec2["instance_id"]), Account: claim(ec2["account_id"]),
		Region: regionOf(textOf(ec2["placement_availability_zone"])),
		FQDN:   dnsName(textOf(automatic["fqdn"])), Hostname: dnsName(textOf(automatic["hostname"])),
		CheckedIn: timeOf(automatic["ohai_time"]),
	}
	for _, raw := range []json.RawMessage{automatic["ipaddress"], automatic["ip6address"], ec2["local_ipv4"], ec2["public_ipv4"]} {
		if ip, err := netip.ParseAddr(textOf(raw)); err == nil && policy.CheckAddress(ip.String()) == nil {
			n.Addresses = append(n.Addresses, ip.String())
		}
	}
	slices.Sort(n.Addresses)
	n.Addresses = slices.Compact(n.Addresses)
	return n
}

// chefClient is a client with its public key.
type chefClient struct {
	policy.ChefClient

	PublicKey string `json:"public_key,omitempty"`
}

func clientFacts(text []byte) chefClient {
	top := objectAt(text)
	return chefClient{
		ChefClient: policy.ChefClient{Name: textOf(top["name"]), Validator: saysYes(top["validator"]), Admin: saysYes(top["admin"])},
		PublicKey:  textOf(top["public_key"]),
	}
}

// objectAt is a JSON object by its exact keys: a struct would take "Instance_ID" for "instance_id", too.
func objectAt(raw json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

// textAt is a text in a JSON object, or "".
func textAt(text []byte, key string) string { return textOf(objectAt(text)[key]) }

func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// saysYes is true for anything but false and nothing: who is in doubt leaves a client alone.
func saysYes(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "false", "null":
		return false
	}
	return true
}

// claim is what a node says that it is, if it says anything.
func claim(raw json.RawMessage) string {
	if text := textOf(raw); text != "" || string(raw) == `""` || string(raw) == "null" {
		return cut(text)
	}
	return cut(string(raw))
}

// cut keeps what no name is longer than.
func cut(text string) string { return strings.ToValidUTF8(text[:min(len(text), 255)], "?") }

var (
	regionOfZone = regexp.MustCompile(`^([a-z]{2,4}(?:-[a-z]{2,})+-[0-9]{1,2})(?:[a-z]|-[a-z0-9-]+)$`)
	dnsPattern   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$`)
)

// regionOf an Availability Zone, a Local Zone (us-east-1-bos-1a) or a Wavelength Zone.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html
func regionOf(zone string) string {
	if parts := regionOfZone.FindStringSubmatch(zone); parts != nil {
		return parts[1]
	}
	return ""
}

func dnsName(name string) string {
	if name = strings.TrimSuffix(name, "."); dnsPattern.MatchString(name) {
		return name
	}
	return ""
}

// timeOf reads seconds since 1970, as Ohai writes them: with fractions.
func timeOf(raw json.RawMessage) time.Time {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(seconds > 0 && seconds < 1<<40) {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e6)*1000).UTC()
}
