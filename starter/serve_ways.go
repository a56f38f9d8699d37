package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// way is one way in. It is kept open by itself: what ails it must not close the others.
type way struct {
	name string
	// run keeps it open until the context ends, and calls up once it is. An *exitError says that the configuration is wrong, and
	// ends the process: trying again would not help.
	run func(ctx context.Context, up func()) error

	mu  sync.Mutex
	err error // why it is not open
}

// Pauses before a way is opened again.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// keep opens the way again and again, until the context ends or the configuration is found to be wrong.
func (w *way) keep(ctx context.Context, log *slog.Logger) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		began := time.Now()
		err := w.run(ctx, func() { w.became(nil) })
		if _, wrong := errors.AsType[*exitError](err); wrong {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // asked to stop
		case err == nil:
			err = errors.New("it ended by itself")
		}
		if time.Since(began) > lastPause { // it was open in between
			pause = firstPause
		}
		w.became(err)
		log.Error("a way in is closed; it is opened again", "way", w.name, "after", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause/2)): //nolint:gosec // jitter, no secret
		}
	}
}

func (w *way) became(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// Health is nil unless the way could not be opened.
func (w *way) Health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", w.name, w.err)
}
