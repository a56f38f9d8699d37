package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// bake runs it to its end.
func (w *world) bake() (BakeResult, error) {
	w.Helper()
	w.env.ExecuteWorkflow(Bake, w.in)
	if !w.env.IsWorkflowCompleted() {
		w.Fatal("the bake did not end")
	}
	var out BakeResult
	err := w.env.GetWorkflowResult(&out)
	return out, err
}

// ends runs the bake and checks that everything tells the same end: the run's status, the search attribute, the query, the
// Temporal UI and the one Slack message; and how the world is left.
func (w *world) ends(outcome, headline, state string) activities.Report {
	w.Helper()
	_, err := w.bake()
	switch {
	case outcome == activities.OutcomeDone && err != nil:
		w.Fatal(err)
	case outcome == activities.OutcomeCancelled && !temporal.IsCanceledError(err):
		w.Errorf("the run is not Canceled: %v", err)
	case outcome != activities.OutcomeDone && err == nil || outcome != activities.OutcomeCancelled && temporal.IsCanceledError(err):
		w.Errorf("outcome %s, and the run's error is %v", outcome, err)
	}
	r := w.report()
	if r.Outcome != outcome || r.Headline != headline {
		w.Errorf("ended as %s: %q\nwant     %s: %q\n%s", r.Outcome, r.Headline, outcome, headline, r.Reason)
	}
	if got := w.state(); got != state {
		w.Errorf("left %q\nwant %q", got, state)
	}
	if w.rec.outcome != outcome {
		w.Errorf("search attribute Outcome is %q, not %q", w.rec.outcome, outcome)
	}
	if !strings.Contains(w.details(), headline) {
		w.Errorf("the Temporal UI shows %q", w.details())
	}
	for _, s := range r.Steps {
		if s.State == activities.StepRunning {
			w.Errorf("step %q runs for ever", s.Name)
		}
	}
	if len(w.messages) != 1 {
		w.Fatalf("%d Slack messages", len(w.messages))
	}
	if diff := cmp.Diff(r, w.messages[0].report); diff != "" {
		w.Errorf("Slack was told something else: %s", diff)
	}
	return r
}

func (w *world) report() activities.Report {
	w.Helper()
	value, err := w.env.QueryWorkflow(ReportQuery)
	if err != nil {
		w.Fatal(err)
	}
	var r activities.Report
	if err := value.Get(&r); err != nil {
		w.Fatal(err)
	}
	return r
}

// details are what the Temporal UI shows of the run.
func (w *world) details() string {
	w.Helper()
	value, err := w.env.QueryWorkflow("__temporal_workflow_metadata")
	if err != nil {
		w.Fatal(err)
	}
	var m sdkpb.WorkflowMetadata
	if err := value.Get(&m); err != nil {
		w.Fatal(err)
	}
	return m.GetCurrentDetails()
}

// launches is the image that the group would launch from now.
func (w *world) launches() string {
	number := w.pin
	switch number {
	case "$Latest":
		number = fmt.Sprint(w.versions[len(w.versions)-1].Version)
	case "$Default":
		number = fmt.Sprint(w.deflt)
	}
	for _, v := range w.versions {
		if fmt.Sprint(v.Version) == number {
			if _, alias := policy.SSMAlias(v.image); alias {
				return w.parameter
			}
			return v.image
		}
	}
	return "nothing: there is no version " + number
}

// state is what differs from the world before the bake: "" when nothing was left.
func (w *world) state() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var s []string
	for _, i := range w.images {
		line := "image " + i.id
		if len(i.shared) > 0 {
			line += " shared with " + strings.Join(i.shared, ",")
		}
		s = append(s, line)
	}
	slices.Sort(s)
	for _, v := range w.versions {
		if v.token != "before" {
			s = append(s, fmt.Sprintf("version %d of %s", v.Version, v.image))
		}
	}
	if w.deflt != 6 {
		s = append(s, fmt.Sprintf("default %d", w.deflt))
	}
	if w.pin != w.before.pin {
		s = append(s, "group launches "+w.pin)
	}
	if w.parameter != "ami-seven" {
		s = append(s, "parameter "+w.parameter)
	}
	for i, r := range w.refreshes {
		s = append(s, fmt.Sprintf("refresh %d %s", i+1, r.Status))
	}
	if w.instances != w.before.instances {
		s = append(s, "instances run "+w.instances)
	}
	return strings.Join(s, "; ")
}
