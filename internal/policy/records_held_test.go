package policy

import "testing"

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"web-1", "Web-1", true},
		{"web-1", "WEB-1.example.com.", true},
		{"web-1.example.com", "web-1.Example.com", true},
		{"web-1.example.com", "web-1.example.org", false},
		{"web-1", "web-12", false},
		{"web-1", "web-1x.example.com", false},
	} {
		if SameHost(c.a, c.b) != c.want || SameHost(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %t", c.a, c.b, c.want)
		}
	}
}
