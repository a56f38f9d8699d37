// Package stack runs the sandbox: a real Temporal server, a real Chef server, and stand-ins for AWS, Slack and GitHub, all on
// 127.0.0.1.
// The sandbox command, the demo and the end-to-end tests share it.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Service names, as Stop, Start and Kill take them.
const (
	Temporal = "temporal"
	AWS      = "aws"
	Slack    = "slack"
	GitHub   = "github"
	Goiardi  = "goiardi" // the Chef server
	Chef     = "chef"    // the gate to it: what to stop for a Chef server that is down
)

// ErrNotRunning is what Load wraps when nothing is left of a sandbox, or never was.
var ErrNotRunning = errors.New("no sandbox runs")

// Options of Up. The zero value runs everything on free ports, with its state in .sandbox under the repository.
type Options struct {
	Root  string    // the repository; empty: found from the working directory upwards
	Dir   string    // logs, state and env file; empty: .sandbox under Root
	Ports Ports     // 0 = a free one
	Out   io.Writer // one line per event for a person; nil: silent

	// InMemory runs Temporal without a database file: quicker, but a Stop and Start then forgets every workflow.
	InMemory bool
	// InProcessSlack and InProcessGitHub run these stand-ins in the calling process, for tests, and InProcessChef the gate to
	// the Chef server; else Self runs them as children.
	InProcessSlack, InProcessGitHub, InProcessChef bool
	// Self is the sandbox binary; empty: bin/epoxy-sandbox under Root.
	Self string
	// Deadline for everything to be healthy; 0: one minute.
	Deadline time.Duration
}

func (o Options) inProcess() map[string]bool {
	return map[string]bool{Slack: o.InProcessSlack, GitHub: o.InProcessGitHub, Chef: o.InProcessChef}
}

// Stack is a sandbox that runs, whether this process started it or another one did.
type Stack struct {
	root, dir string
	out       io.Writer
	deadline  time.Duration
	claims    claims

	mu    sync.Mutex // guards what follows
	state state
	mine  map[string]*process // those this process started: it can wait for them
}

