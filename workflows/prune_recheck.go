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

// delete is the child run of one repository.
func (p *imagePlanner) delete(d activities.Deletion) PrunePartInput {
	i := slices.IndexFunc(p.access, func(a policy.RepositoryAccess) bool { return a.Repository.String() == d.Part.Name })
	access := p.access[i]
	for _, look := range p.again() {
		account := look.Place.Account
		own := account == access.Repository.Account
		consumer := slices.ContainsFunc(p.in.Consumers, func(c activities.Place) bool { return c.Account == account })
		if own || consumer || slices.Contains(access.Accounts, account) {
			d.Again = append(d.Again, look)
		}
	}
	d.Listed = p.lists()
	return PrunePartInput{Kind: p.kind(), Deletion: d, Repository: access.Repository, ImageRules: p.in.Rules}
}
