package github

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-github/v88/github"
)

func TestCommits(t *testing.T) {
	_, c, _ := world(t)
	for _, ref := range []string{SHA("first"), SHA("first")[:7], "v1", "light", "feature/x", "heads/feature/x", SHA("tag " + shop + " v1 " + SHA("first"))} {
		got, _, err := getCommit(t.Context(), c, ref)
		if err != nil || got.GetSHA() != SHA("first") || !got.GetCommit().GetCommitter().GetDate().Time.Equal(when) || got.GetCommit().GetAuthor().GetDate().Time.Equal(when) {
			t.Errorf("%s is %v, %v", ref, got, err)
		}
	}
	if got, _, err := getCommit(t.Context(), c, "HEAD"); err != nil || got.GetSHA() != SHA("second") {
		t.Errorf("HEAD is %v, %v", got, err)
	}
	for _, ref := range []string{SHA("unknown"), SHA("unknown")[:7], "gone"} {
		_, resp, err := getCommit(t.Context(), c, ref)
		wantStatus(t, resp, err, http.StatusUnprocessableEntity)
		if refused, is := errors.AsType[*github.ErrorResponse](err); !is || refused.Message != "No commit found for SHA: "+ref {
			t.Errorf("%s: %v", ref, err)
		}
	}
	_, resp, err := c.Repositories.GetCommit(t.Context(), "acme", "other", SHA("first"), nil)
	wantStatus(t, resp, err, http.StatusNotFound)
}

