package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/config"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

type bakeFlags struct {
	selector   config.Selector
	commit     string
	onConflict string
	keepFailed bool
	wait       bool
}

func (a *app) bakeCommand() *cobra.Command {
	var f bakeFlags
	cmd := &cobra.Command{
		Use:   "bake --region R --app A --layer L --env E --group G",
		Short: "Make an image of an instance and publish it to its launch template",
		Long: "Make an image of an instance, wait until it is available, publish it as a new launch template version, and,\n" +
			"where the target says so, replace the group's instances. Until the version is published, a failed or\n" +
			"cancelled bake leaves neither image nor snapshot.",
		Example: "  epoxy bake --region vg --app shop --layer web --env prod --group a --commit \"$GIT_COMMIT\" --wait",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.bake(cmd.Context(), f) },
	}
	parts := []*string{&f.selector.Region, &f.selector.App, &f.selector.Layer, &f.selector.Env, &f.selector.Group}
	for i, l := range config.Levels {
		cmd.Flags().StringVar(parts[i], l.String(), "", "the target's "+l.String()+", as in bake.targets")
		_ = cmd.RegisterFlagCompletionFunc(l.String(), func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			cfg, err := config.Load(a.configPath, a.getenv)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return cfg.BakeNames(l, f.selector), cobra.ShellCompDirectiveNoFileComp
		})
	}
	cmd.Flags().StringVar(&f.commit, "commit", "", "commit that the instance runs; it is written on image and run")
	cmd.Flags().StringVar(&f.onConflict, "on-conflict", workflows.ConflictFail, "when a bake of the same launch template runs: fail, queue or supersede")
	cmd.Flags().BoolVar(&f.keepFailed, "keep-failed-image", false, "keep image and snapshots of a bake that failed, to look into them")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "show progress until the bake is over; the exit code tells how it ended")
	conflicts := []string{workflows.ConflictFail, workflows.ConflictQueue, workflows.ConflictSupersede}
	_ = cmd.RegisterFlagCompletionFunc("on-conflict", cobra.FixedCompletions(conflicts, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// commitish is what may be written into tags and titles.
var commitish = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,128}$`)

func (a *app) bake(ctx context.Context, f bakeFlags) error {
	if f.commit != "" && !commitish.MatchString(f.commit) {
		return exit(exitUsage, "--commit %q is no commit or ref name (letters, digits and ._/-, 128 at most)", f.commit)
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	target, err := cfg.Bake(f.selector)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	in := bakeInput(target, string(cfg.Temporal.UI), f)
	return a.connected(ctx, func(_ *config.Config, c client.Client, o client.Options) error {
		switch f.onConflict {
		case workflows.ConflictFail:
			return a.startBake(ctx, c, o, in, f.wait)
		case workflows.ConflictQueue, workflows.ConflictSupersede:
			return a.queueBake(ctx, c, o, in, f)
		}
		return exit(exitUsage, "--on-conflict is %q: it takes fail, queue or supersede", f.onConflict)
	})
}

// bakeInput writes everything that the run needs into its input; the history then says what was asked for.
func bakeInput(t config.BakeTarget, ui string, f bakeFlags) workflows.BakeInput {
	in := workflows.BakeInput{
		Target:     policy.Target{Region: t.Selector.Region, App: t.Selector.App, Layer: t.Selector.Layer, Env: t.Selector.Env, Group: t.Selector.Group},
		Place:      activities.Place{Account: t.AccountID, Region: t.Region, RoleARN: t.RoleARN, ExternalID: t.ExternalID},
		InstanceID: t.InstanceID, LaunchTemplateID: t.LaunchTemplateID, Commit: f.commit, RequestedBy: requester(), Request: uuid.NewString(),
		Reboot: t.Reboot, KeepFailedImage: t.KeepFailedImage || f.keepFailed, ImageTimeout: t.ImageTimeout, Poll: t.PollInterval,
		Tags: t.Tags, CopyTo: t.CopyTo, ShareWith: t.ShareWith,
		Source: t.Source, Publish: string(t.Publish), Parameter: t.SSMParameter, Group: t.AutoScalingGroup,
		Telling: workflows.Telling{Channel: t.Channel, UI: strings.TrimSuffix(ui, "/")},
	}
	if r := t.Refresh; r != nil {
		in.Refresh = &workflows.RefreshInput{Timeout: r.Timeout, Preferences: activities.RefreshPreferences{
			MinHealthyPercentage: int32s(r.MinHealthyPercentage), MaxHealthyPercentage: int32s(r.MaxHealthyPercentage),
			CheckpointDelay: r.CheckpointDelay, SkipMatching: r.SkipMatching, BakeTime: r.BakeTime, Alarms: r.Alarms,
		}}
		if r.InstanceWarmup != nil {
			in.Refresh.Preferences.InstanceWarmup = *r.InstanceWarmup
		}
		for _, p := range r.CheckpointPercentages {
			in.Refresh.Preferences.CheckpointPercentages = append(in.Refresh.Preferences.CheckpointPercentages, int32(p)) //nolint:gosec // 1 to 100
		}
	}
	return in
}

func int32s(p *int) *int32 {
	if p == nil {
		return nil
	}
	v := int32(*p) //nolint:gosec // a percentage
	return &v
}

// requester is who asked, for the run's details: EPOXY_REQUESTED_BY in CI, else user and host.
func requester() string {
	if by := os.Getenv("EPOXY_REQUESTED_BY"); by != "" {
		return by
	}
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// startBake starts the run itself; one that runs already is exit code 4.
func (a *app) startBake(ctx context.Context, c client.Client, o client.Options, in workflows.BakeInput, wait bool) error {
	return a.begin(ctx, c, o, job{
		id: workflows.BakeWorkflowID(in.LaunchTemplateID), kind: workflows.BakeType, input: in, ui: in.Telling.UI,
		attributes: workflows.BakeSearchAttributes(in), summary: workflows.BakeSummary(in), details: workflows.BakeDetails(in),
		hint: "wait for it, or use --on-conflict queue or supersede",
	}, wait)
}

// queueBake hands the bake to the launch template's queue. The update's id is the request's: a retry asks nothing new.
func (a *app) queueBake(ctx context.Context, c client.Client, o client.Options, in workflows.BakeInput, f bakeFlags) error {
	id := workflows.BakeQueueWorkflowID(in.LaunchTemplateID)
	start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: id, TaskQueue: a.taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    workflows.BakeQueueSearchAttributes(in),
		StaticSummary:            "Bakes waiting for " + workflows.BakeWorkflowID(in.LaunchTemplateID),
	}, workflows.BakeQueueType, workflows.BakeQueueInput{LaunchTemplateID: in.LaunchTemplateID})
	handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateID: in.Request, UpdateName: workflows.SubmitUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
			Args: []any{workflows.BakeRequest{Bake: in, OnConflict: f.onConflict}},
		},
	})
	if err != nil {
		return err
	}
	queue := startedRun{WorkflowID: id, RunID: handle.RunID()}
	if !f.wait {
		return a.started(ctx, c, o, in.Telling.UI, queue, false)
	}
	if !a.json() {
		fmt.Fprintf(a.out, "%s: waiting for its turn at %s\n", id, workflows.BakeWorkflowID(in.LaunchTemplateID))
	}
	run, err := a.awaitTurn(ctx, c, handle, in)
	if err != nil {
		return err
	}
	return a.started(ctx, c, o, in.Telling.UI, run, true)
}
