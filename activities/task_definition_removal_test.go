package activities

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	gocmp "github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// removalWorld is a family of which the revisions 1 and 2 go, and 3, which is INACTIVE already; 4 is used.
type removalWorld struct {
	t      testing.TB
	ecs    *fakeRevisions
	s3     *artifacttest.S3
	ledger *fakeLedger
	look   *fakeLook
	in     RemoveTaskDefinitionsInput
}

func newRemovalWorld(t testing.TB, remove bool) *removalWorld {
	t.Helper()
	w := &removalWorld{t: t, s3: artifacttest.New(bucket), ledger: newLedger(), look: &fakeLook{}}
	w.ecs = &fakeRevisions{
		wire: newWire("ECS"), t: t, ledger: w.ledger, all: map[string]*types.TaskDefinition{}, tags: map[string][]types.Tag{}, refuses: map[string]string{}, done: map[string]int{},
		before: func(string) {},
	}
	in := policy.TaskDefinitionPlanInput{Now: begun, Rules: definitionRules(remove)}
	for revision, status := range []types.TaskDefinitionStatus{"", "ACTIVE", "ACTIVE", "INACTIVE", "ACTIVE"} {
		if status != "" {
			w.ecs.put("web", revision, status)
			d := taskDefinitionOf(revisionARN("web", revision), string(status))
			d.Registered, d.Deregistered = begun.AddDate(-1, 0, 0), begun.AddDate(-1, 0, 0)
			in.Definitions = append(in.Definitions, d)
		}
	}
	w.uses(revisionARN("web", 4))
	in.Uses = w.look.uses.TaskDefinitions
	plan := must[[]policy.Verdict](t)(policy.PlanTaskDefinitions(in))
	part, ref := writeTestPlan(t, w.s3, here.String(), plan)
	w.in = RemoveTaskDefinitionsInput{Rules: in.Rules, Deletion: Deletion{
		Store: theStore(), Ledger: LedgerTable{Place: here, Table: "epoxy-ledger"}, Place: here, Policy: "all", Plan: ref, Part: part, Approver: "ann",
		WorkflowID: "prune-task-definitions/all", RunID: run, Count: part.Totals.Delete,
	}}
	return w
}

func (w *removalWorld) uses(name string) {
	w.look.uses.TaskDefinitions = append(w.look.uses.TaskDefinitions, policy.TaskDefinitionUse{ARN: name, Kind: policy.UseService, By: "arn:service"})
}

func (w *removalWorld) remove() (DeletionOutput, error) {
	w.t.Helper()
	a := &TaskDefinitionRemover{ECS: to[TaskDefinitionRemovalAPI](w.ecs), S3: to[artifact.API](w.s3), Ledger: w.ledger.open, Look: w.look}
	return attempt(w.t, a.RemoveTaskDefinitions, w.in)
}

// statuses are those of the revisions, in order.
func (w *removalWorld) statuses() string {
	var all []string
	for _, arn := range sortedKeys(w.ecs.all) {
		all = append(all, string(w.ecs.all[arn].Status))
	}
	return strings.Join(all, " ")
}

func TestRemoveTaskDefinitions(t *testing.T) {
	w := newRemovalWorld(t, true)
	out, err := w.remove()
	if err != nil || out.Deleted != 3 || len(out.Kept)+len(out.Failed) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got, want := w.statuses(), "DELETE_IN_PROGRESS DELETE_IN_PROGRESS DELETE_IN_PROGRESS ACTIVE"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if w.ecs.calls["DeleteTaskDefinitions"] != 1 || w.ecs.calls["DeregisterTaskDefinition"] != 2 || w.ecs.calls["DescribeTaskDefinition"] != 3 {
		t.Errorf("calls are %v", w.ecs.calls)
	}
	e := w.ledger.of(revisionARN("web", 1))
	if e.Kind != ledger.ECSTaskDefinition || e.Outcome != ledger.Deleted || e.Approver != "ann" || !strings.Contains(e.PutBack.Definition, `"team"`) {
		t.Errorf("the entry is %+v", e)
	}

	w = newRemovalWorld(t, false)
	if out, err = w.remove(); err != nil || out.Deleted != 2 || w.statuses() != "INACTIVE INACTIVE INACTIVE ACTIVE" || w.ledger.of(revisionARN("web", 1)).Detail != "deregistered" {
		t.Errorf("without deletion: %+v, %v; %s", out, err, w.statuses())
	}
}

