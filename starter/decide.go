package main

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/config"
	"epoxy/internal/intake"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

var decideHelp = map[string]struct{ short, long, flags string }{
	policy.DecideApprove: {"Approve the plan that a run asks about", "Approve the plan that a run asks about. With --plan, only if it is still that one.", ""},
	policy.DecideDeny:    {"Deny the plan that a run asks about: nothing is deleted", "Deny the plan that a run asks about: nothing is deleted.", ""},
	policy.DecideVeto:    {"Keep some items of a plan, or object to all of it", "Keep the items that --item names, or, in mode veto, object to the whole plan.", " --item v41 --item sha256:9f86d081884c"},
}

type decideFlags struct {
	plan, reason string
	items        []string
}

// decideCommand is approve, deny or veto.
func (a *app) decideCommand(kind string) *cobra.Command {
	var f decideFlags
	cmd := &cobra.Command{
		Use: kind + " WORKFLOW-ID", Short: decideHelp[kind].short, Long: decideHelp[kind].long, Args: cobra.ExactArgs(1),
		Example: "  epoxy plan prune-images/shop\n  epoxy " + kind + " prune-images/shop --plan 3f2a9c1be7d0" + decideHelp[kind].flags + " --reason \"checked with the web team\"",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.decide(cmd.Context(), kind, args[0], f) },
	}
	cmd.Flags().StringVar(&f.plan, "plan", "", "hash of the plan that you looked at, or its first 12 characters or more (default: the plan that is asked about now)")
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the report and the ledger")
	if kind == policy.DecideVeto {
		cmd.Flags().StringArrayVar(&f.items, "item", nil, "digest, tag, ARN or repository to keep; may be repeated")
	}
	return cmd
}

func (a *app) decide(ctx context.Context, kind, id string, f decideFlags) error {
	return a.connected(ctx, func(_ *config.Config, c client.Client, _ client.Options) error {
		plan := f.plan
		if plan == "" {
			asking, err := askingOf(ctx, c, id, "")
			if err != nil {
				return err
			}
			if asking.Plan == "" || asking.Closed {
				return exit(exitFailed, "%s asks nothing now; see epoxy watch %s", id, id)
			}
			plan = asking.Plan
		}
		d := policy.Decision{Kind: kind, Plan: plan, Items: f.items, Reason: f.reason, By: policy.Person{Door: policy.DoorCLI, ID: requester()}}
		said, err := sendDecision(ctx, c, id, "", uuid.NewString(), d)
		if err != nil {
			return err
		}
		return a.say(said, "%s", said.Message)
	})
}

// askingOf is what a run asks now; without its run id, the current one of the workflow.
func askingOf(ctx context.Context, c client.Client, id, run string) (policy.Asking, error) {
	var asking policy.Asking
	v, err := c.QueryWorkflow(ctx, id, run, workflows.AskingQuery)
	if err != nil {
		return asking, err
	}
	return asking, v.Get(&asking)
}

// sendDecision is the one way in: the same Update with the same id, whichever door it comes through. A decision that is
// refused leaves no trace in the run.
func sendDecision(ctx context.Context, c client.Client, id, runID, updateID string, d policy.Decision) (workflows.Decided, error) {
	var said workflows.Decided
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, RunID: runID, UpdateID: updateID, UpdateName: workflows.DecideUpdate,
		WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{d},
	})
	if err == nil {
		err = handle.Get(ctx, &said)
	}
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return said, exit(exitFailed, "%s: %s", id, refused.Message())
	}
	if unanswered(err) {
		return said, exit(exitFailed, "%s: %w: Temporal did not answer in time; look with `epoxy watch %s`, and decide again if it still asks: nothing is decided twice", id, intake.ErrUnknown, id)
	}
	if gone, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return said, exit(exitFailed, "%s is not running, so it asks nothing (%s); see epoxy list --all", id, strings.ToLower(gone.Message))
	}
	return said, err
}

// unanswered tells that an Update was sent, and may have been taken.
// https://pkg.go.dev/go.temporal.io/sdk/client#WorkflowUpdateServiceTimeoutOrCanceledError
func unanswered(err error) bool {
	var over *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.As(err, &over) || temporary(err)
}
