package activities

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// gatherOptions are how questions are gathered.
type gatherOptions struct {
	Moment  time.Duration // how long the first question waits for others to join it
	Most    int           // questions in a call; a full one is made at once; 0: any number
	Every   time.Duration // between the beginnings of two calls, at least
	Timeout time.Duration // of a call; 0: gatherTimeout
}

// gatherTimeout is below that of an activity, whose answer is to tell what went wrong.
const gatherTimeout = time.Minute

// gatherer answers many who ask at the same time with few calls, one at a time. A call is nobody's own: whoever is cancelled
// leaves, and it goes on for the others. While nobody asks it costs nothing, not even a goroutine.
type gatherer[Q, A any] struct {
	gatherOptions
	do func(ctx context.Context, asked []Q) ([]A, error) // an answer for each question, in their order

	mu      sync.Mutex
	waiting []*gathered[Q, A]
	running bool
	full    chan struct{} // tells the one who waits for the moment to pass that it need not
	began   time.Time     // of the last call
}

// gathered is one question.
type gathered[Q, A any] struct {
	question Q
	came     time.Time
	answered chan struct{} // closed when answer and err are there
	answer   A
	err      error
}

func newGatherer[Q, A any](o gatherOptions, do func(ctx context.Context, asked []Q) ([]A, error)) *gatherer[Q, A] {
	if o.Timeout == 0 {
		o.Timeout = gatherTimeout
	}
	return &gatherer[Q, A]{gatherOptions: o, do: do, full: make(chan struct{}, 1)}
}

// ask waits for the answer of a call that began after the question came. Its error is told to everybody who was in the call.
func (g *gatherer[Q, A]) ask(ctx context.Context, question Q) (A, error) {
	w := &gathered[Q, A]{question: question, came: time.Now(), answered: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if len(g.waiting) == g.Most {
		select {
		case g.full <- struct{}{}:
		default: // it was told before
		}
	}
	if !g.running {
		g.running = true
		go g.run()
	}
	g.mu.Unlock()

	select {
	case <-w.answered:
		return w.answer, w.err
	case <-ctx.Done():
		g.leave(w)
		var none A
		return none, ctx.Err()
	}
}

// leave takes a question back that is in no call yet.
func (g *gatherer[Q, A]) leave(w *gathered[Q, A]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *gathered[Q, A]) bool { return other == w })
}

// run makes calls until nobody waits.
func (g *gatherer[Q, A]) run() {
	for {
		g.pause()
		batch := g.take()
		if batch == nil {
			return
		}
		g.call(batch)
	}
}

// pause lets others join, and keeps calls apart.
func (g *gatherer[Q, A]) pause() {
	g.mu.Lock()
	n := len(g.waiting)
	if n == 0 {
		g.mu.Unlock()
		return
	}
	moment := time.Until(g.waiting[0].came.Add(g.Moment))
	if g.Most > 0 && n >= g.Most {
		moment = 0
	}
	next := g.began.Add(g.Every)
	g.mu.Unlock()

	timer := time.NewTimer(moment)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.full:
	}
	time.Sleep(time.Until(next))
}

func (g *gatherer[Q, A]) take() []*gathered[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.full: // of what is taken now
	default:
	}
	n := len(g.waiting)
	if n == 0 {
		g.running = false
		return nil
	}
	if g.Most > 0 {
		n = min(n, g.Most)
	}
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.began = time.Now()
	return batch
}

func (g *gatherer[Q, A]) call(batch []*gathered[Q, A]) {
	asked := make([]Q, len(batch))
	for i, w := range batch {
		asked[i] = w.question
	}
	answers, err := g.guarded(asked)
	if err == nil && len(answers) != len(batch) {
		err = fmt.Errorf("%d answers came to %d questions: this is a fault of Epoxy's", len(answers), len(batch))
	}
	for i, w := range batch {
		if w.err = err; err == nil {
			w.answer = answers[i]
		}
		close(w.answered)
	}
}

// guarded makes a panic an error, as Temporal does in an activity: nobody would recover it here, and the worker would die.
func (g *gatherer[Q, A]) guarded(asked []Q) (answers []A, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.Timeout)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return g.do(ctx, asked)
}
