package workflows

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

// pruneRun is one path through a prune, with what it calls. However these calls are disturbed, it ends in the same way.
type pruneRun struct {
	prepare func(w *pruneWorld)
	prune   func(w *pruneWorld) (PruneResult, error)
	calls   []string
}

var pruneRuns = map[string]pruneRun{
	"images, asked and reminded": {
		prepare: func(w *pruneWorld) {
			w.in.Approval.Mode = policy.ApproveAsk
			w.in.InUse = []string{"x"}
			w.in.GitHub = []GitHubName{{Pattern: "*", Name: "acme/{repository}"}}
			var said string
			w.decideAfter(30*time.Hour, "click-1", &said, w.approve)
		},
		prune: (*pruneWorld).prune,
		calls: []string{
			"FindRepositories", "SurveyUses", "ReadListedUses", "SortUses", "TakeInventory", "FindCommits", "PlanRepository", "WritePlan",
			"PostReport", "PostReply", "DeleteImages",
		},
	},
	"task definitions": {
		prepare: func(*pruneWorld) {},
		prune:   (*pruneWorld).pruneTaskDefinitions,
		calls:   []string{"SurveyUses", "TakeTaskDefinitions", "PlanTaskDefinitions", "WritePlan", "RemoveTaskDefinitions", "PostReport"},
	},
}

func (r pruneRun) end(t *testing.T, prepare func(*pruneWorld)) (w *pruneWorld, left map[string]string) {
	t.Helper()
	w = newPruneWorld(t)
	r.prepare(w)
	prepare(w)
	out, err := r.prune(w)
	report := w.report()
	out.Plan.SHA256 = "" // a plan whose answer was lost is written once more, which changes the fake's number alone
	return w, map[string]string{
		"result": fmt.Sprintf("%+v %v", out, err), "deleted": w.did(), "report": report.Outcome + " " + report.Headline + " " + report.Reason,
		"messages": fmt.Sprint(len(w.messages)), "reminders": fmt.Sprint(len(w.replies)), "outcome": w.rec.outcome,
	}
}

func TestPruneChaos(t *testing.T) {
	for name, r := range pruneRuns {
		t.Run(name, func(t *testing.T) {
			_, calm := r.end(t, func(*pruneWorld) {})
			if calm["deleted"] == "" || calm["outcome"] != "done" {
				t.Fatalf("undisturbed, it leaves %v", calm)
			}
			for _, activity := range r.calls {
				for what, f := range map[string]fault{"three attempts fail": fails(3), "the first answer is lost": loses(1), "three answers are lost": loses(3)} {
					t.Run(activity+", "+what, func(t *testing.T) {
						w, got := r.end(t, func(w *pruneWorld) { w.faults[activity] = f })
						if diff := cmp.Diff(calm, got); diff != "" {
							t.Error(diff)
						}
						if w.struck != f.attempts {
							t.Errorf("the fault struck %d times", w.struck)
						}
					})
				}
			}
		})
	}
}
