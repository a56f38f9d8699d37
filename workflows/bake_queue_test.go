package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

func TestQueueRunsInTheOrderOfAsking(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.ask(2*time.Second, "c", ConflictQueue)
	q.runs("a begins", "a ends", "b begins", "b ends", "c begins", "c ends")
	q.done("a", "b", "c")
	if q.rec.took != 3*time.Minute {
		t.Errorf("took %s", q.rec.took)
	}
	for _, c := range q.rec.children {
		outcome, _ := c.TypedSearchAttributes.GetKeyword(OutcomeKey)
		if c.WorkflowID != BakeWorkflowID(template) || c.ParentClosePolicy != enumspb.PARENT_CLOSE_POLICY_ABANDON ||
			c.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || outcome != "running" || c.StaticSummary == "" || c.StaticDetails == "" {
			t.Errorf("child %+v", c)
		}
	}
}

func TestQueueEndsWhenNothingWaits(t *testing.T) {
	t.Run("after the last", func(t *testing.T) {
		q := newQueueWorld(t)
		q.ask(0, "a", ConflictQueue)
		q.ask(time.Minute, "b", ConflictQueue) // in the moment in which a ends
		q.runs("a begins", "a ends", "b begins", "b ends")
		q.done("a", "b")
	})
	t.Run("when nobody asks", func(t *testing.T) {
		q := newQueueWorld(t)
		q.runs()
		if q.rec.took != time.Minute {
			t.Errorf("took %s", q.rec.took)
		}
	})
}

func TestQueueGoesOnAfterAFailedBake(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "bad", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.runs("bad begins", "bad ends", "b begins", "b ends")
	q.done("b")
	if a := q.answers["bad"]; a.err == nil || !strings.Contains(a.err.Error(), "a bad commit") {
		t.Errorf("answer %+v", a)
	}
}

func TestQueueWaitsForAForeignBake(t *testing.T) {
	q := newQueueWorld(t)
	q.foreign = true
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.env.RegisterDelayedCallback(q.endForeign, 30*time.Second)
	q.runs("a begins", "a ends", "b begins", "b ends")
	q.done("a", "b")
	if q.rec.took != 150*time.Second {
		t.Errorf("took %s", q.rec.took)
	}
}

func TestSupersedeCancelsTheRunningBake(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictQueue)
	q.ask(30*time.Second, "b", ConflictSupersede)
	q.runs("a begins", "b begins", "b ends")
	q.cancelled("a")
	q.done("b")
	if q.rec.took != 90*time.Second {
		t.Errorf("took %s", q.rec.took)
	}
}

func TestSupersedeCancelsAForeignBake(t *testing.T) {
	for name, waiting := range map[string]bool{"first": false, "after one that waits": true} {
		t.Run(name, func(t *testing.T) {
			q := newQueueWorld(t)
			q.foreign = true
			if waiting {
				q.ask(0, "a", ConflictQueue)
			}
			q.ask(12*time.Second, "b", ConflictSupersede)
			q.runs("foreign cancelled", "b begins", "b ends")
			q.done("b")
			if waiting {
				q.superseded("a")
			}
		})
	}
}

func TestSupersedeWithNothingToSupersede(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictSupersede)
	q.runs("a begins", "a ends")
	q.done("a")
}

func TestSupersedeDropsWhatWaits(t *testing.T) {
	q := newQueueWorld(t)
	for i, commit := range []string{"a", "b", "c"} {
		q.ask(time.Duration(i)*time.Second, commit, ConflictQueue)
	}
	q.ask(30*time.Second, "d", ConflictSupersede)
	q.ask(31*time.Second, "e", ConflictQueue)
	q.runs("a begins", "d begins", "d ends", "e begins", "e ends")
	q.cancelled("a")
	q.superseded("b", "c")
	q.done("d", "e")
}

// A bake that is superseded between its start's request and its start is cancelled as soon as it runs.
func TestSupersededWhileBeingStarted(t *testing.T) {
	q := newQueueWorld(t)
	q.rec.starting = func(ctx workflow.Context, start func(workflow.Context) workflow.ChildWorkflowFuture) workflow.ChildWorkflowFuture {
		execution, started := workflow.NewFuture(ctx)
		result, ended := workflow.NewFuture(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.Sleep(ctx, 10*time.Second)
			child := start(ctx)
			started.Chain(child.GetChildWorkflowExecution())
			ended.Chain(child)
		})
		return childFuture{Future: result, execution: execution}
	}
	q.ask(0, "a", ConflictQueue)
	q.ask(5*time.Second, "b", ConflictSupersede)
	q.runs("a begins", "b begins", "b ends")
	q.superseded("a")
	q.done("b")
}

// The cancellation of what is superseded takes its time: requests that come meanwhile keep their order, and the newer of
// two that supersede wins.
func TestSupersedeIsSuperseded(t *testing.T) {
	q := newQueueWorld(t)
	q.foreign, q.slow = true, 5*time.Second
	q.ask(0, "a", ConflictSupersede)
	q.ask(time.Second, "b", ConflictSupersede)
	q.ask(2*time.Second, "c", ConflictQueue)
	q.runs("foreign cancelled", "b begins", "b ends", "c begins", "c ends")
	q.superseded("a")
	q.done("b", "c")
}

