package activities

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"epoxy/internal/policy"
)

func ecsRule(definitions ...string) (targets []ebtypes.Target) {
	for i, d := range definitions {
		targets = append(targets, ebtypes.Target{Id: aws.String(fmt.Sprint(i)), Arn: aws.String(ecsARN("cluster/prod")), EcsParameters: &ebtypes.EcsParameters{TaskDefinitionArn: aws.String(d)}})
	}
	return targets
}

// The fake's rules are all disabled.
func TestRulesHoldTheTasksTheyStart(t *testing.T) {
	ecs, events := newContainers(), newEvents()
	old := ecs.register("nightly", registry+"nightly:1", registry+"sidecar:1")
	ecs.register("nightly", registry+"nightly:2")
	ecs.deregister(ecs.register("nightly", registry+"nightly:3"))
	events.buses["default"]["pinned"] = ecsRule(old)
	events.buses["partner"] = map[string][]ebtypes.Target{
		"latest": ecsRule(ecsARN("task-definition/nightly"), old, old), "queue": {{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:q")}},
	}
	a := surveyor(ecs)
	a.EventBridge = to[EventBridgeUsesAPI](events)
	uses, counts, err := surveyed(t, a, SurveyUsesInput{Source: policy.SourceEventBridge})
	if err != nil || len(counts) != 1 || counts[0].Count != 2 {
		t.Errorf("%v: %v", err, counts)
	}
	wantUses(t, uses,
		"eventbridge-rule nightly:1 by rule/default/pinned", "eventbridge-rule sidecar:1 by rule/default/pinned", "eventbridge-rule task-definition/nightly:1 by rule/default/pinned",
		"eventbridge-rule nightly:2 by rule/partner/latest", "eventbridge-rule task-definition/nightly:2 by rule/partner/latest",
	)
	if ecs.calls["DescribeTaskDefinition"] != 2 {
		t.Errorf("calls: %v", ecs.calls)
	}
}

func TestRulesArePaged(t *testing.T) {
	ecs, events := newContainers(), newEvents()
	definition := ecs.register("job", registry+"job:1")
	for i := range 130 {
		events.buses[fmt.Sprintf("bus-%03d", i)] = map[string][]ebtypes.Target{}
	}
	for i := range 205 {
		events.buses["default"][fmt.Sprintf("r%03d", i)] = nil
	}
	events.buses["default"]["r204"] = ecsRule(definition)
	a := surveyor(ecs)
	a.EventBridge = to[EventBridgeUsesAPI](events)
	uses, _, err := surveyed(t, a, SurveyUsesInput{Source: policy.SourceEventBridge})
	if err != nil || len(uses.Images) != 1 {
		t.Errorf("%v: %v", err, uses)
	}
	if c := events.calls; c["ListEventBuses"] != 2 || c["ListRules"] != 133 || c["ListTargetsByRule"] != 205 {
		t.Errorf("calls: %v", c)
	}
}

func TestRulesThatCannotBeToldAreErrors(t *testing.T) {
	events := newEvents()
	events.buses["default"]["nightly"] = ecsRule(ecsARN("task-definition/gone:7"))
	a := surveyor(newContainers())
	a.EventBridge = to[EventBridgeUsesAPI](events)
	in := SurveyUsesInput{Source: policy.SourceEventBridge}
	_, _, err := surveyed(t, a, in)
	wantError(t, "gone", err, refused(ErrNotFound, "task definition "+ecsARN("task-definition/gone:7")+" cannot be described…and rule/default/nightly (eventbridge-rule) holds it…correct or remove"))
	for _, operation := range []string{"ListEventBuses", "ListRules", "ListTargetsByRule"} {
		events.failing(operation, 400, "AccessDeniedException", "User: x is not authorized to perform: events:"+operation+" on resource: *")
		_, _, err := surveyed(t, a, in)
		wantError(t, operation, err, refused(ErrForbidden, "events:"+operation+" is not allowed"))
	}
	for _, operation := range []string{"ListRules", "ListTargetsByRule"} {
		events.failing(operation, 400, "ResourceNotFoundException", "gone")
		if _, _, err := surveyed(t, a, in); err != nil {
			t.Errorf("%s of what was deleted meanwhile: %v", operation, err)
		}
	}
}

const clusterTarget = "arn:aws:ecs:us-east-1:123456789012:cluster/prod"

// The fake's schedules are all disabled, and fire once.
func TestSchedulesHoldTheTasksTheyStart(t *testing.T) {
	ecs, schedules := newContainers(), &fakeSchedules{wire: newWire("Scheduler")}
	pinned := ecs.register("report", registry+"report:1")
	ecs.register("clean", registry+"clean:1")
	ecs.register("clean", registry+"clean:2")
	schedules.add("default", "pinned", clusterTarget, pinned, "")
	schedules.add("team", "latest", clusterTarget, "clean", "")
	schedules.add("team", "universal", "arn:aws:scheduler:::aws-sdk:ecs:runTask", "", `{"Cluster":"prod","TaskDefinition":"clean:1"}`)
	schedules.add("team", "scale", "arn:aws:scheduler:::aws-sdk:ecs:updateService", "", `{"Service":"web","DesiredCount":0}`)
	schedules.add("team", "gone", clusterTarget, "nothing:1", "")
	schedules.gone = "gone"
	for i := range 200 {
		schedules.add("queue", fmt.Sprintf("q%03d", i), "arn:aws:sqs:us-east-1:123456789012:q", "", "")
	}
	a := surveyor(ecs)
	a.Scheduler = to[SchedulerUsesAPI](schedules)
	uses, _, err := surveyed(t, a, SurveyUsesInput{Source: policy.SourceScheduler})
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses,
		"scheduler-schedule report:1 by schedule/default/pinned", "scheduler-schedule task-definition/report:1 by schedule/default/pinned",
		"scheduler-schedule clean:2 by schedule/team/latest", "scheduler-schedule task-definition/clean:2 by schedule/team/latest",
		"scheduler-schedule clean:1 by schedule/team/universal", "scheduler-schedule task-definition/clean:1 by schedule/team/universal",
	)
	if c := schedules.calls; c["ListSchedules"] != 3 || c["GetSchedule"] != 5 {
		t.Errorf("calls: %v", c)
	}
}

func TestSchedulesThatCannotBeToldAreErrors(t *testing.T) {
	in := SurveyUsesInput{Source: policy.SourceScheduler}
	for _, input := range []string{`{}`, ``, `nonsense`, `{"TaskDefinition":"<aws.scheduler.execution-id>"}`, `{"TaskDefinition":7}`} {
		schedules := &fakeSchedules{wire: newWire("Scheduler")}
		schedules.add("team", "universal", "arn:aws:scheduler:::aws-sdk:ecs:runTask", "", input)
		a := surveyor(newContainers())
		a.Scheduler = to[SchedulerUsesAPI](schedules)
		_, _, err := surveyed(t, a, in)
		wantError(t, input, err, refused(ErrInvalid, "schedule schedule/team/universal calls ECS's runTask, and which task definition it means cannot be told"))
	}
	schedules := &fakeSchedules{wire: newWire("Scheduler")}
	schedules.add("team", "a", clusterTarget, "x", "")
	a := surveyor(newContainers())
	a.Scheduler = to[SchedulerUsesAPI](schedules)
	for _, operation := range []string{"ListSchedules", "GetSchedule"} {
		schedules.failing(operation, 403, "AccessDeniedException", "no")
		_, _, err := surveyed(t, a, in)
		wantError(t, operation, err, refused(ErrForbidden, "scheduler:"+operation+" is not allowed"))
	}
}
