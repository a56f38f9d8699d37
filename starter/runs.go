package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"epoxy/internal/config"
	"epoxy/workflows"
)

// runRow is one run in a list.
type runRow struct {
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Outcome    string    `json:"outcome,omitempty"`
	Target     string    `json:"target,omitempty"`
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended,omitzero"`
	Summary    string    `json:"summary,omitempty"`
	URL        string    `json:"url,omitempty"`
}

func (a *app) listCommand() *cobra.Command {
	var all bool
	var target, outcome string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List runs that go on; with --all the ended ones too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := listQuery(all, target, outcome)
			if err != nil {
				return err
			}
			return a.connected(cmd.Context(), func(cfg *config.Config, c client.Client, o client.Options) error {
				page, err := c.ListWorkflow(cmd.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: int32(limit)}) //nolint:gosec // bounded below
				if err != nil {
					return err
				}
				return a.printRuns(rows(page.GetExecutions(), strings.TrimSuffix(string(cfg.Temporal.UI), "/"), o.Namespace))
			})
		},
		PreRunE: func(*cobra.Command, []string) error {
			if limit < 1 || limit > 1000 {
				return exit(exitUsage, "--limit is %d: it takes 1 to 1000", limit)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "ended runs, too, as long as Temporal keeps them")
	cmd.Flags().StringVar(&target, "target", "", "only this target, such as vg/shop/web/prod/a; a beginning is enough")
	cmd.Flags().StringVar(&outcome, "outcome", "", "only this outcome: running, done, partial, failed, cancelled, denied, vetoed, expired, skipped or rolled-back")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this many, the newest first")
	return cmd
}

func listQuery(all bool, target, outcome string) (string, error) {
	terms := []string{"WorkflowType IN ('" + strings.Join(workflows.JobTypes(), "', '") + "')"}
	if !all && outcome == "" {
		terms = append(terms, "ExecutionStatus = 'Running'")
	}
	if strings.ContainsAny(target+outcome, `'"\`) {
		return "", exit(exitUsage, "--target and --outcome take no quotes")
	}
	if target != "" {
		terms = append(terms, fmt.Sprintf("%s STARTS_WITH '%s'", workflows.TargetKey.GetName(), target))
	}
	if outcome != "" {
		terms = append(terms, fmt.Sprintf("%s = '%s'", workflows.OutcomeKey.GetName(), outcome))
	}
	return strings.Join(terms, " AND "), nil
}

func rows(executions []*workflow.WorkflowExecutionInfo, ui, namespace string) []runRow {
	out := make([]runRow, 0, len(executions))
	for _, e := range executions {
		r := runRow{
			WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId(), Type: e.GetType().GetName(),
			Status: describe(e.GetStatus()), Started: e.GetStartTime().AsTime(),
			Outcome: keyword(e, workflows.OutcomeKey.GetName()), Target: keyword(e, workflows.TargetKey.GetName()),
		}
		if e.GetCloseTime() != nil {
			r.Ended = e.GetCloseTime().AsTime()
		}
		if ui != "" {
			r.URL = workflows.RunURL(ui, namespace, r.WorkflowID, r.RunID)
		}
		out = append(out, r)
	}
	return out
}

func keyword(e *workflow.WorkflowExecutionInfo, name string) string {
	var v string
	if p, ok := e.GetSearchAttributes().GetIndexedFields()[name]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(p, &v); err != nil {
			return ""
		}
	}
	return v
}

func (a *app) printRuns(runs []runRow) error {
	if a.json() {
		return a.printJSON(runs)
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.out, "no runs (with --all the ended ones, too)")
		return nil
	}
	t := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WORKFLOW\tTARGET\tSTATUS\tOUTCOME\tSTARTED\tTOOK")
	for _, r := range runs {
		end := r.Ended
		if end.IsZero() {
			end = time.Now()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.WorkflowID, r.Target, r.Status, r.Outcome, r.Started.Local().Format(time.DateTime), end.Sub(r.Started).Round(time.Second))
	}
	return t.Flush()
}

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watch WORKFLOW-ID", Short: "Show a run's steps and progress until it is over", Args: cobra.ExactArgs(1),
		Example:           "  epoxy watch bake/lt-0123456789abcdef0",
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(cfg *config.Config, c client.Client, o client.Options) error {
				d, err := c.DescribeWorkflowExecution(cmd.Context(), args[0], "")
				if err != nil {
					return err
				}
				run := startedRun{WorkflowID: args[0], RunID: d.GetWorkflowExecutionInfo().GetExecution().GetRunId()}
				if ui := strings.TrimSuffix(string(cfg.Temporal.UI), "/"); ui != "" {
					run.URL = workflows.RunURL(ui, o.Namespace, run.WorkflowID, run.RunID)
				}
				return a.follow(cmd.Context(), c, run)
			})
		},
	}
}

func (a *app) cancelCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "cancel WORKFLOW-ID", Short: "Ask a run to stop; it cleans up first", Args: cobra.ExactArgs(1),
		Example:           "  epoxy cancel bake/lt-0123456789abcdef0 --wait",
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(_ *config.Config, c client.Client, _ client.Options) error {
				err := c.CancelWorkflow(cmd.Context(), args[0], "")
				if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
					return exit(exitFailed, "no run of %s goes on: see `epoxy list --all`", args[0])
				}
				if err != nil {
					return err
				}
				if !wait {
					return a.say(map[string]string{"workflow_id": args[0], "cancel": "requested"}, "%s: asked to stop; it cleans up first: epoxy watch %s", args[0], args[0])
				}
				return a.awaitCancelled(cmd, c, args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "show progress until the run has cleaned up")
	return cmd
}

// awaitCancelled ends well when the run ended as cancelled: that is what was asked for.
func (a *app) awaitCancelled(cmd *cobra.Command, c client.Client, id string) error {
	d, err := c.DescribeWorkflowExecution(cmd.Context(), id, "")
	if err != nil {
		return err
	}
	run := startedRun{WorkflowID: id, RunID: d.GetWorkflowExecutionInfo().GetExecution().GetRunId()}
	err = a.follow(cmd.Context(), c, run)
	s, lookErr := look(cmd.Context(), c, run.WorkflowID, run.RunID)
	if lookErr == nil && describe(s.Status) == "canceled" {
		return nil
	}
	return err
}

func (a *app) say(v any, format string, args ...any) error {
	if a.json() {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// completeRunning offers the ids of runs that go on.
func (a *app) completeRunning(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	err := a.connected(cmd.Context(), func(_ *config.Config, c client.Client, o client.Options) error {
		query, err := listQuery(false, "", "")
		if err != nil {
			return err
		}
		page, err := c.ListWorkflow(cmd.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 100})
		for _, r := range rows(page.GetExecutions(), "", o.Namespace) {
			ids = append(ids, r.WorkflowID)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
