package main

import (
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/workflows"
)

// wanted is a schedule as the configuration wants it.
type wanted struct {
	config.Schedule

	id    string
	input workflows.ScheduledInput
	spec  client.ScheduleSpec
	queue string
	of    string
}

// runMargin is how much longer than its job the run of a schedule may take: the job ends itself, and tells people, before.
const runMargin = time.Hour

// wantedSchedules are those of the configuration, in order of their names.
func wantedSchedules(cfg *config.Config, taskQueue string) ([]wanted, error) {
	var out []wanted
	of := identity(cfg)
	for _, s := range cfg.Schedules() {
		input, err := scheduledInput(cfg, s)
		if err != nil {
			return nil, err
		}
		spec, err := specOf(s)
		if err != nil {
			return nil, exit(exitUsage, "schedules.%s: %w", s.Name, err)
		}
		out = append(out, wanted{Schedule: s, id: workflows.ScheduleID(s.Name), input: input, spec: spec, queue: taskQueue, of: of})
	}
	return out, nil
}

// identity tells one configuration from another, by what no two share: the ledger, else the bucket.
func identity(cfg *config.Config) string {
	if table := cfg.LedgerTable(); table.Table != "" {
		return fmt.Sprintf("table %s/%s/%s", table.Place.Account, table.Place.Region, table.Table)
	}
	if store := cfg.ArtifactStore(); store.Bucket != "" {
		return strings.TrimSuffix(fmt.Sprintf("bucket %s/%s/%s/%s", store.Place.Account, store.Place.Region, store.Bucket, store.Prefix), "/")
	}
	return ""
}

// scheduledInput is the job that a person would start with the command, asked for by the schedule. Nothing in it differs from
// one look to the next, so that what is applied can be compared.
func scheduledInput(cfg *config.Config, s config.Schedule) (workflows.ScheduledInput, error) {
	by := "schedule " + s.Name
	if s.Job == config.ScheduleSweep {
		in, err := sweepInput(cfg, s.Target, by)
		return workflows.ScheduledInput{
			Schedule: s.Name, Type: workflows.SweepType, ID: workflows.SweepWorkflowID(s.Target), Input: in,
			Timeout: in.Timeout + backstop, Summary: workflows.SweepTitle(in), Target: s.Target,
		}, err
	}
	job := pruneImages
	if s.Job == config.SchedulePruneTaskDefinitions {
		job = pruneTaskDefinitions
	}
	run, err := job(cfg, s.Target, asked{by: by, dryRun: s.DryRun})
	return workflows.ScheduledInput{
		Schedule: s.Name, Type: run.kind, ID: run.id, Input: run.input, Timeout: run.set.Timeout + backstop, Summary: run.title,
		Target: s.Target, Account: run.set.Place.Account, Region: run.set.Place.Region,
	}, err
}

// jobText is the job in the words of the configuration.
func (w wanted) jobText() string {
	text := w.Job + " " + w.Target
	if w.DryRun {
		text += " (dry run)"
	}
	return text
}

// schedule is what Temporal is told; paused and note are decided by whoever applies it.
func (w wanted) schedule() client.Schedule {
	return client.Schedule{
		Spec: &w.spec,
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.ScheduledWorkflowID(w.Name), Workflow: workflows.ScheduledType, Args: []any{w.input}, TaskQueue: w.queue,
			WorkflowRunTimeout:    w.input.Timeout + runMargin,
			TypedSearchAttributes: targetAttributes(w.input.Target, w.input.Account, w.input.Region),
			StaticSummary:         fmt.Sprintf("Schedule %s: %s", w.Name, w.input.Summary),
			Memo:                  map[string]any{workflows.AppliedMemo: workflows.ScheduleApplied{Paused: w.Paused, Note: w.Note}},
		},
		Policy: &client.SchedulePolicies{Overlap: overlapOf(w.Overlap), CatchupWindow: w.CatchUp, PauseOnFailure: w.PauseOnFailure},
		State:  &client.ScheduleState{Paused: w.Paused, Note: w.Note},
	}
}

// options are schedule for one that is new. It starts nothing at once, nor what it would have started earlier.
func (w wanted) options() client.ScheduleOptions {
	s := w.schedule()
	return client.ScheduleOptions{
		ID: w.id, Spec: *s.Spec, Action: s.Action, Overlap: s.Policy.Overlap, CatchupWindow: s.Policy.CatchupWindow,
		PauseOnFailure: s.Policy.PauseOnFailure, Paused: s.State.Paused, Note: s.State.Note,
		Memo: map[string]any{workflows.ScheduleMemo: workflows.ScheduleMark{Name: w.Name, TaskQueue: w.queue, Of: w.of}},
	}
}

func overlapOf(o config.Overlap) enumspb.ScheduleOverlapPolicy {
	if o == config.OverlapBufferOne {
		return enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	}
	return enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
}
