package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// recheck looks once more who may use each repository: an approval can take days, and a repository that lets in somebody
// new since the plan was made is left alone.
func (p *imagePlanner) recheck(ctx workflow.Context) error {
	before := p.access
	if err := p.findAccess(ctx); err != nil {
		return err
	}
	for _, old := range before {
		name := old.Repository.String()
		if !p.goesFrom(name) {
			continue // nothing is blocked where nothing would go
		}
		i := slices.IndexFunc(p.access, func(a policy.RepositoryAccess) bool { return a.Repository == old.Repository })
		switch {
		case i < 0:
			p.blocked[name] = "it is gone"
		case p.access[i].Unreadable != "":
			p.blocked[name] = "its policy cannot be read any more: " + p.access[i].Unreadable
		case !slices.Equal(p.access[i].Accounts, old.Accounts) || !slices.Equal(p.access[i].Principals, old.Principals):
			p.blocked[name] = "who may use it has changed since the plan was made: prune again"
		}
	}
	return nil
}

func (p *imagePlanner) goesFrom(name string) bool {
	return slices.ContainsFunc(p.parts, func(part policy.PlanPart) bool { return part.Name == name && part.Totals.Delete > 0 })
}

// delete is the child run of one repository. Whoever may use it is looked at again.
func (p *imagePlanner) delete(d activities.Deletion) PrunePartInput {
	i := slices.IndexFunc(p.access, func(a policy.RepositoryAccess) bool { return a.Repository.String() == d.Part.Name })
	access, reach := p.access[i], p.reach()
	for _, look := range p.again() {
		if reach.MayUse(access, spotOf(look.Place)) {
			d.Again = append(d.Again, look)
		}
	}
	d.Listed = p.listsAgain()
	return PrunePartInput{Kind: p.kind(), Deletion: d, Repository: access.Repository, ImageRules: p.in.Rules}
}
