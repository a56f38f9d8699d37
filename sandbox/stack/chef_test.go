//go:build e2e

package stack

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"epoxy/sandbox/estate"
)

// Chef is stopped in the middle of a stream of nodes that come: what it said to have, it has afterwards. A goiardi that is
// stopped itself comes back with a new key and nothing else.
func TestChefKeepsNodesOverARestart(t *testing.T) {
	t.Parallel()
	o := fakeRoot(t)
	o.InMemory, o.InProcessSlack, o.InProcessGitHub, o.InProcessChef = true, true, true, true
	s := up(t, o)
	chef, err := estate.OpenChef(s.ChefURL(), s.ChefKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(string) error{s.Stop, s.Kill} {
		known := registerUntil(t, chef, func() error { return end(Chef) })
		if inUse(s.Ports().Chef) {
			t.Error("Chef is stopped, and somebody answers")
		}
		if err := s.Start(t.Context(), Chef); err != nil {
			t.Fatal(err)
		}
		after, err := chef.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range known {
			if !slices.Contains(after, name) {
				t.Errorf("%s was registered, and forgotten over the restart", name)
			}
		}
	}
	if err := errors.Join(s.Stop(Goiardi), s.Start(t.Context(), Goiardi)); err != nil {
		t.Fatal(err)
	}
	if chef, err = estate.OpenChef(s.ChefURL(), s.ChefKeyFile()); err != nil {
		t.Fatal(err)
	}
	if nodes, err := chef.Nodes(t.Context()); err != nil || len(nodes) > 0 {
		t.Errorf("a new goiardi has %d nodes, %v", len(nodes), err)
	}
}

func registerUntil(t *testing.T, chef *estate.Chef, stop func() error) (known []string) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	enough := make(chan struct{})
	for worker := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("web-%d-%d-%d", time.Now().UnixNano(), worker, i)
				if chef.Register(t.Context(), name, nil) != nil {
					return // it was stopped
				}
				mu.Lock()
				if known = append(known, name); len(known) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	if err := stop(); err != nil {
		t.Error(err)
	}
	all.Wait()
	return known
}
