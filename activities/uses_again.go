package activities

import (
	"context"
	"encoding/json"
	"sync"

	"epoxy/internal/policy"
)

// UseLooker looks at uses once more, before each batch of deletions. It asks AWS only for what can have changed: the rest is
// the surveyor's knowledge. Many who ask at once share their looks.
type UseLooker struct {
	Surveyor *UseSurveyor

	mu    sync.Mutex
	looks map[string]*sharedLook // by what is looked at; as long as anybody waits
}

// LookAgain returns what is in use now: no answer is older than the call. It is no activity: deletions call it.
func (l *UseLooker) LookAgain(ctx context.Context, surveys []SurveyUsesInput, listed ReadListedUsesInput) (policy.Uses, error) {
	defer beating(ctx, "look again at what is in use")()
	asks := make([]look, 0, len(surveys)+1)
	for _, in := range surveys {
		in.Store = Store{} // nothing is kept
		asks = append(asks, look{key(in), func(ctx context.Context) (*findings, error) { return l.Surveyor.survey(ctx, in) }})
	}
	if len(listed.Listed)+len(listed.Objects) > 0 {
		asks = append(asks, look{key(listed), func(ctx context.Context) (*findings, error) { return l.Surveyor.readListed(ctx, listed) }})
	}
	var mu sync.Mutex
	var all policy.Uses
	err := each(ctx, asks, func(ctx context.Context, ask look) error {
		uses, err := l.ask(ctx, ask)
		mu.Lock()
		defer mu.Unlock()
		all.Images = append(all.Images, uses.Images...)
		all.TaskDefinitions = append(all.TaskDefinitions, uses.TaskDefinitions...)
		return err
	})
	if err != nil {
		return policy.Uses{}, err
	}
	return all, nil
}

// look is one question; the same key is the same question.
type look struct {
	key string
	do  func(context.Context) (*findings, error)
}

func key(in any) string {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(text)
}

// sharedLook answers one question for many. A look serves those who came before it began, its error too; whoever comes later
// may know of something that it did not see, and gets another.
type sharedLook struct {
	turn    chan struct{} // one looks at a time; a channel, so that waiting for it can be cancelled
	waiting int           // guarded by UseLooker.mu, as is begun
	begun   int           // number of the last look that began

	// Of the last look that ended, guarded by turn.
	ended int
	uses  policy.Uses
	err   error
}

func (l *UseLooker) ask(ctx context.Context, ask look) (policy.Uses, error) {
	s, came := l.enter(ask.key)
	defer l.leave(ask.key, s)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return policy.Uses{}, ctx.Err()
	}
	if s.ended > came {
		return s.uses, s.err
	}
	number := l.begin(s)
	found, err := ask.do(ctx)
	if ctx.Err() != nil {
		return policy.Uses{}, ctx.Err() // this caller was cancelled, which says nothing to the others
	}
	s.ended, s.uses, s.err = number, policy.Uses{}, err
	if err == nil {
		s.uses = found.uses()
	}
	return s.uses, s.err
}

func (l *UseLooker) enter(key string) (s *sharedLook, came int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looks == nil {
		l.looks = map[string]*sharedLook{}
	}
	s, ok := l.looks[key]
	if !ok {
		s = &sharedLook{turn: make(chan struct{}, 1)}
		l.looks[key] = s
	}
	s.waiting++
	return s, s.begun
}

func (l *UseLooker) begin(s *sharedLook) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.begun++
	return s.begun
}

func (l *UseLooker) leave(key string, s *sharedLook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.waiting--; s.waiting == 0 {
		delete(l.looks, key)
	}
}
