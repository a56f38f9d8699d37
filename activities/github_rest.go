package activities

import (
	"context"
	"net/http"

	"github.com/google/go-github/v88/github"

	"epoxy/internal/policy"
)

// rest asks one by one. It looks at the repository first: after that, what is not found is a commit.
func (l *commitLookup) rest(ctx context.Context, wantHeads bool) error {
	if _, _, err := l.client.Repositories.Get(ctx, l.owner, l.name); err != nil {
		if statusOfGitHub(err) == http.StatusNotFound {
			return errNoRepository
		}
		return err
	}
	for len(l.ask) > 0 {
		if err := l.restCommit(ctx, l.ask[0]); err != nil {
			return err
		}
		l.ask = l.ask[1:]
		alive(ctx)
	}
	if !wantHeads {
		return nil
	}
	for _, read := range []func(context.Context, *github.ListOptions) (*github.Response, error){l.restBranches, l.restTags, l.restPulls} {
		if err := allPages(ctx, read); err != nil {
			return err
		}
	}
	return nil
}

// restCommit asks for a page of one changed file: GitHub lists them all otherwise.
// https://docs.github.com/en/rest/commits/commits#get-a-commit
func (l *commitLookup) restCommit(ctx context.Context, asked string) error {
	commit, _, err := l.client.Repositories.GetCommit(ctx, l.owner, l.name, asked, &github.ListOptions{PerPage: 1})
	switch statusOfGitHub(err) {
	case http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusConflict: // the last: the repository is empty
		l.missing(asked)
		return nil
	}
	if err == nil && commit.GetSHA() == "" {
		return errEmptyAnswer
	}
	if err == nil {
		l.answer(asked, commit.GetSHA(), policy.Commit{Time: commit.GetCommit().GetCommitter().GetDate().UTC()})
	}
	return err
}

func (l *commitLookup) restBranches(ctx context.Context, page *github.ListOptions) (*github.Response, error) {
	list, resp, err := l.client.Repositories.ListBranches(ctx, l.owner, l.name, &github.BranchListOptions{ListOptions: *page})
	for _, b := range list {
		l.protect(b.GetCommit().GetSHA(), branchHead(b.GetName()))
	}
	return resp, whole(list, err)
}

// restTags: GitHub itself follows annotated tags to their commits here.
func (l *commitLookup) restTags(ctx context.Context, page *github.ListOptions) (*github.Response, error) {
	list, resp, err := l.client.Repositories.ListTags(ctx, l.owner, l.name, page)
	for _, t := range list {
		l.protect(t.GetCommit().GetSHA(), tagHead(t.GetName()))
	}
	return resp, whole(list, err)
}

func (l *commitLookup) restPulls(ctx context.Context, page *github.ListOptions) (*github.Response, error) {
	list, resp, err := l.client.PullRequests.List(ctx, l.owner, l.name, &github.PullRequestListOptions{State: "open", ListOptions: *page})
	for _, p := range list {
		l.protect(p.GetHead().GetSHA(), pullHead(p.GetNumber()))
	}
	return resp, whole(list, err)
}

// whole refuses a list that is not there: go-github takes an empty answer for nothing, and an empty list is [].
func whole[T any](list []T, err error) error {
	if err == nil && list == nil {
		return errEmptyAnswer
	}
	return err
}

func allPages(ctx context.Context, read func(context.Context, *github.ListOptions) (*github.Response, error)) error {
	for page := 1; page != 0; {
		resp, err := read(ctx, &github.ListOptions{Page: page, PerPage: perRequest})
		if err != nil {
			return err
		}
		page = resp.NextPage
		alive(ctx)
	}
	return nil
}
