package policy

import (
	"encoding/json"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseChefNode reads what matters of a node's JSON. A node writes its attributes itself, in any shape: what is not as Ohai writes
// it is left out, but for an instance id and an account, which stand as they are and match nobody.
// https://docs.chef.io/ohai/
func ParseChefNode(server string, text []byte) ChefNode {
	top := objectAt(text)
	automatic := objectAt(top["automatic"])
	ec2 := objectAt(automatic["ec2"])
	n := ChefNode{
		Server: server, Name: textOf(top["name"]), Environment: cut(textOf(top["chef_environment"])),
		Instance: claim(ec2["instance_id"]), Account: claim(ec2["account_id"]),
		Region: regionOf(textOf(ec2["placement_availability_zone"])),
		FQDN:   dnsName(textOf(automatic["fqdn"])), Hostname: dnsName(textOf(automatic["hostname"])),
		CheckedIn: timeOf(automatic["ohai_time"]),
	}
	for _, raw := range []json.RawMessage{automatic["ipaddress"], automatic["ip6address"], ec2["local_ipv4"], ec2["public_ipv4"]} {
		if ip, err := netip.ParseAddr(textOf(raw)); err == nil && CheckAddress(ip.String()) == nil {
			n.Addresses = append(n.Addresses, ip.String())
		}
	}
	slices.Sort(n.Addresses)
	n.Addresses = slices.Compact(n.Addresses)
	return n
}

// ParseChefRow reads a row of a search for ChefRowAttributes as if it were the node.
func ParseChefRow(server string, row []byte) ChefNode {
	flat := objectAt(row)
	node := map[string]any{"name": flat["name"], "chef_environment": flat["chef_environment"]}
	automatic, ec2 := map[string]any{}, map[string]any{}
	for as, path := range ChefRowAttributes {
		if len(path) == 2 {
			ec2[as] = flat[as]
		} else {
			automatic[as] = flat[as]
		}
	}
	automatic["ec2"], node["automatic"] = ec2, automatic
	text, _ := json.Marshal(node) // of what was JSON before: it cannot fail
	return ParseChefNode(server, text)
}

// ChefRowAttributes are those that ParseChefNode reads, for a search that returns only them: their paths by what they are called
// in its rows.
var ChefRowAttributes = map[string][]string{
	"name": {"name"}, "chef_environment": {"chef_environment"}, "ipaddress": {"ipaddress"}, "ip6address": {"ip6address"},
	"fqdn": {"fqdn"}, "hostname": {"hostname"}, "ohai_time": {"ohai_time"}, "instance_id": {"ec2", "instance_id"},
	"account_id": {"ec2", "account_id"}, "placement_availability_zone": {"ec2", "placement_availability_zone"},
	"local_ipv4": {"ec2", "local_ipv4"}, "public_ipv4": {"ec2", "public_ipv4"},
}

// ParseChefClient reads what matters of a client's JSON.
func ParseChefClient(text []byte) ChefClient {
	top := objectAt(text)
	return ChefClient{
		Name: textOf(top["name"]), Validator: saysYes(top["validator"]), Admin: saysYes(top["admin"]), PublicKey: textOf(top["public_key"]),
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
