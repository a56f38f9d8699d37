package github_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v88/github"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/internal/connect"
	"epoxy/internal/policy"
	"epoxy/sandbox/github"
)

// What Epoxy asks and what the stand-in answers, together: activities.GitHub by way of connect.GitHub.

var made = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func commit(i int) github.Commit {
	return github.Commit{SHA: github.SHA(fmt.Sprint("commit ", i)), Time: made.Add(time.Duration(i) * time.Minute)}
}

// estate is acme/shop with 250 commits, which main's head is the last of.
func estate(t *testing.T) (*activities.GitHub, github.Control) {
	t.Helper()
	web := httptest.NewServer(github.New(github.Options{Token: "ghp_sandbox_test"}))
	t.Cleanup(web.Close)
	control := github.Control{URL: web.URL}
	r := github.Repository{Name: "acme/shop", Branches: map[string]string{"main": commit(249).SHA, "old": commit(3).SHA}}
	for i := range 250 {
		r.Commits = append(r.Commits, commit(i))
	}
	r.Tags = []github.Tag{{Name: "v1", Commit: commit(10).SHA, Annotated: true}, {Name: "nightly", Commit: commit(11).SHA}}
	r.PullRequests = []github.PullRequest{
		{Number: 12, Head: commit(20).SHA, Branch: "x"}, {Number: 13, Head: commit(21).SHA, State: "MERGED"}, {Number: 14, Head: commit(3).SHA},
	}
	check(t, control.Put(t.Context(), r))
	return connected(t, config.GitHub{APIURL: config.URL(web.URL + "/api/v3")}, "ghp_sandbox_test"), control
}

func connected(t *testing.T, c config.GitHub, token string) *activities.GitHub {
	t.Helper()
	t.Setenv("EPOXY_GITHUB_TOKEN", token)
	c.Token = config.Secret{Env: "EPOXY_GITHUB_TOKEN"}
	client, err := connect.GitHub(t.Context(), c)
	check(t, err)
	return &activities.GitHub{Client: client}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, commit(i).SHA)
	}
	return out
}

func calls(t *testing.T, c github.Control) map[string]int {
	t.Helper()
	all, err := c.Calls(t.Context())
	check(t, err)
	out := map[string]int{}
	for kind, n := range all {
		out[kind] = n.Total
	}
	return out
}

func TestLookUp(t *testing.T) {
	for _, style := range []string{"GraphQL", "REST", "like github.com"} {
		t.Run(style, func(t *testing.T) {
			g, control := estate(t)
			want := map[string]int{"graphql": 3}
			if style == "like github.com" {
				root := control.URL + "/"
				client, err := gogithub.NewClient(gogithub.WithURLs(&root, &root), gogithub.WithAuthToken("ghp_sandbox_test"))
				check(t, err)
				g = &activities.GitHub{Client: client}
			}
			if style == "REST" {
				check(t, control.Set(t.Context(), github.Settings{GraphQLOff: true}))
				want = map[string]int{"graphql": 1, "repository": 1, "commit": 252, "branches": 1, "tags": 1, "pulls": 1}
			}
			short, gone := commit(10).SHA[:7], github.SHA("forced away")
			asked := append(names(250), short, gone, commit(1).SHA, "latest", "ABCDEF0", `x") { oid } evil: object(oid: "`)
			found, heads, err := g.LookUp(t.Context(), "acme/shop", asked, true)
			check(t, err)
			for i := range 250 {
				if got := found[commit(i).SHA]; got != (policy.Commit{Time: commit(i).Time}) {
					t.Fatalf("commit %d: %+v", i, got)
				}
			}
			if found[short] != found[commit(10).SHA] || !found[gone].Missing || !found["latest"].Missing || !found["ABCDEF0"].Missing || len(found) != 255 {
				t.Errorf("%d: %+v, %+v, %+v", len(found), found[short], found[gone], found["latest"])
			}
			wantHeads := map[string]string{
				commit(249).SHA: "branch main", commit(3).SHA: "branch old", commit(10).SHA: "tag v1",
				commit(11).SHA: "tag nightly", commit(20).SHA: "pull request 12",
			}
			if !maps.Equal(heads, wantHeads) {
				t.Errorf("heads %v", heads)
			}
			if got := calls(t, control); !maps.Equal(got, want) {
				t.Errorf("calls %v, want %v", got, want)
			}
		})
	}
}

func TestLookUpPagesHeads(t *testing.T) {
	g, control := estate(t)
	r, err := control.Repository(t.Context(), "acme/shop")
	check(t, err)
	for i := range 230 {
		r.Branches[fmt.Sprintf("b%03d", i)] = commit(i).SHA
		r.Tags = append(r.Tags, github.Tag{Name: fmt.Sprintf("t%03d", i), Commit: commit(i).SHA, Annotated: i%2 == 0})
	}
	check(t, control.Put(t.Context(), r))
	for _, off := range []bool{false, true} {
		check(t, control.Set(t.Context(), github.Settings{GraphQLOff: off}))
		_, heads, err := g.LookUp(t.Context(), "acme/shop", names(150), true)
		check(t, err)
		if len(heads) != 231 || heads[commit(229).SHA] != "branch b229" || heads[commit(249).SHA] != "branch main" {
			t.Errorf("%d heads", len(heads))
		}
	}
	// Three pages of branches and tags; the commits travel with the first two. Then one try that GraphQL is off.
	if got := calls(t, control); got["graphql"] != 3+1 || got["branches"] != 3 || got["tags"] != 3 || got["pulls"] != 1 {
		t.Errorf("calls %v", got)
	}
	if found, heads, err := g.LookUp(t.Context(), "acme/shop", nil, false); err != nil || len(found) != 0 || heads != nil || calls(t, control)["graphql"] != 4 {
		t.Errorf("%v, %v, %v", found, heads, err)
	}
}

