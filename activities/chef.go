package activities

import (
	"context"
	"net/url"
	"sync"

	"epoxy/internal/artifact"
)

// ChefAPI asks one Chef Infra Server, or one organisation of it. Do sends a signed request below its URL and returns the body
// of a successful answer, if it has at most so many bytes; the error of any other answer has a StatusCode.
// https://docs.chef.io/server/api_chef_server/
type ChefAPI interface {
	Do(ctx context.Context, method, path string, query url.Values, body []byte, most int64) ([]byte, error)
	Client() string // whom requests are signed as
	String() string // for people: "Chef server prod (https://chef.example.com)"
}

// Chef talks to Chef Infra Servers.
type Chef struct {
	Servers map[string]ChefAPI // by their names in the section chef
	Ledger  OpenLedger
	S3      Connect[artifact.API] // for nodes that are too big for the ledger

	mu     sync.Mutex
	counts map[string]*nodeCount // by server
	turns  map[turnsFor]chan struct{}
}

// chefTurns is how many activities of each kind are at a server at the same time. A turn is for all calls of an activity: else a
// thousand of them advance side by side, and on a slow server none ends in time. Deletions have turns of their own: what a
// thousand have found is not deleted only when all have searched, and the index shrinks meanwhile.
const chefTurns = 8

// turnsFor is who takes turns with whom.
type turnsFor struct{ server, kind string }

// enter waits for a turn at a server; the activity heartbeats meanwhile.
func (a *Chef) enter(ctx context.Context, server, kind string) (leave func(), err error) {
	a.mu.Lock()
	if a.turns == nil {
		a.turns = map[turnsFor]chan struct{}{}
	}
	who := turnsFor{server, kind}
	turn := a.turns[who]
	if turn == nil {
		turn = make(chan struct{}, chefTurns)
		a.turns[who] = turn
	}
	a.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// server is one of the worker's own.
func (a *Chef) server(name string) (chefServer, error) {
	if a != nil {
		if api, known := a.Servers[name]; known {
			return chefServer{name: name, api: api}, nil
		}
	}
	return chefServer{}, Refuse(ErrInvalid, "this worker knows no Chef server %q: add it to the section chef of its epoxy.yaml, and start it again", name)
}
