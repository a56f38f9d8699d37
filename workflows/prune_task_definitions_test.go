package workflows

import (
	"strings"
	"testing"

	"epoxy/activities"
	"epoxy/internal/policy"
)

func (w *pruneWorld) pruneTaskDefinitions() (out PruneResult, err error) {
	w.Helper()
	w.env.SetStartWorkflowOptions(startAs(PruneTaskDefinitionsWorkflowID("shop", w.in.DryRun)))
	w.env.ExecuteWorkflow(PruneTaskDefinitionsType, PruneTaskDefinitionsInput{
		PruneSettings: w.in.PruneSettings,
		Rules:         policy.TaskDefinitionRules{Families: []string{"shop-*"}, MinAge: w.in.Rules.MinAge, KeepNewest: 5, Delete: true},
	})
	if err = w.env.GetWorkflowError(); err == nil {
		err = w.env.GetWorkflowResult(&out)
	}
	return out, err
}

func TestPruneTaskDefinitions(t *testing.T) {
	w := newPruneWorld(t)
	out, err := w.pruneTaskDefinitions()
	if err != nil || out.Outcome != activities.OutcomeDone || out.Deleted != 23 {
		t.Errorf("%+v (%v)", out, err)
	}
	const part = owner + "/" + home
	if want := part + " 000+10; " + part + " 010+10; " + part + " 020+3"; w.did() != want {
		t.Errorf("deleted %s\nwant %s", w.did(), want)
	}
	if r := w.report(); r.Headline != "23 task definitions deleted" {
		t.Errorf("report %q", r.Headline)
	}
}

// Every source could name every task definition, so that each must have been looked at.
func TestPruneTaskDefinitionsNeedsEverySurvey(t *testing.T) {
	for name, stage := range map[string]func(w *pruneWorld){
		"a survey fails": func(w *pruneWorld) {
			w.failing["SurveyUses:"+policy.SourceScheduler+"@"+owner] = activities.Refuse(activities.ErrForbidden, "no")
		},
		"nothing is used":          func(w *pruneWorld) { w.uses = 0 },
		"rollback revisions":       func(w *pruneWorld) { w.kind = policy.UseRollback },
		"what holds no definition": func(w *pruneWorld) { w.kind = policy.UseLambda },
		"without ecs":              func(w *pruneWorld) { w.in.Sources = []string{policy.SourceLambda} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newPruneWorld(t)
			stage(w)
			if out, err := w.pruneTaskDefinitions(); err == nil || len(w.deleted) != 0 {
				t.Errorf("%+v (%v), deleted %s", out, err, w.did())
			}
		})
	}
}

func TestUndo(t *testing.T) {
	w := newPruneWorld(t)
	in := UndoInput{Entry: "e1", Resource: "shop/web@sha256:1", Place: w.in.Place, Telling: w.in.Telling}
	w.env.SetStartWorkflowOptions(startAs(UndoWorkflowID("e1")))
	w.env.ExecuteWorkflow(UndoType, in)
	var out activities.RestoreOutput
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if err := w.env.GetWorkflowResult(&out); err != nil || out.Note != "under the tag e1" {
		t.Errorf("%+v (%v)", out, err)
	}
	if r := w.report(); r.Outcome != activities.OutcomeDone || !strings.Contains(r.Headline, "is back") {
		t.Errorf("report %s: %s", r.Outcome, r.Headline)
	}
}

func TestUndoRefused(t *testing.T) {
	for name, c := range map[string]struct{ id, says string }{
		"layers are gone": {"e1", "its layers are gone"},
		"wrong lock":      {"e2", "which is its lock"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPruneWorld(t)
			w.failing["Restore"] = activities.Refuse(activities.ErrInvalid, "its layers are gone")
			w.env.SetStartWorkflowOptions(startAs(UndoWorkflowID(c.id)))
			w.env.ExecuteWorkflow(UndoType, UndoInput{Entry: "e1", Resource: "r", Telling: w.in.Telling})
			if err := w.env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("ended with %v", err)
			}
			if r := w.report(); r.Outcome != activities.OutcomeFailed || !strings.Contains(r.Reason, c.says) {
				t.Errorf("report %s: %s", r.Outcome, r.Reason)
			}
		})
	}
}

// What is half put back when somebody cancels is put back.
func TestUndoCancelled(t *testing.T) {
	w := newPruneWorld(t)
	w.hooks["Restore"] = func() { w.env.CancelWorkflow() }
	w.faults["Restore"] = loses(2)
	w.env.SetStartWorkflowOptions(startAs(UndoWorkflowID("e1")))
	w.env.ExecuteWorkflow(UndoType, UndoInput{Entry: "e1", Resource: "r", Telling: w.in.Telling})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if r := w.report(); r.Outcome != activities.OutcomeDone || !strings.Contains(r.Headline, "is back") || w.calls["Restore"] != 3 {
		t.Errorf("report %s: %s, after %d attempts", r.Outcome, r.Headline, w.calls["Restore"])
	}
}

// An error that is no refusal leaves open whether it is back: "nothing was put back" may be wrong.
func TestUndoThatNobodyKnowsOf(t *testing.T) {
	w := newPruneWorld(t)
	w.faults["Restore"] = loses(99)
	w.env.SetStartWorkflowOptions(startAs(UndoWorkflowID("e1")))
	w.env.ExecuteWorkflow(UndoType, UndoInput{Entry: "e1", Resource: "shop/web@sha256:1", Telling: w.in.Telling})
	if err := w.env.GetWorkflowError(); err == nil {
		t.Error("it succeeds")
	}
	if r := w.report(); r.Outcome != activities.OutcomeFailed || r.Headline != "It is not known whether it is back: `epoxy why shop/web@sha256:1` tells." {
		t.Errorf("report %s: %s", r.Outcome, r.Headline)
	}
}
