package activities

import (
	"context"
	"maps"
	"path"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// commitSource is GitHub. What it found before an error comes together with the error.
type commitSource interface {
	LookUp(ctx context.Context, repo string, shas []string, wantHeads bool) (found map[string]policy.Commit, heads map[string]string, err error)
}

// Commits finds out when the code of images was written.
type Commits struct {
	GitHub commitSource // nil: this worker has no access
	S3     Connect[artifact.API]
}

const (
	commitsInRequest = 100 // of GraphQL's query: https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
	// rememberEvery is after how many of them what was found is remembered, so that a crash costs little.
	rememberEvery = 20 * commitsInRequest
)

// knownCommits are the times of a GitHub repository's commits, by SHA: they never change. What GitHub does not know is not
// remembered, because it may be pushed yet.
type knownCommits map[string]time.Time

func commitsName(repo string) string { return path.Join("commits", repo) }

// FindCommits asks GitHub for the commits of the images that would be deleted otherwise, and for the heads of live branches,
// tags and pull requests. An error that carries a delay, of a rate limit, is the run's durable wait.
func (a *Commits) FindCommits(ctx context.Context, in FindCommitsInput) (FindCommitsOutput, error) {
	defer beating(ctx, in.GitHub)()
	if a.GitHub == nil {
		return FindCommitsOutput{}, Refuse(ErrInvalid,
			"this worker cannot ask GitHub for the commits of %s: set github.token or github.app in its epoxy.yaml, or EPOXY_GITHUB_TOKEN", in.GitHub)
	}
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return FindCommitsOutput{}, err
	}
	candidates, err := commitCandidates(ctx, store, in)
	if err != nil {
		return FindCommitsOutput{}, err
	}
	var out FindCommitsOutput
	facts := CommitFacts{Commits: map[string]policy.Commit{}, Heads: map[string]string{}}
	if len(candidates) > 0 {
		if out.Asked, err = a.lookUp(ctx, store, in.GitHub, candidates, &facts); err != nil {
			return FindCommitsOutput{}, err
		}
	}
	for _, c := range facts.Commits {
		if c.Missing {
			out.Missing++
		}
	}
	out.Commits, err = store.put(ctx, kindCommits, facts)
	return out, err
}

func commitCandidates(ctx context.Context, store shelf, in FindCommitsInput) ([]string, error) {
	plan := policy.ImagePlanInput{Repository: in.Repository, Now: in.Now, Rules: in.Rules}
	if err := store.get(ctx, in.Inventory, &plan.Images); err != nil {
		return nil, err
	}
	if err := store.getIf(ctx, in.Uses, &plan.Uses); err != nil {
		return nil, err
	}
	candidates, err := policy.CommitCandidates(plan)
	if err != nil {
		return nil, Refuse(ErrInvalid, "%s: %v", in.Repository, err)
	}
	slices.Sort(candidates)
	return slices.Compact(candidates), nil
}

// lookUp asks for what is not remembered. The heads come with the first answer, and are asked for alone where all is
// remembered: they change.
func (a *Commits) lookUp(ctx context.Context, store shelf, repo string, candidates []string, facts *CommitFacts) (asked int, err error) {
	var known knownCommits
	if _, err := store.Recall(ctx, commitsName(repo), &known); err != nil {
		return 0, store.translate(err)
	}
	var unknown []string
	for _, sha := range candidates {
		if at, ok := known[sha]; ok {
			facts.Commits[sha] = policy.Commit{Time: at}
		} else {
			unknown = append(unknown, sha)
		}
	}
	requests := slices.Collect(slices.Chunk(unknown, commitsInRequest))
	if len(requests) == 0 {
		requests = [][]string{nil}
	}
	learnt := knownCommits{}
	for i, shas := range requests {
		found, heads, stopped := a.GitHub.LookUp(ctx, repo, shas, i == 0)
		for sha, c := range found {
			facts.Commits[sha] = c
			if !c.Missing {
				learnt[sha] = c.Time
			}
		}
		maps.Copy(facts.Heads, heads)
		activity.RecordHeartbeat(ctx, len(facts.Commits))
		if stopped != nil || i == len(requests)-1 || len(learnt) >= rememberEvery {
			err = rememberCommits(ctx, store, repo, learnt)
			clear(learnt)
		}
		if stopped != nil {
			return 0, stopped // it says when to go on; what could not be remembered is asked for once more then
		}
		if err != nil {
			return 0, err
		}
	}
	// Of what GitHub did not speak it knows nothing.
	for _, sha := range unknown {
		if _, answered := facts.Commits[sha]; !answered {
			facts.Commits[sha] = policy.Commit{Missing: true}
		}
	}
	return len(unknown), nil
}

func rememberCommits(ctx context.Context, store shelf, repo string, learnt knownCommits) error {
	if len(learnt) == 0 {
		return nil
	}
	return update(ctx, store, commitsName(repo), func(known *knownCommits) bool {
		before := len(*known)
		if *known == nil {
			*known = knownCommits{}
		}
		maps.Copy(*known, learnt)
		return len(*known) > before
	})
}
