package activities

import (
	"sync"

	"epoxy/internal/policy"
)

// knowledge is what surveys found out that never changes. It is lost with the process, which costs calls and nothing else.
type knowledge struct {
	definitions memory[[]policy.Reference] // images of a task definition, by ARN: a revision's number is never used again
	revisions   memory[serviceRevision]    // by ARN
	functions   memory[[]policy.Reference] // image of a published version, by all that tells it from others
}

// memory is a map of bounded size: of two halves, the older is forgotten when the younger is full. What is used stays.
type memory[T any] struct {
	mu           sync.Mutex
	young, older map[string]T
}

const memoryHalf = 20_000

func (m *memory[T]) get(key string) (T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[key]; ok {
		return v, true
	}
	v, ok := m.older[key]
	if ok {
		m.keep(key, v)
	}
	return v, ok
}

func (m *memory[T]) put(key string, v T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, v)
}

func (m *memory[T]) keep(key string, v T) {
	if m.young == nil || len(m.young) >= memoryHalf {
		m.young, m.older = map[string]T{}, m.young
	}
	m.young[key] = v
}
