package workflows

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// registry writes down what is registered.
type registry struct {
	worker.Registry

	workflows, activities []string
}

func (r *registry) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	r.workflows = append(r.workflows, o.Name)
}

func (r *registry) RegisterActivity(group any) {
	for m := range reflect.TypeOf(group).Methods() {
		r.activities = append(r.activities, m.Name)
	}
}

func (r *registry) RegisterActivityWithOptions(_ any, o activity.RegisterOptions) {
	r.activities = append(r.activities, o.Name)
}

func registered() *registry {
	r := &registry{}
	Register(r, activities.NewSet(nil, activities.Others{Slack: &activities.Slack{}, Runs: &activities.Runs{}}))
	return r
}

// These names stand in histories, schedules and people's scripts: a name that is changed here breaks what runs.
func TestPermanentNames(t *testing.T) {
	r := registered()
	slices.Sort(r.activities)
	dead := policy.Subject{Account: "1", Region: "r", Instance: "i-1", Node: "n"}
	got := map[string][]string{
		"workflows":         r.workflows,
		"activities":        r.activities,
		"signals":           {AnnouncedSignal, LinesSignal},
		"queries, updates":  {ReportQuery, PlanQuery, AskingQuery, SubmitUpdate, DecideUpdate},
		"task queue":        {TaskQueue},
		"search attributes": SearchAttributeNames(),
		"ids": {
			BakeWorkflowID("lt-1"), BakeQueueWorkflowID("lt-1"), PruneImagesWorkflowID("p", false), PruneImagesWorkflowID("p", true),
			PruneTaskDefinitionsWorkflowID("p", false), PrunePartWorkflowID(policy.PlanOfImages, "1/r/n"), UndoWorkflowID("e"),
			MopWorkflowID(dead), MopWorkflowID(policy.Subject{Account: "1", Region: "r", Node: "n", Address: "a"}), MopWorkflowID(policy.Subject{Account: "1", Region: "r", Address: "a"}),
			MopRunID(MopInput{Subject: dead, MopSettings: MopSettings{DryRun: true}}), MopReportWorkflowID("prod"), MopBreakerWorkflowID("prod"), SweepWorkflowID("s"), ScheduledWorkflowID("s"),
		},
		"conflicts": {ConflictFail, ConflictQueue, ConflictSupersede},
		"outcomes": {
			activities.OutcomeRunning, activities.OutcomeDone, activities.OutcomeFailed, activities.OutcomeCancelled, activities.OutcomeRolledBack,
			activities.OutcomeAsking, activities.OutcomePartial, activities.OutcomeDenied, activities.OutcomeVetoed, activities.OutcomeExpired,
			OutcomeSkipped,
		},
		"states of a step":  {activities.StepAhead, activities.StepRunning, activities.StepDone, activities.StepFailed},
		"errors, workflows": {ErrSuperseded, errRolledBack, errNotGranted, errStopped, errNotAll, errNotOurs, errNoGroup},
		"errors, activities": {
			activities.ErrNotFound, activities.ErrForbidden, activities.ErrInvalid, activities.ErrThrottled, activities.ErrNotReady,
			activities.ErrWrongAccount, activities.ErrTimedOut, activities.ErrImageFailed, activities.ErrNameTaken, activities.ErrNotAlone, activities.ErrTampered,
			activities.ErrAlive, activities.ErrStopped,
		},
	}
	want := map[string][]string{
		"workflows": {"Bake", "BakeQueue", "SlackReport", "PruneImages", "PruneTaskDefinitions", "PrunePart", "Undo", "Mop", "MopReport", "MopBreaker", "Sweep", "Scheduled"},
		"activities": {
			"AwaitImage", "AwaitRunClosed", "CancelRefresh", "CompleteHook", "CopyImage", "CreateImage", "CreateLaunchTemplateVersion", "DeleteImages",
			"DeleteNode", "DeleteRecords", "FindCommits", "FindInstance", "FindLiving", "FindNodes", "FindRecords", "FindRepositories", "FindSource", "HeartbeatHook",
			"ListInstances", "ListNodes", "ListRecords", "PinGroup", "PlanRepository", "PlanSweep", "PlanTaskDefinitions", "PostReply", "PostReport",
			"PutImageParameter", "ReadBreaker", "ReadListedUses", "RefreshInstances", "RemoveImage", "RemoveTaskDefinitions", "Restore", "SetDefaultVersion",
			"SettleBreaker", "ShareImage", "SortUses", "SurveyBake", "SurveyUses", "TakeInventory", "TakePermit", "TakeTaskDefinitions", "Tell", "WritePlan",
		},
		"signals":           {"announced", "lines"},
		"queries, updates":  {"report", "plan", "asking", "submit", "decide"},
		"task queue":        {"epoxy"},
		"search attributes": {"Target", "Account", "Region", "Outcome"},
		"ids": {
			"bake/lt-1", "bake-queue/lt-1", "prune-images/p", "prune-images/p/dry-run", "prune-task-definitions/p", "prune-images-of/1/r/n", "undo/e",
			"mop/1/r/i-1", "mop/1/r/node/n", "mop/1/r/ip/a", "mop/1/r/i-1/dry-run", "mop-report/prod", "mop-breaker/prod", "sweep/s", "scheduled/s",
		},
		"conflicts":         {"fail", "queue", "supersede"},
		"outcomes":          {"running", "done", "failed", "cancelled", "rolled-back", "asking", "partial", "denied", "vetoed", "expired", "skipped"},
		"states of a step":  {"ahead", "running", "done", "failed"},
		"errors, workflows": {"Superseded", "RolledBack", "NotGranted", "Stopped", "NotAll", "NotOurs", "NoGroup"},
		"errors, activities": {
			"NotFound", "Forbidden", "Invalid", "Throttled", "NotReady", "WrongAccount", "TimedOut", "ImageFailed", "NameTaken", "MoreThanTheImageChanged", "Tampered",
			"StillAlive", "BreakerStopped",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permanent names changed: %s", diff)
	}
}

// The world's activities have the names of the real ones, and every real one has its fake.
func TestWorldHasEveryActivity(t *testing.T) {
	var fake []string
	for _, world := range []reflect.Type{reflect.TypeFor[*fakes](), reflect.TypeFor[*pruneFakes](), reflect.TypeFor[*mopFakes](), reflect.TypeFor[*sweepFakes](), reflect.TypeFor[*breakerFakes]()} {
		for m := range world.Methods() {
			fake = append(fake, m.Name)
		}
	}
	fake = append(fake, "AwaitRunClosed") // which the queue's tests have
	want := registered().activities
	slices.Sort(want)
	slices.Sort(fake)
	fake = slices.Compact(fake)
	if diff := cmp.Diff(want, fake); diff != "" {
		t.Error(diff)
	}
}

// Everything real can be registered: every activity has a form that Temporal takes.
func TestRegister(t *testing.T) {
	Register(newEnvironment(t, &recorder{}), activities.NewSet(nil, activities.Others{Slack: &activities.Slack{}, Runs: &activities.Runs{}}))
}

func TestSearchAttributesOfABake(t *testing.T) {
	w := newWorld(t, "latest")
	sa := BakeSearchAttributes(w.in)
	target, _ := sa.GetKeyword(TargetKey)
	account, _ := sa.GetKeyword(AccountKey)
	region, _ := sa.GetKeyword(RegionKey)
	outcome, _ := sa.GetKeyword(OutcomeKey)
	if got := []string{target, account, region, outcome}; !slices.Equal(got, []string{"vg/shop/web/prod/a", "111111111111", home, "running"}) {
		t.Errorf("search attributes %q", got)
	}
	if _, ok := BakeQueueSearchAttributes(w.in).GetKeyword(OutcomeKey); ok {
		t.Error("a queue has no outcome: its bakes have")
	}
	if got, want := BakeSummary(w.in), "Bake vg/shop/web/prod/a: "+instance+" → "+template+" @ c0ffee"; got != want {
		t.Errorf("summary %q, not %q", got, want)
	}
}
