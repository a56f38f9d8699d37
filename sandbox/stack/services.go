package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	sandboxgithub "epoxy/sandbox/github"
	sandboxslack "epoxy/sandbox/slack"
)

// A service is one program of the sandbox: how to run it, and how to see that it works.
type service struct {
	name    string
	url     func(*Stack) string
	ports   func(Ports) []int
	command func(*Stack) (*exec.Cmd, error)
	handler func(*Stack) http.Handler // what it is in the calling process; nil: it must have a process of its own
	healthy func(context.Context, *Stack) error
}

var services = []service{
	{
		name: Temporal, url: (*Stack).UIURL, ports: func(p Ports) []int { return []int{p.Temporal, p.TemporalUI} },
		command: temporalCommand, healthy: temporalHealthy,
	},
	{
		name: AWS, url: (*Stack).AWSURL, ports: func(p Ports) []int { return []int{p.AWS} },
		command: awsCommand, healthy: answers((*Stack).AWSURL, "/epoxy/health"),
	},
	{
		name: Slack, url: (*Stack).SlackURL, ports: func(p Ports) []int { return []int{p.Slack} },
		command: slackCommand, handler: slackHandler, healthy: answers((*Stack).SlackURL, "/health"),
	},
	{
		name: GitHub, url: (*Stack).GitHubURL, ports: func(p Ports) []int { return []int{p.GitHub} },
		command: githubCommand, handler: githubHandler, healthy: answers((*Stack).GitHubURL, "/health"),
	},
	{
		name: Goiardi, url: (*Stack).GoiardiURL, ports: func(p Ports) []int { return []int{p.Goiardi} },
		command: goiardiCommand, healthy: answersSigned((*Stack).GoiardiURL),
	},
	{
		name: Chef, url: (*Stack).ChefURL, ports: func(p Ports) []int { return []int{p.Chef} },
		command: chefCommand, handler: chefHandler, healthy: answersSigned((*Stack).ChefURL),
	},
}

func find(name string) (service, error) {
	var names []string
	for _, svc := range services {
		if svc.name == name {
			return svc, nil
		}
		names = append(names, svc.name)
	}
	return service{}, fmt.Errorf("no service %q in the sandbox; it has %s", name, strings.Join(names, ", "))
}

// searchAttributes are those Epoxy's workflows set.
var searchAttributes = []string{"Target", "Account", "Region", "Outcome"}

func temporalCommand(s *Stack) (*exec.Cmd, error) {
	binary, err := exec.LookPath("temporal")
	if err != nil {
		binary = filepath.Join(s.root, ".tools", "bin", "temporal")
		if err := exists(binary); err != nil {
			return nil, fmt.Errorf("the temporal command is neither on PATH nor in .tools/bin; run `make setup`")
		}
	}
	p := s.state.Ports
	cmd := exec.Command(binary, "server", "start-dev", "--log-level", "warn", "--ip", host,
		"--port", strconv.Itoa(p.Temporal), "--ui-port", strconv.Itoa(p.TemporalUI), "--headless=false",
		// The server asks for newer versions of itself over the network; a sandbox stays on this machine.
		"--dynamic-config-value", "frontend.enableServerVersionCheck=false")
	for _, name := range searchAttributes {
		cmd.Args = append(cmd.Args, "--search-attribute", name+"=Keyword")
	}
	if !s.state.InMemory {
		cmd.Args = append(cmd.Args, "--db-filename", s.database())
	}
	cmd.Env = cleanEnviron("AWS_", "TEMPORAL_", "EPOXY_")
	return cmd, nil
}

