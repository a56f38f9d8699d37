package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// Register registers every workflow and activity; the worker, the tests and the replays all use it.
func Register(r worker.Registry, set *activities.Set) {
	RegisterWorkflows(r)
	for _, group := range set.Groups() {
		r.RegisterActivity(group)
	}
}

// RegisterWorkflows is Register without activities: all that a replay needs.
func RegisterWorkflows(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(Bake, workflow.RegisterOptions{Name: BakeType})
	r.RegisterWorkflowWithOptions(BakeQueue, workflow.RegisterOptions{Name: BakeQueueType})
	r.RegisterWorkflowWithOptions(SlackReport, workflow.RegisterOptions{Name: SlackReportType})
	r.RegisterWorkflowWithOptions(PruneImages, workflow.RegisterOptions{Name: PruneImagesType})
	r.RegisterWorkflowWithOptions(PruneTaskDefinitions, workflow.RegisterOptions{Name: PruneTaskDefinitionsType})
	r.RegisterWorkflowWithOptions(PrunePart, workflow.RegisterOptions{Name: PrunePartType})
	r.RegisterWorkflowWithOptions(Undo, workflow.RegisterOptions{Name: UndoType})
	r.RegisterWorkflowWithOptions(Mop, workflow.RegisterOptions{Name: MopType})
	r.RegisterWorkflowWithOptions(MopReport, workflow.RegisterOptions{Name: MopReportType})
	r.RegisterWorkflowWithOptions(MopBreaker, workflow.RegisterOptions{Name: MopBreakerType})
	r.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
	r.RegisterWorkflowWithOptions(Scheduled, workflow.RegisterOptions{Name: ScheduledType})
}
