// Package chef is the gate to the sandbox's Chef server. goiardi keeps what it knows in memory and, stopped under load, forgets
// what it answered last; a real server does not. So what stops is the gate before it, and goiardi itself stays. The gate counts
// calls, and makes them fail on demand, as the AWS stand-in does.
package chef

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// ServerVariable names the goiardi behind the gate: http://127.0.0.1:4545.
const ServerVariable = "EPOXY_SANDBOX_GOIARDI"

// ServerFromEnvironment is what the variable says.
func ServerFromEnvironment() string { return os.Getenv(ServerVariable) }

// Gate passes requests on to a Chef server. An operation is nodes.GET, search.POST, clients.DELETE and so on; controls are:
//
//	GET, DELETE /epoxy/calls          how many calls of each operation; forget them
//	POST, DELETE /epoxy/faults        make calls fail (Fault); heal them (?match=)
type Gate struct {
	server  *url.URL
	proxy   *httputil.ReverseProxy
	control *http.ServeMux

	mu     sync.Mutex
	calls  map[string]int
	faults []*Fault
}

// Fault makes matching calls fail.
type Fault struct {
	Operation string  `json:"operation"`            // clients.DELETE, nodes.* or *
	Kind      string  `json:"kind"`                 // error, throttle, latency, or lost: done, but the answer never comes
	Count     *int    `json:"count,omitempty"`      // how often; 1, and below 0 for ever
	Skip      int     `json:"skip,omitempty"`       // how many pass before
	Status    int     `json:"status,omitempty"`     // of an error; 503
	LatencyMS float64 `json:"latency_ms,omitempty"` // 20
	Match     string  `json:"match,omitempty"`      // only requests whose path holds this
}

var kinds = []string{"error", "throttle", "latency", "lost"}

// New is a gate to the Chef server at an address.
func New(server string) (*Gate, error) {
	target, err := url.Parse(server)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("%q is no address of a Chef server: http://127.0.0.1:4545", server)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.MaxIdleConnsPerHost = nil, 64
	g := &Gate{server: target, calls: map[string]int{}, control: http.NewServeMux()}
	g.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the Chef server behind the gate does not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
	g.control.HandleFunc("GET /epoxy/calls", g.showCalls)
	g.control.HandleFunc("DELETE /epoxy/calls", g.forgetCalls)
	g.control.HandleFunc("POST /epoxy/faults", g.addFault)
	g.control.HandleFunc("DELETE /epoxy/faults", g.heal)
	return g, nil
}

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/epoxy/") {
		g.control.ServeHTTP(w, r)
		return
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	for _, f := range g.take(kind+"."+r.Method, r.URL.Path) {
		switch f.Kind {
		case "latency":
			time.Sleep(time.Duration(f.LatencyMS * float64(time.Millisecond)))
		case "lost":
			g.proxy.ServeHTTP(nowhere{http.Header{}}, r)
			panic(http.ErrAbortHandler) // closes the connection
		default:
			http.Error(w, `{"error":["a fault of the sandbox"]}`, f.Status)
			return
		}
	}
	g.proxy.ServeHTTP(w, r)
}

// nowhere takes the answer that nobody gets.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// take counts a call and returns the faults that it meets: every latency, then the first of the others.
func (g *Gate) take(operation, path string) []Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[operation]++
	var delays, failures []Fault
	for _, f := range slices.Clone(g.faults) {
		if len(failures) > 0 && f.Kind != "latency" || !f.matches(operation, path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if *f.Count--; *f.Count == 0 {
			g.faults = slices.DeleteFunc(g.faults, func(other *Fault) bool { return other == f })
		}
		if f.Kind == "latency" {
			delays = append(delays, *f)
		} else {
			failures = append(failures, *f)
		}
	}
	return append(delays, failures...)
}

func (f *Fault) matches(operation, at string) bool {
	fits, err := path.Match(f.Operation, operation)
	return err == nil && fits && strings.Contains(at, f.Match)
}

func (g *Gate) showCalls(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	calls := maps.Clone(g.calls)
	g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(calls)
}

func (g *Gate) forgetCalls(http.ResponseWriter, *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.calls)
}

func (g *Gate) addFault(w http.ResponseWriter, r *http.Request) {
	f := Fault{Status: http.StatusServiceUnavailable, LatencyMS: 20}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil || !slices.Contains(kinds, f.Kind) || f.Operation == "" {
		http.Error(w, fmt.Sprintf("no fault: %v; it has an operation (clients.DELETE, nodes.* or *) and a kind, one of %s", err, strings.Join(kinds, ", ")), http.StatusBadRequest)
		return
	}
	if f.Kind == "throttle" {
		f.Status = http.StatusTooManyRequests
	}
	if f.Count == nil || *f.Count == 0 {
		f.Count = new(1)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, &f)
}

func (g *Gate) heal(_ http.ResponseWriter, r *http.Request) {
	match := r.URL.Query()["match"]
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = slices.DeleteFunc(g.faults, func(f *Fault) bool { return len(match) == 0 || slices.Contains(match, f.Match) })
}