// What is superseded ends by itself while its cancellation is under way, which must not hit the bake that takes its place.
func TestSupersedeDoesNotHitItself(t *testing.T) {
	q := newQueueWorld(t)
	q.foreign, q.slow = true, 20*time.Second
	q.ask(0, "a", ConflictSupersede)
	q.env.RegisterDelayedCallback(q.endForeign, 2*time.Second)
	q.runs("a begins", "a ends")
	q.done("a")
}

func TestAskingTwiceRunsOnce(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "a", ConflictQueue)
	q.ask(2*time.Second, "b", ConflictQueue)
	q.ask(90*time.Second, "a", ConflictQueue) // when a is over
	q.runs("a begins", "a ends", "b begins", "b ends")
	q.done("a", "b")
}

func TestQueueRefuses(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "no-conflict", "")
	q.ask(time.Second, "fail", ConflictFail)
	q.submit(time.Second, "other", BakeRequest{Bake: BakeInput{LaunchTemplateID: "lt-00000000"}, OnConflict: ConflictQueue})
	q.runs("a begins", "a ends")
	q.refused("no-conflict", `on_conflict is ""`)
	q.refused("fail", `on_conflict is "fail"`)
	q.refused("other", "this queue is for "+template+", not for lt-00000000")
}

func TestQueueIsFull(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "running", ConflictQueue)
	for i := range queueLimit {
		q.ask(time.Second, fmt.Sprintf("waiting-%d", i), ConflictQueue)
	}
	q.ask(2*time.Second, "too-much", ConflictQueue)
	q.ask(3*time.Second, "new", ConflictSupersede) // which makes room
	q.runs("running begins", "new begins", "new ends")
	q.refused("too-much", "or use --on-conflict supersede")
	q.cancelled("running")
	for i := range queueLimit {
		q.superseded(fmt.Sprintf("waiting-%d", i))
	}
	q.done("new")
}

// Everybody who waits gets an answer before the queue ends.
func TestQueueCancelled(t *testing.T) {
	q := newQueueWorld(t)
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.env.RegisterDelayedCallback(q.env.CancelWorkflow, 30*time.Second)
	q.env.ExecuteWorkflow(BakeQueue, BakeQueueInput{LaunchTemplateID: template})
	if err := q.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
	q.cancelled("a")
	q.cancelled("b")
}

func TestQueueCancelledWhileItSupersedes(t *testing.T) {
	q := newQueueWorld(t)
	q.foreign, q.slow = true, 5*time.Second
	q.ask(0, "a", ConflictSupersede)
	q.env.RegisterDelayedCallback(q.env.CancelWorkflow, 2*time.Second)
	q.ask(3*time.Second, "late", ConflictQueue)
	q.env.ExecuteWorkflow(BakeQueue, BakeQueueInput{LaunchTemplateID: template})
	if err := q.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
	q.cancelled("a")
	q.refused("late", "this queue is ending")
}

func TestQueueThatNeverGetsTheLock(t *testing.T) {
	q := newQueueWorld(t)
	q.foreign = true
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.env.ExecuteWorkflow(BakeQueue, BakeQueueInput{LaunchTemplateID: template})
	if err := q.env.GetWorkflowError(); err == nil {
		t.Error("the queue ended well")
	}
	for _, c := range []string{"a", "b"} {
		if a := q.answers[c]; a.err == nil || !strings.Contains(a.err.Error(), "is still running") {
			t.Errorf("answer to %s: %+v", c, a)
		}
	}
}

func TestQueueShowsWhatWaits(t *testing.T) {
	q := newQueueWorld(t)
	w := world{T: t, env: q.env}
	var shown string
	q.ask(0, "a", ConflictQueue)
	q.ask(time.Second, "b", ConflictQueue)
	q.env.RegisterDelayedCallback(func() { shown = w.details() }, 30*time.Second)
	q.runs("a begins", "a ends", "b begins", "b ends")
	for _, line := range []string{"**1 waiting for bake/" + template + "**", "- ⏳ //// — a queue (since 03:04:05 UTC)\n", "- ⬜ //// — b queue\n"} {
		if !strings.Contains(shown, line) {
			t.Errorf("%q is missing in %q", line, shown)
		}
	}
}

// The real bake takes its turn in the queue, too.
func TestQueueRunsTheRealBake(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.env.OnRequestCancelExternalWorkflow(mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
	var got answer
	w.env.RegisterDelayedCallback(func() {
		w.env.UpdateWorkflow(SubmitUpdate, "once", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { t.Error(err) },
			OnComplete: func(result any, err error) { got.result, got.err = result.(BakeResult), err },
		}, BakeRequest{Bake: w.in, OnConflict: ConflictQueue})
	}, 0)
	w.env.SetStartWorkflowOptions(startAs(BakeQueueWorkflowID(template)))
	w.env.ExecuteWorkflow(BakeQueue, BakeQueueInput{LaunchTemplateID: template})
	if err := w.env.GetWorkflowError(); err != nil || got.err != nil || got.result.Version != 8 {
		t.Errorf("%v, answer %+v", err, got)
	}
	if got := w.state(); got != image1+modes["latest"].published+modes["latest"].rollout {
		t.Errorf("left %q", got)
	}
}
