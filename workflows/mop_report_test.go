package workflows

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
)

// reportFakes are Slack alone.
type reportFakes struct{ posted map[string]activities.Report }

func (f *reportFakes) PostReport(_ context.Context, in activities.PostReportInput) (activities.PostReportOutput, error) {
	f.posted[in.Report.RunID] = in.Report
	return activities.PostReportOutput{Channel: "C1", TS: in.Report.RunID}, nil
}

func mopLine(n int, outcome string) activities.MopLine {
	return activities.MopLine{Key: fmt.Sprint("run", n, "#1"), Subject: fmt.Sprint("i-", n), Outcome: outcome, Text: "node web deleted", At: begun.Add(time.Duration(n) * time.Second)}
}

// Many lines that come together are one message, and each is told once however often it comes.
func TestMopReportGathers(t *testing.T) {
	env := newEnvironment(t, &recorder{})
	RegisterWorkflows(env)
	f := &reportFakes{posted: map[string]activities.Report{}}
	env.RegisterActivity(f)
	for i := range 30 {
		env.RegisterDelayedCallback(func() {
			env.SignalWorkflow(LinesSignal, []activities.MopLine{mopLine(i, activities.OutcomeDone), mopLine(i, activities.OutcomeDone), mopLine(max(i-1, 0), activities.OutcomeDone)})
		}, time.Duration(i)*2*time.Second)
	}
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(LinesSignal, []activities.MopLine{mopLine(99, activities.OutcomePartial), mopLine(1, activities.OutcomeDone)})
	}, 62*time.Second)
	env.ExecuteWorkflow(MopReportType, MopReportInput{Environment: "prod", Telling: Telling{Channel: "#mop"}})
	if !env.IsWorkflowCompleted() || env.GetWorkflowError() != nil {
		t.Fatal(env.GetWorkflowError())
	}
	if len(f.posted) != 1 {
		t.Fatalf("%d messages: %+v", len(f.posted), f.posted)
	}
	for _, r := range f.posted {
		if r.Headline != "31 dead instances, 1 of them need a look" && r.Headline != "31 dead instances, 1 of them needs a look" || r.Outcome != activities.OutcomePartial {
			t.Errorf("%s: %s", r.Outcome, r.Headline)
		}
		if len(r.Lists) != 2 || !strings.Contains(r.Lists[0].Lines[0], "i-99") || !strings.Contains(r.Lists[1].Lines[linesKept], "18 more") {
			t.Errorf("%+v", r.Lists)
		}
	}
}

// A stream of lines is told every two minutes, not only when it ends.
func TestMopReportDoesNotWaitForEver(t *testing.T) {
	env := newEnvironment(t, &recorder{})
	RegisterWorkflows(env)
	f := &reportFakes{posted: map[string]activities.Report{}}
	env.RegisterActivity(f)
	for i := range 60 {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(LinesSignal, []activities.MopLine{mopLine(i, activities.OutcomeDone)}) }, time.Duration(i)*5*time.Second)
	}
	env.ExecuteWorkflow(MopReportType, MopReportInput{Environment: "prod", Telling: Telling{Channel: "#mop"}})
	if env.GetWorkflowError() != nil || len(f.posted) < 2 || len(f.posted) > 4 {
		t.Errorf("%v, %d messages in five minutes", env.GetWorkflowError(), len(f.posted))
	}
	told := 0
	for _, r := range f.posted {
		var n int
		if _, err := fmt.Sscanf(r.Headline, "%d dead", &n); err != nil {
			t.Error(r.Headline)
		}
		told += n
	}
	if told != 60 {
		t.Errorf("%d lines told of 60", told)
	}
}
