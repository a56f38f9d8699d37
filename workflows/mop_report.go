package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"epoxy/activities"
)

// MopReportInput says where an environment's mops tell what they did.
type MopReportInput struct {
	Environment string  `json:"environment"`
	Telling     Telling `json:"telling"`

	Lines []activities.MopLine `json:"lines,omitempty"` // handed on by the run before
}

const (
	reportQuiet = 15 * time.Second // no more lines for so long, and the message goes out
	reportMost  = 2 * time.Minute  // how long the first line waits at most
	reportBatch = 1000             // lines in one message; it names some and counts the rest
	reportRuns  = 20               // messages of one run, then it begins anew
)

func mopReporter(s MopSettings) activities.Asker {
	return activities.Asker{
		WorkflowType: MopReportType, WorkflowID: MopReportWorkflowID(s.Environment), Summary: "What the mops of " + s.Environment + " did",
		Input: MopReportInput{Environment: s.Environment, Telling: s.Telling},
	}
}

// MopReport makes one Slack message of what many mops have to tell at the same time. It ends when nobody has anything to say;
// the next line starts it again.
func MopReport(ctx workflow.Context, in MopReportInput) error {
	r, err := newReporter(ctx, "Mops of "+in.Environment, Telling{UI: in.Telling.UI}, nil)
	if err != nil {
		return err
	}
	d := &digest{in: in, reporter: r, signals: workflow.GetSignalChannel(ctx, LinesSignal), told: map[string]bool{}}
	d.take(in.Lines)
	for n := 1; d.wait(ctx); n++ {
		d.post(ctx, n)
		if n < reportRuns {
			continue
		}
		if d.receive(); len(d.lines) > 0 { // a history must not grow for ever
			in.Lines = d.lines
			return workflow.NewContinueAsNewError(ctx, MopReportType, in)
		}
	}
	outcome := activities.OutcomeDone
	r.close(ctx, outcome, fmt.Sprintf("%d lines told", len(d.told)), "")
	return nil
}

type digest struct {
	*reporter

	in      MopReportInput
	signals workflow.ReceiveChannel
	lines   []activities.MopLine
	told    map[string]bool
}

// wait gathers lines until it is quiet; false when there are none.
func (d *digest) wait(ctx workflow.Context) bool {
	d.receive()
	if len(d.lines) == 0 {
		return false
	}
	until := workflow.Now(ctx).Add(reportMost)
	for len(d.lines) < reportBatch {
		patience := min(reportQuiet, until.Sub(workflow.Now(ctx)))
		more, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: patience, TimerOptions: workflow.TimerOptions{Summary: "More lines?"}},
			func() bool { return d.signals.Len() > 0 })
		if err != nil || !more || patience <= 0 {
			break
		}
		d.receive()
	}
	return true
}

// receive takes what has arrived, each line once: a hand-over may come twice.
func (d *digest) receive() {
	for {
		var lines []activities.MopLine
		if !d.signals.ReceiveAsync(&lines) {
			return
		}
		d.take(lines)
	}
}

func (d *digest) take(lines []activities.MopLine) {
	for _, l := range lines {
		if !d.told[l.Key] {
			d.told[l.Key] = true
			d.lines = append(d.lines, l)
		}
	}
}

// post makes one message.
func (d *digest) post(ctx workflow.Context, n int) {
	lines := d.lines
	d.lines = nil
	slices.SortStableFunc(lines, func(a, b activities.MopLine) int { return a.At.Compare(b.At) })
	m := d.another(ctx, d.in.Telling.Channel, fmt.Sprintf("%s/%d", d.RunID, n), time.Minute)
	outcome := activities.OutcomeDone
	var bad, good []string
	for _, l := range lines {
		text := l.Subject + ": " + l.Text
		if l.Outcome == activities.OutcomeDone {
			good = append(good, text)
			continue
		}
		outcome = activities.OutcomePartial
		bad = append(bad, text)
	}
	m.Begun = lines[0].At
	m.Lists = append(list("Needs a look", bad, len(bad)), list("Mopped up after", good, len(good))...)
	headline := plural(len(lines), "dead instance")
	if len(bad) > 0 {
		headline += fmt.Sprintf(", %d of them need a look", len(bad))
	}
	if len(lines) == 1 {
		headline = lines[0].Subject + ": " + lines[0].Text
		m.Lists, m.URL = nil, orElse(lines[0].URL, m.URL)
	}
	m.settle(ctx, outcome, headline, "")
}
