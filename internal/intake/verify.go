// Package intake is the door for what comes from outside. What people do in Slack, a request or a Socket Mode envelope, is
// verified and becomes one typed Click. What queues and topics tell of instances becomes one typed announcement. What they mean
// is for the caller, who gives the Door a Decide function, and Poller and Topics an Accept.
package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Why a request is not Slack's, or not a new one. The errors of Verify wrap one of these.
var (
	ErrForged   = errors.New("not signed by Slack")
	ErrLate     = errors.New("outside the five minutes for which a signature is good")
	ErrReplayed = errors.New("this very request was answered before")
	ErrTooLarge = errors.New("larger than Slack's requests are")
)

const (
	maxBody = 1 << 20
	// window is how far a request's timestamp may be from now.
	// https://docs.slack.dev/authentication/verifying-requests-from-slack
	window = 5 * time.Minute
)

// Verifier checks that a request was signed by Slack, lately, and comes for the first time. slack-go's SecretsVerifier stops
// short of the last, and reads a clock of its own.
//
// What it has seen it remembers for itself alone: with several processes behind one address, it is Click.ID that keeps a
// decision from being taken twice.
type Verifier struct {
	SigningSecret []byte
	Now           func() time.Time // nil: the clock

	mu   sync.Mutex
	seen map[[sha256.Size]byte]time.Time // signature: when it stops being good by itself
}

// Verify takes the headers and the body exactly as they came.
func (v *Verifier) Verify(header http.Header, body []byte) error {
	if len(v.SigningSecret) == 0 {
		return fmt.Errorf("%w: no signing secret is set, so nothing can be verified; set slack.signing_secret", ErrForged)
	}
	if len(body) > maxBody {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	stamp := header.Get("X-Slack-Request-Timestamp")
	signature, err := signatureOf(header)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the timestamp is not a number", ErrForged)
	}
	// The signature before the time, so that only who knows the secret learns about our clock.
	mac := hmac.New(sha256.New, v.SigningSecret)
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), signature[:]) {
		return fmt.Errorf("%w: the signature does not fit; if Slack did send this, slack.signing_secret is not this app's", ErrForged)
	}
	now, signed := v.now(), time.Unix(seconds, 0)
	if age := now.Sub(signed); age > window || age < -window {
		return fmt.Errorf("%w: signed at %s, and here it is %s; if Slack did send this just now, set this machine's clock",
			ErrLate, signed.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return v.first(signature, now, signed.Add(window))
}

// first remembers a genuine signature; nobody without the secret can fill the memory.
func (v *Verifier) first(signature [sha256.Size]byte, now, until time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[[sha256.Size]byte]time.Time{}
	}
	maps.DeleteFunc(v.seen, func(_ [sha256.Size]byte, until time.Time) bool { return now.After(until) })
	if _, again := v.seen[signature]; again {
		return ErrReplayed
	}
	v.seen[signature] = until
	return nil
}

// signatureOf decodes the signature, so that the same one in other letters is still the same.
func signatureOf(header http.Header) (out [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(header.Get("X-Slack-Signature"), "v0=")
	if !ok {
		return out, fmt.Errorf("%w: there is no v0 signature", ErrForged)
	}
	decoded, err := hex.DecodeString(digits)
	if err != nil || len(decoded) != len(out) {
		return out, fmt.Errorf("%w: the signature is not one of 64 hexadecimal digits", ErrForged)
	}
	return [sha256.Size]byte(decoded), nil
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}
