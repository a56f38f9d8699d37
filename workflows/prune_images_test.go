package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/policy"
)

const everything = "shop/data 000+100; shop/data 100+100; shop/data 200+50; shop/web 000+1; shop/web 001+3"

func TestPruneImages(t *testing.T) {
	w := newPruneWorld(t)
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomeDone || out.Deleted != 254 || out.Bytes != 254<<20 || out.Plan.SHA256 != w.hash() {
		t.Errorf("%+v (%v)", out, err)
	}
	if w.did() != everything {
		t.Errorf("deleted %s", w.did())
	}
	if len(w.messages) != 1 || len(w.questions()) != 0 {
		t.Errorf("%d messages, want the report alone", len(w.messages))
	}
	if r := w.report(); r.Headline != "254 images deleted, 254.0 MiB freed" || r.Outcome != activities.OutcomeDone {
		t.Errorf("report %q", r.Headline)
	}
	for _, source := range policy.DefaultSources() {
		for _, account := range []string{owner, consumer} {
			if !slices.Contains(w.surveyed, source+"@"+account) {
				t.Errorf("%s was not surveyed in %s", source, account)
			}
		}
	}
}

// Only those who may use a repository are looked at again before its batches.
func TestPruneLooksAgainWhereItMatters(t *testing.T) {
	w := newPruneWorld(t)
	if _, err := w.prune(); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.batches {
		elsewhere := slices.ContainsFunc(b.Again, func(s activities.SurveyUsesInput) bool { return s.Place.Account == consumer })
		if want := strings.HasSuffix(b.Part.Name, "shop/data"); elsewhere != want {
			t.Errorf("%s: the other account is looked at again: %t", b.Part.Name, elsewhere)
		}
		if len(b.Again) < len(policy.DefaultSources()) || b.Approver == "" || b.Plan.SHA256 != w.hash() {
			t.Errorf("batch %+v", b)
		}
	}
}

func TestPruneBlocksWhatASurveyCouldName(t *testing.T) {
	w := newPruneWorld(t)
	w.failing["SurveyUses:"+policy.SourceLambda+"@"+consumer] = activities.Refuse(activities.ErrForbidden, "lambda:ListFunctions is not allowed")
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomePartial || out.Deleted != 4 || len(out.Blocked) != 1 || !strings.HasSuffix(out.Blocked[0].Name, "shop/data") {
		t.Errorf("%+v (%v)", out, err)
	}
	if w.did() != "shop/web 000+1; shop/web 001+3" {
		t.Errorf("deleted %s", w.did())
	}
	if r := w.report(); !strings.Contains(r.Markdown(), "lambda:ListFunctions is not allowed") {
		t.Errorf("the report does not say why:\n%s", r.Markdown())
	}
}

func TestPruneRefusesToGuess(t *testing.T) {
	for name, c := range map[string]struct {
		stage func(w *pruneWorld)
		says  string
	}{
		"no image is in use": {func(w *pruneWorld) { w.uses = 0 }, "no image is in use anywhere"},
		"every survey failed": {func(w *pruneWorld) {
			w.failing["SurveyUses"] = activities.Refuse(activities.ErrForbidden, "the role cannot be assumed")
		}, "the role cannot be assumed"},
		"unreadable list": {func(w *pruneWorld) {
			w.in.InUse = []string{"x"}
			w.failing["ReadListedUses"] = activities.Refuse(activities.ErrInvalid, "line 3 is no image")
		}, "line 3 is no image"},
		"unknown repository": {func(w *pruneWorld) {
			w.failing["FindRepositories"] = activities.Refuse(activities.ErrInvalid, "there is no repository shop/wbe")
		}, "shop/wbe"},
		"wrong lock":     {func(w *pruneWorld) { w.in.Policy = "other" }, "must have the workflow id prune-images/other"},
		"no sources":     {func(w *pruneWorld) { w.in.Sources = nil }, "sources are missing"},
		"unknown source": {func(w *pruneWorld) { w.in.Sources = []string{"docker"} }, `source "docker"`},
		"no approver": {func(w *pruneWorld) {
			w.in.Approval.Mode, w.in.Approval.Approvers = policy.ApproveAsk, policy.Approvers{}
		}, "nobody could ever approve"},
		"keeps nothing": {func(w *pruneWorld) { w.in.Rules.KeepNewest = 0 }, "keep_newest"},
		"plan not stored": {func(w *pruneWorld) {
			w.failing["WritePlan"] = activities.Refuse(activities.ErrForbidden, "s3:PutObject")
		}, "s3:PutObject"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPruneWorld(t)
			c.stage(w)
			_, err := w.prune()
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
			if len(w.deleted) != 0 {
				t.Errorf("deleted %s", w.did())
			}
			if r := w.report(); r.Outcome != activities.OutcomeFailed || !strings.Contains(r.Reason, c.says) {
				t.Errorf("the report says %s: %s", r.Outcome, r.Reason)
			}
		})
	}
}

