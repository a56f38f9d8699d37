package activities

import (
	"context"
	"slices"
	"sync"
	"time"
)

// imageBatch answers "what does this image look like now?" for many who wait, with few calls: one call describes all ids
// that anybody asked for lately, and its answer, an error too, serves everybody who comes while it is fresh.
type imageBatch struct {
	describe func(ctx context.Context, ids []string) (map[string]imageState, error)
	turn     chan struct{} // one describes at a time; a channel, so that waiting for it can be cancelled

	mu    sync.Mutex
	asked map[string]time.Time // id → when it was last asked for
	last  imageLook
}

type imageLook struct {
	at    time.Time // when the call began
	ids   map[string]bool
	found map[string]imageState
	err   error
}

// forgetAfter drops ids that nobody asks for any more: their bakes are over.
const forgetAfter = 10 * time.Minute

func newImageBatch(describe func(context.Context, []string) (map[string]imageState, error)) *imageBatch {
	return &imageBatch{describe: describe, turn: make(chan struct{}, 1), asked: map[string]time.Time{}}
}

// get returns the state of an image, not older than fresh; an image that EC2 does not show has an empty State.
func (b *imageBatch) get(ctx context.Context, id string, fresh time.Duration) (imageState, error) {
	came := time.Now()
	b.mu.Lock()
	b.asked[id] = came
	b.mu.Unlock()

	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return imageState{}, ctx.Err()
	}
	if !b.last.ids[id] || b.last.at.Before(came.Add(-fresh)) {
		b.last = b.look(ctx)
	}
	return b.last.found[id], b.last.err
}

func (b *imageBatch) look(ctx context.Context) imageLook {
	at := time.Now()
	l := imageLook{at: at, ids: map[string]bool{}}
	b.mu.Lock()
	for id, when := range b.asked {
		if at.Sub(when) > forgetAfter {
			delete(b.asked, id)
			continue
		}
		l.ids[id] = true
	}
	b.mu.Unlock()
	ids := make([]string, 0, len(l.ids))
	for id := range l.ids {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	l.found, l.err = b.describe(ctx, ids)
	if ctx.Err() != nil {
		l.ids = nil // this caller was cancelled, which says nothing to the others
	}
	return l
}
