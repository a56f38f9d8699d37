package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// wrapUp lets held instances go, and tells what nobody was told yet.
func (m *mop) wrapUp(ctx workflow.Context, err error) {
	m.looked = true
	_ = workflow.Await(detached(ctx), func() bool { return m.holding == 0 })
	if err != nil { // what comes while that is told is held for the next round
		m.looked = false
	}
	outcome, headline, reason := m.ending(ctx, err)
	if m.quiet(err) {
		return
	}
	if m.told == 0 || err != nil || m.toldError || len(m.hookFails) > m.toldFails {
		m.toldError = err != nil // then the last word is how it ended
		m.tellLine(ctx, outcome, orElse(reason, headline))
	}
}

// finish tells how the run ended.
func (m *mop) finish(ctx workflow.Context, err error) (MopResult, error) {
	if err != nil {
		m.fail(ctx)
	} else {
		m.end(ctx, "")
	}
	outcome, headline, reason := m.ending(ctx, err)
	m.out.Outcome = outcome
	m.Lists = slices.Concat(m.deletedList(), m.keptList())
	m.close(ctx, outcome, headline, reason)
	switch {
	case outcome == activities.OutcomeCancelled:
		return m.out, temporal.NewCanceledError(headline)
	case isType(err, errNotOurs):
		return m.out, nil
	case err != nil:
		return m.out, err
	case len(m.fails()) > 0: // so that the next event begins anew
		return m.out, refuse(errNotAll, reason)
	}
	return m.out, nil
}

// quiet tells whether nobody is told: it is another team's, or in no group that anybody knows, as most of an account may be.
func (m *mop) quiet(err error) bool {
	return isType(err, errNotOurs) || isType(err, errNoGroup) && m.instance.State != policy.InstanceGone
}

func (m *mop) fails() []string { return slices.Concat(m.trouble, m.hookFails) }

// errNotAll says that something of a dead instance is left, by no will of anybody's.
const errNotAll = "NotAll"

func (m *mop) ending(ctx workflow.Context, err error) (outcome, headline, reason string) {
	deleted := m.inWords(m.out.Deleted)
	fails := m.fails()
	switch {
	case m.late:
		return activities.OutcomeFailed, "Gave up. " + deleted, fmt.Sprintf("it took longer than %s, the mop's timeout", policy.Span(m.in.Timeout))
	case temporal.IsCanceledError(err) || errors.Is(ctx.Err(), workflow.ErrCanceled):
		return activities.OutcomeCancelled, "Cancelled. " + deleted, ""
	case isType(err, errNoGroup) && m.quiet(err):
		return activities.OutcomeCancelled, "In no Auto Scaling group that is known: nothing was touched", reasonOf(err)
	case isType(err, errNotOurs):
		return activities.OutcomeDone, "Another team's: nothing was touched", reasonOf(err)
	case isType(err, activities.ErrAlive) && len(m.out.Deleted) == 0:
		return activities.OutcomeFailed, "It is alive: nothing was touched", reasonOf(err)
	case isType(err, activities.ErrAlive):
		return activities.OutcomeFailed, "It is alive, though it was about to end. " + deleted, reasonOf(err)
	case isType(err, activities.ErrStopped):
		return activities.OutcomeDenied, "Stopped. " + deleted, reasonOf(err)
	case err != nil:
		return activities.OutcomeFailed, "Failed. " + deleted, reasonOf(err)
	case len(fails) > 0:
		return activities.OutcomePartial, deleted, fails[0]
	case m.in.DryRun:
		return activities.OutcomeDone, m.wouldGo(), ""
	}
	return activities.OutcomeDone, deleted, ""
}
