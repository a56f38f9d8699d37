package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const host = "127.0.0.1"

// Ports of the services, all on 127.0.0.1. 0 = a free one.
type Ports struct {
	Temporal   int `json:"temporal"`
	TemporalUI int `json:"temporal_ui"`
	AWS        int `json:"aws"`
	Slack      int `json:"slack"`
	GitHub     int `json:"github"`
	Chef       int `json:"chef"`
	Goiardi    int `json:"goiardi"`
}

// A portField ties a port to what a person calls it and to the variable that sets it.
type portField struct {
	what, variable string
	of             func(*Ports) *int
}

var portFields = []portField{
	{"Temporal", "EPOXY_SANDBOX_TEMPORAL_PORT", func(p *Ports) *int { return &p.Temporal }},
	{"Temporal's web UI", "EPOXY_SANDBOX_UI_PORT", func(p *Ports) *int { return &p.TemporalUI }},
	{"AWS", "EPOXY_SANDBOX_AWS_PORT", func(p *Ports) *int { return &p.AWS }},
	{"Slack", "EPOXY_SANDBOX_SLACK_PORT", func(p *Ports) *int { return &p.Slack }},
	{"GitHub", "EPOXY_SANDBOX_GITHUB_PORT", func(p *Ports) *int { return &p.GitHub }},
	{"Chef", "EPOXY_SANDBOX_CHEF_PORT", func(p *Ports) *int { return &p.Chef }},
	{"the Chef server behind its gate", "EPOXY_SANDBOX_GOIARDI_PORT", func(p *Ports) *int { return &p.Goiardi }},
}

// PortsFromEnvironment reads the EPOXY_SANDBOX_…_PORT variables.
func PortsFromEnvironment() (Ports, error) {
	var p Ports
	for _, f := range portFields {
		value := os.Getenv(f.variable)
		if value == "" {
			continue
		}
		port, err := strconv.Atoi(value)
		if err != nil || port < 0 || port > 65535 {
			return p, fmt.Errorf("%s is %q; it must be a port between 1 and 65535, or 0 for a free one", f.variable, value)
		}
		*f.of(&p) = port
	}
	return p, nil
}

// Or fills in what p leaves open from other.
func (p Ports) Or(other Ports) Ports {
	for _, f := range portFields {
		if *f.of(&p) == 0 {
			*f.of(&p) = *f.of(&other)
		}
	}
	return p
}

// Free ports are taken from here. It is below the range that systems hand out for outgoing connections (32768 on Linux, 49152
// elsewhere): a service that is stopped and started again finds its port still free.
const firstPort, portRange = 20000, 10000

// choose fills in free ports, and claims them.
func (p Ports) choose(c *claims) (Ports, error) {
	taken := map[int]string{}
	for _, f := range portFields {
		port := *f.of(&p)
		if port < 0 || port > 65535 {
			return p, fmt.Errorf("%s cannot have port %d; set %s to a port between 1 and 65535, or to 0 for a free one", f.what, port, f.variable)
		}
		if port != 0 && taken[port] != "" {
			return p, fmt.Errorf("port %d is given to both %s and %s; set %s to another one", port, taken[port], f.what, f.variable)
		}
		taken[port] = f.what
	}
	for _, f := range portFields {
		if *f.of(&p) != 0 {
			continue
		}
		port, err := c.pick(func(port int) bool { return taken[port] != "" })
		if err != nil {
			return p, fmt.Errorf("%s: %w; set %s", f.what, err, f.variable)
		}
		taken[port], *f.of(&p) = f.what, port
	}
	return p, nil
}

// pick claims a port that nobody has.
func (c *claims) pick(taken func(int) bool) (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(portRange)
		if taken(port) {
			continue
		}
		if ours, err := c.claim(port); err != nil || ours && !inUse(port) {
			return port, err
		}
	}
	return 0, fmt.Errorf("found no free port between %d and %d", firstPort, firstPort+portRange)
}

// FreeAddress is a free address on 127.0.0.1, claimed until this process ends.
func FreeAddress() (string, error) {
	port, err := addresses.pick(func(int) bool { return false })
	return address(port), err
}

var addresses claims

// free is an error when somebody listens on the port.
func (p Ports) free(port int) error {
	if !inUse(port) {
		return nil
	}
	for _, f := range portFields {
		if *f.of(&p) == port {
			return fmt.Errorf("port %d, meant for %s, is in use by another program; end that or set %s to another port (0 = any free one)", port, f.what, f.variable)
		}
	}
	return fmt.Errorf("port %d is in use by another program", port)
}

// differ is an error when a port was asked for that the running sandbox does not have.
func (p Ports) differ(running Ports) error {
	for _, f := range portFields {
		if asked, has := *f.of(&p), *f.of(&running); asked != 0 && asked != has {
			return fmt.Errorf("the sandbox runs already with %s on port %d; stop it with `make sandbox-down` to move it to %d", f.what, has, asked)
		}
	}
	return nil
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// inUse asks for an answer, and does not listen itself: a child of this process that is between its fork and its exec would go
// on listening for a moment. Nor would that be enough where one may bind 127.0.0.1 although somebody listens on all addresses.
func inUse(port int) bool {
	conn, err := net.DialTimeout("tcp", address(port), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return !errors.Is(err, syscall.ECONNREFUSED)
}
