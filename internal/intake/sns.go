package intake

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"epoxy/internal/policy"
)

// Accepted is what became of an announcement that Temporal took.
type Accepted struct {
	WorkflowID string
	Duplicate  bool // its run was over already, and well
}

// Accept takes an announcement. Ignored: it is not ours; a Refusal: it will never be taken; any other error: not now.
type Accept func(context.Context, policy.Announcement) (Accepted, error)

// Topics is the HTTPS endpoint /sns, to which topics deliver by themselves. SNS tries again for at most an hour, so a queue is
// the better way in where there is one.
// https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
type Topics struct {
	ARNs     []string // whose messages are taken
	Accept   Accept
	Counters *Counters
	Log      *slog.Logger

	Fetch *http.Client     // certificates and confirmations; nil: one that follows no redirects
	Roots *x509.CertPool   // nil: the system's
	Now   func() time.Time // nil: the clock

	setup        sync.Once
	mu           sync.Mutex
	certificates map[string]*x509.Certificate // by address, verified
	fetching     singleflight.Group
	fetches      *rate.Limiter
}

const (
	// snsPatience is what Accept gets: SNS waits 15 seconds for an answer.
	// https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
	snsPatience = 8 * time.Second
	// snsWindow is how old a message may be: no delivery policy repeats for longer.
	snsWindow = time.Hour
)

func (t *Topics) init() {
	t.setup.Do(func() {
		t.certificates = map[string]*x509.Certificate{}
		t.fetches = rate.NewLimiter(rate.Every(time.Second), 10)
		if t.Fetch == nil {
			t.Fetch = &http.Client{
				Timeout:       fetchPatience,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
		}
		if t.Log == nil {
			t.Log = slog.Default()
		}
		if t.Now == nil {
			t.Now = time.Now
		}
	})
}

// ServeHTTP answers 200 when the message needs no further delivery, 403 when it is not SNS's or from no topic of ours, 400 when
// it is malformed, and 503 when it shall come again: SNS repeats a delivery after 5xx and 429 only.
func (t *Topics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.init()
	code, err := t.take(w, r)
	t.Counters.event("sns", code)
	status := snsStatus(code, err)
	switch {
	case err == nil:
		w.WriteHeader(status)
	case status == http.StatusOK:
		t.Log.Info("an SNS message was ignored", "code", code, "reason", err)
		w.WriteHeader(status)
	case status == http.StatusServiceUnavailable:
		t.Log.Error("an SNS message could not be taken now", "reason", err)
		http.Error(w, "not now: deliver it again", status)
	default:
		t.Log.Warn("an SNS message was refused", "code", code, "reason", err, "from", r.RemoteAddr)
		http.Error(w, err.Error(), status)
	}
}

var snsStatuses = map[string]int{
	"wrong_method": http.StatusMethodNotAllowed, "too_large": http.StatusRequestEntityTooLarge, codeUnavailable: http.StatusServiceUnavailable,
	"unexpected_topic": http.StatusForbidden, "forged": http.StatusForbidden, "late": http.StatusForbidden,
}

func snsStatus(code string, err error) int {
	if _, skipped := errors.AsType[Ignored](err); skipped || err == nil {
		return http.StatusOK
	}
	return cmp.Or(snsStatuses[code], http.StatusBadRequest)
}

func (t *Topics) take(w http.ResponseWriter, r *http.Request) (code string, err error) {
	m, body, err := t.genuine(w, r)
	if err != nil {
		return result(Accepted{}, err), err
	}
	ctx, cancel := context.WithTimeout(r.Context(), snsPatience)
	defer cancel()
	switch m.kind {
	case snsSubscribe:
		if err := t.confirm(ctx, m); err != nil {
			return result(Accepted{}, err), err
		}
		t.Log.Info("subscribed to a topic", "topic", m.topic)
		return "subscribed", nil
	case snsUnsubscribe:
		t.Log.Error("a topic will send nothing here any more; if nobody meant that, subscribe again: until then only the sweep finds what it would tell",
			"topic", m.topic)
		return "unsubscribed", nil
	}
	a, err := ParseEvent(body, Origin{Topics: t.ARNs, ID: m.id, Received: t.Now()})
	if err != nil {
		return result(Accepted{}, err), err
	}
	done, err := t.Accept(ctx, a)
	return result(done, err), err
}

// genuine reads a message and makes sure that SNS signed it, lately, for a topic of ours.
func (t *Topics) genuine(w http.ResponseWriter, r *http.Request) (m snsMessage, body []byte, err error) {
	if r.Method != http.MethodPost {
		return m, nil, refused("wrong_method", "SNS posts: this address takes POST only")
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return m, nil, refused("too_large", "an event has at most %d bytes", maxEvent)
	}
	if err != nil {
		return m, nil, refused("bad_request", "the request broke off")
	}
	if m, err = readMessage(body); err != nil {
		return m, nil, err
	}
	if !slices.Contains(t.ARNs, m.topic) {
		return m, nil, refused("unexpected_topic", "%.120q is no topic that this Epoxy takes messages from", m.topic)
	}
	if err = t.verify(r.Context(), m); err != nil {
		return m, nil, err
	}
	// After the signature, so that only SNS learns about our clock.
	now := t.Now()
	age := now.Sub(m.at)
	if age < -skew { // it is genuine, and SNS does not repeat what is refused
		return m, nil, fmt.Errorf("signed at %s, and here it is only %s: set the clock of this machine", m.at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if age > snsWindow {
		return m, nil, refused("late", "signed at %s, and here it is %s: a message is good for an hour", m.at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return m, body, nil
}
