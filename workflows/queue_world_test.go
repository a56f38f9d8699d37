package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// queueWorld is a queue with bakes that do nothing but take a minute. A bake is known by its commit. The test environment
// ends a cancelled child at once, so a bake that was cancelled has begun and not ended.
type queueWorld struct {
	*testing.T

	env *testsuite.TestWorkflowEnvironment
	rec *recorder

	mu      sync.Mutex
	foreign bool          // a bake that somebody else started holds the lock
	slow    time.Duration // until a foreign bake is cancelled
	active  string        // the bake that runs
	log     []string      // what happened: "a begins", "a ends"
	answers map[string]answer
}

type answer struct {
	result   BakeResult
	rejected bool
	err      error
}

func newQueueWorld(t *testing.T) *queueWorld {
	t.Helper()
	q := &queueWorld{T: t, rec: &recorder{}, answers: map[string]answer{}}
	q.env = newEnvironment(t, q.rec)
	q.env.RegisterWorkflowWithOptions(BakeQueue, workflow.RegisterOptions{Name: BakeQueueType})
	q.env.RegisterWorkflowWithOptions(q.bake, workflow.RegisterOptions{Name: BakeType})
	q.env.RegisterActivityWithOptions(q.awaitRunClosed, activity.RegisterOptions{Name: "AwaitRunClosed"})
	q.env.OnRequestCancelExternalWorkflow(mock.Anything, BakeWorkflowID(template), "").AfterFn(func() time.Duration { return q.slow }).Return(q.cancelForeign)
	q.env.SetStartWorkflowOptions(startAs(BakeQueueWorkflowID(template)))
	q.rec.starting = q.start
	return q
}

// note writes down what happened, and which bake runs now.
func (q *queueWorld) note(active, format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active = active
	q.log = append(q.log, fmt.Sprintf(format, args...))
}

func (q *queueWorld) endForeign() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.foreign = false
}

func (q *queueWorld) bake(ctx workflow.Context, in BakeInput) (BakeResult, error) {
	q.note(in.Commit, "%s begins", in.Commit)
	if err := workflow.Sleep(ctx, time.Minute); err != nil {
		return BakeResult{}, err
	}
	q.note("", "%s ends", in.Commit)
	if strings.HasPrefix(in.Commit, "bad") {
		return BakeResult{}, refuse(activities.ErrInvalid, "a bad commit")
	}
	return BakeResult{Outcome: activities.OutcomeDone, ImageID: "ami-" + in.Commit}, nil
}

func (q *queueWorld) awaitRunClosed(_ context.Context, in activities.AwaitRunClosedInput) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.foreign {
		return activities.NotReady(in.Poll, "%s is still running", in.WorkflowID)
	}
	return nil
}

// cancelForeign is asked when no child of the queue runs.
func (q *queueWorld) cancelForeign(string, string, string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.foreign:
		q.foreign = false
		q.log = append(q.log, "foreign cancelled")
	case q.active != "": // it came late
		q.log = append(q.log, q.active+" cancelled")
	default:
		return errors.New("no such run")
	}
	return nil
}

// start answers as the server does when the lock is taken.
func (q *queueWorld) start(ctx workflow.Context, start func(workflow.Context) workflow.ChildWorkflowFuture) workflow.ChildWorkflowFuture {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.foreign {
		return start(ctx)
	}
	f, set := workflow.NewFuture(ctx)
	set.SetError(&temporal.ChildWorkflowExecutionAlreadyStartedError{})
	return childFuture{Future: f, execution: f}
}

type childFuture struct {
	workflow.Future

	execution workflow.Future
}

func (f childFuture) GetChildWorkflowExecution() workflow.Future { return f.execution }

func (childFuture) SignalChildWorkflow(workflow.Context, string, any) workflow.Future { return nil }

// ask asks for a bake at a moment after the queue's start; the update id is the commit.
func (q *queueWorld) ask(at time.Duration, commit, onConflict string) {
	in := BakeInput{LaunchTemplateID: template, Commit: commit}
	q.submit(at, commit, BakeRequest{Bake: in, OnConflict: onConflict})
}

func (q *queueWorld) submit(at time.Duration, id string, r BakeRequest) {
	q.env.RegisterDelayedCallback(func() {
		q.env.UpdateWorkflow(SubmitUpdate, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { q.answers[id] = answer{rejected: true, err: err} },
			OnComplete: func(result any, err error) {
				a := answer{err: err}
				a.result, _ = result.(BakeResult)
				q.answers[id] = a
			},
		}, r)
	}, at)
}

// runs lets the queue run to its end and checks what happened.
func (q *queueWorld) runs(want ...string) {
	q.Helper()
	q.env.ExecuteWorkflow(BakeQueue, BakeQueueInput{LaunchTemplateID: template})
	if err := q.env.GetWorkflowError(); err != nil {
		q.Error(err)
	}
	if !slices.Equal(q.log, want) {
		q.Errorf("happened: %q\nwant:     %q", q.log, want)
	}
}

func (q *queueWorld) done(commits ...string) {
	q.Helper()
	for _, c := range commits {
		if a := q.answers[c]; a.err != nil || a.result.ImageID != "ami-"+c {
			q.Errorf("answer to %s: %+v", c, a)
		}
	}
}

func (q *queueWorld) superseded(commits ...string) {
	q.Helper()
	for _, c := range commits {
		var app *temporal.ApplicationError
		if a := q.answers[c]; !errors.As(a.err, &app) || app.Type() != "Superseded" || !app.NonRetryable() {
			q.Errorf("answer to %s: %+v", c, a)
		}
	}
}

func (q *queueWorld) cancelled(commit string) {
	q.Helper()
	if a, ok := q.answers[commit]; !ok || !temporal.IsCanceledError(a.err) {
		q.Errorf("answer to %s: %+v", commit, a)
	}
}

// refused wants the words in the validator's refusal.
func (q *queueWorld) refused(id, words string) {
	q.Helper()
	if a := q.answers[id]; !a.rejected || !strings.Contains(a.err.Error(), words) {
		q.Errorf("answer to %s: %+v", id, a)
	}
}
