package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseChefNode(t *testing.T) {
	for name, c := range map[string]struct {
		node string
		want ChefNode
	}{
		"as Ohai writes it": {
			`{"name":"web-1","chef_environment":"prod","automatic":{"ipaddress":"10.0.0.1","ip6address":"2600:1F18:0::1","fqdn":"web-1.example.com.","hostname":"web-1",
			 "ohai_time":1767323045.25,"ec2":{"instance_id":"i-0123456789abcdef0","account_id":"012345678901","placement_availability_zone":"us-east-1a","local_ipv4":"10.0.0.1","public_ipv4":"203.0.113.7"}}}`,
			ChefNode{
				Name: "web-1", Environment: "prod", Instance: "i-0123456789abcdef0", Account: "012345678901", Region: "us-east-1", FQDN: "web-1.example.com", Hostname: "web-1",
				Addresses: []string{"10.0.0.1", "203.0.113.7", "2600:1f18::1"}, CheckedIn: time.Date(2026, 1, 2, 3, 4, 5, 25e7, time.UTC),
			},
		},
		"only automatic attributes count": {
			`{"name":"web-1","normal":{"ec2":{"instance_id":"i-0123456789abcdef0"}},"default":{"ipaddress":"10.0.0.1"},"ec2":{"instance_id":"i-0123456789abcdef0"}}`, ChefNode{Name: "web-1"},
		},
		"keys are exact": {
			`{"name":"web-1","Automatic":{"ec2":{"instance_id":"x"}},"automatic":{"EC2":{"instance_id":"x"},"ec2":{"Instance_ID":"i-0123456789abcdef0"}}}`, ChefNode{Name: "web-1"},
		},
		"claims stand as they are": {
			`{"name":"web-1","automatic":{"ec2":{"instance_id":"*","account_id":123456789012}}}`, ChefNode{Name: "web-1", Instance: "*", Account: "123456789012"},
		},
		"a claim of another shape": {`{"name":"web-1","automatic":{"ec2":{"instance_id":["i-1"]}}}`, ChefNode{Name: "web-1", Instance: `["i-1"]`}},
		"no claim":                 {`{"name":"web-1","automatic":{"ec2":{"instance_id":null,"account_id":""}}}`, ChefNode{Name: "web-1"}},
		"addresses that are none":  {`{"name":"w","automatic":{"ipaddress":"127.0.0.1","ip6address":"fe80::1","ec2":{"local_ipv4":"10.0.0.1 OR *","public_ipv4":["10.0.0.2"]}}}`, ChefNode{Name: "w"}},
		"names that are none":      {`{"name":"w","automatic":{"fqdn":"a b","hostname":"*.example.com"}}`, ChefNode{Name: "w"}},
		"a Local Zone":             {`{"name":"w","automatic":{"ec2":{"placement_availability_zone":"us-west-2-lax-1a"}}}`, ChefNode{Name: "w", Region: "us-west-2"}},
		"a Wavelength Zone":        {`{"name":"w","automatic":{"ec2":{"placement_availability_zone":"us-gov-west-1-wl1-bos-wlz-1"}}}`, ChefNode{Name: "w", Region: "us-gov-west-1"}},
		"no zone":                  {`{"name":"w","automatic":{"ec2":{"placement_availability_zone":"us-east-1"}}}`, ChefNode{Name: "w"}},
		"a time as text":           {`{"name":"w","automatic":{"ohai_time":"1767323045"}}`, ChefNode{Name: "w", CheckedIn: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		"a time that is none":      {`{"name":"w","automatic":{"ohai_time":-1e300}}`, ChefNode{Name: "w"}},
		"automatic is a list":      {`{"name":"w","automatic":[{"ec2":{}}]}`, ChefNode{Name: "w"}},
		"a name that is none":      {`{"name":17}`, ChefNode{}},
		"no JSON":                  {`<html>`, ChefNode{}},
	} {
		c.want.Server = "prod"
		if diff := cmp.Diff(c.want, ParseChefNode("prod", []byte(c.node))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// FuzzParseChefNode: whatever a node says of itself, nothing panics, and what is taken is what it looks like and small.
func FuzzParseChefNode(f *testing.F) {
	subject := Subject{Account: "123456789012", Region: "us-east-1", Instance: "i-0123456789abcdef0"}
	for _, node := range []string{
		`{"name":"web-1","automatic":{"ipaddress":"10.0.0.1","ohai_time":1767323045.25,"fqdn":"web-1.example.com","ec2":{"instance_id":"i-0123456789abcdef0","placement_availability_zone":"us-east-1a"}}}`, `{}`, `null`, `[]`, `{"name":null,"automatic":null}`, `{"automatic":{"ec2":null,"ohai_time":"x"}}`,
		`{"automatic":{"ec2":{"instance_id":{"a":1},"placement_availability_zone":"us-east-1a\u0000"}}}`, `{"automatic":{"ipaddress":"::ffff:10.0.0.1"}}`,
		`{"automatic":` + strings.Repeat(`{"ec2":`, 200) + `1` + strings.Repeat(`}`, 201),
	} {
		f.Add([]byte(node))
	}
	f.Fuzz(func(t *testing.T, node []byte) {
		n := ParseChefNode("prod", node)
		for _, text := range []string{n.Environment, n.Instance, n.Account, n.Region, n.FQDN, n.Hostname} {
			if len(text) > 3*255 || !utf8.ValidString(text) {
				t.Errorf("%d bytes of %.60q", len(text), text)
			}
		}
		for _, address := range n.Addresses {
			if err := CheckAddress(address); err != nil {
				t.Error(err)
			}
		}
		if n.CheckedIn.Year() < 1 || n.CheckedIn.Year() > 40_000 {
			t.Errorf("checked in at %s", n.CheckedIn)
		}
		if _, err := json.Marshal(n); err != nil {
			t.Error(err)
		}
		JudgeNode(n, subject, time.Now())
		ParseChefClient(node).NeverDeleted("epoxy")
		ParseChefRow("prod", node)
	})
}
