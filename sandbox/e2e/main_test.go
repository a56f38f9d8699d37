//go:build e2e

// Package e2e keeps the promise to the user: the real command, the real worker process, which is killed in the middle, a
// real Temporal server and the wire.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
	"epoxy/sandbox/slack"
	"epoxy/sandbox/stack"
)

// box is the sandbox that all tests share; each test has a fleet, a configuration, a task queue and a worker of its own.
var box struct {
	*stack.Stack

	aws      *estate.Estate
	control  estate.Control
	slack    slack.Control
	github   github.Control
	temporal client.Client
	root     string
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "epoxy-e2e-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if box.Stack, err = stack.Up(ctx, stack.Options{Dir: dir, InProcessSlack: true, InProcessGitHub: true, InProcessChef: true}); err != nil {
		return fail(err)
	}
	defer func() { _ = box.Down() }()
	box.root = box.Root()
	box.control = estate.Control{URL: box.AWSURL() + "/epoxy"}
	box.slack = slack.Control{URL: box.SlackURL()}
	box.github = github.Control{URL: box.GitHubURL()}
	if box.aws, err = estate.Open(ctx, box.AWSURL()); err != nil {
		return fail(err)
	}
	if box.temporal, err = client.DialContext(ctx, client.Options{HostPort: box.TemporalAddress()}); err != nil {
		return fail(err)
	}
	defer box.temporal.Close()
	for _, binary := range []string{"epoxy", "epoxy-worker"} {
		if _, err := os.Stat(filepath.Join(box.root, "bin", binary)); err != nil {
			return fail(fmt.Errorf("%w: run `make build` first", err))
		}
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}
