package main

import (
	"log/slog"
	"sync"
)

// suspicious is after how many ignored events in a row a pattern that never matched is taken for a slip of the pen.
const suspicious = 20

// filters watch what mop's groups and hooks let through: an ignored event is deleted, so a typo in a pattern deletes them all,
// and nothing would ever be mopped.
type filters struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[filter]*passed
}

// filter is the list of patterns of an environment: groups or hooks.
type filter struct{ environment, field string }

type passed struct {
	ignored int
	matched bool
}

// note takes down what became of one name.
func (f *filters) note(which filter, patterns []string, name string, matched bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[filter]*passed{}
	}
	p := f.seen[which]
	if p == nil {
		p = &passed{}
		f.seen[which] = p
	}
	if matched {
		p.matched = true
		return
	}
	if p.ignored++; p.ignored == suspicious && !p.matched && f.log != nil {
		f.log.Warn("every event so far was ignored for its name, and dropped: if these are ours, correct the patterns",
			"setting", "mop.environments."+which.environment+"."+which.field, "patterns", patterns, "ignored", p.ignored, "last", name)
	}
}
