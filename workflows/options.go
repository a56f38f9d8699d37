package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The profiles of activities. Every call is bounded: by its attempt (startToClose, after which a crashed worker's call is
// tried again) and as a whole.
const (
	startToClose = 30 * time.Second
	callBound    = time.Hour        // AWS may throttle or fail for long; a person sees the retries in the Temporal UI
	lookBound    = 10 * time.Minute // before anything is touched, an AWS that does not answer is better said soon
	waitGrace    = 24 * time.Hour
)

// calls is for one call, or a few, to an AWS API.
func calls(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    startToClose,
		ScheduleToCloseTimeout: callBound,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:                summary,
	})
}

// reads is for a short look, run with the workflow's own task: it costs one event.
func reads(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    startToClose,
		ScheduleToCloseTimeout: callBound,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
		Summary:                summary,
	})
}

// waits is for an activity that looks once and asks to be tried again. The deadline is the activity's own, so that it
// looks once more when no worker was there in time; the bound here only keeps the run from waiting for ever.
func waits(ctx workflow.Context, summary string, limit, poll time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    startToClose,
		ScheduleToCloseTimeout: limit + waitGrace,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: poll, BackoffCoefficient: 1},
		Summary:                summary,
	})
}

// telling is for Slack: people are told soon or not at all, and the work never waits for it.
func telling(ctx workflow.Context, bound time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    5 * time.Second,
		ScheduleToCloseTimeout: bound,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                "Tell Slack",
	})
}

// detached outlives the cancellation of its parent: for what must be finished, or cleaned up, once it was begun.
func detached(ctx workflow.Context) workflow.Context {
	out, _ := workflow.NewDisconnectedContext(ctx)
	return out
}
