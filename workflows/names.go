// Package workflows is Epoxy's durable logic: one file per job. A workflow reads like the runbook of its job; decisions
// are in internal/policy, calls to the outside in activities.
package workflows

import (
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/policy"
)

// Every name in this file is permanent: it stands in histories, schedules and people's scripts.

// TaskQueue is where Epoxy's workers poll.
const TaskQueue = "epoxy"

// Workflow types.
const (
	BakeType                 = "Bake"
	BakeQueueType            = "BakeQueue"
	SlackReportType          = "SlackReport"
	PruneImagesType          = "PruneImages"
	PruneTaskDefinitionsType = "PruneTaskDefinitions"
	PrunePartType            = "PrunePart"
	UndoType                 = "Undo"
	MopType                  = "Mop"
	MopReportType            = "MopReport"
	MopBreakerType           = "MopBreaker"
	SweepType                = "Sweep"
	ScheduledType            = "Scheduled"
)

// Signals.
const (
	AnnouncedSignal = "announced" // policy.Announcement, of a mop
	LinesSignal     = "lines"     // []activities.MopLine, of a mop report
)

// JobTypes are the workflows that people start and list; the others are parts of them.
func JobTypes() []string {
	return []string{BakeType, BakeQueueType, PruneImagesType, PruneTaskDefinitionsType, UndoType, MopType, MopBreakerType, SweepType, ScheduledType}
}

// Queries and updates.
const (
	ReportQuery  = "report" // → activities.Report, of every job
	PlanQuery    = "plan"   // → activities.Artifact, of a prune
	AskingQuery  = "asking" // → policy.Asking, of a job that asks people
	SubmitUpdate = "submit" // BakeRequest → BakeResult, of a bake queue
	DecideUpdate = "decide" // policy.Decision → Decided, of a job that asks people
)

// Search attributes, all keywords. `epoxy setup` registers them.
var (
	TargetKey  = temporal.NewSearchAttributeKeyKeyword("Target")
	AccountKey = temporal.NewSearchAttributeKeyKeyword("Account")
	RegionKey  = temporal.NewSearchAttributeKeyKeyword("Region")
	OutcomeKey = temporal.NewSearchAttributeKeyKeyword("Outcome")
)

// SearchAttributeNames are the names to register.
func SearchAttributeNames() []string {
	return []string{TargetKey.GetName(), AccountKey.GetName(), RegionKey.GetName(), OutcomeKey.GetName()}
}

// BakeWorkflowID is the lock of a launch template: one bake at a time holds it.
func BakeWorkflowID(launchTemplateID string) string { return "bake/" + launchTemplateID }

// BakeQueueWorkflowID is where bakes wait for that lock.
func BakeQueueWorkflowID(launchTemplateID string) string { return "bake-queue/" + launchTemplateID }

// PruneImagesWorkflowID is the lock of a policy for images. A dry run changes nothing and so has a lock of its own.
func PruneImagesWorkflowID(policy string, dryRun bool) string {
	return dryRunID("prune-images/"+policy, dryRun)
}

// PruneTaskDefinitionsWorkflowID is the lock of a policy for task definitions.
func PruneTaskDefinitionsWorkflowID(policy string, dryRun bool) string {
	return dryRunID("prune-task-definitions/"+policy, dryRun)
}

func dryRunID(id string, dryRun bool) string {
	if dryRun {
		return id + "/dry-run"
	}
	return id
}

// PrunePartWorkflowID is the lock of what one part of a plan deletes from: a repository (account/region/name), or the task
// definitions of an account and Region. Two policies never delete from the same one at the same time.
func PrunePartWorkflowID(kind, name string) string {
	return "prune-" + kind + "-of/" + name
}

// UndoWorkflowID is the lock of a ledger entry.
func UndoWorkflowID(entry string) string { return "undo/" + entry }

// MopWorkflowID is the lock of a dead instance: every event of it reaches this one run.
func MopWorkflowID(s policy.Subject) string { return "mop/" + s.Key() }

// MopRunID is the id of a mop's run. A dry run changes nothing: the real event that comes after it is no duplicate.
func MopRunID(in MopInput) string { return dryRunID(MopWorkflowID(in.Subject), in.DryRun) }

// MopReportWorkflowID gathers what an environment's mops have to tell.
func MopReportWorkflowID(environment string) string { return "mop-report/" + environment }

// MopBreakerWorkflowID asks people when an environment's breaker has tripped.
func MopBreakerWorkflowID(environment string) string { return "mop-breaker/" + environment }

// SweepWorkflowID is the lock of a sweep.
func SweepWorkflowID(sweep string) string { return "sweep/" + sweep }

// ScheduledWorkflowID is the beginning of the ids that a schedule starts, to which Temporal appends the time.
func ScheduledWorkflowID(schedule string) string { return "scheduled/" + schedule }
