//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// TestSweep: no event arrives, because nobody listens. The sweep finds what the dead left and clears it, once it has been
// there for the grace time, and leaves a young node and the living alone.
func TestSweep(t *testing.T) {
	t.Parallel()
	w := newMopWorld(t, 4)
	w.reconfigure(func(c *estate.MopConfig) { c.Sweep = "mode: mop, grace: 10m" })
	dead, clientOnly, young, alive := w.nodes[0], w.nodes[1], w.nodes[2], w.nodes[3]
	w.startWorker()

	w.sweep() // with all alive: it learns whose they are
	w.whole(w.nodes...)
	w.must(w.aws.Terminate(w.ctx, dead.ID, clientOnly.ID, young.ID))
	for _, n := range []estate.Node{dead, clientOnly, young} {
		w.until("the instance to be dead", func() bool { state, err := w.aws.State(w.ctx, n.ID); return err == nil && state == "terminated" })
	}
	w.must(w.chef.DeleteNode(w.ctx, clientOnly.Name)) // and its client is left
	w.registerInChef(young, time.Now())
	w.sweep()
	w.whole(dead, young, alive) // all are young as orphans

	if n := w.age(time.Hour); n < 3 {
		t.Errorf("the sweep remembers %d orphans, want two nodes and a client at least", n)
	}
	w.sweep()
	if left := w.there(dead); len(left) > 0 {
		t.Errorf("of %s there is still %v", dead.Name, left)
	}
	if left := strings.Join(w.there(clientOnly), " "); strings.Contains(left, "client") {
		t.Errorf("the client without a node is left: %s", left)
	}
	w.whole(young, alive)
	w.recordClosed("sweep", "sweep/"+w.cfg.Environment)
}

// sweep runs the sweep that is called like the environment.
func (w *mopWorld) sweep() string {
	w.Helper()
	out, stderr, code := w.epoxy("sweep", w.cfg.Environment, "--wait")
	if code != 0 {
		w.Fatalf("sweep: exit code %d: %s%s", code, out, stderr)
	}
	return out
}

// age makes the sweep remember that it saw everything of this test earlier.
func (w *mopWorld) age(by time.Duration) (orphans int) {
	w.Helper()
	account, err := w.aws.Containers(w.ctx, estate.Account, w.control)
	w.must(err)
	store := artifact.Store{API: account.S3, Bucket: w.cfg.Bucket}
	var memory policy.SweepMemory
	name := "sweep/" + w.cfg.Environment + "/seen"
	etag, err := store.Recall(w.ctx, name, &memory)
	w.must(err)
	for i, r := range memory.Things {
		if !r.Since.IsZero() && strings.Contains(r.Name, w.group+"-") {
			memory.Things[i].Since = r.Since.Add(-by)
			orphans++
		}
	}
	_, err = store.Remember(w.ctx, name, memory, etag)
	w.must(err)
	return orphans
}
