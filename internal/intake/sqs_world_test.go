package intake

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"epoxy/internal/intake/intaketest"
	"epoxy/internal/policy"
)

// polled is a poller of a queue in memory, and a Temporal that can be down. It lives in a bubble, whose clock is fast.
type polled struct {
	*Poller
	t        *testing.T
	queue    *intaketest.Queue
	registry *prometheus.Registry
	log      *written
	stop     func() // ends the poller, and waits until it has ended

	mu                    sync.Mutex
	down                  error          // what Accept answers
	took                  map[string]int // announcements by instance
	underway, most, calls int
	hold                  chan struct{} // Accept answers when it closes
}

// written is a log that is read while it is written.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(line)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func poll(t *testing.T, change func(*polled)) *polled {
	t.Helper()
	p := &polled{
		t: t, queue: &intaketest.Queue{MaxReceives: 3}, registry: prometheus.NewRegistry(), log: &written{}, took: map[string]int{},
	}
	counters, err := NewCounters(p.registry)
	if err != nil {
		t.Fatal(err)
	}
	p.Poller = &Poller{
		API: p.queue, Queue: Queue{URL: "https://sqs.eu-west-1.amazonaws.com/111111111111/epoxy", ARN: ourQueue}, Accept: p.accept, Counters: counters,
		Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	p.stop = func() { cancel(); running.Wait() }
	t.Cleanup(p.stop)
	return p
}

func (p *polled) accept(ctx context.Context, a policy.Announcement) (Accepted, error) {
	p.mu.Lock()
	p.underway++
	p.calls++
	p.most = max(p.most, p.underway)
	down, hold := p.down, p.hold
	p.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // so long Temporal takes
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			down = ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway--
	if down != nil {
		return Accepted{}, down
	}
	p.took[a.Subject.Instance]++
	return Accepted{WorkflowID: "mop/" + a.Subject.Key(), Duplicate: p.took[a.Subject.Instance] > 1}, nil
}

func (p *polled) temporal(down error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// deaths are so many instances, each announced once.
func deaths(n int) []string {
	out := make([]string, n)
	for i := range out { // without a time: the bubble's clock begins before EC2 did
		out[i] = strings.ReplaceAll(strings.Replace(eventState, `"time"`, `"-"`, 1), deadInstance, fmt.Sprintf("i-%017x", i))
	}
	return out
}

// settle lets time pass until the queue is empty.
func (p *polled) settle() {
	p.t.Helper()
	for range 1000 {
		time.Sleep(time.Second)
		if all, _ := p.queue.Len(); all == 0 {
			return
		}
	}
	all, visible := p.queue.Len()
	p.t.Fatalf("%d messages are left, %d of them visible\n%s", all, visible, p.log)
}

func (p *polled) wantTook(n int) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) != n {
		p.t.Errorf("took %d, want %d", len(p.took), n)
	}
	for instance, times := range p.took {
		if times != 1 {
			p.t.Errorf("%s was taken %d times", instance, times)
		}
	}
}

// counted reads epoxy_events_total, or the gauge for "oldest".
func (p *polled) counted(name string) (n float64) {
	p.t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if name == "oldest" && family.GetName() == "epoxy_events_oldest_seconds" {
				return m.GetGauge().GetValue()
			}
			if l := m.GetLabel(); family.GetName() == "epoxy_events_total" && l[0].GetValue() == "sqs" && l[1].GetValue() == name {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
