package github

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"
)

func TestPrimaryLimitOfREST(t *testing.T) {
	server, _, control := world(t)
	now := time.Now()
	server.now = func() time.Time { return now }
	for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests} {
		c := client(t, control.URL, testToken)
		ok(t, control.Limit(t.Context(), Limit{Resource: "core", Remaining: 2, ResetIn: 5, Status: status}))
		for range 2 {
			if _, _, err := getCommit(t.Context(), c, "main"); err != nil {
				t.Fatal(err)
			}
		}
		// go-github refuses by itself as long as it thinks that nothing is left: so ask with another one.
		_, resp, err := getCommit(t.Context(), client(t, control.URL, testToken), "main")
		wantStatus(t, resp, err, status)
		limited, is := errors.AsType[*github.RateLimitError](err)
		if !is || limited.Rate.Remaining != 0 || limited.Rate.Limit != 5000 || limited.Rate.Resource != "core" {
			t.Fatalf("%v", err)
		}
		if wait := limited.Rate.Reset.Sub(now); wait < 5*time.Second || wait >= 6*time.Second {
			t.Errorf("resets in %s", wait)
		}
		if got := ask(t, control, inShop("name"), nil); len(got.Errors) > 0 {
			t.Errorf("REST's limit holds up GraphQL: %+v", got.Errors)
		}
		now = now.Add(6 * time.Second)
		_, resp, err = getCommit(t.Context(), client(t, control.URL, testToken), "main")
		if err != nil || resp.Rate.Remaining != 4999 {
			t.Errorf("after the reset: %+v, %v", resp, err)
		}
	}
	if calls := must[map[string]Calls](t)(control.Calls(t.Context()))["commit"]; calls.Total != 8 || calls.OK != 6 || calls.Refused["primary"] != 2 {
		t.Errorf("calls %+v", calls)
	}
}

func TestPrimaryLimitOfGraphQL(t *testing.T) {
	server, _, control := world(t)
	now := time.Now()
	server.now = func() time.Time { return now }
	ok(t, control.Limit(t.Context(), Limit{Resource: "graphql", Remaining: 1, ResetIn: 3}))
	if got := ask(t, control, inShop("name"), nil); len(got.Errors) > 0 {
		t.Errorf("%+v", got.Errors)
	}
	got := ask(t, control, inShop("name"), nil)
	if got.status != http.StatusOK || got.kind() != "RATE_LIMITED" || got.Data != nil || got.header.Get("X-RateLimit-Remaining") != "0" || got.header.Get("X-RateLimit-Resource") != "graphql" {
		t.Errorf("%d %+v %v", got.status, got.Errors, got.header)
	}
	now = now.Add(4 * time.Second)
	if got := ask(t, control, inShop("name"), nil); len(got.Errors) > 0 || got.header.Get("X-RateLimit-Remaining") != "4999" {
		t.Errorf("after the reset: %+v", got)
	}
}

func TestRefusalsCostToo(t *testing.T) {
	_, c, _ := world(t)
	for range 3 {
		_, resp, err := getCommit(t.Context(), c, "unknown")
		wantStatus(t, resp, err, http.StatusUnprocessableEntity)
	}
	limits, _, err := c.RateLimit.Get(t.Context())
	if err != nil || limits.Core.Used != 3 || limits.GraphQL.Used != 0 || limits.Core.Remaining != 4997 {
		t.Errorf("%+v, %v", limits, err)
	}
}

func TestSecondaryLimit(t *testing.T) {
	_, _, control := world(t)
	for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests} {
		c := client(t, control.URL, testToken)
		ok(t, control.Fail(t.Context(), Failure{Kind: "commit", Status: status, RetryAfter: 7, After: 1}))
		if _, _, err := getCommit(t.Context(), c, "main"); err != nil {
			t.Errorf("the first still passes, but: %v", err)
		}
		_, resp, err := getCommit(t.Context(), c, "main")
		wantStatus(t, resp, err, status)
		if limited, is := errors.AsType[*github.AbuseRateLimitError](err); !is || limited.GetRetryAfter() != 7*time.Second {
			t.Errorf("%v", err)
		}
		if _, _, err := getCommit(t.Context(), client(t, control.URL, testToken), "main"); err != nil {
			t.Errorf("once is once, but: %v", err)
		}
	}
	ok(t, control.Fail(t.Context(), Failure{Kind: "graphql", Status: http.StatusForbidden, Count: -1}))
	for range 2 {
		if got := ask(t, control, inShop("name"), nil); got.status != http.StatusForbidden || got.header.Get("Retry-After") != "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	}
	ok(t, control.Heal(t.Context()))
	if got := ask(t, control, inShop("name"), nil); got.status != http.StatusOK {
		t.Errorf("after Heal: %d", got.status)
	}
}

func TestBrokenAndLost(t *testing.T) {
	_, c, control := world(t)
	ok(t, control.Fail(t.Context(), Failure{Status: http.StatusBadGateway}))
	_, resp, err := getCommit(t.Context(), c, "main")
	wantStatus(t, resp, err, http.StatusBadGateway)
	ok(t, control.Fail(t.Context(), Failure{Kind: "tags", Lost: true, Count: -1}))
	// More than once: net/http itself asks again on a new connection when one that it reuses is closed.
	if _, resp, err := c.Repositories.ListTags(t.Context(), "acme", "shop", nil); err == nil || resp != nil {
		t.Errorf("a lost answer arrived: %v, %v", resp, err)
	}
	calls := must[map[string]Calls](t)(control.Calls(t.Context()))
	if calls["commit"].Refused["502"] != 1 || calls["tags"].Refused["lost"] == 0 || calls["tags"].OK != 0 {
		t.Errorf("calls %+v", calls)
	}
}

func TestControlRefusesNonsense(t *testing.T) {
	_, _, control := world(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"resource":         control.Limit(ctx, Limit{Resource: "rest"}),
		"remaining":        control.Limit(ctx, Limit{Resource: "core", Limit: 1, Remaining: 2}),
		"failure":          control.Fail(ctx, Failure{Status: 404}),
		"lifetime":         control.Set(ctx, Settings{TokenLifetime: 3601}),
		"repository":       control.Put(ctx, Repository{Name: "shop"}),
		"branch":           control.Put(ctx, Repository{Name: shop, Branches: map[string]string{"main": SHA("unknown")}}),
		"commit":           control.Commit(ctx, shop, Commit{SHA: "abc", Time: when}),
		"time":             control.Commit(ctx, shop, Commit{SHA: SHA("no time")}),
		"pull request":     control.PullRequest(ctx, shop, PullRequest{Number: 1, Head: SHA("first"), State: "open"}),
		"other repository": control.Tag(ctx, "acme/other", Tag{Name: "v1", Commit: SHA("first")}),
	} {
		if err == nil {
			t.Errorf("a wrong %s was taken", name)
		}
	}
	ok(t, control.Reset(ctx))
	if _, err := control.Repository(ctx, shop); err == nil {
		t.Error("a repository survived the reset")
	}
}
