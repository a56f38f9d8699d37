package workflows

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.temporal.io/sdk/activity"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// pruneFakes are the activities; their names are the registered ones.
type pruneFakes struct{ w *pruneWorld }

// play is one attempt: hooks and faults first.
func play[T any](ctx context.Context, w *pruneWorld, what string, do func() T) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := activity.GetInfo(ctx).ActivityType.Name
	w.calls[name]++
	var none T
	for _, key := range []string{name, name + ":" + what} {
		if hook := w.hooks[key]; hook != nil {
			delete(w.hooks, key)
			hook()
		}
		if err := w.failing[key]; err != nil {
			return none, err
		}
	}
	f := w.faults[name]
	strikes := f.err != nil && w.calls[name] <= f.attempts
	if !strikes {
		return do(), nil
	}
	w.struck++
	if f.done {
		do()
	}
	return none, f.err
}

// once says what was deleted; an attempt that is repeated deletes nothing more.
func (w *pruneWorld) once(what string) {
	if !slices.Contains(w.deleted, what) {
		w.deleted = append(w.deleted, what)
	}
}

func (f *pruneFakes) FindRepositories(ctx context.Context, in activities.FindRepositoriesInput) (activities.FindRepositoriesOutput, error) {
	return play(ctx, f.w, "", func() (out activities.FindRepositoriesOutput) {
		f.w.most = in.Most
		for _, name := range slices.Sorted(maps.Keys(f.w.repos)) {
			out.Repositories = append(out.Repositories, f.w.repos[name].access)
		}
		return out
	})
}

func (f *pruneFakes) SurveyUses(ctx context.Context, in activities.SurveyUsesInput) (activities.SurveyUsesOutput, error) {
	where := in.Source + "@" + in.Place.Account
	return play(ctx, f.w, where, func() activities.SurveyUsesOutput {
		f.w.surveyed, f.w.looked = append(f.w.surveyed, where), append(f.w.looked, in.Place.String())
		return activities.SurveyUsesOutput{
			Uses: activities.Artifact{Key: where, SHA256: where}, Counts: []policy.UseCount{{Place: in.Place.String(), Kind: f.w.kind, Count: f.w.uses}},
		}
	})
}

func (f *pruneFakes) ReadListedUses(ctx context.Context, _ activities.ReadListedUsesInput) (activities.SurveyUsesOutput, error) {
	return play(ctx, f.w, "", func() activities.SurveyUsesOutput { return activities.SurveyUsesOutput{} })
}

func (f *pruneFakes) SortUses(ctx context.Context, in activities.SortUsesInput) (activities.SortUsesOutput, error) {
	return play(ctx, f.w, "", func() activities.SortUsesOutput { return activities.SortUsesOutput{Images: f.w.uses * len(in.Surveys)} })
}

func (f *pruneFakes) TakeInventory(ctx context.Context, in activities.TakeInventoryInput) (activities.TakeInventoryOutput, error) {
	return play(ctx, f.w, in.Repository.Name, func() activities.TakeInventoryOutput {
		return activities.TakeInventoryOutput{Inventory: activities.Artifact{Key: in.Repository.Name}}
	})
}

func (f *pruneFakes) FindCommits(ctx context.Context, in activities.FindCommitsInput) (activities.FindCommitsOutput, error) {
	return play(ctx, f.w, in.GitHub, func() activities.FindCommitsOutput { return activities.FindCommitsOutput{} })
}

func (f *pruneFakes) PlanRepository(ctx context.Context, in activities.PlanRepositoryInput) (policy.PlanPart, error) {
	return play(ctx, f.w, in.Repository.Name, func() policy.PlanPart {
		r := f.w.repos[in.Repository.Name]
		part := policy.PlanPart{Name: in.Repository.String(), Totals: policy.Totals{Images: r.stays, Kept: map[string]int{policy.KeptInUse: r.stays}}}
		for _, n := range r.going {
			part.Totals.Images += n
			if in.Blocked != "" {
				part.Totals.Kept[policy.KeptBlocked] += n
				continue
			}
			part.Totals.Delete += n
			part.Totals.DeleteBytes += int64(n) << 20
			part.Waves = append(part.Waves, n)
		}
		return part
	})
}

