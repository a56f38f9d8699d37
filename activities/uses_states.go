package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"epoxy/internal/policy"
)

// StepFunctionsUsesAPI is what finding out which tasks state machines run needs of Step Functions.
type StepFunctionsUsesAPI interface {
	ListStateMachines(context.Context, *sfn.ListStateMachinesInput, ...func(*sfn.Options)) (*sfn.ListStateMachinesOutput, error)
	DescribeStateMachine(context.Context, *sfn.DescribeStateMachineInput, ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error)
}

const stateMachinesPage = 1000

func (a *UseSurveyor) surveyStepFunctions(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.StepFunctions(ctx, in.Place)
	if err != nil {
		return err
	}
	var arns []string
	pages := sfn.NewListStateMachinesPaginator(client, &sfn.ListStateMachinesInput{MaxResults: stateMachinesPage})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, m := range page.StateMachines {
			arns = append(arns, aws.ToString(m.StateMachineArn))
		}
	}
	err = each(ctx, arns, func(ctx context.Context, arn string) error { return surveyStateMachine(ctx, client, arn, found) })
	if err != nil {
		return err
	}
	return a.resolveHeld(ctx, in.Place, found)
}

func surveyStateMachine(ctx context.Context, client StepFunctionsUsesAPI, arn string, found *findings) error {
	out, err := client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	if codeOf(err) == "StateMachineDoesNotExist" {
		return nil // since it was listed
	}
	if err != nil {
		return err
	}
	var machine states
	if err := json.Unmarshal([]byte(aws.ToString(out.Definition)), &machine); err != nil {
		return Refuse(ErrInvalid, "the definition of state machine %s cannot be read (%v): correct it, or take step-functions out of sources", arn, err)
	}
	return machine.walk(func(name string, s state) error {
		action := ecsAction.FindStringSubmatch(s.Resource)
		if action == nil {
			return nil
		}
		arguments := s.Arguments
		if len(arguments) == 0 {
			arguments = s.Parameters
		}
		definition, err := definitionIn(action[1], arguments)
		if err != nil {
			return Refuse(ErrInvalid, "state %q of state machine %s calls ECS's %s, and which task definition it means cannot be told: %v; write the definition into the state machine, or take step-functions out of sources and list its images in in_use",
				name, arn, action[1], err)
		}
		found.definition(policy.UseStepFunctions, arn, definition)
		return nil
	})
}

// ecsAction is an optimized integration or an SDK integration with ECS; .sync and .waitForTaskToken may follow.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
var ecsAction = regexp.MustCompile(`^arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(?:aws-sdk:)?ecs:([A-Za-z]+)`)

// states are a state machine, or a part of one. https://states-language.net/spec.html
type states struct {
	States map[string]state
}

type state struct {
	Resource      string
	Parameters    json.RawMessage // with JSONPath
	Arguments     json.RawMessage // with JSONata
	Branches      []states        // of Parallel
	Iterator      *states         // of Map, as it was
	ItemProcessor *states         // of Map
}

func (m *states) walk(see func(name string, s state) error) error {
	if m == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.States)) {
		s := m.States[name]
		if err := see(name, s); err != nil {
			return err
		}
		for _, part := range append([]*states{s.Iterator, s.ItemProcessor}, pointers(s.Branches)...) {
			if err := part.walk(see); err != nil {
				return err
			}
		}
	}
	return nil
}

func pointers(branches []states) []*states {
	out := make([]*states, 0, len(branches))
	for i := range branches {
		out = append(out, &branches[i])
	}
	return out
}

// needDefinition are the actions of ECS that cannot do without a task definition.
var needDefinition = []string{"runtask", "starttask"}

// definitionIn finds the task definition in the arguments of a call of ECS. One that is only computed when the call is made is
// an error: nobody can tell which it will be.
func definitionIn(action string, arguments json.RawMessage) (string, error) {
	var fields map[string]json.RawMessage
	if len(arguments) > 0 {
		if err := json.Unmarshal(arguments, &fields); err != nil {
			return "", errors.New("its arguments are computed when it runs")
		}
	}
	for name, value := range fields {
		switch {
		case strings.EqualFold(name, "TaskDefinition.$"):
			return "", fmt.Errorf("it is computed when it runs (%s)", value)
		case !strings.EqualFold(name, "TaskDefinition"):
			continue
		}
		var definition string
		if err := json.Unmarshal(value, &definition); err != nil || definition == "" || strings.ContainsAny(definition, "{<$") {
			return "", fmt.Errorf("it is computed when it runs (%s)", value)
		}
		return definition, nil
	}
	if slices.Contains(needDefinition, strings.ToLower(action)) {
		return "", errors.New("it names none")
	}
	return "", nil
}
