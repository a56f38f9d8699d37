package activities

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"epoxy/internal/policy"
)

// EventBridgeUsesAPI is what finding out whom rules start needs of EventBridge.
type EventBridgeUsesAPI interface {
	ListEventBuses(context.Context, *eventbridge.ListEventBusesInput, ...func(*eventbridge.Options)) (*eventbridge.ListEventBusesOutput, error)
	ListRules(context.Context, *eventbridge.ListRulesInput, ...func(*eventbridge.Options)) (*eventbridge.ListRulesOutput, error)
	ListTargetsByRule(context.Context, *eventbridge.ListTargetsByRuleInput, ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error)
}

// SchedulerUsesAPI is what finding out whom schedules start needs of EventBridge Scheduler.
type SchedulerUsesAPI interface {
	ListSchedules(context.Context, *scheduler.ListSchedulesInput, ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error)
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
}

const (
	eventsPage = 100
	// whatIsGone was deleted since it was listed.
	whatIsGone = "ResourceNotFoundException"
)

// surveyEventBridge looks at the rules of all buses, also disabled ones: somebody may enable them again.
func (a *UseSurveyor) surveyEventBridge(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.EventBridge(ctx, in.Place)
	if err != nil {
		return err
	}
	buses, err := listBuses(ctx, client)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var rules []ebtypes.Rule
	err = each(ctx, buses, func(ctx context.Context, bus string) error {
		of, err := listRules(ctx, client, bus)
		mu.Lock()
		defer mu.Unlock()
		rules = append(rules, of...)
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, rules, func(ctx context.Context, rule ebtypes.Rule) error { return surveyRule(ctx, client, rule, found) })
	if err != nil {
		return err
	}
	return a.resolveHeld(ctx, in.Place, found)
}

// resolveHeld asks ECS only where there is anything to ask for.
func (a *UseSurveyor) resolveHeld(ctx context.Context, place Place, found *findings) error {
	if len(found.definitions) == 0 {
		return nil
	}
	client, err := a.ECS(ctx, place)
	if err != nil {
		return err
	}
	return a.resolveDefinitions(ctx, client, found)
}

func listBuses(ctx context.Context, client EventBridgeUsesAPI) ([]string, error) {
	var names []string
	for in := (&eventbridge.ListEventBusesInput{Limit: aws.Int32(eventsPage)}); ; {
		page, err := client.ListEventBuses(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, bus := range page.EventBuses {
			names = append(names, aws.ToString(bus.Name))
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return names, nil
		}
	}
}

func listRules(ctx context.Context, client EventBridgeUsesAPI, bus string) ([]ebtypes.Rule, error) {
	var rules []ebtypes.Rule
	for in := (&eventbridge.ListRulesInput{EventBusName: &bus, Limit: aws.Int32(eventsPage)}); ; {
		page, err := client.ListRules(ctx, in)
		if codeOf(err) == whatIsGone {
			return rules, nil
		}
		if err != nil {
			return nil, err
		}
		for _, rule := range page.Rules {
			rule.EventBusName = &bus
			rules = append(rules, rule)
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return rules, nil
		}
	}
}

func surveyRule(ctx context.Context, client EventBridgeUsesAPI, rule ebtypes.Rule, found *findings) error {
	for in := (&eventbridge.ListTargetsByRuleInput{Rule: rule.Name, EventBusName: rule.EventBusName, Limit: aws.Int32(eventsPage)}); ; {
		page, err := client.ListTargetsByRule(ctx, in)
		if codeOf(err) == whatIsGone {
			return nil
		}
		if err != nil {
			return err
		}
		for _, target := range page.Targets {
			if target.EcsParameters != nil {
				found.definition(policy.UseRule, aws.ToString(rule.Arn), aws.ToString(target.EcsParameters.TaskDefinitionArn))
			}
		}
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

// surveyScheduler looks at the schedules of all groups, also disabled ones and those that fire once. A list does not say what a
// target starts, so those that concern ECS are asked for one by one.
func (a *UseSurveyor) surveyScheduler(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.Scheduler(ctx, in.Place)
	if err != nil {
		return err
	}
	var concerning []types.ScheduleSummary
	pages := scheduler.NewListSchedulesPaginator(client, &scheduler.ListSchedulesInput{MaxResults: aws.Int32(eventsPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, schedule := range page.Schedules {
			if schedule.Target == nil || ecsTarget.MatchString(aws.ToString(schedule.Target.Arn)) {
				concerning = append(concerning, schedule)
			}
		}
	}
	err = each(ctx, concerning, func(ctx context.Context, schedule types.ScheduleSummary) error {
		return surveySchedule(ctx, client, schedule, found)
	})
	if err != nil {
		return err
	}
	return a.resolveHeld(ctx, in.Place, found)
}

// ecsTarget is a cluster, which is what the templated target RunTask names, or a universal target of ECS.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
var ecsTarget = regexp.MustCompile(`^arn:aws[a-z-]*:(ecs:|scheduler:::aws-sdk:ecs:)`)

func surveySchedule(ctx context.Context, client SchedulerUsesAPI, schedule types.ScheduleSummary, found *findings) error {
	out, err := client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: schedule.Name, GroupName: schedule.GroupName})
	if codeOf(err) == whatIsGone {
		return nil
	}
	if err != nil || out.Target == nil {
		return err
	}
	arn := aws.ToString(schedule.Arn)
	if out.Target.EcsParameters != nil {
		found.definition(policy.UseSchedule, arn, aws.ToString(out.Target.EcsParameters.TaskDefinitionArn))
		return nil
	}
	_, action, universal := strings.Cut(aws.ToString(out.Target.Arn), ":aws-sdk:ecs:")
	if !universal {
		return nil
	}
	definition, err := definitionIn(action, json.RawMessage(aws.ToString(out.Target.Input)))
	if err != nil {
		return Refuse(ErrInvalid, "schedule %s calls ECS's %s, and which task definition it means cannot be told: %v; write the definition into its input, or delete it", arn, action, err)
	}
	found.definition(policy.UseSchedule, arn, definition)
	return nil
}
