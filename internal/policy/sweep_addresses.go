package policy

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// plainAddress writes an IP address in its one usual form; what is none stays as it is.
func plainAddress(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.String()
	}
	return text
}

// reversedAddress is the address that the name of a PTR record stands for, or "".
// https://www.rfc-editor.org/rfc/rfc1035#section-3.5, https://www.rfc-editor.org/rfc/rfc3596#section-2.5
func reversedAddress(name string) string {
	name = foldName(name)
	if labels, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		parts := strings.Split(labels, ".")
		slices.Reverse(parts)
		return parsedAddress(strings.Join(parts, "."))
	}
	if labels, ok := strings.CutSuffix(name, ".ip6.arpa"); ok {
		digits := strings.Split(labels, ".")
		slices.Reverse(digits)
		if raw, err := hex.DecodeString(strings.Join(digits, "")); err == nil && len(raw) == 16 && len(digits) == 32 {
			return netip.AddrFrom16([16]byte(raw)).String()
		}
	}
	return ""
}

// ec2Name is how EC2 names an address.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames
var ec2Name = regexp.MustCompile(`^(?:ec2|ip)-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})-([0-9]{1,3})\.(?:[a-z0-9-]+\.)*(?:internal|amazonaws\.com|amazonaws\.com\.cn)$`)

// ec2Address is the address that a name of EC2's stands for, or "".
func ec2Address(name string) string {
	if parts := ec2Name.FindStringSubmatch(foldName(name)); parts != nil {
		return parsedAddress(strings.Join(parts[1:], "."))
	}
	return ""
}

func parsedAddress(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.String()
	}
	return ""
}
