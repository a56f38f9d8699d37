//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// Two other accounts may use a repository each, and one of them cannot be looked at: its repository stays as it is, the
// others are pruned, and Slack says why.
func TestBlockedByASurveyThatFails(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: [web, data, lab], `+someRules, "", "data", "lab")
	web, data, lab := w.repository("web", 4), w.repository("data", 4), w.repository("lab", 4)
	w.use(w.own, "web", "newest")
	for name, account := range w.others {
		w.must(w.own.LetIn(w.ctx, name, account.Account))
		w.use(account, name, "v1")
	}
	w.fault(estate.Fault{Operation: "sts.AssumeRole", Kind: "deny", Count: -1, Match: w.cfg.Others["lab"]})
	w.startWorker()
	out := w.run(1)
	w.left("web", web[4])
	w.left("data", data[0], data[4])
	w.left("lab", lab...)
	w.told(1, "/lab: ", w.cfg.Others["lab"], "AssumeRole")
	if !strings.Contains(out, "1 blocked") {
		t.Errorf("the command does not say so:\n%s", out)
	}
	w.recordClosed("prune-images-blocked", w.id())
}

// A repository that lets in an account which is not configured is left alone, and so is one whose policy cannot be read.
func TestBlockedByStrangers(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: [web, shared, unreadable], `+someRules, "")
	web, shared, unreadable := w.repository("web", 2), w.repository("shared", 2), w.repository("unreadable", 2)
	w.fault(estate.Fault{Operation: "ecr.GetRepositoryPolicy", Kind: "deny", Count: -1, Match: "unreadable"})
	w.use(w.own, "web", "newest")
	w.must(w.own.LetIn(w.ctx, "shared", "999999999999"))
	w.startWorker()
	w.run(1)
	w.left("web", web[2])
	w.left("shared", shared...)
	w.left("unreadable", unreadable...)
	w.told(1, "999999999999", "ignore_principals", "/unreadable: ", "ecr:GetRepositoryPolicy")
}

// Between plan and batch an image comes into use, and during the prune a service is deployed with another one: both stay.
func TestCameIntoUse(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, askApproval, `repositories: [web], `+someRules, "")
	web := w.repository("web", 150)
	w.use(w.own, "web", "newest")
	w.startWorker()
	w.begin()
	w.use(w.own, "web", "v3") // after the plan
	// The first batch is held in ECR; meanwhile a service is deployed with an image of the second.
	first, second := w.batches()
	w.fault(estate.Fault{Operation: "ecr.BatchDeleteImage", Kind: "latency", Hold: true, Match: first})
	w.decide("approve")
	w.until("the first batch", func() bool { return w.deletionsBegun() > 0 })
	definition, err := w.own.Define(w.ctx, "late", w.own.URI("web", second))
	w.must(err)
	w.must(w.own.Serve(w.ctx, "late", definition, 1, false))
	w.heal(first)
	r := w.outcome()
	if r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s %s", r.Outcome, r.Headline, r.Reason)
	}
	held := w.holds("web")
	if len(held) != 3 {
		t.Errorf("%d images are left, want the new one and the two that came into use", len(held))
	}
	for _, tag := range []string{"v3", second, "newest"} {
		if !slices.ContainsFunc(web, func(d string) bool { return slices.Contains(held[d], tag) }) {
			t.Errorf("%s is gone", tag)
		}
	}
	w.told(1, "since the plan was made")
}

// batches are a digest of the first batch, and a tag of the second.
func (w *pruneWorld) batches() (digest, tag string) {
	w.Helper()
	out, stderr, code := w.epoxy("plan", w.id(), "-o", "json")
	if code != 0 {
		w.Fatalf("plan: %s%s", out, stderr)
	}
	plan := decode[struct{ Contents []policy.PartContent }](w.world, out)
	verdicts := plan.Contents[0].Verdicts
	for _, v := range verdicts[:100] {
		if !slices.Contains(v.Tags, "v3") {
			digest = v.ID
		}
	}
	for _, v := range verdicts[100:] {
		if v.Code == policy.VerdictDelete && !slices.Contains(v.Tags, "v3") {
			tag = v.Tags[0]
		}
	}
	return digest, tag
}

func (w *pruneWorld) deletionsBegun() (n int) {
	w.Helper()
	calls, err := box.control.CallLog(w.ctx)
	w.must(err)
	for _, c := range calls {
		if c.Operation == "ecr.BatchDeleteImage" && c.Account == w.cfg.Owner {
			n++
		}
	}
	return n
}

// decide sends a decision with the command, as somebody who may.
func (w *pruneWorld) decide(kind string, extra ...string) {
	w.Helper()
	if out, stderr, code := w.decideAs("ann@laptop", kind, extra...); code != 0 {
		w.Fatalf("%s: exit code %d: %s%s", kind, code, out, stderr)
	}
}

