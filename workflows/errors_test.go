package workflows

import (
	"context"
	"errors"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"epoxy/activities"
)

// What a workflow sees of an activity's error, as words for people, and whether it is a definite answer.
func TestErrorsForPeople(t *testing.T) {
	const toClose, wholly = enumspb.TIMEOUT_TYPE_START_TO_CLOSE, enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE
	for name, c := range map[string]struct {
		err     error
		reason  string
		refusal bool
	}{
		"refused":             {activities.Refuse(activities.ErrForbidden, "not allowed"), "not allowed", true},
		"not ready":           {activities.NotReady(1, "not yet"), "not yet", false},
		"no type":             {errors.New("the wire is cut"), "the wire is cut", false},
		"timed out":           {temporal.NewTimeoutError(toClose, nil), "no answer (StartToClose timeout)", false},
		"gave up":             {temporal.NewTimeoutError(wholly, activities.NotReady(1, "not yet")), "not yet (gave up: ScheduleToClose timeout)", false},
		"gave up, no answers": {temporal.NewTimeoutError(wholly, temporal.NewTimeoutError(toClose, nil)), "no answer (StartToClose timeout) (gave up: ScheduleToClose timeout)", false},
	} {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.RegisterActivityWithOptions(func(context.Context) error { return c.err }, activity.RegisterOptions{Name: "fails"})
			_, err := env.ExecuteActivity("fails")
			if got := reasonOf(err); got != c.reason || isRefusal(err) != c.refusal {
				t.Errorf("%q, refusal %v", got, isRefusal(err))
			}
		})
	}
	if got := reasonOf(refuse(activities.ErrInvalid, "refused here")); got != "refused here" {
		t.Errorf("%q", got)
	}
}