func awsCommand(s *Stack) (*exec.Cmd, error) {
	python := filepath.Join(s.root, ".tools", "venv", "bin", "python")
	if err := exists(python); err != nil {
		return nil, fmt.Errorf("the sandbox's Python environment .tools/venv is missing; run `make setup`")
	}
	source := filepath.Join(s.root, "sandbox", "aws")
	cmd := exec.Command(python, "-m", "strict", "--host", host, "--port", strconv.Itoa(s.state.Ports.AWS))
	cmd.Dir = source
	cmd.Env = append(cleanEnviron("AWS_", "TEMPORAL_", "EPOXY_", "PYTHON"),
		"PYTHONPATH="+source, "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
		// Whatever in it should call AWS itself must neither find real credentials nor go through a proxy.
		"AWS_ACCESS_KEY_ID="+awsKey, "AWS_SECRET_ACCESS_KEY="+awsSecret, "AWS_DEFAULT_REGION="+awsRegion,
		"AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
	return cmd, nil
}

func slackCommand(s *Stack) (*exec.Cmd, error) {
	return s.selfCommand(Slack, s.state.Ports.Slack, map[string]string{
		sandboxslack.TokenVariable:         s.state.Secrets.SlackToken,
		sandboxslack.SigningSecretVariable: s.state.Secrets.SlackSigningSecret,
		sandboxslack.AppTokenVariable:      s.state.Secrets.SlackAppToken,
	})
}

func slackHandler(s *Stack) http.Handler {
	return sandboxslack.NewServer(sandboxslack.Options{
		Token: s.state.Secrets.SlackToken, SigningSecret: s.state.Secrets.SlackSigningSecret, AppToken: s.state.Secrets.SlackAppToken,
	})
}

func githubCommand(s *Stack) (*exec.Cmd, error) {
	return s.selfCommand(GitHub, s.state.Ports.GitHub, map[string]string{sandboxgithub.TokenVariable: s.state.Secrets.GitHubToken})
}

func githubHandler(s *Stack) http.Handler {
	return sandboxgithub.New(sandboxgithub.Options{Token: s.state.Secrets.GitHubToken})
}

// selfCommand runs a stand-in that the sandbox command has in it. Secrets go by environment: arguments are visible to
// every user of the machine.
func (s *Stack) selfCommand(name string, port int, secrets map[string]string) (*exec.Cmd, error) {
	if err := exists(s.state.Self); err != nil {
		return nil, fmt.Errorf("the sandbox command %s is missing; run `make build`", s.Short(s.state.Self))
	}
	cmd := exec.Command(s.state.Self, name, "--addr", address(port))
	cmd.Env = cleanEnviron("AWS_", "TEMPORAL_", "EPOXY_")
	for variable, secret := range secrets {
		cmd.Env = append(cmd.Env, variable+"="+secret)
	}
	return cmd, nil
}

// start launches a service and waits for it to be healthy.
func (s *Stack) start(ctx context.Context, svc service) error {
	begin := time.Now()
	for _, port := range svc.ports(s.state.Ports) {
		if err := s.state.Ports.free(port); err != nil {
			return err
		}
	}
	p, err := s.launch(svc)
	if err != nil {
		return fmt.Errorf("%s: %w", svc.name, err)
	}
	s.mu.Lock()
	s.mine[svc.name] = p
	s.state.Processes[svc.name] = p.record
	err = s.writeState()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.await(ctx, svc, p); err != nil {
		return err
	}
	s.say("%-9s ready after %.1f s", svc.name, time.Since(begin).Seconds())
	return nil
}

func (s *Stack) launch(svc service) (*process, error) {
	if svc.handler != nil && s.state.InProcess[svc.name] {
		return serve(svc.ports(s.state.Ports)[0], svc.handler(s))
	}
	cmd, err := svc.command(s)
	if err != nil {
		return nil, err
	}
	return launch(cmd, s.Log(svc.name))
}

// stop ends a service; one that does not run is stopped already.
func (s *Stack) stop(name string, kill bool) error {
	if _, err := find(name); err != nil {
		return err
	}
	s.mu.Lock()
	rec, mine := s.state.Processes[name], s.mine[name]
	s.mu.Unlock()
	if err := rec.stop(mine, kill); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mine, name)
	delete(s.state.Processes, name)
	if exists(stateFile(s.dir)) != nil {
		return nil // already down
	}
	return s.writeState()
}

func (s *Stack) running(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Processes[name].alive()
}

// Status of one service. Err is nil when it is healthy.
type Status struct {
	Name, URL string
	PID       int
	Err       error
}

// Status asks every service.
func (s *Stack) Status(ctx context.Context) []Status {
	out := make([]Status, len(services))
	var all sync.WaitGroup
	for i, svc := range services {
		s.mu.Lock()
		rec := s.state.Processes[svc.name]
		s.mu.Unlock()
		out[i] = Status{Name: svc.name, URL: svc.url(s), PID: rec.PID}
		all.Go(func() {
			if !rec.alive() {
				out[i].Err = errors.New("does not run")
				return
			}
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			out[i].Err = svc.healthy(ctx, s)
		})
	}
	all.Wait()
	return out
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}
