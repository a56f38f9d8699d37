package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

type mopFlags struct {
	instance, node, ip   string
	env, region, account string
	dryRun, wait         bool
}

func (a *app) mopCommand() *cobra.Command {
	var f mopFlags
	cmd := &cobra.Command{
		Use: "mop --instance I | --node NAME | --ip ADDRESS", Short: "Delete what a dead instance left behind: Chef node, client and DNS records",
		Long: "Delete what a dead instance left behind: its Chef node and client, and the DNS records that are provably its own.\n" +
			"It is confirmed first that the instance is dead; what is deleted can be put back with epoxy undo.\n\n" +
			"Usually nobody needs this, because events and sweeps do it. --instance, --node and --ip may be given together; whatever\n" +
			"does not fit together is kept. The environment is the only one that fits --env, --region and --account.",
		Example: "  epoxy mop --instance i-0123456789abcdef0 --region vg --wait\n  epoxy mop --node web-7 --env prod --dry-run --wait",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.mop(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.instance, "instance", "", "id of the instance")
	flags.StringVar(&f.node, "node", "", "name of its Chef node")
	flags.StringVar(&f.ip, "ip", "", "its IP address")
	flags.StringVar(&f.env, "env", "", "environment in mop.environments")
	flags.StringVar(&f.region, "region", "", "short name in aws.regions")
	flags.StringVar(&f.account, "account", "", "account in aws.accounts")
	flags.BoolVar(&f.dryRun, "dry-run", false, "find and report alone: nothing is deleted")
	flags.BoolVar(&f.wait, "wait", false, "show progress until the run is over; the exit code tells how it ended")
	for flag, names := range map[string]func(*config.Config) []string{
		"env":     func(c *config.Config) []string { return namesOf(c.Mop.Environments) },
		"region":  func(c *config.Config) []string { return namesOf(c.AWS.Regions) },
		"account": func(c *config.Config) []string { return namesOf(c.AWS.Accounts) },
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, a.complete(names))
	}
	return cmd
}

func (a *app) mop(ctx context.Context, f mopFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	where, err := f.where(cfg)
	if err != nil {
		return err
	}
	in := workflows.MopInput{
		MopSettings: mopSettings(cfg, where.Environment), Place: where.Place, Subject: f.subject(where.Place), RequestedBy: requester(),
	}
	in.DryRun = in.DryRun || f.dryRun
	in.Once = true // nobody waits for hours; an event that joins makes it look again
	if err := in.Subject.Check(); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	return a.connected(ctx, func(_ *config.Config, c client.Client, o client.Options) error {
		return a.beginMop(ctx, c, o, in, f.wait)
	})
}

// check looks at the ids before anything else does.
func (f mopFlags) check() error {
	if f.instance == "" && f.node == "" && f.ip == "" {
		return exit(exitUsage, "say what is dead: --instance, --node or --ip")
	}
	for _, part := range []struct {
		flag, value string
		check       func(string) error
	}{
		{"instance", f.instance, policy.CheckInstanceID}, {"node", f.node, policy.CheckNodeName}, {"ip", f.ip, policy.CheckAddress},
	} {
		if part.value == "" {
			continue
		}
		if err := part.check(part.value); err != nil {
			return exit(exitUsage, "--%s: %w", part.flag, err)
		}
	}
	return nil
}

func (f mopFlags) subject(at activities.Place) policy.Subject {
	return policy.Subject{Account: at.Account, Region: at.Region, Instance: f.instance, Node: f.node, Address: f.ip}
}

// where is the one place that fits the flags: nothing is ever looked for, and found dead, in an account that was not meant.
func (f mopFlags) where(cfg *config.Config) (config.MopPlace, error) {
	places, err := cfg.MopPlaces(f.env, f.account, f.region)
	if err != nil {
		return config.MopPlace{}, &exitError{code: exitUsage, err: err}
	}
	switch len(places) {
	case 1:
		return places[0], nil
	case 0:
		return config.MopPlace{}, exit(exitUsage, "no environment in mop.environments fits --env, --region and --account together")
	}
	names := make([]string, 0, len(places))
	for _, p := range places {
		names = append(names, fmt.Sprintf("%s in %s", p.Place, p.Environment.Name))
	}
	return config.MopPlace{}, exit(exitUsage, "it may be in any of %d places (%s): say which with --region, --account or --env", len(places), strings.Join(names, ", "))
}

// beginMop announces the death, and starts the mop that the announcement is for, in one request: a mop that runs already
// gets the announcement, and no second one begins.
func (a *app) beginMop(ctx context.Context, c client.Client, o client.Options, in workflows.MopInput, wait bool) error {
	id := workflows.MopRunID(in)
	running, err := runningNow(ctx, c, id)
	if err != nil {
		return err
	}
	again := func(more string) error {
		return exit(exitAlreadyRunning, "%s runs already (%s)%s: epoxy watch %s", id, workflows.RunURL(in.Telling.UI, o.Namespace, id, running), more, id)
	}
	if running != "" && in.DryRun {
		return again("")
	}
	run, err := c.SignalWithStartWorkflow(ctx, id, workflows.AnnouncedSignal, policy.Announcement{
		Kind: policy.AnnouncedByPerson, Format: "command", ID: uuid.NewString(), Subject: in.Subject, At: time.Now().UTC(),
	}, mopOptions(a.taskQueue, in), workflows.MopType, in)
	if err != nil {
		return err
	}
	if run.GetRunID() == running {
		return again(" and was told")
	}
	return a.started(ctx, c, o, in.Telling.UI, startedRun{WorkflowID: id, RunID: run.GetRunID()}, wait)
}

// runningNow is the run that holds an id; "": none.
func runningNow(ctx context.Context, c client.Client, id string) (string, error) {
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info := d.GetWorkflowExecutionInfo(); info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return info.GetExecution().GetRunId(), nil
	}
	return "", nil
}
