package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/internal/ledger"
	"epoxy/workflows"
)

func openLedger(ctx context.Context, cfg *config.Config) (ledger.Table, error) {
	where := cfg.LedgerTable()
	if where.Table == "" {
		return ledger.Table{}, exit(exitUsage, "the configuration has no ledger section")
	}
	s, err := services(ctx, where.Place)
	if err != nil {
		return ledger.Table{}, err
	}
	return ledger.Table{API: s.DynamoDB, Name: where.Table}, nil
}

func (a *app) undoCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "undo ENTRY", Short: "Put back what an entry of the ledger says was deleted", Args: cobra.ExactArgs(1),
		Long: "Put back what an entry of the ledger says was deleted: an image under its former tags, while ECR still has its\n" +
			"layers, a task definition as a new revision, a Chef node or client, or a DNS record or a value of one.\n" +
			"`epoxy why RESOURCE` names the entries.",
		Example: "  epoxy why shop/web:v41\n  epoxy undo 5wq2k7d3m4xj2n6ay7rt --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.connected(ctx, func(cfg *config.Config, c client.Client, o client.Options) error {
				entry, err := entryOf(ctx, cfg, args[0])
				if err != nil {
					return err
				}
				in, err := undoInput(cfg, entry)
				if err != nil {
					return err
				}
				return a.begin(ctx, c, o, job{
					id: workflows.UndoWorkflowID(in.Entry), kind: workflows.UndoType, input: in, ui: in.Telling.UI,
					attributes: temporal.NewSearchAttributes(workflows.TargetKey.ValueSet(entry.Resource), workflows.AccountKey.ValueSet(entry.Account),
						workflows.RegionKey.ValueSet(entry.Region), workflows.OutcomeKey.ValueSet(activities.OutcomeRunning)),
					summary: workflows.UndoTitle(in) + ": " + entry.Resource, hint: "wait for it",
				}, wait)
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is back")
	return cmd
}

func entryOf(ctx context.Context, cfg *config.Config, id string) (ledger.Entry, error) {
	table, err := openLedger(ctx, cfg)
	if err != nil {
		return ledger.Entry{}, err
	}
	found, err := table.Entries(ctx, []string{id})
	if err != nil {
		return ledger.Entry{}, err
	}
	entry, ok := found[id]
	if !ok {
		return entry, exit(exitFailed, "the ledger has no entry %s; `epoxy why RESOURCE` names the entries of a digest, a tag, an ARN, an instance, a node or a DNS name", id)
	}
	if entry.Outcome != ledger.Deleted {
		return entry, exit(exitFailed, "there is nothing to undo: %s", outcomeInWords(entry))
	}
	return entry, nil
}

func undoInput(cfg *config.Config, e ledger.Entry) (workflows.UndoInput, error) {
	place, ok := placeOf(cfg, e.Account, e.Region)
	if !ok {
		return workflows.UndoInput{}, exit(exitUsage, "%s is in account %s, which is not in aws.accounts", e.Resource, e.Account)
	}
	store, table := cfg.ArtifactStore(), cfg.LedgerTable()
	return workflows.UndoInput{
		Entry: e.ID, Resource: e.Resource, Place: place, RequestedBy: requester(),
		Store:   activities.Store{Place: store.Place, Bucket: store.Bucket, Prefix: store.Prefix},
		Ledger:  activities.LedgerTable{Place: table.Place, Table: table.Table},
		Telling: workflows.Telling{Channel: string(cfg.Slack.Channel), UI: strings.TrimSuffix(string(cfg.Temporal.UI), "/")},
	}, nil
}

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "why RESOURCE", Short: "Say why an image, task definition, node, client or record was deleted, or kept", Args: cobra.ExactArgs(1),
		Long: "Say why an image, a task definition, a Chef node, its client or a DNS record was deleted: from the ledger. For images\n" +
			"and task definitions say also why they were kept: from the newest plan of each policy.\n\n" +
			"RESOURCE is a digest, a tag, repository:tag, repository@digest, family:revision or an ARN; or an instance id, the name of\n" +
			"a node, an IP address or a DNS name.",
		Example: "  epoxy why shop/web:4f2a9c1\n  epoxy why sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n" +
			"  epoxy why i-0123456789abcdef0\n  epoxy why web-1.prod.example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return explain(a.why(cmd.Context(), cfg, args[0]))
		},
	}
}

// whyAnswer is everything that is known of a resource.
type whyAnswer struct {
	Entries  []ledger.Entry `json:"entries"`
	Verdicts []planned      `json:"verdicts"`
}

func (a *app) why(ctx context.Context, cfg *config.Config, resource string) error {
	table, err := openLedger(ctx, cfg)
	if err != nil {
		return err
	}
	var answer whyAnswer
	if answer.Entries, err = table.Find(ctx, resource); err != nil {
		return err
	}
	if answer.Verdicts, err = newestVerdicts(ctx, cfg, resource); err != nil {
		return err
	}
	answer.Verdicts = undeleted(answer.Verdicts, answer.Entries)
	return a.printWhy(resource, answer)
}

// printWhy writes what is known, or says that nothing is.
func (a *app) printWhy(resource string, answer whyAnswer) error {
	if a.json() {
		if err := a.printJSON(answer); err != nil {
			return err
		}
	}
	if len(answer.Entries)+len(answer.Verdicts) == 0 {
		return exit(exitFailed, "%s is unknown: neither the ledger nor the newest plan of a policy names it; the dry run of a prune makes a plan", resource)
	}
	if a.json() {
		return nil
	}
	for _, e := range answer.Entries {
		fmt.Fprintf(a.out, "%s\n  %s\n  because: %s\n  %s\n  run %s %s\n  ledger entry %s\n",
			e.Resource, outcomeInWords(e), e.Reason, whoLet(e), e.WorkflowID, e.RunID, e.ID)
		if e.Outcome == ledger.Deleted {
			fmt.Fprintf(a.out, "  to put it back: epoxy undo %s\n", e.ID)
		}
	}
	for _, v := range answer.Verdicts {
		fmt.Fprintf(a.out, "%s\n  %s by the plan of %s (%s): %s\n", v.Name, v.what(), v.Policy, v.Made.UTC().Format("2006-01-02 15:04 MST"), v.Reason)
	}
	return nil
}

// placeOf is how an account that a ledger names is entered.
func placeOf(cfg *config.Config, account, region string) (activities.Place, bool) {
	for _, a := range cfg.AWS.Accounts {
		if string(a.ID) == account {
			return activities.Place{Account: account, Region: region, RoleARN: string(a.RoleARN), ExternalID: a.ExternalID}, true
		}
	}
	return activities.Place{}, false
}