func TestPruneDryRun(t *testing.T) {
	w := newPruneWorld(t)
	w.in.DryRun = true
	w.in.Approval.Mode = policy.ApproveAsk
	w.env.SetStartWorkflowOptions(startAs(PruneImagesWorkflowID("shop", true)))
	out, err := w.prune()
	if err != nil || out.Totals.Delete != 254 || out.Deleted != 0 || len(w.deleted) != 0 || len(w.questions()) != 0 {
		t.Errorf("%+v (%v), deleted %q", out, err, w.did())
	}
	if r := w.report(); r.Headline != "Dry run: 254 images would go, 254.0 MiB" {
		t.Errorf("report %q", r.Headline)
	}
}

func TestPruneNothingToDo(t *testing.T) {
	w := newPruneWorld(t)
	for _, r := range w.repos {
		r.going = nil
	}
	w.in.Approval.Mode = policy.ApproveAsk
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomeDone || len(w.questions()) != 0 {
		t.Errorf("%+v (%v)", out, err)
	}
	if r := w.report(); r.Headline != "Nothing to delete among 7 images" {
		t.Errorf("report %q", r.Headline)
	}
}

func TestPruneOneRepositoryFails(t *testing.T) {
	for name, stage := range map[string]func(w *pruneWorld){
		"inventory": func(w *pruneWorld) {
			w.failing["TakeInventory:shop/data"] = activities.Refuse(activities.ErrForbidden, "no")
		},
		"plan": func(w *pruneWorld) {
			w.failing["PlanRepository:shop/data"] = activities.Refuse(activities.ErrInvalid, "no")
		},
		"commits": func(w *pruneWorld) {
			w.in.GitHub = []GitHubName{{Pattern: "shop/data", Name: "acme/{repository}"}}
			w.failing["FindCommits:acme/data"] = activities.Refuse(activities.ErrInvalid, "no")
		},
		"deletion": func(w *pruneWorld) {
			w.failing["DeleteImages:shop/data"] = activities.Refuse(activities.ErrForbidden, "no")
		},
		"access changed": func(w *pruneWorld) {
			w.hooks["WritePlan"] = func() { w.repos["shop/data"].access.Accounts = []string{consumer, stranger} }
		},
		"gone": func(w *pruneWorld) { w.hooks["WritePlan"] = func() { delete(w.repos, "shop/data") } },
	} {
		t.Run(name, func(t *testing.T) {
			w := newPruneWorld(t)
			stage(w)
			out, err := w.prune()
			if err != nil || out.Outcome != activities.OutcomePartial || out.Deleted != 4 {
				t.Errorf("%+v (%v)", out, err)
			}
			if w.did() != "shop/web 000+1; shop/web 001+3" {
				t.Errorf("deleted %s", w.did())
			}
		})
	}
}

func TestPruneTellsWhatTheSecondLookKept(t *testing.T) {
	w := newPruneWorld(t)
	delete(w.repos, "shop/data")
	w.given = []policy.Verdict{{ID: "sha256:" + strings.Repeat("a", 64), Code: policy.KeptCameIntoUse, Reason: "used by ecs-task t-1 since the plan"}}
	out, err := w.prune()
	if err != nil || out.Kept != 1 || out.Deleted != 3 {
		t.Errorf("%+v (%v)", out, err)
	}
	if text := w.report().Markdown(); !strings.Contains(text, "used by ecs-task t-1 since the plan") {
		t.Errorf("the report does not say what stayed:\n%s", text)
	}
}

