package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// state is what state.json holds: enough to find, judge and stop a sandbox that another process started.
type state struct {
	Root      string            `json:"root"`
	Self      string            `json:"self"`
	Secrets   secrets           `json:"secrets"`
	InMemory  bool              `json:"in_memory"`
	InProcess map[string]bool   `json:"in_process,omitempty"` // services that run in the caller's own process
	Ports     Ports             `json:"ports"`
	Processes map[string]record `json:"processes"`
}

// secrets that the stand-ins know, and Epoxy.
type secrets struct {
	SlackToken         string `json:"slack_token"`
	SlackSigningSecret string `json:"slack_signing_secret"`
	SlackAppToken      string `json:"slack_app_token"`
	GitHubToken        string `json:"github_token"`
}

func newSecrets() secrets {
	return secrets{
		SlackToken: "xoxb-sandbox-" + rand.Text(), SlackSigningSecret: rand.Text(), SlackAppToken: "xapp-sandbox-" + rand.Text(),
		GitHubToken: "ghp_sandbox" + rand.Text(),
	}
}

func newState(root string, ports Ports, o Options) state {
	return state{
		Root: root, Self: cmp.Or(o.Self, filepath.Join(root, "bin", "epoxy-sandbox")),
		Secrets: newSecrets(), InMemory: o.InMemory, InProcess: o.inProcess(), Ports: ports, Processes: map[string]record{},
	}
}

// alive lists the services whose process still runs.
func (s state) alive() []string {
	var names []string
	for _, svc := range services {
		if s.Processes[svc.name].alive() {
			names = append(names, svc.name)
		}
	}
	return names
}

func stateFile(dir string) string { return filepath.Join(dir, "state.json") }

func readState(dir string) (state, error) {
	data, err := os.ReadFile(stateFile(dir))
	if err != nil {
		return state{}, err
	}
	var s state
	err = json.Unmarshal(data, &s)
	if err == nil && s.Processes == nil {
		err = errors.New("it names no processes")
	}
	if err != nil {
		return state{}, fmt.Errorf("%s is damaged (%w): end what may still run (its pids are in there), then delete it", stateFile(dir), err)
	}
	return s, nil
}

// writeState is called before anybody waits for a service, so that one which never comes up can still be found.
func (s *Stack) writeState() error {
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(stateFile(s.dir), append(data, '\n'))
}

// writeFile replaces a private file in one step.
func writeFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// lock keeps two sandbox commands from working on one folder at a time.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("another sandbox command works on %s: %w", dir, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// findRoot walks up from the working directory to the go.mod of Epoxy.
func findRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module epoxy\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside Epoxy's repository (no go.mod of module epoxy here or above); go there first", start)
		}
	}
}
