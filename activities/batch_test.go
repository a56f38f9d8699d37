package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// latency is how long a describe call takes here. Time is the test's own: nobody waits.
const latency = 20 * time.Millisecond

// looker is an EC2 that notes what each call asked for.
type looker struct {
	looks [][]string
	errs  []error // of the next looks
}

func (l *looker) describe(ctx context.Context, ids []string) (map[string]imageState, error) {
	l.looks = append(l.looks, ids)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(latency):
	}
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		if err != nil {
			return nil, err
		}
	}
	found := map[string]imageState{}
	for _, id := range ids {
		if id != "ami-hidden" {
			found[id] = imageState{State: "pending " + id}
		}
	}
	return found, nil
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("ami-%03d", i)
	}
	return out
}

// together asks for all ids at the same moment, and counts the errors.
func together(ctx context.Context, t *testing.T, b *imageBatch, ids []string, fresh time.Duration) (failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			s, err := b.get(ctx, id, fresh)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed++
			case s.State != "pending "+id:
				t.Errorf("%s is %q", id, s.State)
			}
		})
	}
	all.Wait()
	return failed
}

func TestBatchServesEverybodyWithFewLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		b := newImageBatch(l.describe)
		const poll = 15 * time.Second
		for round := range 4 {
			before := len(l.looks)
			if failed := together(t.Context(), t, b, ids(200), poll/3); failed > 0 {
				t.Errorf("round %d: %d of 200 failed", round, failed)
			}
			if n := len(l.looks) - before; n > 3 || n == 0 {
				t.Errorf("round %d: %d looks for 200 who wait", round, n)
			}
			time.Sleep(poll)
		}
		if last := l.looks[len(l.looks)-1]; !slices.Equal(last, ids(200)) {
			t.Errorf("the last look asked for %d ids", len(last))
		}
	})
}

// An image that was asked for by nobody before is looked at anew: it is not "not visible" because an earlier look left it out.
func TestBatchLooksAnewForANewImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		b := newImageBatch(l.describe)
		for _, id := range []string{"ami-1", "ami-2"} {
			if s, err := b.get(t.Context(), id, time.Hour); err != nil || s.State != "pending "+id {
				t.Errorf("%s is %q: %v", id, s.State, err)
			}
		}
		if s, err := b.get(t.Context(), "ami-hidden", time.Hour); err != nil || s.State != "" {
			t.Errorf("an image that EC2 does not show is %q: %v", s.State, err)
		}
		if len(l.looks) != 3 {
			t.Errorf("looks: %v", l.looks)
		}
	})
}

func TestBatchAnswersAreFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		b := newImageBatch(l.describe)
		get := func() int {
			if _, err := b.get(t.Context(), "ami-1", 5*time.Second); err != nil {
				t.Error(err)
			}
			return len(l.looks)
		}
		get()
		time.Sleep(5*time.Second - latency) // since the look began
		if n := get(); n != 1 {
			t.Errorf("an answer of five seconds ago is fresh, but there were %d looks", n)
		}
		time.Sleep(time.Millisecond)
		if n := get(); n != 2 {
			t.Errorf("an older answer is not, but there were %d looks", n)
		}
	})
}

func TestBatchErrorServesItsRoundOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("throttled")
		l := looker{errs: []error{nil, broken}} // the second look is for all who came after the first had begun
		b := newImageBatch(l.describe)
		if failed := together(t.Context(), t, b, ids(50), 5*time.Second); failed < 1 || failed > 49 {
			t.Errorf("%d of 50 were told of the error, want all whom the first look did not serve", failed)
		}
		if len(l.looks) != 2 {
			t.Errorf("one error made %d looks", len(l.looks))
		}
		time.Sleep(6 * time.Second)
		if failed := together(t.Context(), t, b, ids(50), 5*time.Second); failed > 0 {
			t.Errorf("the error is over, and %d of 50 are told of it", failed)
		}
	})
}

func TestBatchOutlivesOneThatIsCancelled(t *testing.T) {
	for about, during := range map[string]time.Duration{"while it describes": latency / 2, "just before the answer": latency - 1, "before it begins": 0} {
		synctest.Test(t, func(t *testing.T) {
			var l looker
			b := newImageBatch(l.describe)
			cancelled, cancel := context.WithCancel(t.Context())
			first := make(chan error)
			go func() {
				_, err := b.get(cancelled, "ami-000", 5*time.Second)
				first <- err
			}()
			synctest.Wait() // it has the turn
			time.AfterFunc(during, cancel)
			go func() {
				time.Sleep(during)
				if err := <-first; !errors.Is(err, context.Canceled) {
					t.Errorf("%s: the cancelled one got %v", about, err)
				}
			}()
			if failed := together(t.Context(), t, b, slices.Repeat(ids(1), 20), 5*time.Second); failed > 0 { // for the same image
				t.Errorf("%s: %d others failed", about, failed)
			}
			if len(l.looks) > 3 {
				t.Errorf("%s: %d looks", about, len(l.looks))
			}
		})
	}
}

// Whoever waits for its turn goes when it is cancelled, however long the look of another takes.
func TestBatchLetsGoWhoWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		slow := newImageBatch(func(context.Context, []string) (map[string]imageState, error) {
			time.Sleep(time.Minute)
			return nil, nil
		})
		go func() { _, _ = slow.get(t.Context(), "ami-1", 0) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := slow.get(ctx, "ami-2", 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		time.Sleep(time.Minute)
	})
}

func TestBatchForgetsImagesThatNobodyAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looker
		b := newImageBatch(l.describe)
		together(t.Context(), t, b, ids(3), 0)
		for range 3 {
			time.Sleep(forgetAfter / 2)
			if _, err := b.get(t.Context(), "ami-001", 0); err != nil {
				t.Error(err)
			}
		}
		if last := l.looks[len(l.looks)-1]; !slices.Equal(last, []string{"ami-001"}) {
			t.Errorf("a quarter of an hour later the look asks for %v", last)
		}
		if len(b.asked) != 1 {
			t.Errorf("%d ids are remembered", len(b.asked))
		}
	})
}
