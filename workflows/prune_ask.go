package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func (p *prune) askPeople(ctx workflow.Context, fresh func(time.Time) bool) (resolution, error) {
	p.begin(ctx, stepApprove, "Waiting for a decision about "+p.planner.things(p.planned.Totals.Delete))
	p.step(stepApprove).Note = fmt.Sprintf("plan %s; decide in Slack, or with epoxy approve|deny|veto %s", policy.ShortHash(p.planned.Plan.SHA256), p.WorkflowID)
	p.show(ctx)
	q := p.question()
	q.End, q.Fresh = p.deadline(), fresh
	got, err := p.ask(ctx, p.reporter, q)
	if err != nil {
		return got, err
	}
	if got.Granted {
		p.fact("Approved by", got.By)
		p.end(ctx, got.By)
		return got, nil
	}
	p.end(ctx, p.refusal(got))
	return got, nil
}

// deadline is when the policy's timeout is over.
func (p *prune) deadline() time.Time { return p.begun.Add(p.set.Timeout) }

// roomAt tells whether another question fits into the run.
func (p *prune) roomAt(now time.Time) bool {
	return !now.Add(p.set.Approval.Expires).After(p.deadline())
}

// errNotGranted ends a run in which people said no, or nothing. It is not a failure.
const errNotGranted = "NotGranted"

func (p *prune) refusal(got resolution) string {
	p.out.Outcome = got.Outcome
	switch {
	case got.Outcome == activities.OutcomeExpired && got.Reason != "":
		return got.Reason
	case got.Outcome == activities.OutcomeExpired:
		return "nobody answered"
	case got.Reason != "":
		return fmt.Sprintf("%s by %s: %s", got.Outcome, got.By, got.Reason)
	}
	return fmt.Sprintf("%s by %s", got.Outcome, got.By)
}
