package activities

import (
	"context"
	"errors"
	"testing"

	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/artifact"
)

// Whatever a workflow gives a heartbeat timeout heartbeats from its first moment, also while a client is opened.
func TestLongActivitiesHeartbeat(t *testing.T) {
	no := errors.New("nobody there")
	s3 := nowhere[artifact.API](no)
	looks := &Repositories{ECR: nowhere[RepositoriesAPI](no), S3: s3}
	plans, commits := &Planner{S3: s3}, &Commits{GitHub: &fakeCommits{}, S3: s3}
	for name, try := range map[string]func(func(*testsuite.TestActivityEnvironment)) error{
		"FindRepositories":    trying(t, looks.FindRepositories),
		"TakeInventory":       trying(t, looks.TakeInventory),
		"SortUses":            trying(t, plans.SortUses),
		"PlanRepository":      trying(t, plans.PlanRepository),
		"PlanTaskDefinitions": trying(t, plans.PlanTaskDefinitions),
		"WritePlan":           trying(t, plans.WritePlan),
		"FindCommits":         trying(t, commits.FindCommits),
	} {
		var beaten beats[string]
		if err := try(beaten.keep); err == nil || len(beaten.all) == 0 {
			t.Errorf("%s: %d heartbeats, %v", name, len(beaten.all), err)
		}
	}
}

func trying[In, Out any](t *testing.T, do func(context.Context, In) (Out, error)) func(func(*testsuite.TestActivityEnvironment)) error {
	return func(option func(*testsuite.TestActivityEnvironment)) error {
		t.Helper()
		var in In
		_, err := attempt(t, do, in, option)
		return err
	}
}
