// Package workflows is Epoxy's durable logic: one file per job. A workflow reads like the runbook of its job; decisions
// are in internal/policy, calls to the outside in activities.
package workflows

import (
	"go.temporal.io/sdk/temporal"
)

// Every name in this file is permanent: it stands in histories, schedules and people's scripts.

// TaskQueue is where Epoxy's workers poll.
const TaskQueue = "epoxy"

// Workflow types.
const (
	BakeType        = "Bake"
	BakeQueueType   = "BakeQueue"
	SlackReportType = "SlackReport"
)

// Queries and updates.
const (
	ReportQuery  = "report" // → activities.Report, of every job
	SubmitUpdate = "submit" // BakeRequest → BakeResult, of a bake queue
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