func TestTheSecondLookAtTaskDefinitionsKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*removalWorld)
		code   string
	}{
		"used":         {func(w *removalWorld) { w.uses(revisionARN("web", 1)) }, policy.KeptCameIntoUse},
		"vetoed":       {func(w *removalWorld) { w.in.Vetoed = []string{"web:1"} }, policy.KeptVetoed},
		"gone":         {func(w *removalWorld) { delete(w.ecs.all, revisionARN("web", 1)) }, policy.KeptGone},
		"deregistered": {func(w *removalWorld) { w.ecs.all[revisionARN("web", 1)].Status = "INACTIVE" }, policy.KeptGone},
		"the family's last one": {func(w *removalWorld) {
			w.ecs.all[revisionARN("web", 4)].Status, w.ecs.all[revisionARN("web", 2)].Status = "INACTIVE", "INACTIVE"
			w.uses("web")
		}, ""},
	} {
		w := newRemovalWorld(t, true)
		c.change(w)
		out, err := w.remove()
		kept := slices.IndexFunc(out.Kept, func(v policy.Verdict) bool { return v.ID == revisionARN("web", 1) })
		if err != nil || kept < 0 || out.Kept[kept].Code != cmp.Or(c.code, policy.KeptCameIntoUse) || w.ecs.done["deregister web:1"] > 0 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	w := newRemovalWorld(t, true)
	w.look.uses = policy.Uses{Images: []policy.Use{{}}}
	_, err := w.remove()
	wantError(t, "nothing in use", err, refused(ErrInvalid, "no task definition is in use anywhere"))
	w.look.err = Refuse(ErrForbidden, "not allowed")
	_, err = w.remove()
	wantError(t, "the look fails", err, refused(ErrForbidden, "not allowed"))
	if len(w.ecs.done) > 0 {
		t.Errorf("done is %v", w.ecs.done)
	}
}

func TestWhatECSRefuses(t *testing.T) {
	w := newRemovalWorld(t, true)
	w.ecs.refuses[revisionARN("web", 1)] = "not today"
	w.ecs.refuses[revisionARN("web", 3)] = "in use by a daemon"
	for range 2 { // said once more when the answer is lost
		out, err := w.remove()
		if err != nil || out.Deleted != 1 || len(out.Failed) != 2 {
			t.Fatalf("%+v, %v", out, err)
		}
		if got, want := out.Failed[0].Reason, "it was not deregistered: not today"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := out.Failed[1].Reason, "it was not deleted: in use by a daemon; it is deregistered: `epoxy undo "+ledger.EntryID(run, revisionARN("web", 3))+"` registers it again"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRemovalSurvivesAnything(t *testing.T) {
	for _, operation := range []string{"DescribeTaskDefinition", "DeregisterTaskDefinition", "DeleteTaskDefinitions", "Entries", "Intend", "Conclude", "GetObject"} {
		for _, how := range []string{"fails", "loses its answer"} {
			w := newRemovalWorld(t, true)
			for _, wire := range []*wire{w.ecs.wire, w.ledger.wire} {
				if how == "fails" {
					wire.failing(operation, 400, "ThrottlingException", "Rate exceeded")
				} else {
					wire.lose[operation]++
				}
			}
			w.s3.Lose[operation]++
			var out DeletionOutput
			var err error
			for range 4 {
				if out, err = w.remove(); err != nil {
					if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.NonRetryable() {
						t.Fatalf("%s %s: %v", operation, how, err)
					}
				}
			}
			want := map[string]int{"deregister web:1": 1, "deregister web:2": 1, "delete web:1": 1, "delete web:2": 1, "delete web:3": 1}
			if err != nil || out.Deleted != 3 || !gocmp.Equal(w.ecs.done, want) {
				t.Errorf("%s %s: %+v, %v; done is %v", operation, how, out, err, w.ecs.done)
			}
		}
	}
}

// A crash comes between deregistration and deletion, and then the revision is used: an undo can register it again.
func TestWhatIsUsedAfterItsDeregistration(t *testing.T) {
	w := newRemovalWorld(t, true)
	w.ecs.failing("DeleteTaskDefinitions", 500, "ServerException", "")
	if _, err := w.remove(); err == nil {
		t.Fatal("the first attempt succeeds")
	}
	w.uses(revisionARN("web", 1))
	for range 2 {
		out, err := w.remove()
		if err != nil || out.Deleted != 2 || len(out.Kept) != 1 || out.Kept[0].Code != policy.KeptCameIntoUse || !strings.Contains(out.Kept[0].Reason, "it is deregistered: `epoxy undo ") {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if e := w.ledger.of(revisionARN("web", 1)); e.Outcome != ledger.Deleted {
		t.Errorf("the ledger says %s: %s", e.Outcome, e.Detail)
	}
	if got := fmt.Sprint(w.statuses()); !strings.HasPrefix(got, "INACTIVE DELETE_IN_PROGRESS") {
		t.Error(got)
	}
}

// The SDK tries again by itself when an answer is lost. ECS then refuses what the first try has done.
func TestWhatASecondTryIsTold(t *testing.T) {
	for operation, status := range map[string]types.TaskDefinitionStatus{"DeregisterTaskDefinition": "INACTIVE", "DeleteTaskDefinitions": "DELETE_IN_PROGRESS"} {
		w := newRemovalWorld(t, true)
		w.ecs.before = func(is string) {
			if is == operation {
				w.ecs.all[revisionARN("web", 1)].Status = status
			}
		}
		if out, err := w.remove(); err != nil || out.Deleted != 3 || len(out.Failed) > 0 {
			t.Errorf("%s: %+v, %v", operation, out, err)
		}
	}
}
