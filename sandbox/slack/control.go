package slack

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Failure makes calls fail. Several can wait; each call takes the first that fits it.
type Failure struct {
	Method     string `json:"method,omitempty"`      // empty: every method
	Status     int    `json:"status,omitempty"`      // 429, or 5xx; 0 with Error or Lost
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, with 429
	Error      string `json:"error,omitempty"`       // {"ok":false,"error":…} with status 200
	Lost       bool   `json:"lost,omitempty"`        // executed, but the connection closes without an answer
	Count      int    `json:"count,omitempty"`       // 0: once; -1: until cleared
}

// A Rate limits chat.postMessage per channel. Slack's own is 1 a second with short bursts:
// https://docs.slack.dev/apis/web-api/rate-limits
type Rate struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

// Calls of one method.
type Calls struct {
	Total   int            `json:"total"`
	OK      int            `json:"ok"`
	Refused map[string]int `json:"refused,omitempty"` // by error; "lost" was executed
}

// control answers one of the tests' requests, with the server locked.
func (s *Server) control(pattern string, run func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		out, err := run(r)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			out = map[string]any{"ok": false, "error": err.Error()}
		}
		answer(w, out)
	})
}

var done = map[string]any{"ok": true}

func (s *Server) controls() {
	handle, ok := s.control, done
	handle("GET /control/messages", func(r *http.Request) (any, error) { return s.allMessages(r.FormValue("channel")), nil })
	handle("GET /control/calls", func(*http.Request) (any, error) { return s.calls, nil })
	handle("GET /control/fail", func(*http.Request) (any, error) { return append([]*Failure{}, s.failures...), nil })
	handle("POST /control/fail", func(r *http.Request) (any, error) { return ok, s.addFailure(r) })
	handle("DELETE /control/fail", func(*http.Request) (any, error) { s.failures = nil; return ok, nil })
	handle("POST /control/rate", func(r *http.Request) (any, error) { return ok, s.setRate(r) })
	handle("DELETE /control/rate", func(*http.Request) (any, error) { s.rate = nil; return ok, nil })
	handle("POST /control/channels", func(r *http.Request) (any, error) { return ok, s.nameChannel(r) })
	handle("POST /control/reset", func(*http.Request) (any, error) { s.reset(); return ok, nil })
}

// allMessages lists copies in the order they were posted, of all channels or of one, by id or name.
func (s *Server) allMessages(only string) []Message {
	out := []Message{}
	for _, c := range s.channels {
		if only != "" && only != c.id && strings.TrimPrefix(only, "#") != c.name {
			continue
		}
		for _, m := range c.messages {
			shown := *m
			shown.ChannelName = c.name
			out = append(out, shown)
		}
	}
	slices.SortFunc(out, func(a, b Message) int { return strings.Compare(a.TS, b.TS) })
	return out
}

func (s *Server) addFailure(r *http.Request) error {
	var f Failure
	if err := decode(r, &f); err != nil {
		return err
	}
	if !f.Lost && f.Error == "" && f.Status != http.StatusTooManyRequests && (f.Status < 500 || f.Status > 599) {
		return fmt.Errorf(`a failure needs "status" 429 or 5xx, or "error", or "lost": true`)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	s.failures = append(s.failures, &f)
	return nil
}

func (s *Server) setRate(r *http.Request) error {
	rate := Rate{PerSecond: 1, Burst: 3}
	if err := decode(r, &rate); err != nil {
		return err
	}
	if rate.PerSecond <= 0 || rate.Burst < 1 {
		return fmt.Errorf(`"per_second" must be above 0 and "burst" at least 1`)
	}
	s.rate, s.buckets = &rate, map[string]*bucket{}
	return nil
}

// nameChannel gives a channel that is called by id a name, for the page and conversations.list.
func (s *Server) nameChannel(r *http.Request) error {
	var c struct{ ID, Name string }
	if err := decode(r, &c); err != nil {
		return err
	}
	if !channelID.MatchString(c.ID) || !channelName.MatchString(c.Name) {
		return fmt.Errorf(`"id" must look like C0123456789 and "name" like a channel's name`)
	}
	s.open(c.ID).name = strings.TrimPrefix(c.Name, "#")
	return nil
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && r.ContentLength != 0 {
		return fmt.Errorf("not understood: %w", err)
	}
	return nil
}

func (s *Server) takeFailure(method string) *Failure {
	for i, f := range s.failures {
		if f.Method != "" && f.Method != method {
			continue
		}
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.failures = slices.Delete(s.failures, i, i+1)
			}
		}
		return f
	}
	return nil
}

func (f *Failure) code() string {
	switch {
	case f.Error != "":
		return f.Error
	case f.Status == http.StatusTooManyRequests:
		return "ratelimited"
	}
	return strconv.Itoa(f.Status)
}

func (f *Failure) answer(w http.ResponseWriter) {
	switch {
	case f.Status == http.StatusTooManyRequests:
		answerRateLimited(w, max(f.RetryAfter, 1))
	case f.Status >= 500:
		http.Error(w, http.StatusText(f.Status), f.Status)
	default:
		answer(w, map[string]any{"ok": false, "error": f.Error})
	}
}

func answerRateLimited(w http.ResponseWriter, seconds int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": "ratelimited"})
}

func (s *Server) count(method, refused string) {
	c := s.calls[method]
	if c == nil {
		c = &Calls{Refused: map[string]int{}}
		s.calls[method] = c
	}
	c.Total++
	if refused == "" {
		c.OK++
	} else {
		c.Refused[refused]++
	}
}

type rateLimited struct{ retryAfter int }

func (rateLimited) Error() string { return "ratelimited" }

type bucket struct {
	tokens float64
	at     time.Time
}

// limit takes a token of the channel's bucket.
func (s *Server) limit(channel string) error {
	if s.rate == nil {
		return nil
	}
	now := s.now()
	b := s.buckets[channel]
	if b == nil {
		b = &bucket{float64(s.rate.Burst), now}
		s.buckets[channel] = b
	}
	b.tokens = min(float64(s.rate.Burst), b.tokens+now.Sub(b.at).Seconds()*s.rate.PerSecond)
	b.at = now
	if b.tokens < 1 {
		return rateLimited{int(math.Ceil((1 - b.tokens) / s.rate.PerSecond))}
	}
	b.tokens--
	return nil
}
