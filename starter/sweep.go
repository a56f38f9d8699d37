package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/workflows"
)

type sweepFlags struct{ report, wait bool }

func (a *app) sweepCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use: "sweep NAME", Short: "Find what dead instances left behind without an event", Args: cobra.ExactArgs(1),
		Long: "Compare Chef, EC2 and Route 53: find nodes without an instance, clients without a node, and records that lead to nobody.\n" +
			"As the sweep's mode says, they are reported or mopped, with the environment's breaker; what is younger than its grace\n" +
			"stays. It usually runs on a schedule: epoxy schedules.",
		Example:           "  epoxy sweep prod --report --wait",
		RunE:              func(cmd *cobra.Command, args []string) error { return a.sweep(cmd.Context(), args[0], f) },
		ValidArgsFunction: a.complete((*config.Config).SweepNames),
	}
	cmd.Flags().BoolVar(&f.report, "report", false, "report alone, whatever the sweep's mode is")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "show progress until the run is over; the exit code tells how it ended")
	return cmd
}

func (a *app) sweep(ctx context.Context, name string, f sweepFlags) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	in, err := sweepInput(cfg, name, requester())
	if err != nil {
		return err
	}
	in.Mop = in.Mop && !f.report
	id := workflows.SweepWorkflowID(name)
	return a.connected(ctx, func(_ *config.Config, c client.Client, o client.Options) error {
		return a.begin(ctx, c, o, job{
			id: id, kind: workflows.SweepType, input: in, ui: in.Telling.UI, timeout: in.Timeout + backstop,
			attributes: targetAttributes(name, "", ""),
			summary:    workflows.SweepTitle(in), details: fmt.Sprintf("Environment **%s**. Requested by %s.", in.Environment, in.RequestedBy),
			hint: "wait for it: epoxy watch " + id,
		}, f.wait)
	})
}

// sweepInput is the same for people and schedules.
func sweepInput(cfg *config.Config, name, by string) (workflows.SweepInput, error) {
	s, err := cfg.Sweep(name)
	if err != nil {
		return workflows.SweepInput{}, &exitError{code: exitUsage, err: err}
	}
	return workflows.SweepInput{
		MopSettings: mopSettings(cfg, s.Environment), Sweep: name, Mop: s.Mop, Grace: s.Grace, Places: s.Environment.Live, RequestedBy: by,
	}, nil
}
