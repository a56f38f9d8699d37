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
