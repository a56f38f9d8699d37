package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Control drives a stand-in from a test or the demo.
type Control struct{ URL string }

// Messages of one channel, by id or name, or of all.
func (c Control) Messages(ctx context.Context, channel string) (out []Message, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/messages?channel="+url.QueryEscape(channel), nil, &out)
}

// Calls by method.
func (c Control) Calls(ctx context.Context) (out map[string]Calls, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/calls", nil, &out)
}

// Fail makes coming calls fail.
func (c Control) Fail(ctx context.Context, f Failure) error {
	return c.do(ctx, http.MethodPost, "/control/fail", f, nil)
}

// Heal takes all failures back.
func (c Control) Heal(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/control/fail", nil, nil)
}

// Limit turns the rate limit on.
func (c Control) Limit(ctx context.Context, r Rate) error {
	return c.do(ctx, http.MethodPost, "/control/rate", r, nil)
}

// Reset forgets messages, files, views, interactions, calls, failures and the rate limit; the people and the request URL stay.
func (c Control) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/control/reset", nil, nil)
}

func (c Control) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, body)
	if err != nil {
		return err
	}
	data, err := fetch(req)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(data), out)
}

func fetch(req *http.Request) (string, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s answers %s: %s", req.Method, req.URL.Path, resp.Status, bytes.TrimSpace(data))
	}
	return string(data), nil
}
