package activities

import (
	"cmp"
	"context"
	"strings"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// lookForRefused finds clients that a mop of this subject was to delete before, and Chef refused, or did not answer. Their
// nodes are gone, so only the ledger tells whose they were; and only the key tells that they still are.
func (f *nodeSearch) lookForRefused(ctx context.Context) error {
	name := cmp.Or(f.in.Subject.Instance, f.in.Subject.Node)
	if name == "" || f.in.Ledger.Table == "" {
		return nil
	}
	book, err := f.ledger(ctx, f.in.Ledger)
	if err != nil {
		return translate(f.in.Ledger.Place, err)
	}
	entries, err := book.Find(ctx, name)
	if err != nil {
		return translate(f.in.Ledger.Place, err)
	}
	newest := map[string]bool{}
	for _, e := range entries {
		if newest[e.Resource] {
			continue
		}
		newest[e.Resource] = true
		if err := f.lookAtRefused(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (f *nodeSearch) lookAtRefused(ctx context.Context, e ledger.Entry) error {
	name, here := strings.CutPrefix(e.Resource, "chef/"+f.server.name+"/"+chefClients+"/")
	left := e.Outcome == "" || e.Outcome == ledger.Failed && strings.HasPrefix(e.Detail, chefRefused)
	if !here || !left || e.Kind != ledger.ChefClient || e.Account != f.in.Subject.Account || e.Region != f.in.Subject.Region {
		return nil
	}
	if found, err := f.look(ctx, name); err != nil || found {
		return err
	}
	c, found, err := f.server.client(ctx, name)
	if err != nil || !found {
		return err
	}
	key := policy.ParseChefClient([]byte(e.PutBack.Definition)).KeyHash()
	if key == "" || key != c.KeyHash() || c.NeverDeleted(f.server.api.Client()) != "" {
		return nil
	}
	f.looked[name] = true
	return f.add(policy.ChefNode{Server: f.server.name, Name: name, ClientOnly: true, ClientKey: key, Refused: true})
}
