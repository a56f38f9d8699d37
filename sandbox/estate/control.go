package estate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Control is the AWS stand-in's control API: faults, settings and a call counter.
type Control struct{ URL string } // such as http://127.0.0.1:4566/epoxy

// Fault makes matching calls fail; see sandbox/aws for the kinds.
type Fault struct {
	Operation string  `json:"operation"` // ec2.DescribeImages, ec2.* or *
	Kind      string  `json:"kind"`      // throttle, error, latency, lost or deny
	Count     int     `json:"count,omitempty"`
	Skip      int     `json:"skip,omitempty"`
	Status    int     `json:"status,omitempty"`
	Code      string  `json:"code,omitempty"`
	LatencyMS float64 `json:"latency_ms,omitempty"`
	Match     string  `json:"match,omitempty"` // only requests whose body holds this, or that act in this account
	Hold      bool    `json:"hold,omitempty"`  // the call waits until the fault is cleared
}

// Fail adds faults.
func (c Control) Fail(ctx context.Context, faults ...Fault) error {
	for _, f := range faults {
		if err := c.call(ctx, http.MethodPost, "/faults", f, nil); err != nil {
			return err
		}
	}
	return nil
}

// Heal removes all faults.
func (c Control) Heal(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/faults", nil, nil)
}

// HealMatching removes the faults that match one of these.
func (c Control) HealMatching(ctx context.Context, matches ...string) error {
	for _, m := range matches {
		if err := c.call(ctx, http.MethodDelete, "/faults?match="+url.QueryEscape(m), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Set changes settings, such as image_pending_seconds.
func (c Control) Set(ctx context.Context, settings map[string]any) error {
	return c.call(ctx, http.MethodPost, "/settings", settings, nil)
}

// Calls counts the calls of each operation.
func (c Control) Calls(ctx context.Context) (map[string]int, error) {
	var out map[string]int
	return out, c.call(ctx, http.MethodGet, "/calls", nil, &out)
}

// Call is one recorded call.
type Call struct {
	Time      float64 `json:"time"`
	Operation string  `json:"operation"`
	Path      string  `json:"path"`
	Region    string  `json:"region"`
	Account   string  `json:"account"`
	Status    int     `json:"status"`
	Fault     string  `json:"fault"`
}

// CallLog lists the calls in order.
func (c Control) CallLog(ctx context.Context) ([]Call, error) {
	var out []Call
	return out, c.call(ctx, http.MethodGet, "/calls?detail=1", nil, &out)
}

func (c Control) call(ctx context.Context, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("control %s: %w", path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		return fmt.Errorf("control %s %s: %s: %s: %w", method, path, resp.Status, answer, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