func TestPruneTellsWhatAWSRefused(t *testing.T) {
	w := newPruneWorld(t)
	delete(w.repos, "shop/data")
	w.refused = []policy.Verdict{{ID: "sha256:" + strings.Repeat("b", 64), Code: policy.KeptFailed, Reason: "ImageReferencedByManifestList"}}
	out, err := w.prune()
	if err != nil || out.Outcome != activities.OutcomePartial || out.Failed != 1 {
		t.Errorf("%+v (%v)", out, err)
	}
	if text := w.report().Markdown(); !strings.Contains(text, "ImageReferencedByManifestList") {
		t.Errorf("the report does not say what was refused:\n%s", text)
	}
}

// What was deleted before a cancellation is counted, and a batch under way is finished.
func TestPruneCancelled(t *testing.T) {
	w := newPruneWorld(t)
	delete(w.repos, "shop/web")
	w.hooks["DeleteImages"] = func() { w.env.CancelWorkflow() }
	_, err := w.prune()
	if _, ok := errors.AsType[*temporal.CanceledError](err); !ok {
		t.Errorf("ended with %v", err)
	}
	if n := len(w.deleted); n == 0 || n == 3 { // the next batch may have begun before the cancellation arrived
		t.Errorf("deleted %s", w.did())
	}
	if r := w.report(); r.Outcome != activities.OutcomeCancelled || !strings.Contains(r.Headline, fmt.Sprintf("%d00 images deleted", len(w.deleted))) {
		t.Errorf("report %s: %s", r.Outcome, r.Headline)
	}
}

// A run that takes longer than its policy allows says so, and what it had done.
func TestPruneTimesOut(t *testing.T) {
	w := newPruneWorld(t)
	w.in.Approval.Mode, w.in.Approval.Expires, w.in.Timeout = policy.ApproveAsk, 72*time.Hour, 24*time.Hour
	_, err := w.prune()
	if !isType(err, activities.ErrTimedOut) && (err == nil || !strings.Contains(err.Error(), "took longer than 1d")) {
		t.Errorf("ended with %v", err)
	}
	if r := w.report(); r.Outcome != activities.OutcomeFailed || !strings.Contains(r.Reason, "took longer than 1d") || len(w.deleted) != 0 {
		t.Errorf("report %s: %s (%s)", r.Outcome, r.Headline, r.Reason)
	}
	if q := w.questions(); len(q) != 1 || q[0].report.Ask != nil {
		t.Errorf("the question stays open: %+v", q)
	}
}

func TestPruneContinuesAsNew(t *testing.T) {
	batches := batchesOf([]int{3, 250}, 0, 100)
	want := []batch{{0, 3}, {3, 100}, {103, 100}, {203, 50}}
	if !slices.Equal(batches, want) {
		t.Errorf("batches %v, want %v", batches, want)
	}
	for i := range want { // begun anew at any batch, the rest is the same
		if rest := batchesOf([]int{3, 250}, want[i].from, 100); !slices.Equal(rest, want[i:]) {
			t.Errorf("from %d: %v, want %v", want[i].from, rest, want[i:])
		}
	}
}

func TestPruneWaitsOnGitHub(t *testing.T) {
	w := newPruneWorld(t)
	delete(w.repos, "shop/data")
	w.in.GitHub = []GitHubName{{Pattern: "shop/*", Name: "acme/{repository}"}}
	limit := temporal.NewApplicationErrorWithOptions("GitHub's rate limit is used up", activities.ErrThrottled, temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
	w.failing["FindCommits"] = limit
	w.hooks["FindCommits"] = func() {
		w.env.RegisterDelayedCallback(func() { w.mu.Lock(); delete(w.failing, "FindCommits"); w.mu.Unlock() }, 90*time.Minute)
	}
	if out, err := w.prune(); err != nil || out.Deleted != 4 {
		t.Errorf("%+v (%v)", out, err)
	}
	if n := w.calls["FindCommits"]; n != 3 {
		t.Errorf("%d attempts, want 3: at once, after one hour, and after two", n)
	}
}
