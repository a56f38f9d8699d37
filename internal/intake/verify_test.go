package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var secret = []byte("8f742231b10e8888abcd99yyyzzz85a5")

// signed makes the headers of a request, as Slack does.
func signed(secret []byte, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("v0:" + stamp + ":" + body))
	return http.Header{
		"Content-Type":              {"application/x-www-form-urlencoded"},
		"X-Slack-Request-Timestamp": {stamp},
		"X-Slack-Signature":         {"v0=" + hex.EncodeToString(mac.Sum(nil))},
	}
}

// The example of https://docs.slack.dev/authentication/verifying-requests-from-slack
func TestSlacksOwnExample(t *testing.T) {
	header := http.Header{
		"X-Slack-Request-Timestamp": {"1531420618"},
		"X-Slack-Signature":         {"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
	}
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	v := &Verifier{SigningSecret: secret, Now: func() time.Time { return time.Unix(1531420618, 0) }}
	if err := v.Verify(header, []byte(body)); err != nil {
		t.Error(err)
	}
}

func TestForged(t *testing.T) {
	now := time.Unix(1700000000, 0)
	const body = "payload=x"
	for name, spoil := range map[string]func(http.Header) (http.Header, string){
		"another secret": func(http.Header) (http.Header, string) { return signed([]byte("other"), now, body), body },
		"another body":   func(h http.Header) (http.Header, string) { return h, body + "y" },
		"another time": func(h http.Header) (http.Header, string) {
			h.Set("X-Slack-Request-Timestamp", "1700000001")
			return h, body
		},
		"time not a number": func(h http.Header) (http.Header, string) { h.Set("X-Slack-Request-Timestamp", "now"); return h, body },
		"no time":           func(h http.Header) (http.Header, string) { h.Del("X-Slack-Request-Timestamp"); return h, body },
		"no signature":      func(h http.Header) (http.Header, string) { h.Del("X-Slack-Signature"); return h, body },
		"no version": func(h http.Header) (http.Header, string) {
			h.Set("X-Slack-Signature", strings.TrimPrefix(h.Get("X-Slack-Signature"), "v0="))
			return h, body
		},
		"not hexadecimal": func(h http.Header) (http.Header, string) { h.Set("X-Slack-Signature", "v0=zz"); return h, body },
		"cut short": func(h http.Header) (http.Header, string) {
			h.Set("X-Slack-Signature", h.Get("X-Slack-Signature")[:20])
			return h, body
		},
		"empty": func(h http.Header) (http.Header, string) { h.Set("X-Slack-Signature", "v0="); return h, body },
	} {
		v := &Verifier{SigningSecret: secret, Now: func() time.Time { return now }}
		header, sent := spoil(signed(secret, now, body))
		if err := v.Verify(header, []byte(sent)); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An empty secret would sign as well as any.
	if err := new(Verifier).Verify(signed(nil, time.Now(), body), []byte(body)); !errors.Is(err, ErrForged) || !strings.Contains(err.Error(), "slack.signing_secret") {
		t.Errorf("without a secret: %v", err)
	}
}

func TestLate(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for age, want := range map[time.Duration]error{
		0: nil, window: nil, -window: nil,
		window + time.Second: ErrLate, -window - time.Second: ErrLate, 24 * time.Hour: ErrLate,
	} {
		v := &Verifier{SigningSecret: secret, Now: func() time.Time { return now }}
		if err := v.Verify(signed(secret, now.Add(-age), "x"), []byte("x")); !errors.Is(err, want) {
			t.Errorf("%s old: %v, want %v", age, err, want)
		}
	}
}

func TestReplayed(t *testing.T) {
	now := time.Unix(1700000000, 0)
	v := &Verifier{SigningSecret: secret, Now: func() time.Time { return now }}
	// Signed by a clock that is ahead: good for nearly ten minutes here.
	header := signed(secret, now.Add(window), "x")
	shout := header.Clone()
	shout.Set("X-Slack-Signature", "v0="+strings.ToUpper(strings.TrimPrefix(header.Get("X-Slack-Signature"), "v0=")))
	if err := v.Verify(header, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		now = now.Add(window)
		for _, again := range []http.Header{header, shout} {
			if err := v.Verify(again, []byte("x")); !errors.Is(err, ErrReplayed) {
				t.Errorf("the second time: %v", err)
			}
		}
	}
	now = now.Add(time.Second)
	if err := v.Verify(header, []byte("x")); !errors.Is(err, ErrLate) {
		t.Errorf("after the window: %v", err)
	}
	if err := v.Verify(signed(secret, now, "y"), []byte("y")); err != nil || len(v.seen) != 1 {
		t.Errorf("%v; %d signatures are remembered, want the last one", err, len(v.seen))
	}
}

func TestOneOfManyAtOncePasses(t *testing.T) {
	v := &Verifier{SigningSecret: secret}
	header := signed(secret, time.Now(), "x")
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v.Verify(header, []byte("x")) == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d passed", passed.Load())
	}
}

func TestVerifyTooLarge(t *testing.T) {
	v := &Verifier{SigningSecret: secret}
	body := strings.Repeat("x", maxBody+1)
	if err := v.Verify(signed(secret, time.Now(), body), []byte(body)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// Whatever comes in, it passes with the right signature only, and once.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1700000000, 0)
	f.Add("v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "1700000000", []byte("payload=%7B%7D"))
	f.Add("v0=", "", []byte(nil))
	f.Add("V0=00", "+1700000000", []byte("x"))
	f.Add(signed(secret, now, "x").Get("X-Slack-Signature"), "1700000000", []byte("x"))
	f.Fuzz(func(t *testing.T, signature, stamp string, body []byte) {
		v := &Verifier{SigningSecret: secret, Now: func() time.Time { return now }}
		header := http.Header{"X-Slack-Signature": {signature}, "X-Slack-Request-Timestamp": {stamp}}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("v0:" + stamp + ":" + string(body)))
		right := strings.EqualFold(signature, "v0="+hex.EncodeToString(mac.Sum(nil)))
		if err := v.Verify(header, body); err == nil && !right {
			t.Fatalf("passed with %q", signature)
		}
		genuine := signed(secret, now, string(body))
		first, second := v.Verify(genuine, body), v.Verify(genuine, body)
		if len(body) <= maxBody && (second == nil || first != nil && !errors.Is(first, ErrReplayed)) {
			t.Fatalf("first %v, then %v", first, second)
		}
	})
}
