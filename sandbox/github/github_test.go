package github

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"
)

const (
	testToken = "ghp_sandbox_test"
	shop      = "acme/shop"
)

var when = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is a stand-in with one repository and go-github in front of it, as Epoxy uses it.
func world(t *testing.T) (*Server, *github.Client, Control) {
	t.Helper()
	server := New(Options{Token: testToken})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	control := Control{web.URL}
	ok(t, control.Put(t.Context(), Repository{
		Name:         shop,
		Commits:      []Commit{{SHA: SHA("first"), Time: when, Authored: when.Add(-time.Hour), Message: "first"}, {SHA: SHA("second"), Time: when.Add(time.Hour)}},
		Branches:     map[string]string{"main": SHA("second"), "feature/x": SHA("first")},
		Tags:         []Tag{{Name: "v1", Commit: SHA("first"), Annotated: true}, {Name: "light", Commit: SHA("first")}},
		PullRequests: []PullRequest{{Number: 12, Head: SHA("first"), Branch: "feature/x"}, {Number: 11, Head: SHA("fork"), State: "MERGED"}},
	}))
	return server, client(t, web.URL+"/api/v3", testToken), control
}

func client(t *testing.T, url, token string) *github.Client {
	t.Helper()
	return must[*github.Client](t)(github.NewClient(github.WithEnterpriseURLs(url, url), github.WithAuthToken(token)))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantStatus checks that GitHub refused so.
func wantStatus(t *testing.T, resp *github.Response, err error, status int) {
	t.Helper()
	if err == nil || resp == nil || resp.StatusCode != status {
		t.Errorf("answered %v, %v; want %d", resp, err, status)
	}
}

func getCommit(ctx context.Context, c *github.Client, ref string) (*github.RepositoryCommit, *github.Response, error) {
	return c.Repositories.GetCommit(ctx, "acme", "shop", ref, nil)
}

func many(n int) (out []Commit) {
	for i := range n {
		out = append(out, Commit{SHA: SHA(fmt.Sprint("many ", i)), Time: when.Add(time.Duration(i) * time.Minute)})
	}
	return out
}