func TestAmbiguousAbbreviation(t *testing.T) {
	_, c, control := world(t)
	twin := SHA("first")[:8] + SHA("twin")[8:]
	ok(t, control.Commit(t.Context(), shop, Commit{SHA: twin, Time: when}))
	_, resp, err := getCommit(t.Context(), c, twin[:7])
	wantStatus(t, resp, err, http.StatusUnprocessableEntity)
	if got, _, err := getCommit(t.Context(), c, twin[:9]); err != nil || got.GetSHA() != twin {
		t.Errorf("%v, %v", got, err)
	}
	// A branch may be named like a commit, and then git takes the branch.
	ok(t, control.Push(t.Context(), shop, Push{Branch: twin[:9], Commit: Commit{SHA: SHA("second")}}))
	if got, _, err := getCommit(t.Context(), c, twin[:9]); err != nil || got.GetSHA() != SHA("second") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestForcePush(t *testing.T) {
	_, c, control := world(t)
	ok(t, control.Push(t.Context(), shop, Push{Branch: "main", Commit: Commit{SHA: SHA("third"), Time: when}}))
	if _, _, err := getCommit(t.Context(), c, SHA("second")); err != nil {
		t.Errorf("an unreachable commit is still found by its name, but: %v", err)
	}
	ok(t, control.Push(t.Context(), shop, Push{Branch: "main", Commit: Commit{SHA: SHA("fourth"), Time: when}, Gone: true}))
	_, resp, err := getCommit(t.Context(), c, SHA("third"))
	wantStatus(t, resp, err, http.StatusUnprocessableEntity)
	if got := must[Repository](t)(control.Repository(t.Context(), shop)); got.Branches["main"] != SHA("fourth") {
		t.Errorf("main is %s", got.Branches["main"])
	}
	if err := control.Push(t.Context(), shop, Push{Branch: "feature/x", Commit: Commit{SHA: SHA("x"), Time: when}, Gone: true}); err == nil {
		t.Error("a commit that tags name was forgotten")
	}
	if _, _, err := getCommit(t.Context(), c, SHA("first")); err != nil {
		t.Errorf("a change that was refused left something behind: %v", err)
	}
}

func TestRefsAndPulls(t *testing.T) {
	_, c, control := world(t)
	branches, _, err := c.Repositories.ListBranches(t.Context(), "acme", "shop", nil)
	if err != nil || len(branches) != 2 || branches[0].GetName() != "feature/x" || branches[0].GetCommit().GetSHA() != SHA("first") {
		t.Errorf("branches %v, %v", branches, err)
	}
	tags, _, err := c.Repositories.ListTags(t.Context(), "acme", "shop", nil)
	if err != nil || len(tags) != 2 || tags[1].GetName() != "v1" || tags[1].GetCommit().GetSHA() != SHA("first") {
		t.Errorf("tags %v, %v", tags, err)
	}
	refs, _, err := c.Git.ListMatchingRefs(t.Context(), "acme", "shop", "tags/v")
	if err != nil || len(refs) != 1 || refs[0].GetObject().GetType() != "tag" || refs[0].GetObject().GetSHA() == SHA("first") {
		t.Errorf("refs %v, %v", refs, err)
	}
	for state, want := range map[string]int{"": 1, "open": 1, "closed": 1, "all": 2} {
		pulls, _, err := c.PullRequests.List(t.Context(), "acme", "shop", &github.PullRequestListOptions{State: state})
		if err != nil || len(pulls) != want {
			t.Errorf("pulls %q: %v, %v", state, pulls, err)
		}
	}
	got, _, err := c.Repositories.Get(t.Context(), "acme", "shop")
	if err != nil || got.GetFullName() != shop || got.GetDefaultBranch() != "main" {
		t.Errorf("repository %v, %v", got, err)
	}
	ok(t, control.Delete(t.Context(), shop, "refs/heads/feature/x"))
	ok(t, control.Delete(t.Context(), shop, "refs/tags/v1"))
	if err := control.Delete(t.Context(), shop, "refs/tags/v1"); err == nil {
		t.Error("a tag was deleted twice")
	}
	if refs, _, err = c.Git.ListMatchingRefs(t.Context(), "acme", "shop", ""); err != nil || len(refs) != 2 {
		t.Errorf("refs left: %v, %v", refs, err)
	}
}

func TestPagesOfREST(t *testing.T) {
	_, c, control := world(t)
	branches := map[string]string{}
	for i := range 205 {
		branches[fmt.Sprintf("b%03d", i)] = SHA("many 0")
	}
	ok(t, control.Put(t.Context(), Repository{Name: "acme/big", Commits: many(1), Branches: branches}))
	for asked, want := range map[int]int{0: 30, 50: 50, 100: 100, 1000: 100} {
		page, resp, err := c.Repositories.ListBranches(t.Context(), "acme", "big", &github.BranchListOptions{ListOptions: github.ListOptions{PerPage: asked}})
		if err != nil || len(page) != want || resp.NextPage != 2 || resp.LastPage != (205+want-1)/want {
			t.Errorf("per_page %d: %d, %+v, %v", asked, len(page), resp, err)
		}
	}
	seen := map[string]bool{}
	options := &github.BranchListOptions{ListOptions: github.ListOptions{PerPage: 100, Page: 1}}
	for options.Page != 0 {
		page, resp, err := c.Repositories.ListBranches(t.Context(), "acme", "big", options)
		ok(t, err)
		for _, b := range page {
			seen[b.GetName()] = true
		}
		options.Page = resp.NextPage
	}
	if len(seen) != 205 {
		t.Errorf("%d branches on all pages", len(seen))
	}
	if calls := must[map[string]Calls](t)(control.Calls(t.Context()))["branches"]; calls.Total != 4+3 || calls.OK != calls.Total {
		t.Errorf("calls %+v", calls)
	}
}

func TestNotModifiedCostsNothing(t *testing.T) {
	_, c, control := world(t)
	get := func(tag string) *http.Response {
		req := must[*http.Request](t)(c.NewRequest(t.Context(), http.MethodGet, "repos/acme/shop/tags", nil))
		req.Header.Set("If-None-Match", tag)
		resp := must[*http.Response](t)(c.Client().Do(req))
		resp.Body.Close()
		return resp
	}
	first := get("")
	again := get(first.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || again.Header.Get("X-RateLimit-Used") != "1" {
		t.Errorf("%s, used %s", again.Status, again.Header.Get("X-RateLimit-Used"))
	}
	ok(t, control.Tag(t.Context(), shop, Tag{Name: "v2", Commit: SHA("second")}))
	if changed := get(first.Header.Get("ETag")); changed.StatusCode != http.StatusOK || changed.Header.Get("X-RateLimit-Used") != "2" {
		t.Errorf("%s, used %s", changed.Status, changed.Header.Get("X-RateLimit-Used"))
	}
}
