//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/workflows"
)

// Everything that comes over HTTP: a forged, a late and a replayed request, somebody who may not, and then somebody who may,
// who presses twice.
func TestApproveByButton(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(*estate.PruneConfig) {})
	url := w.serve()
	w.begin()

	genuine, err := box.slack.Interact(w.ctx, slack.Interaction{Channel: w.channel, ActionID: "approve", UserID: ada, Unsent: true})
	w.must(err)
	late, err := box.slack.SignedRequest(w.ctx, string(genuine.Payload), time.Now().Add(-6*time.Minute))
	w.must(err)
	if status := w.send(late, url); status != http.StatusUnauthorized {
		t.Errorf("late: status %d", status)
	}
	forged := genuine.Request
	forged.Body = strings.Replace(forged.Body, "approve", "approvf", 1)
	if status := w.send(forged, url); status != http.StatusUnauthorized {
		t.Errorf("forged: status %d", status)
	}
	if _, status := w.click(url, "approve", mallory); status != http.StatusOK {
		t.Errorf("mallory: status %d", status)
	}
	w.whispered(mallory, "may not decide")
	if n := len(w.holds("web")); n != 4 {
		t.Fatalf("%d images are left before anybody approved", n)
	}
	if status := w.send(genuine.Request, url); status != http.StatusOK {
		t.Errorf("genuine: status %d", status)
	}
	if status := w.send(genuine.Request, url); status != http.StatusConflict {
		t.Errorf("replayed: status %d", status)
	}
	w.whispered(ada, "Approved")
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[3])
	w.told(1, "Approved by ada", "3 images deleted")
	w.attached()
	w.noSecrets(w.id(), workflows.PrunePartWorkflowID(w.kind, w.cfg.Owner+"/"+estate.Region+"/web"))
	w.recordClosed("prune-images-approved", w.id())
	w.recordClosed("prune-part", workflows.PrunePartWorkflowID(w.kind, w.cfg.Owner+"/"+estate.Region+"/web"))
}

// attached checks that the question and the report each have the plan in their thread.
func (w *pruneWorld) attached() {
	w.Helper()
	threads := map[string]int{}
	for _, m := range w.slack() {
		if len(m.Files) > 0 {
			threads[m.ThreadTS]++
		}
	}
	if len(threads) != 2 {
		w.Errorf("the plan is attached in %d threads, want 2: %v", len(threads), threads)
	}
}

func TestApproveBySocketModeAndGroup(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(c *estate.PruneConfig) { c.Socket = true })
	w.serve()
	w.begin()
	var d slack.Delivery
	w.until("a Socket Mode client", func() bool {
		state, err := box.slack.State(w.ctx)
		w.must(err)
		return state.Sockets > 0
	})
	w.until("the click to be taken", func() bool { // a person whose click met a reconnect sees a warning, and presses again
		var err error
		d, err = box.slack.Interact(w.ctx, slack.Interaction{Channel: w.channel, ActionID: "approve", UserID: grace})
		return err == nil && d.Problem == ""
	})
	if d.Via != "socket" {
		t.Errorf("via %s", d.Via)
	}
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[3])
	w.told(1, "Approved by grace")
}

func TestDenyByButton(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(*estate.PruneConfig) {})
	url := w.serve()
	w.begin()
	if _, status := w.click(url, "deny", ada); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if r := w.outcome(); r.Outcome != activities.OutcomeDenied {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web...)
	if _, _, code := w.epoxy("watch", w.id()); code != 3 {
		t.Errorf("watch ends with exit code %d, want 3", code)
	}
	w.recordClosed("prune-images-denied", w.id())
}