func (w *pruneWorld) decideAs(who, kind string, extra ...string) (stdout, stderr string, code int) {
	w.Helper()
	before := w.environ
	w.environ = append(slices.Clone(before), "EPOXY_REQUESTED_BY="+who)
	defer func() { w.environ = before }()
	return w.epoxy(append([]string{kind, w.id()}, extra...)...)
}

// outcome waits until the run has ended, and says how.
func (w *pruneWorld) outcome() *activities.Report {
	w.Helper()
	return w.outcomeOf(w.id())
}

// The dry run's plan and the real run's deletions are the same set.
func TestDryRunTellsTheTruth(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: [web, tools], `+someRules+`, untagged_min_age: 1m, protect_tags: ["v2"]`, "")
	web, tools := w.repository("web", 30), w.repository("tools", 5)
	w.use(w.own, "web", "v7")
	w.startWorker()
	w.run(0, "--dry-run")
	out, _, _ := w.epoxy("plan", w.id()+"/dry-run", "-o", "json")
	plan := decode[struct{ Contents []policy.PartContent }](w.world, out)
	planned := map[string]bool{}
	for _, c := range plan.Contents {
		for _, v := range c.Verdicts {
			planned[v.ID] = v.Code == policy.VerdictDelete
		}
	}
	if len(w.holds("web")) != 31 || len(w.holds("tools")) != 6 {
		t.Fatal("the dry run deleted something")
	}
	w.run(0)
	left := w.holds("web")
	maps.Copy(left, w.holds("tools"))
	for _, digest := range slices.Concat(web, tools) {
		if _, stays := left[digest]; stays == planned[digest] {
			t.Errorf("%s: planned to go %t, is there %t", digest, planned[digest], stays)
		}
	}
	w.told(2, "Dry run: 32 images would go", "32 images deleted")
	w.recordClosed("prune-images-dry-run", w.id()+"/dry-run")
}

func TestPruneTaskDefinitionsEndToEnd(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, "", `families: ["shop-*"], min_age: 30d, keep_newest: 2, delete: true, max_percent: 100, rollback_revisions: 1`)
	w.kind = policy.PlanOfTaskDefinitions
	w.must(w.own.NewRepository(w.ctx, "web"))
	_, err := w.own.Push(w.ctx, "web", estate.Push{Tags: []string{"v1"}, Pushed: time.Now()})
	w.must(err)
	arns := make([]string, 0, 15)
	for range 15 {
		arn, err := w.own.Define(w.ctx, "shop-web", w.own.URI("web", "v1"))
		w.must(err)
		w.must(w.own.Backdate(w.ctx, arn, time.Now().Add(-ago)))
		arns = append(arns, arn)
	}
	w.must(w.own.Serve(w.ctx, "web", arns[1], 0, false))
	w.must(w.own.OnRule(w.ctx, "nightly", arns[2]))
	w.must(w.own.OnSchedule(w.ctx, "weekly", arns[3]))
	w.must(w.own.Retire(w.ctx, arns[3])) // INACTIVE and still in use
	w.startWorker()
	w.run(0)
	status, err := w.own.Definitions(w.ctx, "shop-web")
	w.must(err)
	for i, arn := range arns {
		want := slices.Contains([]int{1, 2, 3, 13, 14}, i)
		if _, there := status[arn]; there != want {
			t.Errorf("revision %d is there: %t, want %t", i+1, there, want)
		}
	}
	w.told(1, "10 task definitions deleted")
	w.recordClosed("prune-task-definitions", w.id())
}

func TestPruneRefusals(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, autoApproval, `repositories: [web], `+someRules, "")
	w.repository("web", 2)
	w.use(w.own, "web", "v1")
	w.startWorker()
	w.run(0, "--dry-run") // the worker has read its configuration: what follows is the command's
	for name, c := range map[string]struct {
		images string
		args   []string
		code   int
		says   []string
	}{
		"unknown policy":     {`repositories: [web], ` + someRules, []string{"prune", "images", "x" + w.cfg.Policy, "--wait"}, 2, []string{`did you mean "` + w.cfg.Policy}},
		"unknown repository": {`repositories: [web, wbe], ` + someRules, []string{"prune", "images", w.cfg.Policy, "--wait"}, 1, []string{"wbe"}},
		"unknown cluster":    {`repositories: [web], expect_clusters: [staging], ` + someRules, []string{"prune", "images", w.cfg.Policy, "--wait"}, 1, []string{"staging"}},
		"malformed digest":   {`repositories: [web], in_use: ["` + w.own.URI("web", "v1") + `@sha256:12"], ` + someRules, []string{"prune", "images", w.cfg.Policy, "--wait"}, 2, []string{"sha256:12"}},
	} {
		w.rewrite(func(p *estate.PruneConfig) { p.Images = c.images })
		out, stderr, code := w.epoxy(c.args...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s%s", name, code, c.code, out, stderr)
		}
		for _, word := range c.says {
			if !strings.Contains(out+stderr, word) {
				t.Errorf("%s: does not say %q: %s%s", name, word, out, stderr)
			}
		}
	}
	if n := len(w.holds("web")); n != 3 {
		t.Errorf("%d images are left of 3", n)
	}
}
