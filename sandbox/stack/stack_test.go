package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPorts(t *testing.T) {
	var c claims
	defer c.release()
	chosen, err := Ports{AWS: 4566}.choose(&c)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, f := range portFields {
		port := *f.of(&chosen)
		if port == 0 || seen[port] {
			t.Errorf("%s got port %d of %+v", f.what, port, chosen)
		}
		seen[port] = true
	}
	if chosen.AWS != 4566 {
		t.Errorf("the port that was asked for became %d", chosen.AWS)
	}
	wantError(t, choiceError(Ports{AWS: 4566, Slack: 4566}), "4566", "both AWS and Slack", "EPOXY_SANDBOX_SLACK_PORT")
	wantError(t, choiceError(Ports{Temporal: 70000}), "70000", "EPOXY_SANDBOX_TEMPORAL_PORT")

	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	wantError(t, Ports{TemporalUI: port}.free(port), strconv.Itoa(port), "web UI", "EPOXY_SANDBOX_UI_PORT")
	wantError(t, Ports{AWS: 1}.differ(Ports{AWS: 2}), "AWS on port 2", "make sandbox-down")
	if err := (Ports{}).differ(Ports{AWS: 2}); err != nil {
		t.Error(err)
	}
}

func choiceError(p Ports) error {
	var c claims
	defer c.release()
	_, err := p.choose(&c)
	return err
}

func TestSandboxesThatStartAtOnceChooseOtherPorts(t *testing.T) {
	const stacks = 60 // of whose 420 ports some would be the same, if everybody chose for himself
	var all sync.WaitGroup
	chosen := make([]Ports, stacks)
	held := make([]claims, stacks)
	for i := range stacks {
		all.Go(func() {
			var err error
			if chosen[i], err = (Ports{}).choose(&held[i]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	whose := map[int]int{}
	for i, p := range chosen {
		for _, f := range portFields {
			port := *f.of(&p)
			if other, taken := whose[port]; taken {
				t.Errorf("sandboxes %d and %d both chose port %d", other, i, port)
			}
			whose[port] = i
		}
	}
	var late claims
	if ours, err := late.claim(chosen[0].AWS); ours || err != nil {
		t.Errorf("a port that a sandbox has was claimed: %v", err)
	}
	for i := range held {
		held[i].release()
	}
	if ours, err := late.claim(chosen[0].AWS); !ours || err != nil {
		t.Errorf("a port that was given back cannot be claimed: %v", err)
	}
	late.release()
}

// A child has its parent's sockets between its fork and its exec: to look whether a port is free must not keep it.
func TestAChosenPortIsFree(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var forks sync.WaitGroup
	for range 4 {
		forks.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, "true").Run()
			}
		})
	}
	defer forks.Wait()
	defer stop()
	for range 300 {
		var c claims
		p, err := Ports{}.choose(&c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range portFields {
			listener, err := net.Listen("tcp", address(*f.of(&p)))
			if err != nil {
				t.Fatal(err)
			}
			listener.Close()
		}
		c.release()
	}
}

func TestPortsFromEnvironment(t *testing.T) {
	t.Setenv("EPOXY_SANDBOX_AWS_PORT", "4566")
	t.Setenv("EPOXY_SANDBOX_UI_PORT", "")
	got, err := PortsFromEnvironment()
	if err != nil || got != (Ports{AWS: 4566}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := (Ports{AWS: 1}).Or(Ports{AWS: 2, Slack: 3}); got != (Ports{AWS: 1, Slack: 3}) {
		t.Errorf("flags over environment: %+v", got)
	}
	t.Setenv("EPOXY_SANDBOX_AWS_PORT", "aws")
	_, err = PortsFromEnvironment()
	wantError(t, err, "EPOXY_SANDBOX_AWS_PORT", `"aws"`)
}

func TestEnvFileCanBeSourced(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_ENDPOINT_URL_S3", "https://s3.example")
	t.Setenv("TEMPORAL_API_KEY", "real")
	dir := filepath.Join(t.TempDir(), "it's a $HOME")
	s, err := prepare(Options{Root: t.TempDir(), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.state.Ports = Ports{1001, 1002, 1003, 1004, 1005, 1006, 1007}
	s.state.Secrets = secrets{SlackToken: "xoxb-sandbox-1", SlackSigningSecret: "signs", SlackAppToken: "xapp-1", GitHubToken: "ghp_1"}
	if s.Env()["EPOXY_CONFIG"] != "" {
		t.Error("EPOXY_CONFIG names a file that is not there")
	}
	config := filepath.Join(dir, "epoxy.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteEnv(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.EnvFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	out, err := exec.Command("sh", "-c", `set -a; . "$1"; set +a; env`, "sh", s.EnvFile()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1003", "AWS_REGION": "us-east-1", "AWS_PROFILE": "default",
		"TEMPORAL_ADDRESS": "127.0.0.1:1001", "TEMPORAL_NAMESPACE": "default", "TEMPORAL_API_KEY": "", "EPOXY_TEMPORAL_UI": "http://127.0.0.1:1002",
		"EPOXY_SLACK_TOKEN": "xoxb-sandbox-1", "EPOXY_SLACK_API_URL": "http://127.0.0.1:1004/api/", "EPOXY_CONFIG": config,
		"EPOXY_SLACK_SIGNING_SECRET": "signs", "EPOXY_SLACK_APP_TOKEN": "xapp-1",
		"EPOXY_GITHUB_TOKEN": "ghp_1", "EPOXY_GITHUB_API_URL": "http://127.0.0.1:1005/api/v3", "EPOXY_SANDBOX_GITHUB": "http://127.0.0.1:1005",
		"EPOXY_SANDBOX_CHEF": "http://127.0.0.1:1006",
	} {
		if !strings.Contains("\n"+string(out), "\n"+key+"="+value+"\n") {
			t.Errorf("after sourcing, %s is not %q in:\n%s", key, value, out)
		}
	}
	if environ := strings.Join(s.Environ(), "\n"); strings.Contains(environ, "s3.example") || strings.Contains(environ, "production") {
		t.Error("a child process would see the caller's own AWS settings")
	}
}

func TestStopLeavesAnotherProcessAlone(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	rec := record{PID: other.Process.Pid, Started: "before@another-boot"}
	if rec.alive() {
		t.Error("a process of another start time is taken for ours")
	}
	if err := rec.stop(nil, true); err != nil {
		t.Error(err)
	}
	rec.Started = startTime(rec.PID)
	if !rec.alive() {
		t.Error("it should still run")
	}
}

func TestStopKillsWhatIgnoresTerm(t *testing.T) {
	defer func(before time.Duration) { grace = before }(grace)
	grace = 500 * time.Millisecond
	ready, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd := exec.Command("sh", "-c", `trap "" TERM; exec 3>&-; while :; do sleep 1; done`)
	cmd.ExtraFiles = []*os.File{says}
	p, err := launch(cmd, filepath.Join(t.TempDir(), "log", "x.log"))
	_ = says.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(ready); err != nil { // until it has set its trap, and closes its end
		t.Fatal(err)
	}
	begin := time.Now()
	if err := p.stop(nil, false); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < grace || took > grace+20*time.Second || p.alive() {
		t.Errorf("took %s, alive %v", took, p.alive())
	}
}

func TestDamagedStateIsNotGuessedAt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(stateFile(dir), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	wantError(t, err, "state.json is damaged", "delete it")
	_, err = Load(t.TempDir())
	if !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// wantError checks that an error says all that a person needs.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one about %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q: %v", part, err)
		}
	}
}
