//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"epoxy/sandbox/estate"
	"epoxy/sandbox/stack"
)

// TestMopOutages stops Temporal, Chef, Route 53 and SQS, one at a time, under a stream of 200 terminations. It has a sandbox of
// its own. After they are back all is clean, nothing was lost, and nothing else was touched.
func TestMopOutages(t *testing.T) {
	t.Parallel()
	const dying = 200
	on, err := stack.Up(t.Context(), stack.Options{Dir: filepath.Join(t.TempDir(), "stack"), InProcessSlack: true, InProcessGitHub: true, InProcessChef: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = on.Down() })
	w := newMopWorldOn(t, on, dying+5)
	w.patience = 5 * time.Minute
	w.startWorker()
	w.serve()
	dead, alive := w.nodes[:dying], w.nodes[dying:]

	stream := make(chan error, 1)
	go func() {
		for batch := range slices.Chunk(dead, 10) {
			var ids []string
			for _, n := range batch {
				ids = append(ids, n.ID)
			}
			if err := w.aws.Terminate(w.ctx, ids...); err != nil {
				stream <- err
				return
			}
			time.Sleep(time.Second)
		}
		stream <- nil
	}()

	outage := func(what string, stop, start func() error) {
		w.Helper()
		w.must(stop())
		time.Sleep(4 * time.Second) // an outage lasts
		if err := start(); err != nil {
			t.Fatalf("%s does not come back: %v", what, err)
		}
		time.Sleep(time.Second)
	}
	service := func(name string) {
		outage(name, func() error { return on.Stop(name) }, func() error { return on.Start(w.ctx, name) })
	}
	aws := func(operation string) {
		outage(operation, func() error {
			return w.control.Fail(w.ctx, estate.Fault{Operation: operation, Kind: "error", Count: -1, Status: 503, Code: "ServiceUnavailable"})
		}, func() error { return w.control.Heal(w.ctx) })
	}
	service(stack.Temporal)
	service(stack.Chef)
	aws("route53.*")
	aws("sqs.*")
	if err := <-stream; err != nil {
		t.Fatal(err)
	}

	w.gone(dead...)
	w.whole(alive...)
	w.until("an empty queue", func() bool { depth, err := w.aws.Depth(w.ctx, w.queue.URL); return err == nil && depth == 0 })
	if depth, err := w.aws.Depth(w.ctx, w.queue.DeadURL); err != nil || depth != 0 {
		t.Errorf("%d messages were given up, %v", depth, err)
	}
	for _, n := range dead[:3] { // the whole of each, once
		w.oneEach(n)
	}
	calls, err := (estate.Control{URL: on.ChefURL() + "/epoxy"}).Calls(w.ctx)
	w.must(err)
	if calls["nodes.DELETE"] != dying || calls["clients.DELETE"] != dying {
		t.Errorf("Chef was asked to delete %d nodes and %d clients of %d", calls["nodes.DELETE"], calls["clients.DELETE"], dying)
	}
}
