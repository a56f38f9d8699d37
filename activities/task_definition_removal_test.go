package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	gocmp "github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeRevisions are the task definitions of a place, which can be deregistered, deleted and registered.
type fakeRevisions struct {
	*wire
	t       testing.TB
	ledger  *fakeLedger
	all     map[string]*types.TaskDefinition
	tags    map[string][]types.Tag
	refuses map[string]string // by ARN, what ECS says when asked to deregister or delete it
	done    map[string]int    // "deregister web:1" → how often
}

func (f *fakeRevisions) put(family string, revision int, status types.TaskDefinitionStatus) {
	arn := revisionARN(family, revision)
	f.all[arn] = &types.TaskDefinition{
		TaskDefinitionArn: &arn, Family: &family, Revision: int32(revision), Status: status, Cpu: aws.String("256"), RegisteredAt: aws.Time(begun.AddDate(-1, 0, 0)),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("shop/web:v1"), Essential: aws.Bool(true)}},
	}
	if status == types.TaskDefinitionStatusInactive {
		f.all[arn].DeregisteredAt = f.all[arn].RegisteredAt
	}
	f.tags[arn] = []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}, {Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("shop")}}
}

func (f *fakeRevisions) missing(operation string) error {
	return f.refuse(operation, "ClientException", "Unable to describe task definition.")
}

func (f *fakeRevisions) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	return out, f.call(ctx, "ListTaskDefinitions", func() error {
		var found []*types.TaskDefinition
		for _, d := range f.all {
			if *d.Family == aws.ToString(in.FamilyPrefix) && d.Status == in.Status {
				found = append(found, d)
			}
		}
		slices.SortFunc(found, func(a, b *types.TaskDefinition) int { return cmp.Compare(b.Revision, a.Revision) })
		if in.Sort != types.SortOrderDesc {
			slices.Reverse(found)
		}
		for _, d := range found[:min(len(found), int(*in.MaxResults))] {
			out.TaskDefinitionArns = append(out.TaskDefinitionArns, *d.TaskDefinitionArn)
		}
		return nil
	})
}

func (f *fakeRevisions) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	out := &ecs.DescribeTaskDefinitionOutput{}
	return out, f.call(ctx, "DescribeTaskDefinition", func() error {
		d := f.all[*in.TaskDefinition]
		if d == nil {
			return f.missing("DescribeTaskDefinition")
		}
		is := *d
		out.TaskDefinition = &is
		if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
			out.Tags = f.tags[*in.TaskDefinition]
		}
		return nil
	})
}

func (f *fakeRevisions) wantIntent(arn string) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	if e, there := f.ledger.entries[ledger.EntryID(run, arn)]; !there || e.Outcome != "" || !strings.Contains(e.PutBack.Definition, "shop/web:v1") {
		f.t.Errorf("%s is removed, and the ledger has %+v", arn, e)
	}
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html
func (f *fakeRevisions) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	return &ecs.DeregisterTaskDefinitionOutput{}, f.call(ctx, "DeregisterTaskDefinition", func() error {
		arn := *in.TaskDefinition
		d := f.all[arn]
		switch {
		case d == nil || d.Status != types.TaskDefinitionStatusActive:
			return f.refuse("DeregisterTaskDefinition", "ClientException", "The specified task definition is inactive.")
		case f.refuses[arn] != "":
			return f.refuse("DeregisterTaskDefinition", "ClientException", "%s", f.refuses[arn])
		}
		f.wantIntent(arn)
		d.Status = types.TaskDefinitionStatusInactive
		f.done["deregister "+policy.FamilyRevision(arn)]++
		return nil
	})
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
func (f *fakeRevisions) DeleteTaskDefinitions(ctx context.Context, in *ecs.DeleteTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error) {
	out := &ecs.DeleteTaskDefinitionsOutput{}
	return out, f.call(ctx, "DeleteTaskDefinitions", func() error {
		if n := len(in.TaskDefinitions); n < 1 || n > 10 {
			return f.refuse("DeleteTaskDefinitions", "InvalidParameterException", "%d task definitions", n)
		}
		for _, arn := range in.TaskDefinitions {
			d := f.all[arn]
			why := f.refuses[arn]
			if d == nil || d.Status != types.TaskDefinitionStatusInactive {
				why = "TASK_DEFINITION_NOT_INACTIVE"
			}
			if why != "" {
				out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: &why})
				continue
			}
			f.wantIntent(arn)
			d.Status = types.TaskDefinitionStatusDeleteInProgress
			f.done["delete "+policy.FamilyRevision(arn)]++
			out.TaskDefinitions = append(out.TaskDefinitions, *d)
		}
		return nil
	})
}

func (f *fakeRevisions) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	out := &ecs.RegisterTaskDefinitionOutput{}
	return out, f.call(ctx, "RegisterTaskDefinition", func() error {
		next := 0
		for _, d := range f.all {
			if *d.Family == *in.Family {
				next = max(next, int(d.Revision)+1)
			}
		}
		if len(in.Tags) > 50 || slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return strings.HasPrefix(*t.Key, "aws:") }) {
			return f.refuse("RegisterTaskDefinition", "InvalidParameterException", "tags %s", asJSON(in.Tags))
		}
		f.put(*in.Family, next, types.TaskDefinitionStatusActive)
		arn := revisionARN(*in.Family, next)
		f.all[arn].ContainerDefinitions, f.all[arn].Cpu, f.tags[arn] = in.ContainerDefinitions, in.Cpu, in.Tags
		out.TaskDefinition = f.all[arn]
		return nil
	})
}

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
