// Package slack is a stand-in for Slack: the few Web API methods Epoxy uses, as strict as Slack is where that hurts
// (tokens, limits, threads, paging, rates), failures on demand, and a page that shows the messages the way Slack would.
// Everything is in memory.
package slack

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// Variables that hand the stand-in, in a process of its own, the only secrets it knows.
const (
	TokenVariable         = "EPOXY_SANDBOX_SLACK_TOKEN"
	SigningSecretVariable = "SANDBOX_SLACK_SIGNING_SECRET"
	AppTokenVariable      = "SANDBOX_SLACK_APP_TOKEN"
)

// Options of a workspace with one app in it.
type Options struct {
	Token         string // the app's bot token
	SigningSecret string // signs what is sent to the request URL
	AppToken      string // opens Socket Mode; empty: Socket Mode is off
}

// OptionsFromEnvironment reads them where a child process finds them.
func OptionsFromEnvironment() Options {
	return Options{Token: os.Getenv(TokenVariable), SigningSecret: os.Getenv(SigningSecretVariable), AppToken: os.Getenv(AppTokenVariable)}
}

// The workspace that auth.test describes.
const (
	teamID = "T0SANDBOX0"
	userID = "U0EPOXY000"
	botID  = "B0EPOXY000"
	appID  = "A0EPOXY000"
)

// Server answers the Web API under /api/, the tests' controls under /control/, and people at /.
type Server struct {
	options Options
	mux     *http.ServeMux
	now     func() time.Time
	wait    time.Duration // for an acknowledgement

	mu       sync.Mutex
	channels []*channel
	lastTS   int64 // microseconds
	calls    map[string]*Calls
	failures []*Failure
	rate     *Rate
	buckets  map[string]*bucket
	interactivity
	directory
	uploads map[string]*File // by id
	sockets *hub
}

// New is a workspace without any message, and without interactivity.
func New(token string) *Server { return NewServer(Options{Token: token}) }

// NewServer is a workspace without any message.
func NewServer(options Options) *Server {
	s := &Server{options: options, mux: http.NewServeMux(), now: time.Now, wait: ackWithin, directory: someone(), sockets: newHub()}
	s.reset()
	s.mux.HandleFunc("/api/{method}", s.serveAPI)
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"ok": true}) })
	s.mux.HandleFunc("POST /actions/{team}/{app}/{secret}", s.serveResponseURL)
	s.mux.HandleFunc("GET /link/{ticket}", s.serveSocket)
	s.files()
	s.controls()
	s.interactionControls()
	s.pages()
	s.pageActions()
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) reset() {
	s.channels, s.calls, s.failures, s.rate = nil, map[string]*Calls{}, nil, nil
	s.buckets = map[string]*bucket{}
	s.interactivity = interactivity{requestURL: s.requestURL, triggers: map[string]*trigger{}, responses: map[string]*responseURL{}}
	s.uploads = map[string]*File{}
}

// A reply is what a method adds to {"ok":true}.
type reply map[string]any

// A method runs with the server locked.
type method func(*Server, *http.Request, args) (reply, error)

var methods = map[string]method{
	"apps.connections.open":        (*Server).openConnection,
	"auth.test":                    (*Server).authTest,
	"chat.getPermalink":            (*Server).getPermalink,
	"chat.postEphemeral":           (*Server).postEphemeral,
	"chat.postMessage":             (*Server).postMessage,
	"chat.update":                  (*Server).update,
	"conversations.history":        (*Server).history,
	"conversations.info":           (*Server).info,
	"conversations.list":           (*Server).list,
	"conversations.replies":        (*Server).replies,
	"files.completeUploadExternal": (*Server).completeUpload,
	"files.getUploadURLExternal":   (*Server).uploadURL,
	"files.info":                   (*Server).fileInfo,
	"usergroups.list":              (*Server).listUsergroups,
	"usergroups.users.list":        (*Server).listMembers,
	"users.info":                   (*Server).userInfo,
	"views.open":                   (*Server).openView,
	"views.update":                 (*Server).updateView,
}

// refusal is an answer {"ok":false}, which Slack gives with status 200.
type refusal struct {
	code    string
	details []string
}

func (r refusal) Error() string { return r.code }

func refuse(code string, details ...string) error { return refusal{code, details} }

// serveAPI runs one call and counts it.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("method")
	failure := s.takeFailure(name)
	if failure != nil && !failure.Lost {
		s.count(name, failure.code())
		failure.answer(w)
		return
	}
	out, err := s.call(name, r)
	if failure != nil {
		s.count(name, "lost")
		panic(http.ErrAbortHandler) // done, but the caller will never know: the connection just closes
	}
	if err != nil {
		s.count(name, answerError(w, name, err))
		return
	}
	out["ok"] = true
	answer(w, out)
	s.count(name, "")
}

// answerError answers with what went wrong and returns its code.
func answerError(w http.ResponseWriter, method string, err error) string {
	if limited, ok := errors.AsType[rateLimited](err); ok {
		answerRateLimited(w, limited.retryAfter)
		return "ratelimited"
	}
	refused, ok := errors.AsType[refusal](err)
	if !ok {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return "internal_error"
	}
	body := map[string]any{"ok": false, "error": refused.code}
	if refused.code == "unknown_method" {
		body["req_method"] = method
	}
	if len(refused.details) > 0 {
		body["errors"] = refused.details
		body["response_metadata"] = map[string]any{"messages": prefixed("[ERROR] ", refused.details)}
	}
	answer(w, body)
	return refused.code
}

func (s *Server) call(name string, r *http.Request) (reply, error) {
	run, ok := methods[name]
	if !ok {
		return nil, refuse("unknown_method")
	}
	a, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := s.authenticate(name, r, a); err != nil {
		return nil, err
	}
	return run(s, r, a)
}

func (s *Server) authTest(r *http.Request, _ args) (reply, error) {
	return reply{
		"url": "http://" + r.Host + "/", "team": "Sandbox", "user": "epoxy",
		"team_id": teamID, "user_id": userID, "bot_id": botID, "is_enterprise_install": false,
	}, nil
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(body)
}

func prefixed(prefix string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = prefix + line
	}
	return out
}
