package workflows

import (
	"net/url"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// Telling names where a run tells people what it does.
type Telling struct {
	Channel string `json:"channel,omitempty"` // Slack channel, best as an id; "" tells nobody
	UI      string `json:"ui,omitempty"`      // base URL of the Temporal UI, for links
}

// reporter keeps a run's report: in the Temporal UI (current details), for the command (query), in Slack (one message,
// updated in place by a coroutine of its own so that Slack never delays the work) and in the Outcome search attribute.
type reporter struct {
	activities.Report

	home    string // channel as configured
	channel string
	ts      string                 // of the Slack message
	attach  *activities.Attachment // a plan, for the message's thread
	asked   bool                   // a post was sent: it may have arrived even if no answer did
	changed bool                   // something to tell
	busy    bool                   // a post is under way
	closed  bool
	cancel  workflow.CancelFunc
	patient time.Duration // how long a post is tried while the work goes on; 0: liveBound
}

const (
	liveBound  = 30 * time.Second // of an update while the work goes on
	finalBound = 10 * time.Second // of the last update; then it is handed to a run of its own
	settleTime = 5 * time.Second  // for an update under way when the work ends

	attachBound = 30 * time.Second // of a post that brings a plan along
)

func newReporter(ctx workflow.Context, title string, to Telling, steps []string) (*reporter, error) {
	info := workflow.GetInfo(ctx)
	r := &reporter{home: to.Channel, channel: to.Channel, Report: activities.Report{
		Title: title, Outcome: activities.OutcomeRunning, Begun: info.WorkflowStartTime,
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
	}}
	if to.UI != "" {
		r.URL = RunURL(to.UI, info.Namespace, r.WorkflowID, r.RunID)
	}
	for _, name := range steps {
		r.Steps = append(r.Steps, activities.Step{Name: name, State: activities.StepAhead})
	}
	r.start(ctx)
	return r, workflow.SetQueryHandler(ctx, ReportQuery, func() (activities.Report, error) { return r.Report, nil })
}

// start lets a coroutine of its own keep Slack up to date.
func (r *reporter) start(ctx workflow.Context) {
	if r.channel == "" {
		return
	}
	lasting := detached(ctx)
	lasting, r.cancel = workflow.WithCancel(lasting)
	workflow.Go(lasting, r.keepTelling)
}

// RunURL is a run's page in the Temporal UI.
func RunURL(ui, namespace, workflowID, runID string) string {
	return ui + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(workflowID) + "/" + runID + "/history"
}

// begin marks a step as running; the headline is what a person reads first.
func (r *reporter) begin(ctx workflow.Context, step, headline string) {
	if s := r.step(step); s != nil {
		s.State, s.Begun, s.Ended, s.Note = activities.StepRunning, workflow.Now(ctx), time.Time{}, "" // a step may be done again
	}
	r.Headline = headline
	r.show(ctx)
}

func (r *reporter) step(name string) *activities.Step {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	return nil
}

// end marks the running step as done.
func (r *reporter) end(ctx workflow.Context, note string) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == activities.StepRunning {
			s.State, s.Ended, s.Note = activities.StepDone, workflow.Now(ctx), note
		}
	}
	r.show(ctx)
}

// fail marks the running step as failed.
func (r *reporter) fail(ctx workflow.Context) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == activities.StepRunning {
			s.State, s.Ended = activities.StepFailed, workflow.Now(ctx)
		}
	}
}

// fact adds something that was touched, or replaces what was said of it.
func (r *reporter) fact(name, value string) {
	for i := range r.Facts {
		if r.Facts[i].Name == name {
			r.Facts[i].Value = value
			return
		}
	}
	r.Facts = append(r.Facts, activities.Fact{Name: name, Value: value})
}

func (r *reporter) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, r.Markdown()) }

// tell brings Slack up to date, in the background.
func (r *reporter) tell() { r.changed = true }

