// Package deploy_test checks what cannot be run without a Docker engine or an AWS account: that the files agree with each
// other and with the code.
package deploy_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/workflows"
)

const root = ".."

func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithInterpolation(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeDependencies(t *testing.T) {
	project := compose(t)
	for name, service := range project.Services {
		for on, dependency := range service.DependsOn {
			other, ok := project.Services[on]
			if !ok {
				t.Errorf("%s depends on %s, which does not exist", name, on)
				continue
			}
			check := other.HealthCheck
			switch dependency.Condition {
			case types.ServiceConditionHealthy:
				if check == nil || check.Disable || len(check.Test) == 0 || check.Interval == nil || check.Retries == nil {
					t.Errorf("%s waits for %s to be healthy, which has no complete healthcheck", name, on)
				}
			case types.ServiceConditionCompletedSuccessfully:
				if other.Restart != "no" && !strings.HasPrefix(other.Restart, "on-failure:") {
					t.Errorf("%s waits for %s to end, which restarts %q", name, on, other.Restart)
				}
			default:
				t.Errorf("%s waits for %s to be %s: say healthy or completed", name, on, dependency.Condition)
			}
		}
	}
}

func TestComposeIsReachableFromThisMachineOnly(t *testing.T) {
	for name, service := range compose(t).Services {
		if service.NetworkMode != "" || service.Privileged {
			t.Errorf("%s has network mode %q, privileged %t", name, service.NetworkMode, service.Privileged)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s on %q, not on 127.0.0.1", name, port.Published, port.Protocol, port.HostIP)
			}
		}
	}
}

// TestComposeAddresses follows every host:port in the environments to a service, and to a port that it offers.
func TestComposeAddresses(t *testing.T) {
	project := compose(t)
	published := map[string]bool{}
	for _, service := range project.Services {
		for _, port := range service.Ports {
			published[port.HostIP+":"+port.Published] = true
		}
	}
	seen := 0
	for name, service := range project.Services {
		for variable, value := range values(service) {
			host, port := address(variable, value, service)
			if host == "" || host == "0.0.0.0" {
				continue
			}
			seen++
			if host == "127.0.0.1" && published[host+":"+port] {
				continue // for a person's browser
			}
			if other, ok := project.Services[host]; !ok || !offers(other, port) {
				t.Errorf("%s has %s=%s, but no service %s offers port %q", name, variable, value, host, port)
			}
			if !reaches(project, name, host) && host != "127.0.0.1" {
				t.Errorf("%s has %s=%s and does not wait for it", name, variable, value)
			}
		}
	}
	if seen < 6 {
		t.Errorf("only %d addresses were found: this test looks for the wrong variables", seen)
	}
}

func address(variable, value string, service types.ServiceConfig) (host, port string) {
	switch {
	case variable == "POSTGRES_SEEDS":
		return value, values(service)["DB_PORT"]
	case variable == "SQL_HOST":
		return value, values(service)["SQL_PORT"]
	case strings.HasPrefix(value, "http://"):
		if u, err := url.Parse(value); err == nil {
			return u.Hostname(), u.Port()
		}
	case strings.HasSuffix(variable, "_ADDRESS"):
		if host, port, err := net.SplitHostPort(value); err == nil {
			return host, port
		}
	}
	return "", ""
}

func offers(service types.ServiceConfig, port string) bool {
	return slices.Contains(service.Expose, port) ||
		slices.ContainsFunc(service.Ports, func(p types.ServicePortConfig) bool { return fmt.Sprint(p.Target) == port })
}

// reaches tells whether name waits, if only through others, for what is behind host.
func reaches(project *types.Project, name, host string) bool {
	for on := range project.Services[name].DependsOn {
		if on == host || reaches(project, on, host) {
			return true
		}
	}
	return false
}

func values(service types.ServiceConfig) map[string]string {
	out := map[string]string{}
	for name, value := range service.Environment {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

func TestComposeRegistersTheSearchAttributes(t *testing.T) {
	script := strings.Join(compose(t).Services["temporal-setup"].Command, "\n")
	var registered []string
	for _, m := range regexp.MustCompile(`--name (\S+) --type (\S+)`).FindAllStringSubmatch(script, -1) {
		if m[2] != "Keyword" {
			t.Errorf("%s is a %s, not a Keyword", m[1], m[2])
		}
		registered = append(registered, m[1])
	}
	if diff := cmp.Diff(workflows.SearchAttributeNames(), registered); diff != "" {
		t.Error(diff)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
