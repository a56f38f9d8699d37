package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// linesKept bounds each list of a report: Slack takes 3,000 characters in a section. The attached plan has all.
const linesKept = 12

// notes are what happened between plan and end.
type notes struct{ kept, failed []string }

func (n *notes) add(part string, out PrunePartResult) {
	name := part[strings.LastIndexByte(part, '/')+1:]
	for _, line := range out.KeptNotes {
		n.kept = append(n.kept, name+" "+line)
	}
	for _, line := range out.FailedNotes {
		n.failed = append(n.failed, name+" "+line)
	}
}

// list is a list of a report, cut to fit; nothing without lines.
func list(title string, lines []string, all int) []activities.List {
	if all == 0 {
		return nil
	}
	lines = lines[:min(len(lines), linesKept)]
	if more := all - len(lines); more > 0 {
		lines = append(slices.Clone(lines), fmt.Sprintf("… and %d more", more))
	}
	return []activities.List{{Title: title, Lines: lines}}
}

// question is what people are asked: how much would go, from where, and what nobody would touch.
func (p *prune) question() question {
	t := p.planned.Totals
	going := 0
	for _, part := range p.parts {
		if part.Totals.Delete > 0 {
			going++
		}
	}
	q := question{
		Plan: p.planned.Plan, NeedsOne: p.planned.OverCap != "",
		Headline: fmt.Sprintf("Delete %s%s?", p.planner.things(t.Delete), p.sized(t.DeleteBytes, " (%s)")),
		Facts: []activities.Fact{
			{Name: "Plan", Value: policy.ShortHash(p.planned.Plan.SHA256)},
			{Name: "Would go", Value: fmt.Sprintf("%d of %d", t.Delete, t.Images)},
		},
		Lists: slices.Concat(p.topParts(), p.keptBecause(), p.blockedList()),
	}
	if p.planner.kind() == policy.PlanOfImages {
		q.Facts = append(q.Facts, activities.Fact{Name: "Would free", Value: policy.HumanBytes(t.DeleteBytes)},
			activities.Fact{Name: "From", Value: fmt.Sprintf("%d of %d repositories", going, len(p.parts))})
	}
	if p.planned.OverCap != "" {
		q.Lists = append([]activities.List{{Title: "Over the policy's caps", Lines: []string{p.planned.OverCap}}}, q.Lists...)
	}
	return q
}

// topParts are the repositories that free most.
func (p *prune) topParts() []activities.List {
	going := slices.DeleteFunc(slices.Clone(p.parts), func(part policy.PlanPart) bool { return part.Totals.Delete == 0 })
	slices.SortStableFunc(going, func(a, b policy.PlanPart) int { return cmp.Compare(b.Totals.DeleteBytes, a.Totals.DeleteBytes) })
	lines := make([]string, 0, len(going))
	for _, part := range going {
		lines = append(lines, fmt.Sprintf("%s: %d of %d%s", part.Name, part.Totals.Delete, part.Totals.Images, p.sized(part.Totals.DeleteBytes, ", %s")))
	}
	return list("From", lines[:min(len(lines), linesKept)], len(lines))
}

func (p *prune) keptBecause() []activities.List {
	kept := p.planned.Totals.Kept
	lines := make([]string, 0, len(kept))
	for _, code := range workflow.DeterministicKeys(kept) {
		lines = append(lines, fmt.Sprintf("%s: %d", policy.KeptInWords(code), kept[code]))
	}
	return list("Kept, because", lines, len(lines))
}

func (p *prune) blockedList() []activities.List {
	blocked := p.sortedBlocked()
	lines := make([]string, 0, len(blocked))
	for _, b := range blocked {
		lines = append(lines, b.Name+": "+b.Reason)
	}
	return list("Blocked", lines, len(lines))
}

// finish tells everybody how the run ended, also when nothing was done.
func (p *prune) finish(ctx workflow.Context, err error) (PruneResult, error) {
	if err != nil {
		p.fail(ctx)
	}
	p.out.Blocked = p.sortedBlocked()
	if n := len(p.out.Blocked); n > linesKept { // the plan's root has all of them
		p.out.Blocked = p.out.Blocked[:linesKept]
	}
	p.Lists = slices.Concat(p.blockedList(), list("Refused by AWS", p.notes.failed, p.out.Failed), list("Kept at the second look", p.notes.kept, p.out.Kept),
		list("Vetoed, and nothing that would go is called so: mistyped?", p.stray, len(p.stray)))
	if p.planned.Plan.SHA256 != "" {
		p.Lists = append(p.Lists, p.keptBecause()...)
	}
	if err != nil && p.late {
		err = refuse(activities.ErrTimedOut, fmt.Sprintf("it took longer than %s, the timeout of policy %s", policy.Span(p.set.Timeout), p.set.Policy))
	}
	outcome, headline, reason := p.ending(ctx, err)
	p.out.Outcome = outcome
	p.close(ctx, outcome, headline, reason)
	_ = workflow.Await(detached(ctx), func() bool { return workflow.AllHandlersFinished(ctx) })
	switch {
	case outcome == activities.OutcomeCancelled:
		return p.out, temporal.NewCanceledError(headline)
	case isType(err, errNotGranted):
		return p.out, nil
	}
	return p.out, err
}

