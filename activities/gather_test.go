package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gatherLog notes the calls that a gatherer makes, and answers 7 with "7!". Time is the test's own, and synctest fails where
// a goroutine is left.
type gatherLog struct {
	calls [][]int
	began []time.Time
	under atomic.Int32
	then  func(ctx context.Context, asked []int) error
}

func (l *gatherLog) do(ctx context.Context, asked []int) ([]string, error) {
	if l.under.Add(1) > 1 {
		return nil, errors.New("two calls at a time")
	}
	defer l.under.Add(-1)
	l.calls, l.began = append(l.calls, asked), append(l.began, time.Now())
	if l.then != nil {
		if err := l.then(ctx, asked); err != nil {
			return nil, err
		}
	}
	out := make([]string, len(asked))
	for i, q := range asked {
		out[i] = fmt.Sprintf("%d!", q)
	}
	return out, nil
}

// asks asks for n numbers from first on, at the same moment, and counts who got an error.
func asks(t *testing.T, g *gatherer[int, string], first, n int) (failed int) {
	var wrong atomic.Int32
	var all sync.WaitGroup
	for q := first; q < first+n; q++ {
		all.Go(func() {
			switch answer, err := g.ask(t.Context(), q); {
			case err != nil:
				wrong.Add(1)
			case answer != fmt.Sprintf("%d!", q):
				t.Errorf("%d is answered %q", q, answer)
			}
		})
	}
	all.Wait()
	return int(wrong.Load())
}

func TestGathererAnswersManyWithFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l gatherLog
		g := newGatherer(gatherOptions{Moment: time.Second}, l.do)
		began := time.Now()
		if failed := asks(t, g, 0, 1000); failed > 0 || len(l.calls) != 1 || time.Since(began) != time.Second {
			t.Errorf("%d failed, %d calls, after %s", failed, len(l.calls), time.Since(began))
		}
		if failed := asks(t, g, 5, 1); failed > 0 || len(l.calls) != 2 { // later asks begin anew
			t.Errorf("%d failed, %d calls", failed, len(l.calls))
		}
	})
}

func TestGathererMakesFullCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l gatherLog
		g := newGatherer(gatherOptions{Moment: time.Hour, Most: 100}, l.do)
		began := time.Now()
		if failed := asks(t, g, 0, 300); failed > 0 || len(l.calls) != 3 || time.Since(began) != 0 {
			t.Errorf("%d failed, %d calls, after %s", failed, len(l.calls), time.Since(began))
		}
		if failed := asks(t, g, 0, 50); failed > 0 || time.Since(began) != time.Hour {
			t.Errorf("what is not full waits for the moment: %d failed, after %s", failed, time.Since(began))
		}
	})
}

func TestGathererKeepsCallsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l gatherLog
		g := newGatherer(gatherOptions{Moment: time.Second, Most: 10, Every: 5 * time.Second}, l.do)
		if failed := asks(t, g, 0, 35); failed > 0 {
			t.Errorf("%d failed", failed)
		}
		asks(t, g, 100, 1) // and so does who comes when nobody waits any more
		if len(l.calls) != 5 {
			t.Errorf("%d calls", len(l.calls))
		}
		for i := 1; i < len(l.began); i++ {
			if apart := l.began[i].Sub(l.began[i-1]); apart < 5*time.Second {
				t.Errorf("call %d came %s after the one before", i, apart)
			}
		}
	})
}

// Who asks while a call is under way is not answered by it: it may have looked already.
func TestGathererAnswersWithWhatBeganLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := gatherLog{then: func(context.Context, []int) error { time.Sleep(10 * time.Second); return nil }}
		g := newGatherer(gatherOptions{Moment: time.Second}, l.do)
		go asks(t, g, 1, 1)
		time.Sleep(2 * time.Second)
		if failed := asks(t, g, 1, 1); failed > 0 || len(l.calls) != 2 {
			t.Errorf("%d failed, calls %v", failed, l.calls)
		}
	})
}

func TestGathererErrorIsOfOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := gatherLog{then: func(context.Context, []int) error { return errors.New("throttled") }}
		g := newGatherer(gatherOptions{Moment: time.Second}, l.do)
		if failed := asks(t, g, 0, 20); failed != 20 {
			t.Errorf("%d of 20 are told of the error", failed)
		}
		l.then = nil
		if failed := asks(t, g, 0, 20); failed > 0 {
			t.Errorf("the error is over, and %d of 20 are told of it", failed)
		}
	})
}

func TestGathererOutlivesWhoIsCancelled(t *testing.T) {
	for about, after := range map[string]time.Duration{"before the call": time.Second / 2, "in the call": 3 * time.Second / 2} {
		synctest.Test(t, func(t *testing.T) {
			l := gatherLog{then: func(ctx context.Context, _ []int) error { time.Sleep(time.Second); return ctx.Err() }}
			g := newGatherer(gatherOptions{Moment: time.Second}, l.do)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			began := time.Now()
			go func() {
				if _, err := g.ask(ctx, 7); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != after {
					t.Errorf("%s: after %s the cancelled one got %v", about, time.Since(began), err)
				}
			}()
			synctest.Wait() // it is the first
			if failed := asks(t, g, 10, 5); failed > 0 {
				t.Errorf("%s: %d others failed", about, failed)
			}
			if n := len(l.calls[0]); n != 5 && after < time.Second || n != 6 && after > time.Second {
				t.Errorf("%s: the call was of %v", about, l.calls[0])
			}
		})
	}
}

func TestGathererMakesNoCallForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l gatherLog
		g := newGatherer(gatherOptions{Moment: time.Second}, l.do)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.ask(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if len(l.calls) > 0 {
			t.Errorf("calls: %v", l.calls)
		}
	})
}

func TestGathererBoundsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := gatherLog{then: func(ctx context.Context, _ []int) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		g := newGatherer(gatherOptions{}, l.do)
		if _, err := g.ask(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != gatherTimeout {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// A fault in one call is its callers' error, and the next call is made all the same.
func TestGathererSurvivesFaults(t *testing.T) {
	for about, fault := range map[string]func() ([]string, error){
		"panic: boom":                 func() ([]string, error) { panic("boom") },
		"0 answers came to 1 questio": func() ([]string, error) { return nil, nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			var l gatherLog
			faulty := true
			g := newGatherer(gatherOptions{}, func(ctx context.Context, asked []int) ([]string, error) {
				if faulty {
					return fault()
				}
				return l.do(ctx, asked)
			})
			if _, err := g.ask(t.Context(), 1); err == nil || !strings.Contains(err.Error(), about) {
				t.Errorf("%s: %v", about, err)
			}
			faulty = false
			if failed := asks(t, g, 1, 1); failed > 0 {
				t.Errorf("%s: the next call failed", about)
			}
		})
	}
}
