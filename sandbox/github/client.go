package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Control drives a stand-in from a test or the demo.
type Control struct{ URL string }

// Put makes a repository, in the place of one that is there already.
func (c Control) Put(ctx context.Context, r Repository) error {
	return c.do(ctx, http.MethodPost, "/control/repositories", r, nil)
}

// Repository by its owner/name.
func (c Control) Repository(ctx context.Context, name string) (out Repository, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/repositories/"+name, nil, &out)
}

// Commit adds commits that no branch names.
func (c Control) Commit(ctx context.Context, repository string, commits ...Commit) error {
	return c.do(ctx, http.MethodPost, "/control/repositories/"+repository+"/commits", commits, nil)
}

// Push moves a branch, or makes it.
func (c Control) Push(ctx context.Context, repository string, p Push) error {
	return c.do(ctx, http.MethodPost, "/control/repositories/"+repository+"/push", p, nil)
}

// Tag adds a tag, or moves it.
func (c Control) Tag(ctx context.Context, repository string, t Tag) error {
	return c.do(ctx, http.MethodPost, "/control/repositories/"+repository+"/tags", t, nil)
}

// PullRequest adds a pull request, or changes it.
func (c Control) PullRequest(ctx context.Context, repository string, p PullRequest) error {
	return c.do(ctx, http.MethodPost, "/control/repositories/"+repository+"/pulls", p, nil)
}

// Delete takes a ref away: refs/heads/… or refs/tags/….
func (c Control) Delete(ctx context.Context, repository, ref string) error {
	return c.do(ctx, http.MethodDelete, "/control/repositories/"+repository+"/"+ref, nil, nil)
}

// Set changes the settings; the zero Settings switch GraphQL on again.
func (c Control) Set(ctx context.Context, to Settings) error {
	return c.do(ctx, http.MethodPost, "/control/settings", to, nil)
}

// Limit sets a primary rate limit: how much is left of it, and when it resets.
func (c Control) Limit(ctx context.Context, l Limit) error {
	return c.do(ctx, http.MethodPost, "/control/limit", l, nil)
}

// Fail makes coming calls fail: secondary rate limits too.
func (c Control) Fail(ctx context.Context, f Failure) error {
	return c.do(ctx, http.MethodPost, "/control/fail", f, nil)
}

// Heal takes all failures back.
func (c Control) Heal(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/control/fail", nil, nil)
}

// Calls by kind.
func (c Control) Calls(ctx context.Context) (out map[string]Calls, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/calls", nil, &out)
}

// App is the stand-in's GitHub App, with its private key.
func (c Control) App(ctx context.Context) (out App, err error) {
	return out, c.do(ctx, http.MethodGet, "/control/app", nil, &out)
}

// Reset forgets repositories, calls, failures, limits, settings and installation tokens.
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
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answers %s: %s", method, path, resp.Status, bytes.TrimSpace(data))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}
