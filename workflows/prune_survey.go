package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// surveyed is one look: a source in a place, and what came of it.
type surveyed struct {
	in     activities.SurveyUsesInput
	out    activities.SurveyUsesOutput
	failed string
}

const (
	surveyAttempt = 10 * time.Minute // one try at a source of a large account
	surveyBound   = time.Hour
	heartbeat     = time.Minute
)

// surveys is for an activity that makes many calls and heartbeats.
func surveys(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    surveyAttempt,
		ScheduleToCloseTimeout: surveyBound,
		HeartbeatTimeout:       heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                summary,
	})
}

// look surveys every source in every place, side by side. A survey that fails is no failure of the run: it blocks what it
// could have named.
func (p *prune) look(ctx workflow.Context, places []activities.Place) error {
	p.surveys = nil
	for _, place := range places {
		for _, source := range p.set.Sources {
			in := activities.SurveyUsesInput{Store: p.set.Store, Place: place, Source: source}
			if source == policy.SourceECS {
				in.RollbackRevisions = p.set.RollbackRevisions
				if place == p.set.Place {
					in.ExpectClusters = p.set.ExpectClusters
				}
			}
			p.surveys = append(p.surveys, surveyed{in: in})
		}
	}
	var surveyor *activities.UseSurveyor
	futures := make([]workflow.Future, len(p.surveys))
	for i, s := range p.surveys {
		futures[i] = workflow.ExecuteActivity(surveys(ctx, s.in.Source+" in "+s.in.Place.String()), surveyor.SurveyUses, s.in)
	}
	listed := p.lookAtLists(ctx)
	for i := range p.surveys {
		s := &p.surveys[i]
		if err := futures[i].Get(ctx, &s.out); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.failed = reasonOf(err)
		}
	}
	return listed(ctx)
}

// lookAtLists reads what people say is in use. Unlike a survey it names no repositories that it could block: the run ends.
func (p *prune) lookAtLists(ctx workflow.Context) func(workflow.Context) error {
	p.listed = nil
	in := p.lists()
	if len(in.Listed)+len(in.Objects) == 0 {
		return func(workflow.Context) error { return nil }
	}
	var surveyor *activities.UseSurveyor
	future := workflow.ExecuteActivity(surveys(ctx, "Read the lists of what is in use"), surveyor.ReadListedUses, in)
	return func(ctx workflow.Context) error {
		var out activities.SurveyUsesOutput
		if err := future.Get(ctx, &out); err != nil {
			return err
		}
		p.listed = &out.Uses
		return nil
	}
}

func (p *prune) lists() activities.ReadListedUsesInput {
	return activities.ReadListedUsesInput{Store: p.set.Store, Listed: p.set.InUse, Objects: p.set.InUseObjects}
}

// uses are the artifacts of all looks that did not fail.
func (p *prune) uses() []activities.Artifact {
	var all []activities.Artifact
	for _, s := range p.surveys {
		if s.failed == "" {
			all = append(all, s.out.Uses)
		}
	}
	if p.listed != nil {
		all = append(all, *p.listed)
	}
	return all
}

// again is what to look at before each batch, and nothing of it is stored. It stands in the input of every batch.
func (p *prune) again() []activities.SurveyUsesInput {
	out := make([]activities.SurveyUsesInput, len(p.surveys))
	for i, s := range p.surveys {
		s.in.Store = activities.Store{}
		out[i] = s.in
	}
	return out
}

// listsAgain are the lists to read before each batch.
func (p *prune) listsAgain() activities.ReadListedUsesInput {
	in := p.lists()
	in.Store = activities.Store{}
	return in
}

// failures are the surveys as policy judges them.
func (p *prune) failures() []policy.Survey {
	out := make([]policy.Survey, len(p.surveys))
	for i, s := range p.surveys {
		out[i] = policy.Survey{Account: s.in.Place.Account, Region: s.in.Place.Region, Source: s.in.Source, Failed: s.failed}
	}
	return out
}

// allFailed tells that nothing is known at all, and why.
func (p *prune) allFailed() error {
	if slices.ContainsFunc(p.surveys, func(s surveyed) bool { return s.failed == "" }) {
		return nil
	}
	return refuse(activities.ErrInvalid, "nothing is known of what is in use, so nothing is deleted"+p.failedNote())
}

// failedNote says why surveys failed; "" when none did.
func (p *prune) failedNote() string {
	var reasons []string
	for _, s := range p.surveys {
		if s.failed != "" && !slices.Contains(reasons, s.failed) {
			reasons = append(reasons, s.failed)
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return "; surveys failed: " + strings.Join(reasons, "; ")
}

func (p *prune) surveyNote() string {
	places, failed, uses := map[string]bool{}, 0, 0
	for _, s := range p.surveys {
		places[s.in.Place.String()] = true
		if s.failed != "" {
			failed++
		}
		for _, c := range s.out.Counts {
			uses += c.Count
		}
	}
	note := fmt.Sprintf("%d uses found in %d places", uses, len(places))
	if failed > 0 {
		note += fmt.Sprintf("; %d of %d surveys failed", failed, len(p.surveys))
	}
	return note
}

// useCounts are what was found, for the plan.
func (p *prune) useCounts() []policy.UseCount {
	var all []policy.UseCount
	for _, s := range p.surveys {
		all = append(all, s.out.Counts...)
	}
	slices.SortFunc(all, func(a, b policy.UseCount) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// writePlan writes the root: from here on its hash is the plan.
func (p *prune) writePlan(ctx workflow.Context) error {
	slices.SortFunc(p.parts, func(a, b policy.PlanPart) int { return cmp.Compare(a.Name, b.Name) })
	root := policy.Plan{
		Kind: p.planner.kind(), Policy: p.set.Policy, WorkflowID: p.WorkflowID, RunID: p.RunID, Made: workflow.Now(ctx),
		Parts: p.parts, Blocked: p.sortedBlocked(), Uses: p.useCounts(),
	}
	p.planner.rules(&root)
	var planner *activities.Planner
	return workflow.ExecuteActivity(workflow.WithHeartbeatTimeout(calls(ctx, "Write the plan"), heartbeat), planner.WritePlan, activities.WritePlanInput{
		Store: p.set.Store, Plan: root, Caps: p.set.Caps,
	}).Get(ctx, &p.planned)
}
