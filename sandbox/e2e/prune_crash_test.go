//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/github"
)

// TestPruneWorkerKilled kills the worker with SIGKILL at each place where a prune could do a thing twice, or not at all, and
// starts another. The end state is the same each time: what may go is gone, each counted once, and told once.
func TestPruneWorkerKilled(t *testing.T) {
	t.Parallel()
	broken := func(operation string) func(w *pruneWorld) {
		return func(w *pruneWorld) {
			w.fault(estate.Fault{Operation: operation, Kind: "error", Status: 500, Count: -1, Match: w.cfg.Owner})
		}
	}
	lostThenBroken := func(operation string) func(w *pruneWorld) {
		return func(w *pruneWorld) {
			w.fault(estate.Fault{Operation: operation, Kind: "lost", Match: w.cfg.Owner})
			broken(operation)(w)
		}
	}
	called := func(operation string) func(w *pruneWorld) {
		return func(w *pruneWorld) {
			w.until(operation, func() bool { return w.callsOf(operation, false) > 0 })
		}
	}
	gone := func(w *pruneWorld) { w.until("the images to be gone", func() bool { return len(w.holds("web")) == 2 }) }
	for _, c := range []struct {
		name   string
		before func(w *pruneWorld) // sets the stage, once setup is done
		moment func(w *pruneWorld) // returns when it is time to kill
	}{
		{"in the survey", broken("ecs.ListClusters"), called("ecs.ListClusters")},
		{"in the inventory", broken("ecr.DescribeImages"), called("ecr.DescribeImages")},
		{"while people are asked", func(*pruneWorld) {}, func(*pruneWorld) {}},
		{"before the intent", broken("dynamodb.PutItem"), called("dynamodb.PutItem")},
		{"after the intent, whose answer was lost", lostThenBroken("dynamodb.PutItem"), called("dynamodb.PutItem")},
		{"before the deletion", broken("ecr.BatchDeleteImage"), called("ecr.BatchDeleteImage")},
		{"after the deletion, whose answer was lost", lostThenBroken("ecr.BatchDeleteImage"), gone},
		{"before the outcome", broken("dynamodb.UpdateItem"), gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newPruneWorld(t, askApproval, `repositories: [web], `+someRules, "")
			web := w.repository("web", 4)
			w.use(w.own, "web", "v1")
			c.before(w)
			w.startWorker()
			if out, stderr, code := w.epoxy("prune", w.kind, w.cfg.Policy); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, out, stderr)
			}
			early := c.name == "in the survey" || c.name == "in the inventory"
			if !early {
				w.asked("")
			}
			if !early && c.name != "while people are asked" {
				w.decide("approve")
			}
			c.moment(w)
			w.killWorker()
			w.heal(w.cfg.Owner)
			w.startWorker()
			if early || c.name == "while people are asked" {
				w.asked("")
				w.decide("approve")
			}
			w.same(web)
		})
	}
}

// same is the end that every disturbed prune must come to.
func (w *pruneWorld) same(web []string) {
	w.Helper()
	if r := w.outcome(); r.Outcome != activities.OutcomeDone || !strings.HasPrefix(r.Headline, "3 images deleted") {
		w.Errorf("outcome %s: %s %s", r.Outcome, r.Headline, r.Reason)
	}
	w.left("web", web[0], web[4])
	w.told(1, "3 images deleted")
	out, stderr, _ := w.epoxy("why", "web:v2", "-o", "json")
	answer := decode[struct{ Entries []struct{ Outcome string } }](w.world, out)
	if len(answer.Entries) != 1 || answer.Entries[0].Outcome != "deleted" {
		w.Errorf("the ledger says %+v %s", answer.Entries, stderr)
	}
}

func (w *pruneWorld) callsOf(operation string, good bool) (n int) {
	w.Helper()
	calls, err := box.control.CallLog(w.ctx)
	w.must(err)
	for _, c := range calls {
		if c.Operation == operation && c.Account == w.cfg.Owner && (!good || c.Status == 200) {
			n++
		}
	}
	return n
}

// Every service throttles, fails and loses answers for a while, without anybody being killed.
func TestPruneUnderFaults(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]estate.Fault{
		"throttled": {{Operation: "*", Kind: "throttle", Count: 25}},
		"500":       {{Operation: "*", Kind: "error", Status: 500, Count: 25}},
		"lost":      {{Operation: "ecr.*", Kind: "lost", Count: 4}, {Operation: "ecs.*", Kind: "lost", Count: 4}, {Operation: "dynamodb.*", Kind: "lost", Count: 6}, {Operation: "s3.*", Kind: "lost", Count: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPruneWorld(t, autoApproval, `repositories: [web], `+someRules, "")
			web := w.repository("web", 4)
			w.use(w.own, "web", "v1")
			for i := range faults {
				faults[i].Match = w.cfg.Owner
			}
			w.fault(faults...)
			w.startWorker()
			w.run(0)
			w.same(web)
		})
	}
}

// GitHub's primary limit is hit half-way: the run waits, says so, and finishes. Not parallel: the limit is the stand-in's.
func TestPruneWaitsForGitHub(t *testing.T) {
	const repo = "acme/e2e-limit"
	w := newPruneWorld(t, autoApproval, "", "")
	w.rewrite(func(c *estate.PruneConfig) {
		c.GitHubAPI = box.GitHubAPIURL()
		c.Images = `repositories: [web], ` + someRules + `, commit_tag: "^([0-9a-f]{40})$", github: { web: ` + repo + ` }`
	})
	w.must(box.github.Put(w.ctx, github.Repository{Name: repo, DefaultBranch: "main"}))
	w.must(w.own.NewRepository(w.ctx, "web"))
	var images []estate.Push
	for i := range 250 {
		sha := github.SHA(strings.Repeat("x", i+1))
		w.must(box.github.Commit(w.ctx, repo, github.Commit{SHA: sha, Time: time.Now().Add(-2 * ago)}))
		images = append(images, estate.Push{Tags: []string{sha}, Pushed: time.Now().Add(-ago)})
	}
	images = append(images, estate.Push{Tags: []string{"newest"}, Pushed: time.Now().Add(-time.Hour)})
	web, err := w.own.Push(w.ctx, "web", images...)
	w.must(err)
	w.use(w.own, "web", "newest")
	w.must(box.github.Limit(w.ctx, github.Limit{Resource: "graphql", Limit: 5000, Remaining: 1, ResetIn: 12}))
	t.Cleanup(func() {
		w.must(box.github.Limit(context.Background(), github.Limit{Resource: "graphql", Limit: 5000, Remaining: 5000}))
	})
	w.startWorker()
	if out, stderr, code := w.epoxy("prune", w.kind, w.cfg.Policy); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, stderr)
	}
	w.until("the wait to be visible", func() bool {
		d, err := box.temporal.DescribeWorkflowExecution(w.ctx, w.id(), "")
		if err != nil {
			return false
		}
		for _, p := range d.GetPendingActivities() {
			if strings.Contains(p.GetLastFailure().GetMessage(), "GitHub's rate limit is used up until") {
				return true
			}
		}
		return false
	})
	if r := w.outcome(); r.Outcome != activities.OutcomeDone || !strings.HasPrefix(r.Headline, "250 images deleted") {
		t.Errorf("outcome %s: %s %s", r.Outcome, r.Headline, r.Reason)
	}
	w.left("web", web[250])
	w.noSecrets(w.id())
}
