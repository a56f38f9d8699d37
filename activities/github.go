package activities

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-github/v88/github"
	"go.temporal.io/sdk/activity"

	"epoxy/internal/policy"
)

// GitHub knows when commits were made, and which of them branches, tags and open pull requests name. Client is nil on a
// worker without a github section.
type GitHub struct {
	Client *github.Client
}

// LookUp finds commits by their names, full or abbreviated, and with wantHeads the commits that must stay: heads of branches,
// tags and open pull requests by their full names, each with "branch main", "tag v1" or "pull request 12". A commit is
// Missing when GitHub has none of that name, the name is ambiguous, or it is no commit's name at all.
//
// One GraphQL request asks for 100 commits and for a page of each kind of head; where GraphQL is not available, REST asks
// for one by one. After an error, found holds what was learnt before it (commit times never change: remember them), and
// heads is nil: half of them protect nothing. It heartbeats, without details.
func (g *GitHub) LookUp(ctx context.Context, repository string, commits []string, wantHeads bool) (found map[string]policy.Commit, heads map[string]string, err error) {
	if g == nil || g.Client == nil {
		return nil, nil, Refuse(ErrInvalid, "this worker has no access to GitHub: set github.token or github.app in its epoxy.yaml, or EPOXY_GITHUB_TOKEN")
	}
	if !gitHubRepository.MatchString(repository) {
		return nil, nil, Refuse(ErrInvalid, "%q is no GitHub repository: write owner/name", repository)
	}
	l := newCommitLookup(g.Client, repository, commits)
	err = l.graphQL(ctx, wantHeads)
	if errors.Is(err, errNoGraphQL) {
		err = l.rest(ctx, wantHeads)
	}
	if err != nil {
		return l.found, nil, translateGitHub(repository, err)
	}
	if wantHeads {
		heads = l.heads
	}
	return l.found, heads, nil
}

// Names come from tags of images and from the configuration, and go into queries and paths: nothing else passes.
// https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
var (
	gitHubRepository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}/(?:[A-Za-z0-9_-]|\.[A-Za-z0-9_-])[A-Za-z0-9._-]{0,99}$`)
	commitName       = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
)

const fullCommitName = 40

// perRequest is how many commits, and how many heads of each kind, one request asks for.
// https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#node-limit
const perRequest = 100

// A commitLookup is one LookUp on its way.
type commitLookup struct {
	client      *github.Client
	owner, name string
	ask         []string                 // commits that are still to be asked for
	found       map[string]policy.Commit // by name as asked
	heads       map[string]string        // by full name
}

// newCommitLookup answers by itself for what cannot be a commit.
func newCommitLookup(client *github.Client, repository string, commits []string) *commitLookup {
	owner, name, _ := strings.Cut(repository, "/")
	l := &commitLookup{
		client: client, owner: owner, name: name,
		found: map[string]policy.Commit{}, heads: map[string]string{},
	}
	seen := map[string]bool{}
	for _, commit := range commits {
		switch {
		case seen[commit]:
		case commitName.MatchString(commit):
			l.ask = append(l.ask, commit)
		default:
			l.found[commit] = policy.Commit{Missing: true}
		}
		seen[commit] = true
	}
	return l
}

// answer takes down what GitHub found under a name. A branch or a tag may be called like an abbreviated commit, and then git
// takes that: hence the look at the full name.
func (l *commitLookup) answer(asked, full string, commit policy.Commit) {
	if commit.Time.IsZero() || !strings.HasPrefix(full, asked) {
		l.missing(asked)
		return
	}
	l.found[asked] = commit
}

func (l *commitLookup) missing(asked string) { l.found[asked] = policy.Commit{Missing: true} }

// protect notes why a commit must stay. Of several reasons one is shown, always the same.
func (l *commitLookup) protect(full, reason string) {
	if before, ok := l.heads[full]; !ok || reason < before {
		l.heads[full] = reason
	}
}

func branchHead(name string) string { return "branch " + name }
func tagHead(name string) string    { return "tag " + name }
func pullHead(number int) string    { return "pull request " + strconv.Itoa(number) }

// alive tells Temporal that a long lookup gets on.
func alive(ctx context.Context) {
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx)
	}
}
