package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// States of a breaker.
const (
	BreakerClosed  = ""        // mops go on, and are counted
	BreakerAsking  = "asking"  // it has tripped: mops wait until a person decides
	BreakerOpened  = "allowed" // a person lets all go on for a window
	BreakerStopped = "stopped" // a person stops all for a window
)

// Breaker is the memory of an environment's breaker: how many nodes went lately.
type Breaker struct {
	State   string        `json:"state,omitempty"`
	Permits []TakenPermit `json:"permits,omitempty"`
	Trip    int           `json:"trip,omitempty"`    // counts how often it has tripped: the id of a question
	Why     string        `json:"why,omitempty"`     // it tripped
	Since   time.Time     `json:"since,omitzero"`    // of the state
	Until   time.Time     `json:"until,omitzero"`    // of allowed and stopped
	By      string        `json:"by,omitempty"`      // who decided
	Waiting []string      `json:"waiting,omitempty"` // subjects that wait, some of them
}

// TakenPermit is what one mop was granted.
type TakenPermit struct {
	Key   string    `json:"key"`
	Nodes int       `json:"nodes"`
	At    time.Time `json:"at"`
	Total int       `json:"total,omitempty"` // nodes there were then
}

// PermitRequest asks for one mop.
type PermitRequest struct {
	Key   string // of the run: who asks again with it asks for what is more than before
	Nodes int    // that the run is about to delete
	Went  int    // that it has deleted: some of them may be older than the window
	Who   string // for people; "" is the key
}

// PermitAnswer is the breaker's: granted, refused for good, or neither, which is to wait.
type PermitAnswer struct {
	Granted, Refused bool
	Why              string
}

// BreakerLimits is how much may go in a window.
type BreakerLimits struct {
	Nodes   int
	Percent float64 // of Total; 0: no such limit
	Total   int     // nodes there are now, or were some minutes ago
	Window  time.Duration
}

// waitingNamed bounds the subjects that a question names.
const waitingNamed = 20

// TakePermits answers requests in their order, and returns what the breaker remembers then. Who asks again for the same takes no
// second permit: the one it has counts from then on, since what it lets go goes now.
func TakePermits(b Breaker, asked []PermitRequest, limits BreakerLimits, now time.Time) (Breaker, []PermitAnswer) {
	b = b.at(now, limits.Window)
	answers := make([]PermitAnswer, len(asked))
	for i, r := range asked {
		b, answers[i] = takePermit(b, r, limits, now)
	}
	return b, answers
}

func takePermit(b Breaker, r PermitRequest, limits BreakerLimits, now time.Time) (Breaker, PermitAnswer) {
	permits, gone, unused, known := b.used(r)
	granted := func(why string) (Breaker, PermitAnswer) {
		b.Permits = append(permits, TakenPermit{Key: r.Key, Nodes: max(unused, r.Nodes), At: now, Total: limits.Total})
		return b, PermitAnswer{Granted: true, Why: why}
	}
	const before = "the breaker, before"
	switch {
	case known && r.Nodes == 0 && unused == 0:
		return b, PermitAnswer{Granted: true, Why: before}
	case known && r.Nodes <= unused:
		return granted(before)
	case b.State == BreakerStopped:
		return b, PermitAnswer{Refused: true, Why: fmt.Sprintf("stopped by %s until %s: mop it by hand then, or let the sweep find it", b.By, b.Until.UTC().Format("2006-01-02 15:04 MST"))}
	case b.State == BreakerOpened:
		return b, PermitAnswer{Granted: true, Why: b.By}
	case b.State == BreakerAsking:
		return b.waits(r), PermitAnswer{Why: b.Why}
	}
	all := gone + max(unused, r.Nodes)
	if why := limits.exceeded(b.total(limits), all); why != "" {
		b.State, b.Why, b.Since, b.Trip, b.Waiting = BreakerAsking, why, now, b.Trip+1, nil
		return b.waits(r), PermitAnswer{Why: why}
	}
	return granted(fmt.Sprintf("the breaker: %d of at most %d nodes within %s", all, limits.Nodes, Span(limits.Window)))
}

// used parts the permits into those for what is gone, other runs' among them, and what the run has left of its own: that goes
// now, and is counted from now.
func (b Breaker) used(r PermitRequest) (permits []TakenPermit, gone, unused int, known bool) {
	went := r.Went
	for _, p := range b.Permits {
		if p.Key == r.Key {
			all := p.Nodes
			p.Nodes = min(all, went)
			went -= p.Nodes
			unused, known = unused+all-p.Nodes, true
		}
		if gone += p.Nodes; p.Key != r.Key || p.Nodes > 0 {
			permits = append(permits, p)
		}
	}
	return permits, gone, unused, known
}

// total is how many nodes there were when the window began: what went since makes the rest no more.
func (b Breaker) total(limits BreakerLimits) int {
	if len(b.Permits) > 0 && b.Permits[0].Total > 0 {
		return b.Permits[0].Total
	}
	return limits.Total
}

// exceeded says why so many are too many. Of a few nodes one may always go: else an environment of two could not be
// mopped at all.
func (l BreakerLimits) exceeded(there, all int) string {
	if all > l.Nodes {
		return fmt.Sprintf("%d nodes would be gone within %s, and the limit is %d", all, Span(l.Window), l.Nodes)
	}
	if l.Percent > 0 && all > 1 && float64(all) > l.Percent/100*float64(there) {
		return fmt.Sprintf("%d of %d nodes would be gone within %s, and the limit is %g %%", all, there, Span(l.Window), l.Percent)
	}
	return ""
}

func (b Breaker) waits(r PermitRequest) Breaker {
	who := cmp.Or(r.Who, r.Key)
	if len(b.Waiting) < waitingNamed && !slices.Contains(b.Waiting, who) {
		b.Waiting = append(slices.Clip(b.Waiting), who)
	}
	return b
}

// at forgets what is over.
func (b Breaker) at(now time.Time, window time.Duration) Breaker {
	b.Permits = slices.DeleteFunc(slices.Clone(b.Permits), func(p TakenPermit) bool { return !p.At.After(now.Add(-window)) })
	if (b.State == BreakerOpened || b.State == BreakerStopped) && !now.Before(b.Until) {
		b = Breaker{Trip: b.Trip}
	}
	return b
}

// Settle takes a person's decision about a trip. One about an older trip changes nothing.
func (b Breaker) Settle(trip int, goOn bool, by string, window time.Duration, now time.Time) Breaker {
	if b.State != BreakerAsking || b.Trip != trip {
		return b
	}
	b.State, b.By, b.Since, b.Until, b.Waiting = BreakerStopped, by, now, now.Add(window), nil
	if goOn {
		b.State, b.Permits = BreakerOpened, nil
	}
	return b
}