func (r *reporter) keepTelling(ctx workflow.Context) {
	for {
		if workflow.Await(ctx, func() bool { return r.changed || r.closed }) != nil || r.closed {
			return
		}
		r.changed, r.busy = false, true
		if err := r.post(ctx, max(r.patient, liveBound)); err != nil {
			workflow.GetLogger(ctx).Warn("Slack was not told; the work goes on", "error", err)
		}
		r.busy = false
	}
}

func (r *reporter) post(ctx workflow.Context, bound time.Duration) error {
	attach := r.attach
	in := activities.PostReportInput{Channel: r.channel, TS: r.ts, Again: r.asked, Report: r.Report, Attach: attach}
	in.Report.Steps = append([]activities.Step(nil), r.Steps...)
	r.asked = true
	var slack *activities.Slack
	var out activities.PostReportOutput
	ctx = telling(ctx, bound)
	if r.attach != nil {
		ctx = workflow.WithStartToCloseTimeout(ctx, attachBound)
	}
	err := workflow.ExecuteActivity(ctx, slack.PostReport, in).Get(ctx, &out)
	if err == nil {
		r.channel, r.ts = out.Channel, out.TS
		if out.Attached && r.attach == attach { // not a fresh plan's
			r.attach = nil
		}
	}
	return err
}

// close tells how the run ended, everywhere. What Slack does not take now, a run of its own keeps trying to tell.
func (r *reporter) close(ctx workflow.Context, outcome, headline, reason string) {
	ctx = detached(ctx)
	r.Outcome, r.Headline, r.Reason, r.Ended = outcome, headline, reason, workflow.Now(ctx)
	r.show(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, OutcomeKey.ValueSet(outcome)); err != nil {
		workflow.GetLogger(ctx).Error("Outcome was not set; run `epoxy setup`", "error", err)
	}
	r.lastWord(ctx)
}

// another is a message beside the run's report, such as a question; the key tells it from the run's.
func (r *reporter) another(ctx workflow.Context, channel, key string, patient time.Duration) *reporter {
	m := &reporter{home: channel, channel: channel, patient: patient, Report: activities.Report{
		Title: r.Title, Begun: workflow.Now(ctx), WorkflowID: r.WorkflowID, RunID: key, URL: r.URL,
	}}
	if channel == r.home && r.ts != "" {
		m.channel = r.channel // as an id, which finds a message again after a lost answer
	}
	m.start(ctx)
	return m
}

// settle ends a message beside the report.
func (r *reporter) settle(ctx workflow.Context, outcome, headline, reason string) {
	ctx = detached(ctx)
	r.Outcome, r.Headline, r.Reason, r.Ended, r.Ask = outcome, headline, reason, workflow.Now(ctx), nil
	r.lastWord(ctx)
}

// lastWord brings Slack up to date for the last time.
func (r *reporter) lastWord(ctx workflow.Context) {
	if r.channel == "" {
		return
	}
	r.closed = true
	if r.busy {
		if ok, _ := workflow.AwaitWithTimeout(ctx, settleTime, func() bool { return !r.busy }); !ok {
			r.cancel()
		}
	}
	bound := finalBound
	if r.attach != nil {
		bound = attachBound
	}
	if err := r.post(ctx, bound); err == nil {
		return
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        "slack-report/" + r.RunID,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:     "Tell Slack: " + r.Title + ": " + r.Outcome,
	})
	in := activities.PostReportInput{Channel: r.channel, TS: r.ts, Again: true, Report: r.Report, Attach: r.attach}
	if err := workflow.ExecuteChildWorkflow(child, SlackReportType, in).GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("Slack will not be told", "error", err)
	}
}

// SlackReport keeps trying for a day to tell Slack how a run ended.
func SlackReport(ctx workflow.Context, in activities.PostReportInput) error {
	var slack *activities.Slack
	ctx = telling(ctx, 24*time.Hour)
	if in.Attach != nil {
		ctx = workflow.WithStartToCloseTimeout(ctx, attachBound)
	}
	return workflow.ExecuteActivity(ctx, slack.PostReport, in).Get(ctx, nil)
}
