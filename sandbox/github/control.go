package github

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Settings of the stand-in as a whole.
type Settings struct {
	GraphQLOff bool `json:"graphql_off,omitempty"` // an old GitHub Enterprise Server: /graphql is not there
	// TokenLifetime of installation tokens in seconds; 0: an hour, as it was.
	TokenLifetime int `json:"token_lifetime,omitempty"`
}

func (s *Server) controls() {
	s.handle("GET /control/calls", func(*http.Request) (any, error) { return s.calls, nil })
	s.handle("GET /control/app", func(*http.Request) (any, error) { return s.app.describe(), nil })
	s.handle("POST /control/reset", func(*http.Request) (any, error) { s.reset(); return done, nil })
	s.handle("POST /control/settings", take(s.set))
	s.handle("POST /control/limit", take(s.setLimit))
	s.handle("POST /control/fail", take(s.addFailure))
	s.handle("DELETE /control/fail", func(*http.Request) (any, error) { s.failures = nil; return done, nil })
	s.handle("POST /control/repositories", take(s.addRepository))
	s.handle("GET /control/repositories/{owner}/{name}", s.inControl(func(found *Repository, _ *http.Request) (any, error) { return found, nil }))
	s.handle("POST /control/repositories/{owner}/{name}/push", change(s, func(found *Repository, p Push) error { return found.push(p) }))
	s.handle("POST /control/repositories/{owner}/{name}/commits", change(s, func(found *Repository, c []Commit) error {
		found.Commits = append(found.Commits, c...)
		return found.complete()
	}))
	s.handle("POST /control/repositories/{owner}/{name}/tags", change(s, func(found *Repository, t Tag) error {
		found.Tags = append(slices.DeleteFunc(found.Tags, func(old Tag) bool { return old.Name == t.Name }), t)
		return found.complete()
	}))
	s.handle("POST /control/repositories/{owner}/{name}/pulls", change(s, func(found *Repository, p PullRequest) error {
		found.PullRequests = append(slices.DeleteFunc(found.PullRequests, func(old PullRequest) bool { return old.Number == p.Number }), p)
		return found.complete()
	}))
	s.handle("DELETE /control/repositories/{owner}/{name}/{ref...}", s.inControl(deleteRef))
}

var done = map[string]any{"ok": true}

// handle runs with the server locked; an error is the caller's fault.
func (s *Server) handle(pattern string, run func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		out, err := run(r)
		if err != nil {
			write(w, http.StatusBadRequest, map[string]any{"ok": false, "error": err.Error()})
			return
		}
		write(w, http.StatusOK, out)
	})
}

// take decodes what run wants.
func take[T any](run func(T) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var in T
		if err := decode(r, &in); err != nil {
			return nil, err
		}
		return done, run(in)
	}
}

// change works on a copy, so that a change that is refused leaves nothing behind.
func change[T any](s *Server, run func(*Repository, T) error) func(*http.Request) (any, error) {
	return s.inControl(func(found *Repository, r *http.Request) (any, error) {
		var in T
		if err := decode(r, &in); err != nil {
			return nil, err
		}
		next, err := found.clone()
		if err != nil {
			return nil, err
		}
		if err := run(next, in); err != nil {
			return nil, err
		}
		*found = *next
		return done, nil
	})
}

func (r *Repository) clone() (*Repository, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var out Repository
	err = json.Unmarshal(data, &out)
	if out.Branches == nil {
		out.Branches = map[string]string{}
	}
	return &out, err
}

func (s *Server) inControl(run func(*Repository, *http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		name := r.PathValue("owner") + "/" + r.PathValue("name")
		found, ok := s.repositories[key(name)]
		if !ok {
			return nil, fmt.Errorf("no repository %s", name)
		}
		return run(found, r)
	}
}

func (s *Server) set(to Settings) error {
	if to.TokenLifetime != 0 {
		if err := s.app.expireAfter(to.TokenLifetime); err != nil {
			return err
		}
	}
	s.graphQLOff = to.GraphQLOff
	return nil
}

func (s *Server) addRepository(r Repository) error {
	if err := r.complete(); err != nil {
		return err
	}
	s.repositories[key(r.Name)] = &r
	return nil
}

// deleteRef takes a branch or a tag away and keeps the commit.
func deleteRef(found *Repository, r *http.Request) (any, error) {
	name := r.PathValue("ref")
	if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
		if _, there := found.Branches[branch]; there {
			delete(found.Branches, branch)
			return done, nil
		}
	}
	before := len(found.Tags)
	found.Tags = slices.DeleteFunc(found.Tags, func(t Tag) bool { return "refs/tags/"+t.Name == name })
	if len(found.Tags) == before {
		return nil, fmt.Errorf("no %s in %s", name, found.Name)
	}
	return done, nil
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("not understood: %w", err)
	}
	return nil
}
