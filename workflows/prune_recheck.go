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
	before := map[string]policy.RepositoryAccess{}
	for _, a := range p.access {
		before[a.Repository.String()] = a
	}
	if err := p.findAccess(ctx); err != nil {
		return err
	}
	now := map[string]bool{}
	for _, a := range p.access {
		name := a.Repository.String()
		now[name] = true
		old, planned := before[name]
		switch {
		case !planned: // a new repository: not in the plan
		case a.Unreadable != "":
			p.blocked[name] = "its policy cannot be read any more: " + a.Unreadable
		case !slices.Equal(a.Accounts, old.Accounts) || !slices.Equal(a.Principals, old.Principals):
			p.blocked[name] = "who may use it has changed since the plan was made: prune again"
		}
	}
	for name := range before { //nolint:forbidigo // order does not matter: each writes its own key
		if !now[name] {
			p.blocked[name] = "it is gone"
		}
	}
	return nil
}

// delete is the child run of one repository.
func (p *imagePlanner) delete(ctx workflow.Context, d activities.Deletion) PrunePartInput {
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
