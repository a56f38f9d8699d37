package bench

import (
	"context"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"epoxy/sandbox/estate"
)

// bare registers nodes anew and deletes them with the calls of go-chef that a mop needs, and nothing else: no ledger, no EC2, no
// DNS, no history. It returns how many nodes a second went, with so many at the same time.
func (r *mopRig) bare(b *testing.B, nodes []estate.Node, atATime int) float64 {
	b.Helper()
	r.registerInChef(b, nodes)
	begin := time.Now()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(atATime)
	for _, n := range nodes {
		group.Go(func() error { return r.bareMop(ctx, n) })
	}
	must(b, group.Wait())
	return float64(len(nodes)) / time.Since(begin).Seconds()
}

func (r *mopRig) bareMop(ctx context.Context, n estate.Node) error {
	var found struct{ Rows []any }
	if err := r.chef.Do(ctx, http.MethodPost, "search/node?q=ec2_instance_id:"+n.ID+"&rows=21&start=0", map[string][]string{"name": {"name"}}, &found); err != nil {
		return err
	}
	for _, call := range []struct{ method, path string }{
		{http.MethodGet, "nodes/"}, // is it the dead one's?
		{http.MethodGet, "nodes/"}, // once more, just before
		{http.MethodGet, "clients/"},
		{http.MethodDelete, "nodes/"},
		{http.MethodDelete, "clients/"},
	} {
		if err := r.chef.Do(ctx, call.method, call.path+n.Name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
