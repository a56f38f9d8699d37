package github

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What rate limits are counted for; "core" is the REST API.
// https://docs.github.com/en/rest/rate-limit/rate-limit
const (
	coreResource    = "core"
	graphQLResource = "graphql"
	freeResource    = "" // costs nothing
)

const (
	primaryDocs   = "/using-the-rest-api/rate-limits-for-the-rest-api"
	secondaryDocs = primaryDocs + "#about-secondary-rate-limits"
	perHour       = 5000
)

// A Limit is a primary rate limit, which all callers share here. When it resets, the whole limit is there for an hour.
type Limit struct {
	Resource  string `json:"resource"` // "core" or "graphql"
	Limit     int    `json:"limit"`    // 0: 5,000
	Remaining int    `json:"remaining"`
	ResetIn   int    `json:"reset_in"` // seconds; 0: an hour
	// Status of a refusal: 403, which is also what 0 means, or 429. GraphQL refuses with 200.
	Status int `json:"status,omitempty"`
}

// A Failure makes calls fail. Several can wait; each call takes the first that fits it.
type Failure struct {
	Kind       string `json:"kind,omitempty"`        // as Calls are counted; empty: every call
	Status     int    `json:"status,omitempty"`      // 403 or 429: a secondary rate limit; 5xx: GitHub is broken; 0 with Lost
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, with 403 and 429; 0: GitHub does not say
	Lost       bool   `json:"lost,omitempty"`        // executed, but the connection closes without an answer
	After      int    `json:"after,omitempty"`       // lets so many calls pass before it strikes
	Count      int    `json:"count,omitempty"`       // 0: once; -1: until cleared
}

type window struct {
	limit, used int
	reset       time.Time // a whole second, as the header can say no other
}

// window is the current hour of a resource.
func (s *Server) window(resource string) *window {
	w := s.limits[resource]
	if w == nil {
		w = &window{limit: perHour, reset: s.inSeconds(3600)}
		s.limits[resource] = w
	}
	if !s.now().Before(w.reset) {
		w.used, w.reset = 0, s.inSeconds(3600)
	}
	return w
}

func (s *Server) inSeconds(n int) time.Time {
	return s.now().Add(time.Duration(n)*time.Second + time.Second - 1).Truncate(time.Second)
}

func (w *window) remaining() int { return max(0, w.limit-w.used) }

func (s *Server) remaining(resource string) int {
	if resource == freeResource {
		return 1
	}
	return s.window(resource).remaining()
}

func (s *Server) charge(resource string, cost int) {
	if resource != freeResource {
		s.window(resource).used += max(1, cost)
	}
}

func (s *Server) describeLimit(h http.Header, resource string) {
	if resource == freeResource {
		return
	}
	w := s.window(resource)
	h.Set("X-RateLimit-Limit", strconv.Itoa(w.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(w.remaining()))
	h.Set("X-RateLimit-Used", strconv.Itoa(w.used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(w.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", resource)
}

// exhausted is the answer when a primary limit is used up.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#exceeding-the-rate-limit
func (s *Server) exhausted(resource string) (reply, error) {
	if resource == graphQLResource {
		message := "API rate limit already exceeded for user ID 1."
		return reply{refused: "primary", body: map[string]any{"errors": []map[string]any{{"type": "RATE_LIMITED", "code": "graphql_rate_limit", "message": message}}}}, nil
	}
	return reply{}, refusal{status: s.refusal, message: "API rate limit exceeded for user ID 1.", docs: primaryDocs}
}

func (s *Server) setLimit(l Limit) error {
	if l.Limit == 0 {
		l.Limit = perHour
	}
	if l.ResetIn == 0 {
		l.ResetIn = 3600
	}
	switch {
	case l.Resource != coreResource && l.Resource != graphQLResource:
		return fmt.Errorf(`"resource" must be "core" (REST) or "graphql"`)
	case l.Limit < 1 || l.Remaining < 0 || l.Remaining > l.Limit || l.ResetIn < 0:
		return fmt.Errorf(`"limit" must be at least 1, "remaining" from 0 to that, and "reset_in" seconds from now`)
	case l.Status != 0 && l.Status != http.StatusForbidden && l.Status != http.StatusTooManyRequests:
		return fmt.Errorf(`"status" must be 403 or 429`)
	}
	s.limits[l.Resource] = &window{limit: l.Limit, used: l.Limit - l.Remaining, reset: s.inSeconds(l.ResetIn)}
	s.refusal = http.StatusForbidden
	if l.Status != 0 {
		s.refusal = l.Status
	}
	return nil
}

func (s *Server) addFailure(f Failure) error {
	if !f.Lost && f.Status != http.StatusForbidden && f.Status != http.StatusTooManyRequests && (f.Status < 500 || f.Status > 599) {
		return fmt.Errorf(`a failure needs "status" 403, 429 or 5xx, or "lost": true`)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	s.failures = append(s.failures, &f)
	return nil
}

func (s *Server) takeFailure(kind string) *Failure {
	for i, f := range s.failures {
		switch {
		case f.Kind != "" && f.Kind != kind:
			continue
		case f.After > 0:
			f.After--
			continue
		case f.Count > 0:
			if f.Count--; f.Count == 0 {
				s.failures = slices.Delete(s.failures, i, i+1)
			}
		}
		return f
	}
	return nil
}

// refusal is a secondary rate limit, or a GitHub that is broken.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
func (f *Failure) refusal() refusal {
	if f.Status >= 500 {
		return refusal{status: f.Status, message: http.StatusText(f.Status)}
	}
	out := refusal{
		status: f.Status, docs: secondaryDocs, header: http.Header{},
		message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
	}
	if f.RetryAfter > 0 {
		out.header.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	return out
}

// Calls of one kind: "graphql", "repository", "commit", "branches", "tags", "pulls", "matching-refs", "rate_limit",
// "access_token" or "unknown".
type Calls struct {
	Total   int            `json:"total"`
	OK      int            `json:"ok"`
	Refused map[string]int `json:"refused,omitempty"` // by status, or "primary", "secondary", "lost", or a GraphQL error's type
}

func (s *Server) count(kind, refused string) {
	c := s.calls[kind]
	if c == nil {
		c = &Calls{Refused: map[string]int{}}
		s.calls[kind] = c
	}
	c.Total++
	if refused == "" {
		c.OK++
	} else {
		c.Refused[refused]++
	}
}
