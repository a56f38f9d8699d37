package activities

import (
	"fmt"
	"strings"
	"time"
)

// Report is what a run tells people: in Slack, in the Temporal UI, in `epoxy watch`. One value, three renderings.
type Report struct {
	Title      string    `json:"title"`           // "Bake vg/shop/web/prod/a"
	Outcome    string    `json:"outcome"`         // one of the Outcome constants
	Headline   string    `json:"headline"`        // one sentence: what goes on, or how it ended
	Reason     string    `json:"reason"`          // why it did not end well
	Steps      []Step    `json:"steps"`           //
	Facts      []Fact    `json:"facts"`           // what was touched
	Lists      []List    `json:"lists,omitempty"` // such as why what stays was kept
	Ask        *Ask      `json:"ask,omitempty"`   // an open question to people
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Request    string    `json:"request,omitempty"` // whose asking this run answers
	URL        string    `json:"url,omitempty"`     // of the run in the Temporal UI
	Begun      time.Time `json:"begun"`
	Ended      time.Time `json:"ended,omitzero"`
}

// Outcomes of a run; also the values of the Outcome search attribute. They are permanent.
const (
	OutcomeRunning    = "running"
	OutcomeDone       = "done"
	OutcomeFailed     = "failed"
	OutcomeCancelled  = "cancelled"
	OutcomeRolledBack = "rolled-back"
	OutcomeAsking     = "asking"  // of a question, while it is open
	OutcomePartial    = "partial" // done, but not everywhere: something was blocked or refused
	OutcomeDenied     = "denied"
	OutcomeVetoed     = "vetoed"
	OutcomeExpired    = "expired" // nobody answered
)

// Step is one line of the runbook.
type Step struct {
	Name  string    `json:"name"`
	State string    `json:"state"` // one of the Step constants
	Note  string    `json:"note,omitempty"`
	Begun time.Time `json:"begun,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
}

// States of a step.
const (
	StepAhead   = "ahead"
	StepRunning = "running"
	StepDone    = "done"
	StepFailed  = "failed"
)

// Fact is a name and a value, such as Image and ami-….
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// List is a few lines under a heading.
type List struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"`
}

// Ask is a question that people answer with buttons in Slack, or with `epoxy approve|deny|veto`.
type Ask struct {
	Mode     string    `json:"mode"` // policy.Approve…
	NeedsOne bool      `json:"needs_one,omitempty"`
	Plan     string    `json:"plan"`              // hash
	RunID    string    `json:"run_id"`            // of the run that asks
	Until    time.Time `json:"until"`             // the question's end
	Text     string    `json:"text"`              // what happens then, in a sentence
	NoPlan   bool      `json:"no_plan,omitempty"` // there is nothing but the hash: no details to show, nothing to keep
}

// Took is how long a step took, or has taken until now; 0 before it began.
func (s Step) Took(now time.Time) time.Duration {
	switch {
	case s.Begun.IsZero():
		return 0
	case s.Ended.IsZero():
		return now.Sub(s.Begun)
	}
	return s.Ended.Sub(s.Begun)
}

// Markdown renders the report for the Temporal UI's current details.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", r.Headline)
	if r.Reason != "" {
		fmt.Fprintf(&b, "> %s\n\n", oneLine(r.Reason))
	}
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "- %s %s", stepMarks[s.State], s.Name)
		if s.Note != "" {
			fmt.Fprintf(&b, " — %s", oneLine(s.Note))
		}
		switch s.State {
		case StepRunning:
			fmt.Fprintf(&b, " (since %s)", s.Begun.UTC().Format("15:04:05 MST"))
		case StepDone, StepFailed:
			fmt.Fprintf(&b, " (%s)", short(s.Took(s.Ended)))
		}
		b.WriteString("\n")
	}
	for _, l := range r.Lists {
		fmt.Fprintf(&b, "\n**%s**\n\n", l.Title)
		for _, line := range l.Lines {
			fmt.Fprintf(&b, "- %s\n", oneLine(line))
		}
	}
	if len(r.Facts) > 0 {
		b.WriteString("\n| | |\n|---|---|\n")
	}
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "| %s | `%s` |\n", f.Name, f.Value)
	}
	return b.String()
}

var stepMarks = map[string]string{StepAhead: "⬜", StepRunning: "⏳", StepDone: "✅", StepFailed: "❌"}

// short renders a duration as people write it: 41 s, 12 min 05 s, 1 h 07 min.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
