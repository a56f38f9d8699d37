package workflows

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// breakerFakes are Slack and a breaker that has tripped.
type breakerFakes struct {
	reportFakes

	state   policy.Breaker
	settled []activities.SettleBreakerInput
}

func (f *breakerFakes) PostReply(context.Context, activities.PostReplyInput) error { return nil }

func (f *breakerFakes) ReadBreaker(context.Context, activities.ReadBreakerInput) (policy.Breaker, error) {
	return f.state, nil
}

func (f *breakerFakes) SettleBreaker(_ context.Context, in activities.SettleBreakerInput) error {
	f.settled = append(f.settled, in)
	f.state = f.state.Settle(in.Trip, in.GoOn, in.By, in.Window, begun)
	if len(f.settled) == 1 {
		return fmt.Errorf("the answer got lost")
	}
	return nil
}

func newBreakerRun(t *testing.T) (*testsuite.TestWorkflowEnvironment, *breakerFakes, MopBreakerInput) {
	t.Helper()
	env := newEnvironment(t, &recorder{})
	RegisterWorkflows(env)
	f := &breakerFakes{
		reportFakes: reportFakes{posted: map[string]activities.Report{}},
		state:       policy.Breaker{State: policy.BreakerAsking, Trip: 3, Why: "21 nodes would be gone within 1h, and the limit is 20", Waiting: []string{"a/b/i-2", "a/b/i-1"}},
	}
	env.RegisterActivity(f)
	env.SetStartWorkflowOptions(startAs(MopBreakerWorkflowID("prod")))
	return env, f, MopBreakerInput{
		Environment: "prod", Limit: activities.BreakerLimit{Nodes: 20, Window: time.Hour}, Telling: Telling{Channel: "#mop"},
		Approval: ApprovalInput{Mode: policy.ApproveAsk, Approvers: policy.Approvers{CLI: []string{"ada@*"}}, Expires: 24 * time.Hour},
	}
}

func TestMopBreakerAsks(t *testing.T) {
	for kind, want := range map[string]string{policy.DecideApprove: policy.BreakerOpened, policy.DecideDeny: policy.BreakerStopped} {
		env, f, in := newBreakerRun(t)
		env.RegisterDelayedCallback(func() { // after the first question was given up
			value, err := env.QueryWorkflow(AskingQuery)
			var asking policy.Asking
			if err != nil || value.Get(&asking) != nil {
				t.Fatal(err)
			}
			env.UpdateWorkflow(DecideUpdate, "1", &decided{t}, policy.Decision{Kind: kind, Plan: asking.Plan, By: policy.Person{Door: policy.DoorCLI, ID: "ada@laptop"}})
		}, 30*time.Hour)
		env.ExecuteWorkflow(MopBreakerType, in)
		var out policy.Breaker
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(kind, err)
		}
		if err := env.GetWorkflowResult(&out); err != nil || out.State != want || len(f.settled) != 2 || f.settled[0].Trip != 3 || !strings.Contains(out.By, "ada") {
			t.Errorf("%s: %+v, %v, settled %+v", kind, out, err, f.settled)
		}
		questions := 0
		for key, r := range f.posted {
			if strings.Contains(key, "/ask-") {
				questions++
				if !strings.Contains(r.Lists[0].Lines[0], "i-1") {
					t.Errorf("the question names %+v", r.Lists)
				}
			}
		}
		if questions != 2 {
			t.Errorf("%s: %d questions, want a second one after the first expired", kind, questions)
		}
	}
}

// The run was started a moment too late: somebody decided already.
func TestMopBreakerThatIsClosed(t *testing.T) {
	env, f, in := newBreakerRun(t)
	f.state = policy.Breaker{Trip: 3}
	env.ExecuteWorkflow(MopBreakerType, in)
	if err := env.GetWorkflowError(); err != nil || len(f.settled) > 0 {
		t.Errorf("%v, settled %+v", err, f.settled)
	}
}

// decided is told what became of an update.
type decided struct{ t *testing.T }

func (d *decided) Accept()                   {}
func (d *decided) Reject(err error)          { d.t.Errorf("refused: %v", err) }
func (d *decided) Complete(_ any, err error) { d.check(err) }
func (d *decided) check(err error) {
	if err != nil {
		d.t.Errorf("decide: %v", err)
	}
}