// Up starts what does not run yet and returns once everything is healthy. When something fails, it stops again
// whatever it started.
func Up(ctx context.Context, o Options) (*Stack, error) {
	s, err := prepare(o)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	defer unlock()

	before, err := readState(s.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(before.alive()) > 0 {
		err = s.adopt(ctx, before, o)
	} else {
		if err == nil {
			s.say("the last sandbox in %s ended without being stopped; starting a new one", s.Short(s.dir))
		}
		err = s.fresh(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Load attaches to a sandbox that runs, if only in part; else ErrNotRunning.
func Load(dir string) (*Stack, error) {
	if dir == "" {
		root, err := findRoot()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(root, ".sandbox")
	}
	s, err := prepare(Options{Root: dir, Dir: dir}) // the state knows the root
	if err != nil {
		return nil, err
	}
	s.state, err = readState(s.dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(s.state.alive()) == 0 {
		return nil, fmt.Errorf("%w in %s; start it with `make sandbox`", ErrNotRunning, s.Short(s.dir))
	}
	if err != nil {
		return nil, err
	}
	s.root = s.state.Root
	return s, nil
}

// Down stops every service that is still the process that was started, and forgets the state.
func (s *Stack) Down() error {
	unlock, err := lock(context.Background(), s.dir)
	if err != nil {
		return err
	}
	defer unlock()
	return s.down()
}

func (s *Stack) down() error {
	errs := make([]error, len(services))
	var all sync.WaitGroup
	for i, svc := range services {
		all.Go(func() { errs[i] = s.stop(svc.name, false) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err // the state stays, so that the next Down can try again
	}
	s.claims.release()
	return errors.Join(remove(s.EnvFile()), remove(stateFile(s.dir)))
}

// Stop ends one service and keeps the others; Start brings it back on the same port. Temporal keeps its workflows
// unless it runs in memory, Chef its nodes and clients; the stand-ins and Goiardi come back empty.
func (s *Stack) Stop(name string) error { return s.stop(name, false) }

// Kill is Stop without a warning: what a crash does.
func (s *Stack) Kill(name string) error { return s.stop(name, true) }

// Start runs one service again after Stop, Kill or its own death, and returns once it is healthy.
func (s *Stack) Start(ctx context.Context, name string) error {
	svc, err := find(name)
	if err != nil {
		return err
	}
	if s.running(name) {
		return fmt.Errorf("%s runs already", name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.deadline, errDeadline)
	defer cancel()
	return s.start(ctx, svc)
}

// fresh starts everything from nothing. The old logs go, and Temporal's database: its workflows would look for
// resources that the stand-ins no longer have.
func (s *Stack) fresh(ctx context.Context, o Options) error {
	for _, old := range []string{s.database(), s.database() + "-shm", s.database() + "-wal"} {
		if err := remove(old); err != nil {
			return err
		}
	}
	for _, svc := range services {
		if err := remove(s.Log(svc.name)); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(s.chefDir()); err != nil {
		return err
	}
	ports, err := o.Ports.choose(&s.claims)
	if err != nil {
		s.claims.release()
		return err
	}
	s.state = newState(s.root, ports, o)
	if err := s.writeState(); err != nil {
		return err
	}
	if err := s.startAll(ctx, services); err != nil {
		return errors.Join(err, s.down())
	}
	return s.WriteEnv()
}

// adopt attaches to a sandbox that runs, and starts again what has died in it.
func (s *Stack) adopt(ctx context.Context, before state, o Options) error {
	if err := o.Ports.differ(before.Ports); err != nil {
		return err
	}
	if before.Secrets == (secrets{}) || before.Ports.Chef == 0 {
		return errors.New("the sandbox that runs was started by an older Epoxy; stop it with `make sandbox-down`, then start it again")
	}
	s.state = before
	// How to start what has died is for the caller to say, not for the one before.
	s.state.InProcess, s.state.Self = o.inProcess(), cmp.Or(o.Self, s.state.Self)
	var dead []service
	for _, svc := range services {
		if !s.running(svc.name) {
			dead = append(dead, svc)
		}
	}
	if len(dead) == 0 {
		s.say("the sandbox runs already")
		return s.WriteEnv()
	}
	for _, svc := range dead {
		s.say("the sandbox runs already, but %s had died (its log: %s)", svc.name, s.Short(s.Log(svc.name)))
	}
	if err := s.startAll(ctx, dead); err != nil {
		return err
	}
	return s.WriteEnv()
}

// startAll starts services side by side. When one fails, it stops them all again.
func (s *Stack) startAll(caller context.Context, which []service) error {
	ctx, cancel := context.WithTimeoutCause(caller, s.deadline, errDeadline)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)

	var first error
	var once sync.Once
	var all sync.WaitGroup
	for _, svc := range which {
		all.Go(func() {
			if err := s.start(ctx, svc); err != nil {
				// The first failure is the reason; the others only stop because of it.
				once.Do(func() { first = err; fail(err) })
			}
		})
	}
	all.Wait()
	if first == nil {
		return nil
	}
	if caller.Err() != nil {
		first = fmt.Errorf("%w; what had started is stopped again", context.Cause(caller))
	}
	for _, svc := range which {
		first = errors.Join(first, s.stop(svc.name, false))
	}
	return first
}

func prepare(o Options) (*Stack, error) {
	root := o.Root
	if root == "" {
		var err error
		if root, err = findRoot(); err != nil {
			return nil, err
		}
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cmp.Or(o.Dir, filepath.Join(root, ".sandbox")))
	if err != nil {
		return nil, err
	}
	return &Stack{
		root: root, dir: dir, out: cmp.Or[io.Writer](o.Out, io.Discard),
		deadline: cmp.Or(o.Deadline, time.Minute), mine: map[string]*process{},
	}, nil
}