func TestLimitHalfWay(t *testing.T) {
	for _, resource := range []string{"graphql", "core"} {
		t.Run(resource, func(t *testing.T) {
			g, control := estate(t)
			check(t, control.Set(t.Context(), github.Settings{GraphQLOff: resource == "core"}))
			check(t, control.Limit(t.Context(), github.Limit{Resource: resource, Remaining: 2, ResetIn: 600}))
			found, heads, err := g.LookUp(t.Context(), "acme/shop", names(250), true)
			var throttled *temporal.ApplicationError
			if !errors.As(err, &throttled) || throttled.Type() != activities.ErrThrottled || throttled.Category() != temporal.ApplicationErrorCategoryBenign ||
				throttled.NonRetryable() || !strings.HasPrefix(throttled.Error(), "GitHub's rate limit is used up until ") {
				t.Fatalf("%v", err)
			}
			if wait := throttled.NextRetryDelay(); wait < 590*time.Second || wait > 603*time.Second {
				t.Errorf("waits %s", wait)
			}
			want := map[string]int{"graphql": 200, "core": 1}[resource] // of REST, the first was the repository
			if len(found) != want || heads != nil {
				t.Errorf("%d commits, want %d; heads %v", len(found), want, heads)
			}

			// After the reset the rest is asked for, and only that.
			check(t, control.Limit(t.Context(), github.Limit{Resource: resource, Remaining: 5000}))
			rest := slices.DeleteFunc(names(250), func(sha string) bool { _, known := found[sha]; return known })
			more, heads, err := g.LookUp(t.Context(), "acme/shop", rest, true)
			if err != nil || len(more)+len(found) != 250 || heads[commit(249).SHA] != "branch main" {
				t.Errorf("%d and %d commits, %d heads, %v", len(found), len(more), len(heads), err)
			}
		})
	}
}

func TestLimitReallyResets(t *testing.T) {
	g, control := estate(t)
	check(t, control.Limit(t.Context(), github.Limit{Resource: "graphql", Remaining: 0, ResetIn: 1}))
	_, _, err := g.LookUp(t.Context(), "acme/shop", names(1), false)
	var throttled *temporal.ApplicationError
	if !errors.As(err, &throttled) || throttled.NextRetryDelay() > 4*time.Second {
		t.Fatalf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), throttled.NextRetryDelay())
	defer cancel()
	<-ctx.Done()
	if _, _, err := g.LookUp(t.Context(), "acme/shop", names(1), false); err != nil {
		t.Errorf("after the wait that was asked for: %v", err)
	}
}

func TestSecondaryLimitHalfWay(t *testing.T) {
	g, control := estate(t)
	check(t, control.Fail(t.Context(), github.Failure{Kind: "graphql", Status: 403, RetryAfter: 17, After: 1}))
	found, _, err := g.LookUp(t.Context(), "acme/shop", names(250), false)
	var throttled *temporal.ApplicationError
	if !errors.As(err, &throttled) || throttled.Type() != activities.ErrThrottled || throttled.NextRetryDelay() != 17*time.Second || len(found) != 100 {
		t.Errorf("%v, %d found", err, len(found))
	}
}

func TestForcedAwayIsMissing(t *testing.T) {
	g, control := estate(t)
	next := github.Commit{SHA: github.SHA("next"), Time: made}
	for _, gone := range []bool{false, true} {
		check(t, control.Push(t.Context(), "acme/shop", github.Push{Branch: "main", Commit: commit(249)}))
		check(t, control.Push(t.Context(), "acme/shop", github.Push{Branch: "main", Commit: next, Gone: gone}))
		found, heads, err := g.LookUp(t.Context(), "acme/shop", names(250), true)
		if err != nil || found[commit(249).SHA].Missing != gone || heads[commit(249).SHA] != "" || heads[next.SHA] != "branch main" {
			t.Errorf("gone %v: %+v, %v", gone, found[commit(249).SHA], err)
		}
	}
}

func TestRefusals(t *testing.T) {
	g, control := estate(t)
	refused := func(g *activities.GitHub, repository, kind string, words ...string) {
		t.Helper()
		_, _, err := g.LookUp(t.Context(), repository, names(1), true)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != kind || !app.NonRetryable() {
			t.Errorf("%s: %v", repository, err)
			return
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("does not say %q: %v", word, err)
			}
		}
	}
	url := config.URL(control.URL)
	refused(g, "acme/other", activities.ErrNotFound, "acme/other", "check the name", "github.token")
	refused(connected(t, config.GitHub{APIURL: url}, "ghp_wrong"), "acme/shop", activities.ErrForbidden, "Bad credentials", "github.token")
	refused(connected(t, config.GitHub{APIURL: url + "/elsewhere"}, "ghp_sandbox_test"), "acme/shop", activities.ErrNotFound, "check the name")
	check(t, control.Set(t.Context(), github.Settings{GraphQLOff: true}))
	refused(g, "acme/other", activities.ErrNotFound, "acme/other", "check the name")
	before := calls(t, control)
	refused(nil, "acme/shop", activities.ErrInvalid, "github.token", "EPOXY_GITHUB_TOKEN")
	for _, hostile := range []string{"", "acme", "acme/", "acme/..", "acme/.", "acme/shop/pulls", "../x", "acme/shop?x=1", "acme/shop#", `acme/"){x}`, "acme/shop\n"} {
		refused(g, hostile, activities.ErrInvalid, "owner/name")
	}
	if after := calls(t, control); !maps.Equal(before, after) {
		t.Errorf("a hostile name was sent: %v, then %v", before, after)
	}
}
