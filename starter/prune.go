package main

import (
	"context"
	"fmt"
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
	return a.prune(ctx, f, func(cfg *config.Config) (pruneRun, error) { return pruneImages(cfg, name, byPerson(f.dryRun)) })
}

func (a *app) pruneTaskDefinitions(ctx context.Context, name string, f pruneFlags) error {
	return a.prune(ctx, f, func(cfg *config.Config) (pruneRun, error) { return pruneTaskDefinitions(cfg, name, byPerson(f.dryRun)) })
}

// asked is who asks for a prune, and for how much of it.
type asked struct {
	by, request string
	dryRun      bool
}

func byPerson(dryRun bool) asked {
	return asked{by: requester(), request: uuid.NewString(), dryRun: dryRun}
}

// pruneRun is a run of any kind of prune. A person and a schedule start the very same one.
type pruneRun struct {
	id, kind, title string
	input           any
	set             workflows.PruneSettings
}

func pruneImages(cfg *config.Config, name string, by asked) (pruneRun, error) {
	p, err := cfg.PruneImages(name)
	if err != nil {
		return pruneRun{}, &exitError{code: exitUsage, err: err}
	}
	in := workflows.PruneImagesInput{
		PruneSettings: pruneSettings(p.PruneJob, cfg, by), Repositories: p.Repositories, Rules: p.Rules, IgnorePrincipals: p.IgnorePrincipals,
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
	return pruneRun{
		id: workflows.PruneImagesWorkflowID(name, by.dryRun), kind: workflows.PruneImagesType, title: workflows.PruneImagesTitle(in),
		input: in, set: in.PruneSettings,
	}, nil
}

func pruneTaskDefinitions(cfg *config.Config, name string, by asked) (pruneRun, error) {
	p, err := cfg.PruneTaskDefinitions(name)
	if err != nil {
		return pruneRun{}, &exitError{code: exitUsage, err: err}
	}
	in := workflows.PruneTaskDefinitionsInput{PruneSettings: pruneSettings(p.PruneJob, cfg, by), Rules: p.Rules}
	return pruneRun{
		id: workflows.PruneTaskDefinitionsWorkflowID(name, by.dryRun), kind: workflows.PruneTaskDefinitionsType, title: workflows.PruneTaskDefinitionsTitle(in),
		input: in, set: in.PruneSettings,
	}, nil
}

// pruneSettings writes everything that the run needs into its input. A dry run differs in one field alone.
func pruneSettings(j config.PruneJob, cfg *config.Config, by asked) workflows.PruneSettings {
	out := workflows.PruneSettings{
		Policy: j.Policy, Place: j.Place, DryRun: by.dryRun, RequestedBy: by.by, Request: by.request,
		Sources: j.Sources, RollbackRevisions: j.RollbackRevisions, ExpectClusters: j.ExpectClusters, InUse: j.InUse, Caps: j.Caps,
		Approval: approvalInput(j.Approval), Timeout: j.Timeout,
		Store: store(j.Artifacts), Ledger: activities.LedgerTable{Place: j.Ledger.Place, Table: j.Ledger.Table},
		Telling: telling(cfg, j.Channel),
	}
	for _, o := range j.InUseObjects {
		out.InUseObjects = append(out.InUseObjects, activities.ListedObject{Place: o.Place, Bucket: o.Bucket, Key: o.Key})
	}
	return out
}

// backstop is how long after its own deadline a run may still report. A run that Temporal ends says nothing to anybody.
const backstop = 24 * time.Hour

func (a *app) prune(ctx context.Context, f pruneFlags, resolve func(*config.Config) (pruneRun, error)) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	run, err := resolve(cfg)
	if err != nil {
		return err
	}
	return a.connected(ctx, func(_ *config.Config, c client.Client, o client.Options) error {
		return a.begin(ctx, c, o, job{
			id: run.id, kind: run.kind, input: run.input, ui: run.set.Telling.UI, timeout: run.set.Timeout + backstop,
			attributes: targetAttributes(run.set.Policy, run.set.Place.Account, run.set.Place.Region),
			summary:    run.title,
			details:    fmt.Sprintf("In %s, approval **%s**. Requested by %s.", run.set.Place, run.set.Approval.Mode, run.set.RequestedBy),
			hint:       "wait for it, or decide what it asks: epoxy watch " + run.id,
		}, f.wait)
	})
}

// targetAttributes are what a run is found by. Account and Region are left out where there are several.
func targetAttributes(target, account, region string) temporal.SearchAttributes {
	all := []temporal.SearchAttributeUpdate{workflows.TargetKey.ValueSet(target), workflows.OutcomeKey.ValueSet(activities.OutcomeRunning)}
	if account != "" {
		all = append(all, workflows.AccountKey.ValueSet(account), workflows.RegionKey.ValueSet(region))
	}
	return temporal.NewSearchAttributes(all...)
}
