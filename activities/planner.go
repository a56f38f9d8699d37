package activities

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// Planner turns what was found into plans. It decides nothing: internal/policy does.
type Planner struct{ S3 Connect[artifact.API] }

// SortUses sorts what the surveys found by repository, so that each repository's plan reads its own uses alone.
func (a *Planner) SortUses(ctx context.Context, in SortUsesInput) (SortUsesOutput, error) {
	defer beating(ctx, "sort uses")()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return SortUsesOutput{}, err
	}
	sorted := map[string][]policy.Use{}
	wanted := map[policy.Repository]bool{}
	for _, r := range in.Repositories {
		wanted[r] = true
	}
	out := SortUsesOutput{ByRepository: map[string]Artifact{}}
	for _, ref := range in.Surveys {
		var uses policy.Uses
		if err := store.get(ctx, ref, &uses); err != nil {
			return out, err
		}
		out.Images += policy.ImagesSeen(uses.Images)
		for _, u := range uses.Images {
			if wanted[u.Repository] {
				sorted[u.Repository.String()] = append(sorted[u.Repository.String()], u)
			}
		}
		activity.RecordHeartbeat(ctx, out.Images)
	}
	out.ByRepository, err = putUses(ctx, store, sorted)
	return out, err
}

// putUses writes the same artifacts in whatever order the surveys came.
func putUses(ctx context.Context, store shelf, sorted map[string][]policy.Use) (map[string]Artifact, error) {
	refs := make(map[string]Artifact, len(sorted))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for name, uses := range sorted {
		group.Go(func() error {
			slices.SortFunc(uses, func(a, b policy.Use) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.By, b.By), cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Tag, b.Tag))
			})
			ref, err := store.put(ctx, kindUses, slices.Compact(uses))
			mu.Lock()
			defer mu.Unlock()
			refs[name] = ref
			activity.RecordHeartbeat(ctx, len(refs))
			return err
		})
	}
	return refs, group.Wait()
}

// PlanRepository decides about every image of a repository.
func (a *Planner) PlanRepository(ctx context.Context, in PlanRepositoryInput) (policy.PlanPart, error) {
	defer beating(ctx, in.Repository.Name)()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return policy.PlanPart{}, err
	}
	plan := policy.ImagePlanInput{Repository: in.Repository, Now: in.Now, Rules: in.Rules, Blocked: in.Blocked}
	if err := store.get(ctx, in.Inventory, &plan.Images); err != nil {
		return policy.PlanPart{}, err
	}
	if err := store.getIf(ctx, in.Uses, &plan.Uses); err != nil {
		return policy.PlanPart{}, err
	}
	var commits CommitFacts
	if err := store.getIf(ctx, in.Commits, &commits); err != nil {
		return policy.PlanPart{}, err
	}
	plan.Commits, plan.Heads = commits.Commits, commits.Heads
	verdicts, err := policy.PlanImages(plan)
	if err != nil {
		return policy.PlanPart{}, Refuse(ErrInvalid, "%s cannot be planned: %v", in.Repository, err)
	}
	return putPart(ctx, store, in.Repository.String(), verdicts)
}

// PlanTaskDefinitions decides about every task definition of a place.
func (a *Planner) PlanTaskDefinitions(ctx context.Context, in PlanTaskDefinitionsInput) (policy.PlanPart, error) {
	defer beating(ctx, in.Place.String())()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return policy.PlanPart{}, err
	}
	plan := policy.TaskDefinitionPlanInput{Now: in.Now, Rules: in.Rules}
	if err := store.get(ctx, in.Inventory, &plan.Definitions); err != nil {
		return policy.PlanPart{}, err
	}
	if plan.Uses, err = taskDefinitionUses(ctx, store, in.Uses); err != nil {
		return policy.PlanPart{}, err
	}
	verdicts, err := policy.PlanTaskDefinitions(plan)
	if err != nil {
		return policy.PlanPart{}, Refuse(ErrInvalid, "the task definitions of %s cannot be planned: %v", in.Place, err)
	}
	return putPart(ctx, store, in.Place.String(), verdicts)
}

func putPart(ctx context.Context, store shelf, name string, verdicts []policy.Verdict) (policy.PlanPart, error) {
	ref, err := store.put(ctx, kindPart, policy.PartContent{Name: name, Verdicts: verdicts})
	if err != nil {
		return policy.PlanPart{}, err
	}
	part := policy.PlanPart{Name: name, Key: ref.Key, SHA256: ref.SHA256, Size: ref.Bytes, Totals: policy.Sum(verdicts)}
	for _, v := range verdicts {
		if v.Code != policy.VerdictDelete {
			continue
		}
		for len(part.Waves) <= v.Wave {
			part.Waves = append(part.Waves, 0)
		}
		part.Waves[v.Wave]++
	}
	return part, nil
}

// WritePlan writes the root, whose hash covers every part, and remembers it as the newest plan of its policy.
func (a *Planner) WritePlan(ctx context.Context, in WritePlanInput) (WritePlanOutput, error) {
	defer beating(ctx, in.Plan.Policy)()
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return WritePlanOutput{}, err
	}
	plan := in.Plan
	slices.SortFunc(plan.Parts, func(a, b policy.PlanPart) int { return cmp.Compare(a.Name, b.Name) })
	totals := make([]policy.Totals, 0, len(plan.Parts))
	for _, p := range plan.Parts {
		totals = append(totals, p.Totals)
	}
	plan.Totals = policy.AddTotals(totals...)
	plan.OverCap = policy.CheckCaps(in.Caps, plan.Totals, plan.Parts)
	out := WritePlanOutput{Totals: plan.Totals, OverCap: plan.OverCap}
	if out.Plan, err = store.put(ctx, kindPlan, plan); err != nil {
		return out, err
	}
	return out, update(ctx, store, policy.NewestPlan(plan.Kind, plan.Policy), func(newest *Artifact) bool {
		changed := *newest != out.Plan
		*newest = out.Plan
		return changed
	})
}