func (p *prune) ending(ctx workflow.Context, err error) (outcome, headline, reason string) {
	deleted := p.gone() + " deleted" + p.sized(p.out.Bytes, ", %s freed")
	switch {
	case isType(err, errNotGranted):
		return p.out.Outcome, "Nothing was deleted: " + reasonOf(err), ""
	case temporal.IsCanceledError(err) || !p.late && errors.Is(ctx.Err(), workflow.ErrCanceled):
		return activities.OutcomeCancelled, "Cancelled. " + deleted, ""
	case err != nil:
		return activities.OutcomeFailed, "Failed. " + deleted, reasonOf(err)
	}
	trouble := len(p.blocked) + p.out.Failed
	outcome = activities.OutcomeDone
	if trouble > 0 {
		outcome = activities.OutcomePartial
	}
	t := p.planned.Totals
	switch {
	case p.set.DryRun:
		headline = fmt.Sprintf("Dry run: %s would go%s", p.planner.things(t.Delete), p.sized(t.DeleteBytes, ", %s"))
	case t.Delete == 0:
		headline = fmt.Sprintf("Nothing to delete among %s", p.planner.things(t.Images))
	default:
		headline = deleted
		p.fact("Deleted", fmt.Sprintf("%s%d of %d planned", p.atLeast(), p.out.Deleted, t.Delete))
		if p.out.Bytes > 0 {
			p.fact("Freed", policy.HumanBytes(p.out.Bytes))
		}
	}
	if n := len(p.blocked); n > 0 {
		headline += fmt.Sprintf("; %d blocked", n)
	}
	if p.out.Failed > 0 {
		headline += fmt.Sprintf("; %d refused by AWS", p.out.Failed)
	}
	return outcome, headline, ""
}

// gone says how many were deleted, as far as anybody knows.
func (p *prune) gone() string { return p.atLeast() + p.planner.things(p.out.Deleted) }

func (p *prune) atLeast() string {
	if p.out.AtLeast {
		return "at least "
	}
	return ""
}

// strayVetoes are those that mean nothing in the plan. Of a part that was not gone through nobody knows what they mean there.
func (p *prune) strayVetoes() []string {
	for _, part := range p.parts {
		if part.Totals.Delete > 0 && p.blocked[part.Name] != "" {
			return nil
		}
	}
	return slices.DeleteFunc(slices.Clone(p.vetoed), func(item string) bool { return p.named[item] })
}

// sized says how much, where there is something to say: task definitions take no space.
func (p *prune) sized(bytes int64, format string) string {
	if p.planner.kind() != policy.PlanOfImages {
		return ""
	}
	return fmt.Sprintf(format, policy.HumanBytes(bytes))
}

// now is the time that a plan judges by. One for the whole plan: what is young in one repository is so in all.
func (p *prune) now() time.Time { return p.step(stepSurvey).Begun }

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// partDone is what a part had done until it stopped. Where the run is not told, because it was terminated, the ledger knows.
func partDone(err error) (out PrunePartResult) {
	var details interface{ Details(...any) error }
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.HasDetails() {
		details = app
	} else if cancelled, ok := errors.AsType[*temporal.CanceledError](err); ok && cancelled.HasDetails() {
		details = cancelled
	}
	if details == nil || details.Details(&out) != nil {
		_, another := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err)
		return PrunePartResult{AtLeast: !another && !temporal.IsCanceledError(err)}
	}
	return out
}

func partReason(err error) string {
	if _, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); ok {
		return "another prune is deleting here: it was left to that one"
	}
	if temporal.IsCanceledError(err) {
		return "cancelled before everything was deleted"
	}
	return "stopped: " + reasonOf(err)
}

// sortedBlocked is p.blocked in order.
func (p *prune) sortedBlocked() []policy.Blocked {
	out := make([]policy.Blocked, 0, len(p.blocked))
	for _, name := range workflow.DeterministicKeys(p.blocked) {
		if why := p.blocked[name]; why != "" {
			out = append(out, policy.Blocked{Name: name, Reason: why})
		}
	}
	return slices.Clip(out)
}