// Details opens a dialog with the plan, in which one item is kept.
func TestVetoOneItemInTheDialog(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(*estate.PruneConfig) {})
	url := w.serve()
	w.begin()
	d, status := w.click(url, "details", ada)
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	var view slack.View
	w.until("the plan in a dialog", func() bool {
		state, err := box.slack.State(w.ctx)
		w.must(err)
		i := slices.IndexFunc(state.Views, func(v slack.View) bool {
			return v.User == ada && strings.Contains(fmt.Sprint(v.Blocks), w.cfg.Owner) && strings.Contains(fmt.Sprint(v.Blocks), "v2")
		})
		if i >= 0 {
			view = state.Views[i]
		}
		return i >= 0
	})
	submitted, err := box.slack.SubmitView(w.ctx, slack.Submission{
		ViewID: view.ID, UserID: ada, Values: map[string]map[string]string{"keep": {"keep": "v2"}, "reason": {"reason": "still needed"}}, Unsent: true,
	})
	w.must(err)
	if status := w.send(submitted.Request, url); status != http.StatusOK {
		t.Fatalf("the dialog: status %d", status)
	}
	w.until("the veto", func() bool { return len(w.vetoed()) == 1 })
	_ = d
	w.decide("approve")
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[1], web[3])
	w.told(1, "vetoed: v2")
}

func (w *pruneWorld) vetoed() []string {
	w.Helper()
	v, err := box.temporal.QueryWorkflow(w.ctx, w.id(), "", workflows.AskingQuery)
	var a policy.Asking
	if err != nil || v.Get(&a) != nil {
		return nil
	}
	return a.Vetoed
}

// The command: refused for an older plan, for somebody who may not, and twice; a veto of one item; then the approval.
func TestDecideWithTheCommand(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(*estate.PruneConfig) {})
	plan := w.begin()
	for name, c := range map[string]struct {
		who  string
		args []string
		says string
	}{
		"an old plan":     {"ann@laptop", []string{"approve", "--plan", strings.Repeat("f", 64)}, "plan"},
		"somebody else":   {"mallory@laptop", []string{"approve"}, "mallory@laptop"},
		"nothing to keep": {"ann@laptop", []string{"veto"}, "deny"},
	} {
		if out, stderr, code := w.decideAs(c.who, c.args[0], c.args[1:]...); code != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, stderr)
		}
	}
	w.decide("veto", "--item", "v1", "--reason", "rollback")
	w.decide("approve", "--plan", plan[:12])
	if out, stderr, code := w.decideAs("ann@laptop", "deny"); code != 1 {
		t.Errorf("a second decision: exit code %d: %s%s", code, out, stderr)
	}
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[0], web[3])
	w.told(1, "Approved by ann@laptop", "vetoed: v1")
}

// A question that nobody answers expires, and a fresh plan asks again; the first message's button decides nothing any more.
func TestExpiryAsksAnew(t *testing.T) {
	t.Parallel()
	w, web := newAsking(t, func(c *estate.PruneConfig) {
		c.Approval = strings.Replace(askApproval, "expires: 72h, remind: 24h", "expires: 1m", 1)
	})
	url := w.serve()
	old := w.begin()
	first, err := box.slack.Interact(w.ctx, slack.Interaction{Channel: w.channel, ActionID: "approve", UserID: ada, Unsent: true})
	w.must(err)
	w.use(w.own, "web", "v1") // the fresh plan sees it
	next := w.asked(old)
	if status := w.send(first.Request, url); status != http.StatusOK {
		t.Errorf("the old button: status %d", status)
	}
	w.whispered(ada, "plan")
	if next == old {
		t.Error("the plan is the old one")
	}
	if _, status := w.click(url, "approve", ada); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[0], web[3])
	w.recordClosed("prune-images-expired", w.id())
}

// In mode veto the window is durable: Temporal and the worker are gone meanwhile.
func TestVetoWindowSurvives(t *testing.T) {
	t.Parallel()
	w := newPruneWorld(t, "mode: veto, window: 1m, users: [U0ADA00000]", `repositories: [web], `+someRules, "")
	web := w.repository("web", 3)
	w.use(w.own, "web", "newest")
	w.startWorker()
	w.begin()
	w.killWorker()
	ctx, cancel := context.WithTimeout(w.ctx, 65*time.Second)
	<-ctx.Done()
	cancel()
	w.startWorker()
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Headline)
	}
	w.left("web", web[3])
	w.told(1, "Nobody objected")
	w.recordClosed("prune-images-veto-window", w.id())
}
