package policy

import (
	"cmp"
	"slices"
	"time"
)

// SweepMemory is what a sweep tells the next one: since when orphans are seen, because neither Chef nor Route 53 keeps the time
// at which something was made or lost its instance; and what was an instance's of the environment when it was seen last, because
// a client, or an address in a record, does not say whose it was. What is gone, or alive again, is forgotten.
type SweepMemory struct {
	Things []Remembered `json:"things"` // sorted
}

// Remembered is one thing in the memory.
type Remembered struct {
	Kind  string    `json:"kind"`  // Orphan…, or known…
	Where string    `json:"where"` // Chef server, or hosted zone
	Name  string    `json:"name"`
	Since time.Time `json:"since,omitzero"`
}

// Kinds of what was the environment's own when it was seen last.
const (
	knownClient = "known-client" // its node was that of an instance
	knownNode   = "known-node"   // its instance was in one of the environment's groups
	knownValue  = "known-value"  // an instance had the address
)

func (m SweepMemory) index() map[Remembered]time.Time {
	out := make(map[Remembered]time.Time, len(m.Things))
	for _, r := range m.Things {
		out[Remembered{Kind: r.Kind, Where: r.Where, Name: r.Name}] = r.Since
	}
	return out
}

func remembering(things []Remembered) SweepMemory {
	slices.SortFunc(things, func(a, b Remembered) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Name, b.Name), a.Since.Compare(b.Since))
	})
	return SweepMemory{Things: slices.CompactFunc(things, func(a, b Remembered) bool {
		return a.Kind == b.Kind && a.Where == b.Where && a.Name == b.Name
	})}
}

// since is when an orphan was first seen, and remembers it; one that is new only if it may begin to be one.
func (s *sweep) since(o Orphan, begin bool) time.Time {
	at, seen := s.before[Remembered{Kind: o.Kind, Where: o.Where, Name: o.Name}]
	if !seen || at.After(s.Now) {
		at = s.Now
	}
	if seen || begin {
		s.next = append(s.next, Remembered{Kind: o.Kind, Where: o.Where, Name: o.Name, Since: at})
	}
	return at
}

// learn remembers what is an instance's of the environment.
func (s *sweep) learn(kind, where, name string) {
	s.next = append(s.next, Remembered{Kind: kind, Where: where, Name: name})
}

// recall tells what was so when it was seen last, and goes on remembering it.
func (s *sweep) recall(kind, where, name string) bool {
	_, was := s.before[Remembered{Kind: kind, Where: where, Name: name}]
	if was {
		s.learn(kind, where, name)
	}
	return was
}

// carryOver keeps what is remembered of where this sweep could not look.
func (s *sweep) carryOver() {
	blind := map[string]bool{}
	for _, server := range s.Servers {
		blind[server.Server] = server.Failed != ""
	}
	for _, zone := range s.Zones {
		blind[zone.Zone] = zone.Failed != ""
	}
	for _, r := range s.Memory.Things {
		if blind[r.Where] {
			s.next = append(s.next, r)
		}
	}
}