func (f *pruneFakes) WritePlan(ctx context.Context, in activities.WritePlanInput) (activities.WritePlanOutput, error) {
	return play(ctx, f.w, "", func() activities.WritePlanOutput {
		f.w.plans++
		out := activities.WritePlanOutput{Plan: activities.Artifact{Key: "plan", SHA256: f.w.hash()}, OverCap: f.w.overCap, Totals: policy.Totals{Kept: map[string]int{}}}
		for _, p := range in.Plan.Parts {
			out.Totals.Images += p.Totals.Images
			out.Totals.Delete += p.Totals.Delete
			out.Totals.DeleteBytes += p.Totals.DeleteBytes
			for code, n := range p.Totals.Kept {
				out.Totals.Kept[code] += n
			}
		}
		return out
	})
}

func (f *pruneFakes) DeleteImages(ctx context.Context, in activities.DeleteImagesInput) (activities.DeletionOutput, error) {
	return play(ctx, f.w, in.Repository.Name, func() activities.DeletionOutput {
		f.w.batches = append(f.w.batches, in.Deletion)
		f.w.once(fmt.Sprintf("%s %03d+%d", in.Repository.Name, in.From, in.Count))
		out := activities.DeletionOutput{Deleted: in.Count - len(f.w.given) - len(f.w.refused), Kept: f.w.given, Failed: f.w.refused}
		out.Named = slices.DeleteFunc(slices.Clone(in.Vetoed), func(item string) bool { return !slices.Contains(f.w.known, item) })
		out.Bytes = int64(out.Deleted) << 20
		f.w.given, f.w.refused = nil, nil
		return out
	})
}

func (f *pruneFakes) PostReport(ctx context.Context, in activities.PostReportInput) (activities.PostReportOutput, error) {
	return play(ctx, f.w, "", func() activities.PostReportOutput {
		i := slices.IndexFunc(f.w.messages, func(m *message) bool { return m.report.RunID == in.Report.RunID })
		if i < 0 {
			i = len(f.w.messages)
			f.w.messages = append(f.w.messages, &message{channel: in.Channel, ts: fmt.Sprintf("%d.0", i)})
		}
		m := f.w.messages[i]
		m.report = in.Report
		m.posts++
		if in.Attach != nil {
			f.w.attached[in.Report.RunID]++
		}
		return activities.PostReportOutput{Channel: m.channel, TS: m.ts, Attached: in.Attach != nil}
	})
}

func (f *pruneFakes) PostReply(ctx context.Context, in activities.PostReplyInput) error {
	_, err := play(ctx, f.w, "", func() bool {
		if !slices.Contains(f.w.replies, in.Text) {
			f.w.replies = append(f.w.replies, in.Text)
		}
		return true
	})
	return err
}

func (f *pruneFakes) TakeTaskDefinitions(ctx context.Context, _ activities.TakeTaskDefinitionsInput) (activities.TakeInventoryOutput, error) {
	return play(ctx, f.w, "", func() activities.TakeInventoryOutput { return activities.TakeInventoryOutput{} })
}

func (f *pruneFakes) PlanTaskDefinitions(ctx context.Context, in activities.PlanTaskDefinitionsInput) (policy.PlanPart, error) {
	return play(ctx, f.w, "", func() policy.PlanPart {
		return policy.PlanPart{Name: in.Place.Account + "/" + in.Place.Region, Totals: policy.Totals{Images: 30, Delete: 23}, Waves: []int{23}}
	})
}

func (f *pruneFakes) RemoveTaskDefinitions(ctx context.Context, in activities.RemoveTaskDefinitionsInput) (activities.DeletionOutput, error) {
	return play(ctx, f.w, "", func() activities.DeletionOutput {
		f.w.once(fmt.Sprintf("%s %03d+%d", in.Part.Name, in.From, in.Count))
		return activities.DeletionOutput{Deleted: in.Count}
	})
}

func (f *pruneFakes) Restore(ctx context.Context, in activities.RestoreInput) (activities.RestoreOutput, error) {
	return play(ctx, f.w, "", func() activities.RestoreOutput {
		return activities.RestoreOutput{Resource: "shop/web@sha256:1", Note: "under the tag " + in.Entry}
	})
}
