package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/artifact"
	"epoxy/internal/cloud"
	"epoxy/internal/config"
	"epoxy/internal/planview"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

func (a *app) planCommand() *cobra.Command {
	var o planview.Options
	var run string
	cmd := &cobra.Command{
		Use: "plan WORKFLOW-ID", Short: "Show the plan of a prune or a sweep: what would go, what stays, and why", Args: cobra.ExactArgs(1),
		Long: "Show the plan of a prune or a sweep, as it lies in the artifact bucket: what would go, what stays, and why.\n" +
			"It is read with your own AWS credentials, and checked against its hash.",
		Example: "  epoxy plan prune-images/shop\n  epoxy plan prune-images/shop/dry-run --all --repository shop/web\n  epoxy plan prune-images/shop -o json\n" +
			"  epoxy plan sweep/prod",
		PreRunE: func(_ *cobra.Command, args []string) error { return plannable(args[0], o) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(cfg *config.Config, c client.Client, _ client.Options) error {
				ref, err := planOf(cmd.Context(), c, args[0], run)
				if err != nil {
					return err
				}
				store, err := openArtifacts(cmd.Context(), cfg)
				if err != nil {
					return err
				}
				if isSweep(args[0]) {
					return a.showSweep(cmd.Context(), store, ref)
				}
				return a.showPlan(cmd.Context(), store, ref, o)
			})
		},
	}
	cmd.Flags().BoolVar(&o.All, "all", false, "also what stays, each with its reason (a sweep's plan always has it)")
	cmd.Flags().StringVar(&o.Repository, "repository", "", "only this repository")
	cmd.Flags().IntVar(&o.Top, "top", 0, "how many of those that free most (default 10)")
	cmd.Flags().StringVar(&run, "run-id", "", "an earlier run (default: the newest)")
	return cmd
}

func isSweep(id string) bool { return strings.HasPrefix(id, workflows.SweepWorkflowID("")) }

// plannable says what makes no plan, instead of asking its run in vain.
func plannable(id string, o planview.Options) error {
	isPrune := strings.HasPrefix(id, workflows.PruneImagesWorkflowID("", false)) || strings.HasPrefix(id, workflows.PruneTaskDefinitionsWorkflowID("", false))
	switch {
	case isSweep(id) && (o.Repository != "" || o.Top != 0):
		return exit(exitUsage, "--repository and --top are for the plan of a prune")
	case isSweep(id), isPrune:
		return nil
	}
	return exit(exitUsage, "%s makes no plan: epoxy watch %s shows what it does; prunes and sweeps make plans", id, id)
}

// planOf asks the run for its plan.
func planOf(ctx context.Context, c client.Client, id, run string) (activities.Artifact, error) {
	var ref activities.Artifact
	v, err := c.QueryWorkflow(ctx, id, run, workflows.PlanQuery)
	if err != nil {
		return ref, err
	}
	if err := v.Get(&ref); err != nil {
		return ref, err
	}
	if ref.SHA256 == "" {
		return ref, exit(exitFailed, "%s has no plan yet; see epoxy watch %s", id, id)
	}
	return ref, nil
}

// openArtifacts opens the artifact bucket with the caller's own credentials.
func openArtifacts(ctx context.Context, cfg *config.Config) (*artifact.Store, error) {
	where := cfg.ArtifactStore()
	if where.Bucket == "" {
		return nil, exit(exitUsage, "plans lie in S3, and the configuration has no artifacts section")
	}
	s, err := services(ctx, where.Place)
	if err != nil {
		return nil, err
	}
	return &artifact.Store{API: s.S3, Bucket: where.Bucket, Prefix: where.Prefix}, nil
}

func services(ctx context.Context, place cloud.Place) (*cloud.Services, error) {
	base, err := cloud.LoadConfig(ctx)
	if err != nil {
		return nil, err
	}
	return cloud.New(base).At(ctx, place)
}

// fullPlan is a plan with everything in it.
type fullPlan struct {
	Hash string `json:"hash"`
	policy.Plan
	Contents []policy.PartContent `json:"contents"`
}

func (a *app) showPlan(ctx context.Context, store *artifact.Store, ref activities.Artifact, o planview.Options) error {
	out := fullPlan{Hash: ref.SHA256}
	if err := store.Get(ctx, ref, &out.Plan); err != nil {
		return err
	}
	read := func(part policy.PlanPart) (content policy.PartContent, err error) {
		return content, store.Get(ctx, artifact.Ref{Key: part.Key, SHA256: part.SHA256, Bytes: part.Size}, &content)
	}
	if !a.json() {
		return planview.Table(a.out, ref.SHA256, out.Plan, read, o)
	}
	for _, part := range out.Parts {
		content, err := read(part)
		if err != nil {
			return err
		}
		out.Contents = append(out.Contents, content)
	}
	return a.printJSON(out)
}

// fullSweep is a sweep's plan with its hash.
type fullSweep struct {
	Hash string `json:"hash"`
	policy.SweepPlan
}

func (a *app) showSweep(ctx context.Context, store *artifact.Store, ref activities.Artifact) error {
	out := fullSweep{Hash: ref.SHA256}
	if err := store.Get(ctx, ref, &out.SweepPlan); err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(out)
	}
	return planview.SweepTable(a.out, out.Hash, out.SweepPlan)
}
