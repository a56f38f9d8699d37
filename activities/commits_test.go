package activities

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

// fakeCommits is what GitHub knows. It takes 100 commits a request, and, with a limit, as many requests.
type fakeCommits struct {
	commits  map[string]policy.Commit
	heads    map[string]string
	requests [][]string
	headed   int // requests that asked for heads
	limit    int // requests that are left; 0: no limit
}

func (f *fakeCommits) LookUp(_ context.Context, repo string, shas []string, wantHeads bool) (map[string]policy.Commit, map[string]string, error) {
	if repo != "acme/shop" || len(shas) > 100 || len(shas) == 0 && !wantHeads {
		return nil, nil, fmt.Errorf("%d commits of %s", len(shas), repo)
	}
	f.requests = append(f.requests, shas)
	found := map[string]policy.Commit{}
	limited := f.limit == 1
	if f.limit > 0 {
		f.limit--
	}
	for i, sha := range shas {
		if c, known := f.commits[sha]; known && (!limited || i < len(shas)/2) {
			found[sha] = c
		}
	}
	if limited {
		return found, nil, temporal.NewApplicationErrorWithOptions("GitHub's limit is reached", ErrThrottled, temporal.ApplicationErrorOptions{NextRetryDelay: 17 * time.Minute})
	}
	if !wantHeads {
		return found, nil, nil
	}
	f.headed++
	return found, f.heads, nil
}

func (f *fakeCommits) asked() int {
	n := 0
	for _, r := range f.requests {
		n += len(r)
	}
	return n
}

func shaOf(i int) string { return fmt.Sprintf("%040x", i+1) }

// history is n old images of n commits, of which GitHub knows all.
func history(t *testing.T, n int) (*fakeCommits, *artifacttest.S3, FindCommitsInput) {
	t.Helper()
	s3 := artifacttest.New(bucket)
	hub := &fakeCommits{commits: map[string]policy.Commit{}, heads: map[string]string{shaOf(0): "branch main"}}
	images := make([]policy.ContainerImage, n)
	for i := range images {
		images[i] = policy.ContainerImage{
			Digest: fmt.Sprintf("sha256:%064x", i), Tags: []string{"git-" + shaOf(i)}, MediaType: mediaOCIImage, Bytes: 1, Pushed: begun.AddDate(-1, 0, 0),
		}
		hub.commits[shaOf(i)] = policy.Commit{Time: begun.AddDate(-1, 0, -i%100)}
	}
	return hub, s3, FindCommitsInput{
		Store: theStore(), GitHub: "acme/shop", Repository: shopRepository, Now: begun, Inventory: keep(t, s3, "inventories", images),
		Rules: policy.ImageRules{MinAge: 24 * time.Hour, CommitTag: "^git-([0-9a-f]{40})$"},
	}
}

func keep(t *testing.T, s3 *artifacttest.S3, kind string, v any) Artifact {
	t.Helper()
	store := artifact.Store{API: s3, Bucket: bucket, Prefix: "epoxy"}
	return must[Artifact](t)(store.Put(t.Context(), kind, v))
}

func findCommits(t *testing.T, hub commitSource, s3 *artifacttest.S3, in FindCommitsInput) (FindCommitsOutput, CommitFacts, error) {
	t.Helper()
	out, err := attempt(t, (&Commits{GitHub: hub, S3: to[artifact.API](s3)}).FindCommits, in)
	if err != nil {
		return out, CommitFacts{}, err
	}
	return out, fetch[CommitFacts](t, s3, out.Commits), nil
}

// One request for 100 commits, the heads with the first; times never change, so they are asked for once.
func TestFindCommits(t *testing.T) {
	hub, s3, in := history(t, 250)
	hub.commits[shaOf(7)] = policy.Commit{Missing: true}
	delete(hub.commits, shaOf(9)) // GitHub does not even answer
	out, facts, err := findCommits(t, hub, s3, in)
	if err != nil || out.Asked != 250 || out.Missing != 2 || len(hub.requests) != 3 || hub.headed != 1 {
		t.Fatalf("%+v with %d requests, %d for heads: %v", out, len(hub.requests), hub.headed, err)
	}
	want := CommitFacts{Commits: map[string]policy.Commit{shaOf(9): {Missing: true}}, Heads: hub.heads}
	maps.Copy(want.Commits, hub.commits)
	if !cmp.Equal(facts, want) {
		t.Error(cmp.Diff(want, facts))
	}

	hub.requests, hub.headed = nil, 0
	hub.commits[shaOf(9)] = policy.Commit{Time: begun.AddDate(-2, 0, 0)} // pushed meanwhile
	hub.heads = map[string]string{shaOf(1): "tag v2"}
	out, facts, err = findCommits(t, hub, s3, in)
	if err != nil || out.Asked != 2 || out.Missing != 1 || len(hub.requests) != 1 || hub.headed != 1 {
		t.Errorf("again: %+v with %d requests, %d for heads: %v", out, len(hub.requests), hub.headed, err)
	}
	if len(facts.Commits) != 250 || facts.Commits[shaOf(9)].Missing || !cmp.Equal(facts.Heads, hub.heads) {
		t.Errorf("again: %d commits, %+v, heads %v", len(facts.Commits), facts.Commits[shaOf(9)], facts.Heads)
	}
}

func TestFindCommitsAsksForHeadsAlone(t *testing.T) {
	hub, s3, in := history(t, 3)
	if _, _, err := findCommits(t, hub, s3, in); err != nil {
		t.Fatal(err)
	}
	hub.requests, hub.headed = nil, 0
	out, facts, err := findCommits(t, hub, s3, in)
	if err != nil || out.Asked != 0 || len(hub.requests) != 1 || hub.asked() != 0 || len(facts.Commits) != 3 || len(facts.Heads) != 1 {
		t.Errorf("%+v, %v asked, facts %+v: %v", out, hub.requests, facts, err)
	}
}

