package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// MopBreakerInput says whose breaker asks, and whom.
type MopBreakerInput struct {
	Environment string                  `json:"environment"`
	Ledger      activities.LedgerTable  `json:"ledger"`
	Limit       activities.BreakerLimit `json:"limit"`
	Approval    ApprovalInput           `json:"approval"`
	Telling     Telling                 `json:"telling"`
}

// permitPoll is between two looks of a mop at a breaker that waits for a person.
const permitPoll = 15 * time.Second

const stepDecide = "Ask whether the mops go on"

func breakerAsker(s MopSettings) activities.Asker {
	return activities.Asker{
		WorkflowType: MopBreakerType, WorkflowID: MopBreakerWorkflowID(s.Environment), Summary: "Too many nodes of " + s.Environment + " at once: do the mops go on?",
		Input: MopBreakerInput{Environment: s.Environment, Ledger: s.Ledger, Limit: s.Breaker, Approval: s.Approval, Telling: s.Telling},
	}
}

// MopBreaker asks people whether an environment's mops go on, after more nodes died than its breaker lets go. It asks again
// until somebody decides: the mops wait as long.
func MopBreaker(ctx workflow.Context, in MopBreakerInput) (policy.Breaker, error) {
	b := &breakerRun{in: in}
	var err error
	if b.reporter, err = newReporter(ctx, "Breaker of "+in.Environment, in.Telling, []string{stepDecide}); err != nil {
		return b.state, err
	}
	if b.approval, err = newApproval(ctx, in.Approval, activities.Store{}); err != nil {
		return b.state, err
	}
	err = b.run(ctx)
	switch {
	case err == nil && b.state.State == policy.BreakerOpened:
		b.close(ctx, activities.OutcomeDone, "The mops go on: "+b.state.By, "")
	case err == nil:
		b.close(ctx, activities.OutcomeDenied, "The mops are stopped: "+b.state.By, "")
	case temporal.IsCanceledError(err):
		b.close(ctx, activities.OutcomeCancelled, "Cancelled. The next mop asks again", "")
	default:
		b.fail(ctx)
		b.close(ctx, activities.OutcomeFailed, "Nobody could be asked: the mops wait", reasonOf(err))
	}
	_ = workflow.Await(detached(ctx), func() bool { return workflow.AllHandlersFinished(ctx) })
	return b.state, err
}

type breakerRun struct {
	*reporter
	*approval

	in    MopBreakerInput
	state policy.Breaker
}

func (b *breakerRun) run(ctx workflow.Context) error {
	for {
		if err := b.read(ctx); err != nil {
			return err
		}
		if b.state.State != policy.BreakerAsking {
			b.state.By = orElse(b.state.By, "nothing waits any more")
			return nil
		}
		b.begin(ctx, stepDecide, "Mops of "+b.in.Environment+" wait for a decision")
		got, err := b.ask(ctx, b.reporter, b.question())
		if err != nil {
			return err
		}
		if got.Outcome == activities.OutcomeExpired {
			continue
		}
		b.end(ctx, got.By)
		return b.settleTrip(ctx, got)
	}
}

func (b *breakerRun) read(ctx workflow.Context) error {
	var breaker *activities.Breaker
	return workflow.ExecuteActivity(calls(ctx, "Read the breaker"), breaker.ReadBreaker, activities.ReadBreakerInput{Ledger: b.in.Ledger, Environment: b.in.Environment}).Get(ctx, &b.state)
}

func (b *breakerRun) settleTrip(ctx workflow.Context, got resolution) error {
	by := "stopped by " + got.By
	if got.Granted {
		by = "let go on by " + got.By
	}
	var breaker *activities.Breaker
	where := activities.ReadBreakerInput{Ledger: b.in.Ledger, Environment: b.in.Environment}
	ctx = detached(ctx) // a decision that was taken holds
	err := workflow.ExecuteActivity(calls(ctx, "Settle the breaker"), breaker.SettleBreaker, activities.SettleBreakerInput{
		ReadBreakerInput: where, Trip: b.state.Trip, GoOn: got.Granted, By: by, Window: b.in.Limit.Window,
	}).Get(ctx, nil)
	if err != nil {
		return err
	}
	return b.read(ctx)
}

// question names what waits. Its hash stands for this trip: a decision about an older one is refused.
func (b *breakerRun) question() question {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", b.WorkflowID, b.RunID, b.state.Trip))
	waiting := slices.Clone(b.state.Waiting)
	slices.Sort(waiting)
	return question{
		Plan: activities.Artifact{SHA256: hex.EncodeToString(sum[:])}, NeedsOne: true,
		Headline: fmt.Sprintf("Go on deleting nodes of %s? %s.", b.in.Environment, b.state.Why),
		Facts: []activities.Fact{
			{Name: "If approved", Value: fmt.Sprintf("all mops of %s go on, without a limit for %s", b.in.Environment, policy.Span(b.in.Limit.Window))},
			{Name: "If denied", Value: fmt.Sprintf("those that wait end, and so does every new one for %s", policy.Span(b.in.Limit.Window))},
		},
		Lists: list("Waiting, among others", waiting, len(waiting)),
	}
}
