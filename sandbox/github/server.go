// Package github is a stand-in for GitHub: the part of its GraphQL and REST APIs that tells of commits, branches, tags and
// pull requests, as strict as GitHub is where that hurts (tokens, media types, paging, rate limits), and failures on demand.
// It answers at both kinds of address: like api.github.com (/graphql, /repos/…) and like GitHub Enterprise Server
// (/api/graphql, /api/v3/repos/…). Everything is in memory.
package github

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TokenVariable hands the stand-in, in a process of its own, the personal access token that it knows.
const TokenVariable = "SANDBOX_GITHUB_TOKEN"

// Options of a GitHub with one user and one App, which has one installation. Both see every repository.
type Options struct {
	Token string // the user's personal access token
}

// OptionsFromEnvironment reads them where a child process finds them.
func OptionsFromEnvironment() Options { return Options{Token: os.Getenv(TokenVariable)} }

// Server answers the APIs, and the tests' controls under /control/.
type Server struct {
	options Options
	mux     *http.ServeMux // by address
	api     *http.ServeMux // by path below the API's root
	now     func() time.Time

	mu           sync.Mutex
	repositories map[string]*Repository // by name in lower case
	calls        map[string]*Calls
	failures     []*Failure
	limits       map[string]*window // by resource
	refusal      int                // status of a refusal by the primary limit
	graphQLOff   bool
	app          *app
}

// New is a GitHub without any repository.
func New(options Options) *Server {
	s := &Server{options: options, mux: http.NewServeMux(), api: http.NewServeMux(), now: time.Now, app: &app{}}
	s.reset()
	s.rest()
	s.endpoint("POST /graphql", "graphql", graphQLResource, (*Server).graphQL)
	s.endpoint("/", "unknown", coreResource, func(*Server, *http.Request) (reply, error) { return reply{}, notFound })
	s.mux.Handle("/", s.api)
	s.mux.Handle("/api/v3/", http.StripPrefix("/api/v3", s.api))
	s.mux.Handle("/api/graphql", http.StripPrefix("/api", s.api))
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, map[string]any{"ok": true}) })
	s.controls()
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) reset() {
	s.repositories, s.calls, s.failures = map[string]*Repository{}, map[string]*Calls{}, nil
	s.limits, s.refusal, s.graphQLOff = map[string]*window{}, http.StatusForbidden, false
	s.app.forget()
}

// A reply is what an endpoint answers when it refuses nothing.
type reply struct {
	status int // 0: 200
	header http.Header
	body   any
	cost   int // in points of the resource; 0: one
	// refused is the type of a GraphQL error, which has status 200.
	refused string
}

// refusal is an answer that is no 2xx. GitHub repeats the status in the body.
type refusal struct {
	status  int
	message string
	docs    string // page below docs.github.com
	header  http.Header
}

func (r refusal) Error() string { return r.message }

var notFound = refusal{status: http.StatusNotFound, message: "Not Found"}

func (r refusal) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	write(w, r.status, map[string]string{
		"message": r.message, "documentation_url": "https://docs.github.com/rest" + r.docs, "status": strconv.Itoa(r.status),
	})
}

type endpoint func(*Server, *http.Request) (reply, error)

// endpoint runs with the server locked. kind is what the call is counted as.
func (s *Server) endpoint(pattern, kind, resource string, run endpoint) {
	s.api.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		failure, err := s.admit(r, kind)
		var out reply
		if err == nil {
			out, err = s.limited(r, resource, run)
		}
		if failure != nil && failure.Lost && err == nil {
			s.count(kind, "lost")
			panic(http.ErrAbortHandler) // done, but the caller will never know: the connection just closes
		}
		s.describeLimit(w.Header(), resource)
		s.finish(w, kind, out, err)
	})
}

// limited runs an endpoint unless its resource is used up. What was not modified costs nothing, a refusal does.
func (s *Server) limited(r *http.Request, resource string, run endpoint) (reply, error) {
	if s.remaining(resource) == 0 {
		return s.exhausted(resource)
	}
	out, err := run(s, r)
	if err == nil && r.Method == http.MethodGet {
		out = conditional(r, out)
	}
	if out.status != http.StatusNotModified {
		s.charge(resource, out.cost)
	}
	return out, err
}

func (s *Server) finish(w http.ResponseWriter, kind string, out reply, err error) {
	w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
	if err != nil {
		refused, ok := errors.AsType[refusal](err)
		if !ok {
			refused = refusal{status: http.StatusInternalServerError, message: err.Error()}
		}
		s.count(kind, refused.code())
		refused.write(w)
		return
	}
	s.count(kind, out.refused)
	maps.Copy(w.Header(), out.header)
	if out.status == 0 {
		out.status = http.StatusOK
	}
	write(w, out.status, out.body)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if status != http.StatusNotModified && status != http.StatusNoContent {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func key(repository string) string { return strings.ToLower(repository) }