func TestFindCommitsAsksForNothingWhereNothingGoes(t *testing.T) {
	hub, s3, in := history(t, 3)
	var uses []policy.Use
	for i := range 3 {
		uses = append(uses, policy.Use{Reference: policy.Reference{Repository: shopRepository, Digest: fmt.Sprintf("sha256:%064x", i)}, Kind: policy.UseTask, By: "t"})
	}
	in.Uses = new(Artifact)
	*in.Uses = keep(t, s3, "uses", uses)
	out, _, err := findCommits(t, hub, s3, in)
	if err != nil || len(hub.requests) != 0 || out.Asked != 0 {
		t.Fatalf("%+v with %v: %v", out, hub.requests, err)
	}
	// An empty answer is not the same as not having asked.
	if facts := fetch[map[string]any](t, s3, out.Commits); facts["commits"] == nil || facts["heads"] == nil {
		t.Errorf("facts: %v", facts)
	}
}

// What was found before GitHub's limit is not asked for again; the wait is the run's own.
func TestFindCommitsWaitsForTheLimit(t *testing.T) {
	hub, s3, in := history(t, 250)
	hub.limit = 2
	_, _, err := findCommits(t, hub, s3, in)
	wantError(t, "the limit", err, what{kind: ErrThrottled, after: 17 * time.Minute, says: "GitHub's limit is reached"})
	if known := recall[knownCommits](t, s3, "commits/acme/shop"); len(known) != 150 {
		t.Errorf("%d are remembered", len(known))
	}
	before := hub.asked()
	out, facts, err := findCommits(t, hub, s3, in)
	if err != nil || hub.asked()-before != 100 || len(facts.Commits) != 250 || out.Missing != 0 || len(facts.Heads) != 1 {
		t.Errorf("after the wait: %d asked, %+v, %d heads: %v", hub.asked()-before, out, len(facts.Heads), err)
	}

	hub, s3, in = history(t, 10)
	hub.limit = 1
	s3.Fail["PutObject"] = []error{awsError("S3", "PutObject", 503, "SlowDown", "")}
	_, _, err = findCommits(t, hub, s3, in)
	wantError(t, "the limit, and no memory", err, what{kind: ErrThrottled, after: 17 * time.Minute, says: "GitHub's limit is reached"})
}

// Another repository's images have commits of the same GitHub repository.
func TestFindCommitsMergesWithAnother(t *testing.T) {
	hub, s3, in := history(t, 120)
	others := 0
	s3.Before = func(operation, key string) {
		if operation == "PutObject" && key == "epoxy/commits/acme/shop.json.gz" && others < 1 {
			others++
			store := artifact.Store{API: s3, Bucket: bucket, Prefix: "epoxy"}
			if _, err := store.Remember(t.Context(), "commits/acme/shop", knownCommits{"theirs": begun}, ""); err != nil {
				t.Error(err)
			}
		}
	}
	if _, _, err := findCommits(t, hub, s3, in); err != nil {
		t.Fatal(err)
	}
	if known := recall[knownCommits](t, s3, "commits/acme/shop"); len(known) != 121 || !known["theirs"].Equal(begun) {
		t.Errorf("%d are remembered", len(known))
	}
}

// A crash costs at most so many requests again.
func TestFindCommitsRemembersOnTheWay(t *testing.T) {
	hub, s3, in := history(t, rememberEvery+250)
	hub.commits[shaOf(0)] = policy.Commit{Missing: true} // so that the round number is reached one request later
	stop := &crash{fakeCommits: hub, at: 23}
	if _, _, err := findCommits(t, stop, s3, in); err == nil || !strings.Contains(err.Error(), "crash") {
		t.Fatal(err)
	}
	if known := recall[knownCommits](t, s3, "commits/acme/shop"); len(known) < rememberEvery {
		t.Errorf("%d are remembered", len(known))
	}
}

type crash struct {
	*fakeCommits
	at int
}

func (c *crash) LookUp(ctx context.Context, repo string, shas []string, wantHeads bool) (map[string]policy.Commit, map[string]string, error) {
	if len(c.requests) == c.at-1 {
		panic("crash") // the worker writes nothing more
	}
	return c.fakeCommits.LookUp(ctx, repo, shas, wantHeads)
}

func TestFindCommitsRefuses(t *testing.T) {
	hub, s3, in := history(t, 3)
	_, _, err := findCommits(t, nil, s3, in)
	wantError(t, "no access", err, refused(ErrInvalid, "cannot ask GitHub for the commits of acme/shop: set github.token or github.app in its epoxy.yaml"))
	broken := in
	broken.Rules.CommitTag = "("
	_, _, err = findCommits(t, hub, s3, broken)
	wantError(t, "a broken rule", err, refused(ErrInvalid, "123456789012/us-east-1/team/shop"))
	gone := in
	gone.Inventory.Key = "epoxy/inventories/gone.json.gz"
	_, _, err = findCommits(t, hub, s3, gone)
	wantError(t, "no inventory", err, refused(ErrNotFound, "gone.json.gz does not exist: check that no lifecycle rule"))
	s3.Objects[in.Inventory.Key] = []byte("x")
	_, _, err = findCommits(t, hub, s3, in)
	wantError(t, "another inventory", err, refused(ErrTampered, "is not what was written there: it is not gzip"))
	if len(hub.requests) > 0 {
		t.Errorf("GitHub was asked: %v", hub.requests)
	}
}
