package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var midday = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestBreakerTripsAndAsks(t *testing.T) {
	limits := BreakerLimits{Nodes: 2, Window: time.Hour}
	one := func(key string) []PermitRequest { return []PermitRequest{{Key: key, Nodes: 1}} }
	var b Breaker
	take := func(key string, at time.Time) PermitAnswer {
		t.Helper()
		var got []PermitAnswer
		b, got = TakePermits(b, one(key), limits, at)
		return got[0]
	}
	if !take("a", midday).Granted || !take("b", midday.Add(time.Minute)).Granted {
		t.Fatal("below the limit nobody waits")
	}
	if got := take("a", midday.Add(2*time.Minute)); !got.Granted {
		t.Errorf("asking again took another permit: %+v", got)
	}
	if got := take("c", midday.Add(2*time.Minute)); got.Granted || got.Refused || !strings.Contains(got.Why, "3 nodes") {
		t.Errorf("the third: %+v", got)
	}
	if b.State != BreakerAsking || b.Trip != 1 || fmt.Sprint(b.Waiting) != "[c]" {
		t.Errorf("tripped: %+v", b)
	}
	if got := take("d", midday.Add(2*time.Hour)); got.Granted {
		t.Error("what has tripped waits for a person, not for the window")
	}

	stopped := b.Settle(1, false, "ada", time.Hour, midday.Add(3*time.Hour))
	if _, got := TakePermits(stopped, one("c"), limits, midday.Add(3*time.Hour)); !got[0].Refused || !strings.Contains(got[0].Why, "ada") {
		t.Errorf("stopped: %+v", got)
	}
	if _, got := TakePermits(stopped, one("e"), limits, midday.Add(4*time.Hour)); !got[0].Granted {
		t.Errorf("a stop lasts a window: %+v", got)
	}

	if other := b.Settle(7, true, "ada", time.Hour, midday); other.State != BreakerAsking {
		t.Error("a decision about another trip was taken")
	}
	opened := b.Settle(1, true, "approved by ada", time.Hour, midday.Add(3*time.Hour))
	for i := range 100 {
		var got []PermitAnswer
		if opened, got = TakePermits(opened, one(fmt.Sprint(i)), limits, midday.Add(3*time.Hour)); !got[0].Granted || got[0].Why != "approved by ada" {
			t.Fatalf("allowed: %+v", got)
		}
	}
	after, got := TakePermits(opened, one("z"), limits, midday.Add(4*time.Hour))
	if !got[0].Granted || after.State != BreakerClosed || len(after.Permits) != 1 || after.Trip != 1 {
		t.Errorf("after the window it counts from nothing: %+v %+v", after, got)
	}
}

func TestBreakerPercent(t *testing.T) {
	for _, c := range []struct {
		total, asks int
		percent     float64
		granted     int
	}{
		{total: 100, asks: 30, percent: 20, granted: 20}, // though the total shrinks meanwhile
		{total: 3, asks: 3, percent: 20, granted: 1},     // one of a few may always go
		{total: 0, asks: 2, percent: 50, granted: 1},
		{total: 10, asks: 8, percent: 0, granted: 8},
	} {
		var b Breaker
		granted := 0
		for i := range c.asks {
			var got []PermitAnswer
			b, got = TakePermits(b, []PermitRequest{{Key: fmt.Sprint(i), Nodes: 1}}, BreakerLimits{Nodes: 50, Percent: c.percent, Total: c.total - granted*(i%2), Window: time.Hour}, midday) // counted now, or some minutes ago
			if got[0].Granted {
				granted++
			}
		}
		if granted != c.granted {
			t.Errorf("%d of %d at %g %%: %d went, want %d", c.asks, c.total, c.percent, granted, c.granted)
		}
	}
}

// Whatever is asked, and however often, and whenever a run uses what it was granted: within a window never more go than the
// limit, unless a person said so.
func TestBreakerNeverExceeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := BreakerLimits{Nodes: rapid.IntRange(1, 10).Draw(t, "limit"), Window: time.Hour}
		var b Breaker
		now := midday
		type deletion struct {
			at    time.Time
			nodes int
		}
		var all []deletion
		went := map[string]int{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
			key := fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "key"))
			r := PermitRequest{Key: key, Nodes: rapid.IntRange(0, 4).Draw(t, "nodes"), Went: went[key]}
			var got []PermitAnswer
			for range rapid.IntRange(1, 3).Draw(t, "asked") { // the answer may be lost
				b, got = TakePermits(b, []PermitRequest{r}, limits, now)
			}
			if got[0].Granted {
				used := rapid.IntRange(0, r.Nodes).Draw(t, "used")
				went[key] += used
				all = append(all, deletion{now, used})
			}
			sum := 0
			for _, d := range all {
				if d.at.After(now.Add(-limits.Window)) {
					sum += d.nodes
				}
			}
			if sum > limits.Nodes {
				t.Fatalf("step %d: %d nodes within the window, limit %d", i, sum, limits.Nodes)
			}
		}
	})
}

