package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// PruneTaskDefinitionsInput is everything that a prune of ECS task definitions does.
type PruneTaskDefinitionsInput struct {
	PruneSettings
	Rules policy.TaskDefinitionRules `json:"rules"`
}

// PruneTaskDefinitionsTitle is the first line of such a prune everywhere.
func PruneTaskDefinitionsTitle(in PruneTaskDefinitionsInput) string {
	return pruneTitle("Prune task definitions", in.PruneSettings)
}

// PruneTaskDefinitions deregisters, and deletes, the task definitions of one account and Region that a policy no longer
// wants and that nobody uses. One run per policy: the workflow id is the lock.
func PruneTaskDefinitions(ctx workflow.Context, in PruneTaskDefinitionsInput) (PruneResult, error) {
	p, err := newPrune(ctx, PruneTaskDefinitionsTitle(in), in.PruneSettings)
	if err != nil {
		return PruneResult{}, err
	}
	p.planner = &definitionPlanner{prune: p, in: in}
	return p.run(ctx)
}

// definitionPlanner is what is particular to task definitions. They are used in their own account alone.
type definitionPlanner struct {
	*prune

	in PruneTaskDefinitionsInput
}

func (p *definitionPlanner) rules(root *policy.Plan) { root.TaskDefinitionRules = &p.in.Rules }
func (p *definitionPlanner) kind() string            { return policy.PlanOfTaskDefinitions }
func (p *definitionPlanner) things(n int) string     { return plural(n, "task definition") }

// survey must succeed as a whole: every source could name every task definition.
func (p *definitionPlanner) survey(ctx workflow.Context) error {
	if err := p.look(ctx, []activities.Place{p.set.Place}); err != nil {
		return err
	}
	found, seen := 0, 0
	for _, s := range p.surveys {
		if s.failed != "" {
			return refuse(activities.ErrInvalid, fmt.Sprintf("what is in use is not known, so nothing is deleted: %s in %s: %s", s.in.Source, s.in.Place, s.failed))
		}
		for _, c := range s.out.Counts {
			found += c.Count
		}
		seen += policy.DefinitionsCounted(s.out.Counts)
	}
	if found == 0 || seen == 0 && since(ctx, definitionsSeen) {
		return refuse(activities.ErrInvalid, "no task definition is in use anywhere, lists and rollback revisions apart, which is hardly true: check aws.accounts, region and sources of prune.task_definitions."+p.set.Policy)
	}
	return nil
}

func (p *definitionPlanner) plan(ctx workflow.Context) ([]policy.PlanPart, error) {
	now, uses := p.now(), p.uses()
	var definitions *activities.TaskDefinitions
	var inventory activities.TakeInventoryOutput
	err := workflow.ExecuteActivity(surveys(ctx, "List the task definitions"), definitions.TakeTaskDefinitions, activities.TakeTaskDefinitionsInput{
		Store: p.set.Store, Place: p.set.Place, Rules: p.in.Rules, Uses: uses, Now: now,
	}).Get(ctx, &inventory)
	if err != nil {
		return nil, err
	}
	var planner *activities.Planner
	var part policy.PlanPart
	err = workflow.ExecuteActivity(surveys(ctx, "Plan"), planner.PlanTaskDefinitions, activities.PlanTaskDefinitionsInput{
		Store: p.set.Store, Place: p.set.Place, Rules: p.in.Rules, Now: now, Inventory: inventory.Inventory, Uses: uses,
	}).Get(ctx, &part)
	return []policy.PlanPart{part}, err
}

// recheck has nothing to add: the second look before each batch is at everything.
func (p *definitionPlanner) recheck(workflow.Context) error { return nil }

func (p *definitionPlanner) delete(d activities.Deletion) PrunePartInput {
	d.Again, d.Listed = p.again(), p.listsAgain()
	return PrunePartInput{Kind: p.kind(), Deletion: d, TaskDefinitionRules: p.in.Rules}
}
