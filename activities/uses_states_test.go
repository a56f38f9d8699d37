package activities

import (
	"strings"
	"testing"

	"epoxy/internal/policy"
)

func withMachines(ecs *fakeContainers, definitions map[string]string) (*UseSurveyor, *fakeMachines) {
	f := &fakeMachines{wire: newWire("SFN"), definitions: definitions}
	a := surveyor(ecs)
	a.StepFunctions = to[StepFunctionsUsesAPI](f)
	return a, f
}

var surveyStates = SurveyUsesInput{Source: policy.SourceStepFunctions}

// runs is a state that runs a task.
func runs(definition string) string {
	return `{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"Cluster":"prod","TaskDefinition":"` + definition + `"}}`
}

func TestStateMachinesHoldTheTasksTheyRun(t *testing.T) {
	ecs := newContainers()
	for _, family := range []string{"plain", "branch", "map", "processor", "sdk", "jsonata", "wait"} {
		ecs.register(family, registry+family+":1")
	}
	ecs.register("plain", registry+"plain:2")
	a, f := withMachines(ecs, map[string]string{
		"machine/1": `{"StartAt":"A","States":{"A":` + runs("plain") + `,"B":` + runs(ecsARN("task-definition/plain:1")) + `,
			"C":{"Type":"Parallel","Branches":[{"States":{}},{"States":{"X":{"Type":"Map","Iterator":{"States":{"Y":` + runs("map:1") + `}}},"Z":` + runs("branch") + `}}]},
			"D":{"Type":"Map","ItemProcessor":{"States":{"Y":` + runs("processor") + `}}}}}`,
		"machine/2": `{"QueryLanguage":"JSONata","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.waitForTaskToken","Arguments":{"TaskDefinition":"jsonata"}}}}`,
		"machine/3": `{"States":{"A":{"Type":"Task","Resource":"arn:aws-cn:states:::aws-sdk:ecs:startTask","Parameters":{"TaskDefinition":"sdk"}},
			"B":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:ecs:updateService","Parameters":{"Service.$":"$.service","DesiredCount":0}},
			"C":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:x"},"D":{"Type":"Wait","Seconds":1}}}`,
		"machine/4": `{"States":{}}`,
		"machine/5": `{`,
	})
	f.gone = "machine/5"
	uses, _, err := surveyed(t, a, surveyStates)
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses,
		"step-functions-state-machine plain:2 by machine/1", "step-functions-state-machine task-definition/plain:2 by machine/1",
		"step-functions-state-machine plain:1 by machine/1", "step-functions-state-machine task-definition/plain:1 by machine/1",
		"step-functions-state-machine branch:1 by machine/1", "step-functions-state-machine task-definition/branch:1 by machine/1",
		"step-functions-state-machine map:1 by machine/1", "step-functions-state-machine task-definition/map:1 by machine/1",
		"step-functions-state-machine processor:1 by machine/1", "step-functions-state-machine task-definition/processor:1 by machine/1",
		"step-functions-state-machine jsonata:1 by machine/2", "step-functions-state-machine task-definition/jsonata:1 by machine/2",
		"step-functions-state-machine sdk:1 by machine/3", "step-functions-state-machine task-definition/sdk:1 by machine/3",
	)
}

// Which task definition a state runs must be known: nobody can tell what one that is computed will be.
func TestStateMachinesThatCannotBeToldAreErrors(t *testing.T) {
	for about, task := range map[string]string{
		"a path":             `"Parameters":{"TaskDefinition.$":"$.definition"}`,
		"an expression":      `"Arguments":{"TaskDefinition":"{% $states.input.definition %}"}`,
		"a whole expression": `"Arguments":"{% $states.input %}"`,
		"the input":          `"Comment":"no parameters"`,
		"an object":          `"Parameters":{"TaskDefinition":{}}`,
		"nothing":            `"Parameters":{"Cluster":"prod"}`,
	} {
		machine := `{"States":{"M":{"Type":"Map","ItemProcessor":{"States":{"Run it":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask",` + task + `}}}}}}`
		a, _ := withMachines(newContainers(), map[string]string{"machine/1": machine})
		_, _, err := surveyed(t, a, surveyStates)
		wantError(t, about, err, refused(ErrInvalid, `state "Run it" of state machine machine/1 calls ECS's runTask, and which task definition it means cannot be told`))
	}
	a, f := withMachines(newContainers(), map[string]string{"machine/1": ""})
	_, _, err := surveyed(t, a, surveyStates)
	wantError(t, "no definition", err, refused(ErrInvalid, "the definition of state machine machine/1 cannot be read"))
	for _, operation := range []string{"ListStateMachines", "DescribeStateMachine"} {
		f.failing(operation, 400, "AccessDeniedException", "User: x is not authorized to perform: states:"+operation+" on resource: *")
		_, _, err := surveyed(t, a, surveyStates)
		wantError(t, operation, err, refused(ErrForbidden, "states:"+operation+" is not allowed"))
	}
	a, _ = withMachines(newContainers(), map[string]string{"machine/1": strings.ReplaceAll(`{"States":{"A":X}}`, "X", runs("gone"))})
	_, _, err = surveyed(t, a, surveyStates)
	wantError(t, "gone", err, refused(ErrNotFound, "task definition gone cannot be described…machine/1 (step-functions-state-machine) holds it"))
}
