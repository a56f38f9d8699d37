package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

type pruneFlags struct{ dryRun, wait bool }

func (a *app) pruneCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prune", Short: "Delete what nobody uses any more, after asking"}
	cmd.AddCommand(
		a.pruneKind(policy.PlanOfImages, "Delete ECR images that nobody uses", a.pruneImages),
		a.pruneKind(policy.PlanOfTaskDefinitions, "Deregister and delete ECS task definitions that nobody uses", a.pruneTaskDefinitions))
	return cmd
}

func (a *app) pruneKind(kind, short string, run func(context.Context, string, pruneFlags) error) *cobra.Command {
	var f pruneFlags
	cmd := &cobra.Command{
		Use: kind + " POLICY", Short: short, Args: cobra.ExactArgs(1),
		Long: short + ": survey everything that could use them, plan, ask as the policy's approval says,\n" +
			"look again before each batch, delete, and record it in the ledger.",
		Example: "  epoxy prune " + kind + " shop --dry-run --wait\n  epoxy prune " + kind + " shop",
		RunE:    func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args[0], f) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			cfg, err := config.Load(a.configPath, a.getenv)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return cfg.PruneNames(kind), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "survey and plan alone: the plan is what the real run would ask about")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "show progress until the run is over; the exit code tells how it ended")
	return cmd
}

func (a *app) pruneImages(ctx context.Context, name string, f pruneFlags) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	p, err := cfg.PruneImages(name)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	in := workflows.PruneImagesInput{
		PruneSettings: pruneSettings(p.PruneJob, cfg, f), Repositories: p.Repositories, Rules: p.Rules, IgnorePrincipals: p.IgnorePrincipals,
	}
	for _, g := range p.GitHub {
		in.GitHub = append(in.GitHub, workflows.GitHubName{Pattern: g.Pattern, Name: g.Name})
	}
	for _, c := range p.Consumers {
		in.Consumers = append(in.Consumers, c.Place)
	}
	for _, c := range p.Accounts {
		in.Accounts = append(in.Accounts, c.Place)
	}
	return a.beginPrune(ctx, workflows.PruneImagesType, workflows.PruneImagesWorkflowID(name, f.dryRun), workflows.PruneImagesTitle(in), in, in.PruneSettings, f)
}

func (a *app) pruneTaskDefinitions(ctx context.Context, name string, f pruneFlags) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	p, err := cfg.PruneTaskDefinitions(name)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	in := workflows.PruneTaskDefinitionsInput{PruneSettings: pruneSettings(p.PruneJob, cfg, f), Rules: p.Rules}
	return a.beginPrune(ctx, workflows.PruneTaskDefinitionsType, workflows.PruneTaskDefinitionsWorkflowID(name, f.dryRun), workflows.PruneTaskDefinitionsTitle(in), in, in.PruneSettings, f)
}

// pruneSettings writes everything that the run needs into its input. A dry run differs in one field alone.
func pruneSettings(j config.PruneJob, cfg *config.Config, f pruneFlags) workflows.PruneSettings {
	out := workflows.PruneSettings{
		Policy: j.Policy, Place: j.Place, DryRun: f.dryRun, RequestedBy: requester(), Request: uuid.NewString(),
		Sources: j.Sources, RollbackRevisions: j.RollbackRevisions, ExpectClusters: j.ExpectClusters, InUse: j.InUse, Caps: j.Caps,
		Approval: workflows.ApprovalInput{
			Mode: j.Approval.Mode, Approvers: j.Approval.Approvers, Window: j.Approval.Window, Expires: j.Approval.Expires,
			Remind: j.Approval.Remind, Channel: j.Approval.Channel,
		},
		Timeout: j.Timeout,
		Store:   activities.Store{Place: j.Artifacts.Place, Bucket: j.Artifacts.Bucket, Prefix: j.Artifacts.Prefix},
		Ledger:  activities.LedgerTable{Place: j.Ledger.Place, Table: j.Ledger.Table},
		Telling: workflows.Telling{Channel: j.Channel, UI: strings.TrimSuffix(string(cfg.Temporal.UI), "/")},
	}
	for _, o := range j.InUseObjects {
		out.InUseObjects = append(out.InUseObjects, activities.ListedObject{Place: o.Place, Bucket: o.Bucket, Key: o.Key})
	}
	return out
}

// backstop is how long after its own deadline a run may still report. A run that Temporal ends says nothing to anybody.
const backstop = 24 * time.Hour

func (a *app) beginPrune(ctx context.Context, kind, id, title string, input any, s workflows.PruneSettings, f pruneFlags) error {
	return a.connected(ctx, func(_ *config.Config, c client.Client, o client.Options) error {
		return a.begin(ctx, c, o, job{
			id: id, kind: kind, input: input, ui: s.Telling.UI, timeout: s.Timeout + backstop,
			attributes: temporal.NewSearchAttributes(workflows.TargetKey.ValueSet(s.Policy), workflows.AccountKey.ValueSet(s.Place.Account),
				workflows.RegionKey.ValueSet(s.Place.Region), workflows.OutcomeKey.ValueSet(activities.OutcomeRunning)),
			summary: title,
			details: fmt.Sprintf("In %s, approval **%s**. Requested by %s.", s.Place, s.Approval.Mode, s.RequestedBy),
			hint:    "wait for it, or decide what it asks: epoxy watch " + id,
		}, f.wait)
	})
}
