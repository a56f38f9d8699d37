package policy

import (
	"slices"
	"strings"
)

// Held says what live instances hold, of what was asked about.
type Held struct {
	Addresses map[string]string // who has an address, by its usual spelling
	Names     map[string]string // who has a name, in lower case and without the dot at its end; a host's name without domain, too
}

// Claims are the addresses and names that nobody alive may hold if the record is to go.
func (r OwnRecord) Claims() (addresses, names []string) {
	switch r.Type {
	case "A", "AAAA":
		for _, value := range r.Drop {
			addresses = append(addresses, plainAddress(value))
		}
		if !r.Shared {
			names = append(names, r.Name)
		}
	case "CNAME":
		names = append(names, r.Name)
		for _, value := range r.Drop {
			names = append(names, RecordName(value))
			if address := ec2Address(value); address != "" {
				addresses = append(addresses, address)
			}
		}
	case "PTR":
		addresses = append(addresses, reversedAddress(r.Name))
		for _, value := range r.Drop {
			names = append(names, RecordName(value))
		}
	}
	return addresses, names
}

// Free are the values to be dropped that nobody alive holds, and who holds the others, in words.
func (r OwnRecord) Free(held Held) (free []string, why string) {
	for _, value := range r.Drop {
		one := r
		one.Drop = []string{value}
		if who := one.heldBy(held); who != "" {
			why = who
			continue
		}
		free = append(free, value)
	}
	return free, why
}

func (r OwnRecord) heldBy(held Held) string {
	addresses, names := r.Claims()
	for _, address := range addresses {
		if who := held.Addresses[address]; who != "" {
			return address + " is the address of " + who
		}
	}
	for _, name := range names {
		for _, variant := range HeldNames(name) {
			if who := held.Names[variant]; who != "" {
				return plain(name) + " is a name of " + who
			}
		}
	}
	return ""
}

// HeldNames are how a live instance that holds a DNS name may be called.
func HeldNames(name string) []string {
	name = plain(name)
	return slices.Compact([]string{name, HostOf(name)})
}

// HostOf is a name without its domain, in lower case.
func HostOf(name string) string {
	host, _, _ := strings.Cut(strings.ToLower(name), ".")
	return host
}

// SameHost tells whether two names may be one host's: in upper case or lower, and with a domain or without; with two domains
// they are two hosts'.
func SameHost(a, b string) bool {
	a, b = strings.ToLower(plain(a)), strings.ToLower(plain(b))
	return a == b || HostOf(a) == HostOf(b) && (a == HostOf(a) || b == HostOf(b))
}
