package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
)

func (a *app) schedulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schedules", Short: "Bring Temporal's schedules in line with the section schedules",
		Long: "Bring Temporal's schedules in line with the section schedules of epoxy.yaml: each runs a prune or a sweep, exactly as the\n" +
			"command does. Only schedules that Epoxy made, for this task queue and this ledger, are ever changed or deleted.",
	}
	var unpause bool
	apply := &cobra.Command{
		Use: "apply", Short: "Create, update and delete schedules, after printing what differs", Args: cobra.NoArgs,
		Long: "Create, update and delete schedules until they are as epoxy.yaml says, after printing what differs. It starts no run, and a\n" +
			"schedule that a person paused, or Temporal after a failure, stays paused; --unpause lets it go on.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.applySchedules(cmd.Context(), unpause) },
	}
	apply.Flags().BoolVar(&unpause, "unpause", false, "let schedules go on that were paused by hand or after a failure")
	cmd.AddCommand(apply,
		&cobra.Command{
			Use: "diff", Short: "Show what differs, with what is wanted and what is there", Args: cobra.NoArgs,
			Long: "Show what differs between epoxy.yaml and Temporal's schedules: a schedule that somebody edited, too, field by field.\n" +
				"The exit code is 0 when all is as wanted, and 1 when something differs.",
			RunE: func(cmd *cobra.Command, _ []string) error { return a.diffSchedules(cmd.Context()) },
		},
		&cobra.Command{
			Use: "list", Short: "List the schedules with their next runs and how the last one ended", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.listSchedules(cmd.Context()) },
		})
	return cmd
}

// planned connects, compares and hands on.
func (a *app) planned(ctx context.Context, f func(planner, []scheduleChange) error) error {
	return a.connected(ctx, func(cfg *config.Config, c client.Client, _ client.Options) error {
		want, err := wantedSchedules(cfg, a.taskQueue)
		if err != nil {
			return err
		}
		p := planner{client: c.ScheduleClient(), queue: a.taskQueue, of: identity(cfg), wanted: want}
		changes, others, err := p.plan(ctx)
		if err != nil {
			return err
		}
		a.printOthers(others)
		return f(p, changes)
	})
}

func (a *app) diffSchedules(ctx context.Context) error {
	return a.planned(ctx, func(p planner, changes []scheduleChange) error {
		if err := a.printChanges(changes, len(p.wanted), nil); err != nil || len(changes) == 0 {
			return err
		}
		if len(changes) == 1 {
			return exit(exitFailed, "1 schedule differs; epoxy schedules apply brings it in line")
		}
		return exit(exitFailed, "%d schedules differ; epoxy schedules apply brings them in line", len(changes))
	})
}

func (a *app) applySchedules(ctx context.Context, unpause bool) error {
	return a.planned(ctx, func(p planner, changes []scheduleChange) error {
		if !a.json() { // first, so that it is known what was meant when something fails in the middle
			if err := a.printChanges(changes, len(p.wanted), nil); err != nil {
				return err
			}
		}
		for _, change := range changes {
			if err := p.apply(ctx, change, unpause); err != nil {
				return err
			}
			if !a.json() && (change.Change != changeKeep || unpause) {
				fmt.Fprintf(a.out, "%s: %s\n", change.ID, doneWord[change.Change])
			}
		}
		if a.json() {
			return a.printChanges(changes, len(p.wanted), new(true))
		}
		return nil
	})
}

// printOthers names what is left alone.
func (a *app) printOthers(others []ownSchedule) {
	for _, o := range others {
		fmt.Fprintf(a.errOut, "%s (%s) is left alone: it belongs to another configuration (%s)\n", o.mark.Name, o.id, cmp.Or(o.mark.Of, "without a ledger"))
	}
}

// doneWord is a change that was made.
var doneWord = map[string]string{changeCreate: "created", changeUpdate: "updated", changeDelete: "deleted", changeKeep: "goes on"}

// printChanges shows what differs. applied is nil for a look alone.
func (a *app) printChanges(changes []scheduleChange, all int, applied *bool) error {
	if a.json() {
		if changes == nil {
			changes = []scheduleChange{}
		}
		out := map[string]any{"equal": len(changes) == 0, "changes": changes}
		if applied != nil {
			out["applied"] = *applied
		}
		return a.printJSON(out)
	}
	if len(changes) == 0 {
		verb := map[bool]string{true: "is", false: "are"}[all == 1]
		fmt.Fprintf(a.out, "nothing differs: %s %s as epoxy.yaml says\n", plural(all, "schedule", "schedules"), verb)
	}
	for _, c := range changes {
		sign := map[string]string{changeCreate: "+", changeUpdate: "~", changeDelete: "-", changeKeep: "="}[c.Change]
		fmt.Fprintf(a.out, "%s %s (%s)", sign, c.Name, c.ID)
		switch c.Change {
		case changeCreate:
			fmt.Fprintf(a.out, ": create; %s, %s", c.Job, c.When)
		case changeDelete:
			fmt.Fprintf(a.out, ": delete; epoxy.yaml no longer has it")
		}
		fmt.Fprintln(a.out)
		a.printDifferences(c.Differences)
	}
	return nil
}

// maxShown bounds what is printed of one schedule: an input that somebody replaced differs in everything.
const maxShown = 20

func (a *app) printDifferences(all []difference) {
	for _, d := range all[:min(len(all), maxShown)] {
		fmt.Fprintf(a.out, "    %s: wanted %s, found %s\n", d.Field, d.Wanted, d.Found)
		if d.Kept {
			fmt.Fprintln(a.out, "      apply keeps it paused; epoxy schedules apply --unpause lets it go on")
		}
	}
	if more := len(all) - maxShown; more > 0 {
		fmt.Fprintf(a.out, "    … and %d more; --output json has all\n", more)
	}
}
