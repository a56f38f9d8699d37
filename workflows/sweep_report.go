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

// finish tells everybody how the sweep ended, also when it did nothing.
func (s *sweepRun) finish(ctx workflow.Context, err error) (SweepResult, error) {
	if err != nil {
		s.fail(ctx)
	}
	if err != nil && s.late {
		err = refuse(activities.ErrTimedOut, fmt.Sprintf("it took longer than %s, the timeout of environment %s", policy.Span(s.in.Timeout), s.in.Environment))
	}
	s.Lists = slices.Concat(s.blindList(), list("Looks like the wrong place", s.plan.Empty, len(s.plan.Empty)), list("Not mopped, because", s.failed, len(s.failed)), s.toMopList(), s.keptList(), s.strangersList())
	outcome, headline, reason := s.ending(ctx, err)
	s.out.Outcome = outcome
	s.close(ctx, outcome, headline, reason)
	if outcome == activities.OutcomeCancelled {
		return s.out, temporal.NewCanceledError(headline)
	}
	return s.out, err
}

func (s *sweepRun) ending(ctx workflow.Context, err error) (outcome, headline, reason string) {
	switch {
	case !s.late && (temporal.IsCanceledError(err) || errors.Is(ctx.Err(), workflow.ErrCanceled)):
		return activities.OutcomeCancelled, "Cancelled. " + s.mopped(), ""
	case err != nil:
		return activities.OutcomeFailed, "Failed. " + s.mopped(), reasonOf(err)
	}
	outcome = activities.OutcomeDone
	blind := len(s.blindLines())
	if blind+len(s.plan.Empty) > 0 || s.out.Failed > 0 {
		outcome = activities.OutcomePartial
	}
	switch {
	case s.out.Nodes+s.out.Clients+s.out.Records == 0:
		headline = "Nothing was left behind"
	case s.in.mops():
		headline = s.mopped()
	default:
		headline = "Belongs to nobody: " + s.orphans()
	}
	if s.out.Failed > 0 {
		headline += fmt.Sprintf("; %d failed", s.out.Failed)
	}
	if blind > 0 {
		headline += fmt.Sprintf("; %s could not be looked at, and what may be there was left alone", plural(blind, "place"))
	}
	if empty := len(s.plan.Empty); empty > 0 {
		headline += fmt.Sprintf("; %s looked like the wrong one, and what may be there was left alone", plural(empty, "place"))
	}
	return outcome, headline, ""
}

func (s *sweepRun) mopped() string {
	if s.out.Mopped == 0 {
		return "Nothing was deleted"
	}
	return fmt.Sprintf("Mopped up after %d of %s", s.out.Mopped, plural(len(s.plan.ToMop), "orphan"))
}

func (s *sweepRun) blindList() []activities.List {
	lines := s.blindLines()
	return list("Could not be looked at", lines, len(lines))
}

func (s *sweepRun) blindLines() []string {
	var lines []string
	for i, look := range s.servers {
		lines = s.blind(lines, "Chef server "+s.in.Servers[i], look)
	}
	for i, look := range s.places {
		lines = s.blind(lines, "EC2 in "+s.in.Places[i].String(), look)
	}
	for i, look := range s.others {
		lines = s.blind(lines, "EC2 in "+s.in.Others[i].String(), look)
	}
	for i, look := range s.zones {
		lines = s.blind(lines, "hosted zone "+s.in.Zones[i].Name, look)
	}
	return lines
}

func (s *sweepRun) blind(lines []string, what string, look activities.SweepLook) []string {
	if look.Failed == "" {
		return lines
	}
	return append(lines, what+": "+look.Failed)
}

// toMopList is what was mopped, or what would be.
func (s *sweepRun) toMopList() []activities.List {
	if s.in.mops() {
		return list("Mopped up after", s.done, len(s.done))
	}
	return list("A sweep that mops would delete", named(s.plan.ToMop), len(s.plan.ToMop))
}

func named(orphans []policy.Orphan) []string {
	lines := make([]string, len(orphans))
	for i, o := range orphans {
		lines[i] = o.String() + ": " + o.Why
	}
	return lines
}

func (s *sweepRun) keptList() []activities.List {
	lines := slices.Clone(s.left)
	for _, k := range s.plan.Some {
		lines = append(lines, k.What+": "+k.Why)
	}
	return list("Left alone", lines, s.out.Kept+s.out.Young)
}

func (s *sweepRun) strangersList() []activities.List {
	lines := make([]string, 0, len(s.plan.Strangers))
	for _, why := range workflow.DeterministicKeys(s.plan.Strangers) {
		lines = append(lines, fmt.Sprintf("%s: %s", plural(s.plan.Strangers[why], "node"), why))
	}
	return list("Not this environment's to judge", lines, len(lines))
}
