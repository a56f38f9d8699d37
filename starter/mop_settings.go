package main

import (
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/workflows"
)

// mopSettings writes everything that a mop or a sweep of an environment needs into its input; the history then says it all.
func mopSettings(cfg *config.Config, env config.MopEnvironment) workflows.MopSettings {
	out := workflows.MopSettings{
		Environment: env.Name, Live: env.Live, Others: cfg.MopNeighbours(env), Servers: env.Servers, Rules: env.Rules, Groups: env.Groups, Hooks: env.Hooks,
		Patience: env.Patience, FailedWait: env.FailedWait, Later: env.Later,
		Breaker:  activities.BreakerLimit{Nodes: env.Breaker.Nodes, Percent: env.Breaker.Percent, Window: env.Breaker.Window},
		Approval: approvalInput(env.Approval), DryRun: env.DryRun, Timeout: env.Timeout,
		Store: store(env.Artifacts), Ledger: activities.LedgerTable{Place: env.Ledger.Place, Table: env.Ledger.Table},
		Telling: telling(cfg, env.Channel),
	}
	for _, zone := range env.Zones {
		out.Zones = append(out.Zones, activities.Zone{Place: zone.Place, ID: zone.ID, Name: zone.Name})
	}
	return out
}

// mopPlace is the account (12 digits) and AWS Region with the role to get there, if they belong to the environment.
func mopPlace(env config.MopEnvironment, account, region string) (activities.Place, bool) {
	return env.Place(account, region)
}

func approvalInput(a config.ApprovalRules) workflows.ApprovalInput {
	return workflows.ApprovalInput{
		Mode: a.Mode, Approvers: a.Approvers, Window: a.Window, Expires: a.Expires, Remind: a.Remind, Channel: a.Channel,
	}
}

func store(s config.ArtifactStore) activities.Store {
	return activities.Store{Place: s.Place, Bucket: s.Bucket, Prefix: s.Prefix}
}

func telling(cfg *config.Config, channel string) workflows.Telling {
	return workflows.Telling{Channel: channel, UI: uiOf(cfg)}
}

// uiOf is the base URL of the Temporal UI; "": none is known.
func uiOf(cfg *config.Config) string { return strings.TrimSuffix(string(cfg.Temporal.UI), "/") }

// mopOptions are how a mop starts, whoever announces it. One that has ended may begin again: an instance may register late.
func mopOptions(taskQueue string, in workflows.MopInput) client.StartWorkflowOptions {
	by := "Announced by an event."
	if in.RequestedBy != "" {
		by = "Requested by " + in.RequestedBy + "."
	}
	return client.StartWorkflowOptions{
		ID: workflows.MopRunID(in), TaskQueue: taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionTimeout: in.Timeout + backstop,
		TypedSearchAttributes:    targetAttributes(in.Environment, in.Place.Account, in.Place.Region),
		StaticSummary:            workflows.MopTitle(in),
		StaticDetails:            fmt.Sprintf("In %s, environment **%s**. %s", in.Place, in.Environment, by),
	}
}
