package workflows

import "go.temporal.io/sdk/workflow"

// What prunes do otherwise since they landed, by the id that stands in histories. A run that is past such a point goes on as it
// began. https://docs.temporal.io/develop/go/versioning#patching
const (
	// surveyHome: an account that is a consumer in another Region is surveyed in the repositories' Region, too.
	surveyHome = "prune-survey-home-region"
	// waitForPlanners: a cancelled run waits for the plans under way before it ends.
	waitForPlanners = "prune-wait-for-planners"
	// definitionsSeen: rollback revisions and lists do not prove that a survey has looked in the right place.
	definitionsSeen = "prune-definitions-seen"
	// vetoNeedsChannel: mode veto without a Slack channel is refused.
	vetoNeedsChannel = "approval-veto-needs-channel"
	// windowOnceTold: a veto window begins when people have been told of it.
	windowOnceTold = "approval-window-once-told"
	// silenceOfTheTold: who was never told has not consented.
	silenceOfTheTold = "approval-silence-of-the-told"
	// undoToTheEnd: a cancelled undo puts back what it has begun to.
	undoToTheEnd = "undo-to-the-end"
)

// since tells whether a run does as the change says.
func since(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}
