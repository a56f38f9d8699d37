//go:build e2e

package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
)

func TestUpThenDownFromElsewhere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := fakeRoot(t)
	o.Out = &out
	s := up(t, o)
	for _, service := range s.Status(t.Context()) {
		if service.Err != nil {
			t.Errorf("%s: %v", service.Name, service.Err)
		}
		if group, err := syscall.Getpgid(service.PID); err != nil || group != service.PID {
			t.Errorf("%s is in process group %d of pid %d, %v: Ctrl-C would reach it", service.Name, group, service.PID, err)
		}
	}
	if !strings.Contains(out.String(), "temporal  ready after") {
		t.Errorf("said %q", out.String())
	}

	// A second Up, as by another command, finds the same one.
	out.Reset()
	again, err := Up(t.Context(), o)
	if err != nil || again.Ports() != s.Ports() || !strings.Contains(out.String(), "runs already") {
		t.Fatalf("%+v, %v, said %q", again, err, out.String())
	}
	o.Ports.AWS = 4566
	_, err = Up(t.Context(), o)
	wantError(t, err, "runs already", "AWS", "make sandbox-down")

	// Down by the state file alone.
	loaded, err := Load(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	running, ports := pids(loaded), loaded.Ports()
	if len(running) != len(services) {
		t.Errorf("pids %v", running)
	}
	if err := loaded.Down(); err != nil {
		t.Fatal(err)
	}
	gone(t, s.Dir(), running, ports)
	if _, err := Load(s.Dir()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after Down: %v", err)
	}
}

func TestTemporalKeepsWorkflowsOverARestart(t *testing.T) {
	t.Parallel()
	o := fakeRoot(t)
	o.InProcessSlack, o.InProcessGitHub, o.InProcessChef = true, true, true
	s := up(t, o)
	for i, end := range []func(string) error{s.Stop, s.Kill} {
		id := fmt.Sprintf("bake/lt-%d", i)
		c := dial(t, s)
		if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "epoxy"}, "bake"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := end(Temporal); err != nil {
			t.Fatal(err)
		}
		if ports := s.Ports(); inUse(ports.Temporal) || inUse(ports.TemporalUI) || !inUse(ports.AWS) {
			t.Error("not just Temporal has stopped")
		}
		if err := s.Start(t.Context(), Temporal); err != nil {
			t.Fatal(err)
		}
		c = dial(t, s)
		if got, err := c.DescribeWorkflowExecution(t.Context(), id, ""); err != nil || got.WorkflowExecutionInfo.GetExecution().GetWorkflowId() != id {
			t.Errorf("%s after the restart: %v, %v", id, got, err)
		}
		c.Close()
	}
	wantError(t, s.Start(t.Context(), Temporal), "runs already")
	wantError(t, s.Stop("consul"), "no service", "temporal, aws, slack, github, goiardi, chef")
	// The stand-ins inside this process stop and start too, and never take this process along.
	for _, name := range []string{Slack, GitHub, Chef} {
		if s.state.Processes[name].PID != os.Getpid() {
			t.Errorf("%s does not run in this process", name)
		}
		if err := errors.Join(s.Stop(name), s.Start(t.Context(), name)); err != nil {
			t.Error(err)
		}
		if loaded, err := Load(s.Dir()); err != nil || loaded.Stop(name) != nil {
			t.Errorf("%v", err)
		}
	}
}

func dial(t *testing.T, s *Stack) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	for _, f := range portFields {
		listener, err := net.Listen("tcp", address(0))
		if err != nil {
			t.Fatal(err)
		}
		o := fakeRoot(t)
		*f.of(&o.Ports) = listener.Addr().(*net.TCPAddr).Port
		_, err = Up(t.Context(), o)
		wantError(t, err, fmt.Sprintf("port %d", *f.of(&o.Ports)), f.what, f.variable)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %v", err)
		}
		listener.Close()
		nothingRuns(t, o.Root)
	}
}

// nothingRuns looks for processes that were started for this repository.
func nothingRuns(t *testing.T, root string) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		if line, _ := os.ReadFile(file); bytes.Contains(line, []byte(root)) {
			t.Errorf("left behind: %s %q", file, line)
		}
	}
	gone(t, filepath.Join(root, ".sandbox"), nil, Ports{})
}

func TestServiceThatDiesIsSaidAtOnce(t *testing.T) {
	t.Setenv(fakeVariable, "dies")
	o := fakeRoot(t)
	begin := time.Now()
	_, err := Up(t.Context(), o)
	wantError(t, err, "aws ended while starting (exit status 3)", "aws.log", "no module named strict")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s to say so", took)
	}
	nothingRuns(t, o.Root)
}

func TestServiceThatNeverComesUp(t *testing.T) {
	t.Setenv(fakeVariable, "hangs")
	o := fakeRoot(t)
	o.Deadline = 3 * time.Second
	_, err := Up(t.Context(), o)
	wantError(t, err, "aws is not healthy after 3s", "/epoxy/health", "aws.log")
	nothingRuns(t, o.Root)
}

func TestInterrupted(t *testing.T) {
	t.Setenv(fakeVariable, "hangs")
	o := fakeRoot(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Up(ctx, o)
	wantError(t, err, "what had started is stopped again")
	nothingRuns(t, o.Root)
}

func TestMissingTools(t *testing.T) {
	t.Parallel()
	o := fakeRoot(t)
	if err := os.Remove(filepath.Join(o.Root, ".tools/venv/bin/python")); err != nil {
		t.Fatal(err)
	}
	_, err := Up(t.Context(), o)
	wantError(t, err, "aws", "make setup")
	o = fakeRoot(t)
	o.Self = ""
	_, err = Up(t.Context(), o)
	wantError(t, err, "epoxy-sandbox is missing", "make build") // Slack or GitHub: both are made by it
	nothingRuns(t, o.Root)
}

func TestStateOfACrashIsRecognised(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := fakeRoot(t)
	o.Out = &out
	s := up(t, o)
	// The machine went down: every process is dead, the files are there.
	before := pids(s)
	for _, pid := range before {
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range s.mine {
		<-p.done
	}
	if _, err := Load(s.Dir()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead sandbox loads: %v", err)
	}
	fresh := up(t, o)
	if !strings.Contains(out.String(), "ended without being stopped") {
		t.Errorf("said %q", out.String())
	}

	// One service died: Up starts that one again and leaves the others.
	if err := syscall.Kill(fresh.state.Processes[AWS].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-fresh.mine[AWS].done
	for _, status := range fresh.Status(t.Context()) {
		if (status.Err == nil) != (status.Name != AWS) {
			t.Errorf("status %+v", status)
		}
	}
	healed := up(t, o)
	if healed.Ports() != fresh.Ports() || healed.state.Processes[Temporal] != fresh.state.Processes[Temporal] || healed.state.Processes[AWS] == fresh.state.Processes[AWS] {
		t.Errorf("before %+v, after %+v", fresh.state, healed.state)
	}
}

// The real thing: the repository's own stand-in for AWS.
func TestRealStack(t *testing.T) {
	t.Parallel()
	s := up(t, Options{Dir: t.TempDir(), Self: os.Args[0], InMemory: true})
	for _, service := range s.Status(t.Context()) {
		if service.Err != nil {
			log, err := os.ReadFile(s.Log(service.Name))
			t.Errorf("%s: %v; its log: %s (%v)", service.Name, service.Err, log, err)
		}
	}
}