// An estate that shrinks slowly, with a permit in every window: the percentage is of what there is now.
func TestBreakerPercentOfAShrinkingEstate(t *testing.T) {
	var b Breaker
	now, there := midday, 200
	die := func(key string) bool {
		var got []PermitAnswer
		b, got = TakePermits(b, []PermitRequest{{Key: key, Nodes: 1}}, BreakerLimits{Nodes: 100, Percent: 20, Total: there, Window: time.Hour}, now)
		if got[0].Granted {
			there--
		}
		return got[0].Granted
	}
	for i := 0; there > 20; i++ {
		if now = now.Add(20 * time.Minute); !die(fmt.Sprint(i)) {
			t.Fatalf("tripped at %d nodes: %+v", there, b)
		}
	}
	gone := 0
	for i := range 20 {
		if die(fmt.Sprint("at once ", i)) {
			gone++
		}
	}
	if gone > 4 {
		t.Errorf("%d of 20 went at 20 %%", gone)
	}
}

// A run that finds more than it asked for asks for the difference, and a stop holds for that, too.
func TestBreakerAsksForWhatIsMore(t *testing.T) {
	limits := BreakerLimits{Nodes: 3, Window: time.Hour}
	var b Breaker
	ask := func(key string, nodes int) PermitAnswer { // in all
		var got []PermitAnswer
		b, got = TakePermits(b, []PermitRequest{{Key: key, Nodes: nodes, Who: "i-" + key}}, limits, midday)
		return got[0]
	}
	for _, nodes := range []int{1, 2, 2, 1} {
		if !ask("a", nodes).Granted {
			t.Fatalf("%d: %+v", nodes, b)
		}
	}
	if len(b.Permits) != 1 || b.Permits[0].Nodes != 2 {
		t.Errorf("permits: %+v", b.Permits)
	}
	if got := ask("a", 20); got.Granted || fmt.Sprint(b.Waiting) != "[i-a]" {
		t.Errorf("20 nodes: %+v, %+v", got, b)
	}
	if !ask("a", 2).Granted {
		t.Error("what was granted stays granted while people are asked")
	}
	b = b.Settle(b.Trip, false, "ada", time.Hour, midday)
	if !ask("a", 2).Granted {
		t.Error("a stop takes nothing back that was granted")
	}
	for key, nodes := range map[string]int{"a": 3, "b": 1} {
		if got := ask(key, nodes); got.Granted || !got.Refused {
			t.Errorf("%s with %d, stopped by a person: %+v", key, nodes, got)
		}
	}
}

// A permit that was granted and not used counts from when it is used: else twice as many could go around the window's end.
func TestBreakerCountsPermitsFromTheirUse(t *testing.T) {
	limits := BreakerLimits{Nodes: 2, Window: time.Hour}
	var b Breaker
	ask := func(key string, minutes int) PermitAnswer {
		var got []PermitAnswer
		b, got = TakePermits(b, []PermitRequest{{Key: key, Nodes: 1}}, limits, midday.Add(time.Duration(minutes)*time.Minute))
		return got[0]
	}
	if !ask("a", 0).Granted || !ask("b", 0).Granted || !ask("a", 59).Granted || !ask("b", 59).Granted {
		t.Fatalf("%+v", b)
	}
	if got := ask("c", 61); got.Granted {
		t.Errorf("a third within three minutes: %+v", got)
	}
}

// The breaker is one item of at most 400 KB: a run whose nodes have gone may look and ask as often as it wants.
func TestBreakerDoesNotGrow(t *testing.T) {
	var b Breaker
	for i := range 100 {
		for _, r := range []PermitRequest{{Key: "a", Nodes: 2}, {Key: "b", Nodes: 1}} {
			if i > 0 {
				r.Nodes, r.Went = 0, 1
			}
			var got []PermitAnswer
			if b, got = TakePermits(b, []PermitRequest{r}, BreakerLimits{Nodes: 3, Window: time.Hour}, midday.Add(time.Duration(i)*time.Second)); !got[0].Granted {
				t.Fatalf("look %d of %s: %+v", i, r.Key, got)
			}
		}
	}
	nodes := 0
	for _, p := range b.Permits {
		nodes += p.Nodes
	}
	if nodes != 3 || len(b.Permits) > nodes {
		t.Errorf("permits: %+v", b.Permits)
	}
}

// What a run deleted before the window began counts no more.
func TestBreakerForgetsWhatTheRunDeletedLongAgo(t *testing.T) {
	limits := BreakerLimits{Nodes: 20, Percent: 20, Total: 5, Window: time.Hour}
	b, _ := TakePermits(Breaker{}, []PermitRequest{{Key: "run", Nodes: 1}}, limits, midday)
	b, got := TakePermits(b, []PermitRequest{{Key: "run", Nodes: 1, Went: 1}}, limits, midday.Add(2*time.Hour))
	if !got[0].Granted || len(b.Permits) != 1 || b.Permits[0].Nodes != 1 {
		t.Errorf("%+v, %+v", got, b)
	}
}
