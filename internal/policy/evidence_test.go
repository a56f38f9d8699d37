package policy

import "testing"

// What is held because it exists, and what people list, is there too when a survey looks in the wrong account.
func TestEvidence(t *testing.T) {
	for kind, want := range map[string][2]bool{ // of images, of task definitions
		UseTask: {true, true}, UseStoppedTask: {true, true}, UseService: {true, true}, UseDeployment: {true, true}, UseTaskSet: {true, true},
		UseServiceRevision: {true, true}, UseRule: {true, true}, UseSchedule: {true, true}, UseStepFunctions: {true, true},
		UseLambda: {true, false}, UseLambdaVersion: {true, false}, UseLambdaAlias: {true, false}, UseAppRunner: {true, false}, UseBatch: {true, false},
		UseRollback: {false, false}, UseListed: {false, false}, UseListedObject: {false, false},
	} {
		images, definitions := ImagesSeen([]Use{{Kind: kind}}), DefinitionsSeen([]TaskDefinitionUse{{Kind: kind}})
		counted := DefinitionsCounted([]UseCount{{Kind: kind, Count: 2}, {Kind: UseRollback, Count: 9}})
		if got := [2]bool{images == 1, definitions == 1}; got != want || counted != 2*definitions {
			t.Errorf("%s: %d images, %d task definitions, counted %d", kind, images, definitions, counted)
		}
	}
}
