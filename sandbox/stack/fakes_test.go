//go:build e2e

package stack

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	sandboxchef "epoxy/sandbox/chef"
	sandboxgithub "epoxy/sandbox/github"
	sandboxslack "epoxy/sandbox/slack"
)

// The test binary itself stands in for Python and for the sandbox command: what is tested here is how services are run.
const fakeVariable = "FAKE_AWS"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "-m":
		fakeAWS(os.Args[len(os.Args)-1])
	case len(os.Args) > 3 && os.Args[1] == "slack":
		fail(http.ListenAndServe(os.Args[3], sandboxslack.NewServer(sandboxslack.OptionsFromEnvironment())))
	case len(os.Args) > 3 && os.Args[1] == "github":
		fail(http.ListenAndServe(os.Args[3], sandboxgithub.New(sandboxgithub.OptionsFromEnvironment())))
	case len(os.Args) > 3 && os.Args[1] == "chef":
		gate, err := sandboxchef.New(sandboxchef.ServerFromEnvironment())
		if err != nil {
			fail(err)
		}
		fail(http.ListenAndServe(os.Args[3], gate))
	default:
		os.Exit(m.Run())
	}
}

func fakeAWS(port string) {
	switch os.Getenv(fakeVariable) {
	case "dies":
		fail(errors.New("no module named strict"))
	case "hangs":
		time.Sleep(time.Hour)
	}
	http.HandleFunc("/epoxy/health", func(http.ResponseWriter, *http.Request) {})
	fail(http.ListenAndServe("127.0.0.1:"+port, nil))
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(3)
}

// fakeRoot is a repository with the real temporal command and a fake Python.
func fakeRoot(t *testing.T) Options {
	t.Helper()
	repository, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, dir := range []string{".tools/venv/bin", ".tools/bin", "sandbox/aws"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	python := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\"\n", os.Args[0])
	if err := errors.Join(
		os.WriteFile(filepath.Join(root, "go.mod"), []byte("module epoxy\n"), 0o600),
		os.WriteFile(filepath.Join(root, ".tools/venv/bin/python"), []byte(python), 0o700),
		os.Symlink(filepath.Join(repository, ".tools/bin/temporal"), filepath.Join(root, ".tools/bin/temporal")),
		os.Symlink(filepath.Join(repository, ".tools/bin/goiardi"), filepath.Join(root, ".tools/bin/goiardi")),
	); err != nil {
		t.Fatal(err)
	}
	return Options{Root: root, Self: os.Args[0]}
}

func up(t *testing.T, o Options) *Stack {
	t.Helper()
	s, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Down(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// gone checks that nothing of a sandbox is left: no process, no listener, no state.
func gone(t *testing.T, dir string, pids []int, ports Ports) {
	t.Helper()
	for _, pid := range pids {
		if started := startTime(pid); started != "" {
			t.Errorf("process %d still runs", pid)
		}
	}
	for _, f := range portFields {
		if port := *f.of(&ports); inUse(port) {
			t.Errorf("port %d of %s is still in use", port, f.what)
		}
	}
	if exists(stateFile(dir)) == nil {
		t.Error("the state file is left")
	}
}

func pids(s *Stack) (out []int) {
	for _, r := range s.state.Processes {
		out = append(out, r.PID)
	}
	return out
}
