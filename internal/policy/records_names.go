package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// RecordName is a DNS name as Route 53 returns it: lower case, with the dot at its end, and everything but letters, digits,
// - and _ as an escape code. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
func RecordName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	var out strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			out.WriteByte(c)
		case c == '\\' && escapePattern.MatchString(name[i:]):
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, `\%03o`, c)
		}
	}
	return out.String() + "."
}

var escapePattern = regexp.MustCompile(`^\\[0-7]{3}`)

// plainName is what a host's own name looks like: no wildcard, no escape code, and within the DNS's lengths.
var plainName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,62})\.)+$`)

func isHostName(name string) bool { return len(name) <= 254 && plainName.MatchString(name) }

func isWildcard(name string) bool {
	return strings.HasPrefix(name, `\052.`) || strings.HasPrefix(name, "*.")
}

func inZone(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// ReverseName is where an address's PTR record stands, or "" for what is no address.
func ReverseName(address string) string {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return ""
	case ip.Is4():
		b := ip.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", b[3], b[2], b[1], b[0])
	}
	var out strings.Builder
	b := ip.As16()
	for _, c := range slices.Backward(b[:]) {
		fmt.Fprintf(&out, "%x.%x.", c&15, c>>4)
	}
	return out.String() + "ip6.arpa."
}

// defaultRecordNames are how nodes are named where the configuration says nothing.
var defaultRecordNames = []string{"{node}", "{fqdn}", "{hostname}"}

// OwnNames are the DNS names of a dead instance in the zones, sorted. The facts do not say which of its names is the host's
// and which the node's, so one with a dot fills in {fqdn} and one without {hostname}.
func OwnNames(f Facts, rules MopRules, zones ...string) []string {
	values := map[string][]string{"{node}": {f.Subject.Node}, "{instance}": {f.Subject.Instance}}
	for _, name := range f.Names {
		key := "{hostname}"
		if strings.Contains(strings.TrimSuffix(name, "."), ".") {
			key = "{fqdn}"
		}
		values[key] = append(values[key], strings.TrimSuffix(name, "."))
	}
	templates := rules.RecordNames
	if len(templates) == 0 {
		templates = defaultRecordNames
	}
	var names []string
	for _, template := range templates {
		for _, name := range fill([]string{template}, values) {
			for _, zone := range zones {
				if full := RecordName(name); inZone(full, zone) {
					names = append(names, full)
				} else {
					names = append(names, full+zone)
				}
			}
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return !isHostName(name) || slices.Contains(zones, name) })
	return names
}

// fill puts every value of every placeholder into the templates; a template with a placeholder that has none goes.
func fill(templates []string, values map[string][]string) []string {
	for _, key := range []string{"{node}", "{fqdn}", "{hostname}", "{instance}"} {
		var filled []string
		for _, template := range templates {
			if !strings.Contains(template, key) {
				filled = append(filled, template)
				continue
			}
			for _, value := range values[key] {
				if value != "" {
					filled = append(filled, strings.ReplaceAll(template, key, value))
				}
			}
		}
		templates = filled
	}
	return templates
}

// ec2Names are the names that EC2 gives to an instance, by its id and by its addresses.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-naming.html
func ec2Names(f Facts) []string {
	region := f.Subject.Region
	internal, public := region+".compute.internal.", region+".compute.amazonaws.com."
	switch {
	case region == "us-east-1":
		internal, public = "ec2.internal.", "compute-1.amazonaws.com."
	case strings.HasPrefix(region, "cn-"):
		public += "cn."
	}
	var names []string
	if f.Subject.Instance != "" {
		names = append(names, f.Subject.Instance+"."+internal)
	}
	for _, address := range f.Addresses {
		if ip, err := netip.ParseAddr(address); err == nil && ip.Is4() {
			dashed := strings.ReplaceAll(address, ".", "-")
			names = append(names, "ip-"+dashed+"."+internal, "ec2-"+dashed+"."+public)
		}
	}
	return names
}
