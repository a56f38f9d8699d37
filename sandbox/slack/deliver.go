package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Signed is a request as Slack sends it to a request URL.
type Signed struct {
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

// Send posts it to an address.
func (r Signed) Send(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	return requester.Do(req)
}

// Slack follows no redirects here.
var requester = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// sign makes a request of a payload. https://docs.slack.dev/authentication/verifying-requests-from-slack
func sign(secret, payload string, at time.Time) Signed {
	body := url.Values{"payload": {payload}}.Encode()
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	return Signed{
		Header: http.Header{
			"Content-Type":              {"application/x-www-form-urlencoded"},
			"User-Agent":                {"Slackbot 1.0 (+https://api.slack.com/robots)"},
			"X-Slack-Request-Timestamp": {stamp},
			"X-Slack-Signature":         {"v0=" + hex.EncodeToString(mac.Sum(nil))},
		},
		Body: body,
	}
}

// deliver sends an interaction, through Socket Mode if a client is connected, and writes down what came back. The server is
// not locked meanwhile: the app calls the Web API before it answers.
func (s *Server) deliver(ctx context.Context, d *Delivery) {
	s.mu.Lock()
	address := s.requestURL
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	begin := time.Now()
	switch client := s.sockets.pick(); {
	case client != nil:
		d.Via = "socket"
		d.Body, d.Problem = client.ask(ctx, d.Payload)
		if d.Problem == "" {
			d.Status = http.StatusOK
		}
	case address != "":
		d.Via = "http"
		d.post(ctx, address)
	default:
		d.Problem = "no request URL is set, and no Socket Mode client is connected"
	}
	d.Elapsed = time.Since(begin)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, d)
	if v := s.view(d.ViewID); v != nil {
		d.Problem = v.answered(d)
	}
	if c := s.channel(d.Channel); c != nil {
		if m := c.find(d.MessageTS); m != nil {
			m.Warning = d.Problem
		}
	}
}

func (d *Delivery) post(ctx context.Context, address string) {
	resp, err := d.Request.Send(ctx, address)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		d.Problem = "operation_timeout: the app did not answer within three seconds"
		return
	case err != nil:
		d.Problem = "dispatch_failed: " + err.Error()
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	d.Status, d.Body = resp.StatusCode, string(body)
	switch {
	case err != nil:
		d.Problem = "operation_timeout: the app did not finish its answer within three seconds"
	case d.Status != http.StatusOK:
		d.Problem = fmt.Sprintf("this app responded with status code %d", d.Status)
	}
}
