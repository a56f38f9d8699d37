package activities

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.temporal.io/sdk/temporal"

	"epoxy/internal/policy"
)

func soFar(t *testing.T, err error) (so DeletionSoFar) {
	t.Helper()
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || !app.HasDetails() {
		t.Fatalf("%v says nothing of what was done", err)
	}
	if err := app.Details(&so); err != nil {
		t.Fatal(err)
	}
	return so
}

// An attempt that fails may be the last one: what it and those before it did is counted all the same.
func TestAFailedAttemptTellsWhatWasDone(t *testing.T) {
	w := newDeletionWorld(t)
	w.ecr.silent[w.named["a"]] = true
	_, err := w.delete(w.wave(0))
	if got, want := soFar(t, err), (DeletionSoFar{Deleted: 2, Bytes: 20, Open: 1}); got != want {
		t.Errorf("ECR says nothing of one: %+v, want %+v", got, want)
	}
	w.look.err = Refuse(ErrForbidden, "ecs:ListTasks is not allowed")
	_, err = w.delete(w.wave(0))
	wantError(t, "then the look fails", err, refused(ErrForbidden, "ecs:ListTasks"))
	if got, want := soFar(t, err), (DeletionSoFar{Deleted: 2, Bytes: 20, Open: 1}); got != want {
		t.Errorf("the next attempt: %+v, want %+v", got, want)
	}
}

func TestAFailedAttemptThatDidNothing(t *testing.T) {
	w := newDeletionWorld(t)
	w.look.err = Refuse(ErrForbidden, "ecs:ListTasks is not allowed")
	_, err := w.delete(w.wave(0))
	if got := soFar(t, err); got != (DeletionSoFar{}) {
		t.Errorf("%+v", got)
	}
}

// Only the ledger fails: AWS has said what is gone.
func TestWhatTheLedgerDoesNotTakeIsCounted(t *testing.T) {
	w := newDeletionWorld(t)
	w.ledger.failing("Conclude", 403, "AccessDeniedException", "no")
	_, err := w.delete(w.wave(0))
	if got, want := soFar(t, err), (DeletionSoFar{Deleted: 3, Bytes: 30}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestACancelledAttemptStaysCancelled(t *testing.T) {
	d := &deletion{}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
		if got := d.stopped(err); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

// The report tells which vetoes meant nothing, so that each batch tells which meant something, also when it is repeated.
func TestWhichVetoesMeanSomething(t *testing.T) {
	w := newDeletionWorld(t)
	w.in.Vetoed = []string{"v1", "v11", w.named["b"][:20], w.named["b"], "other/repository"}
	for range 2 {
		out, err := w.delete(w.wave(0))
		slices.Sort(out.Named)
		want := []string{w.named["b"][:20], w.named["b"], "v1"}
		if err != nil || !slices.Equal(out.Named, want) {
			t.Errorf("%q (%v), want %q", out.Named, err, want)
		}
	}
	r := newRemovalWorld(t, true)
	r.in.Vetoed = []string{"web:1", "web:11", "wbe"}
	if out, err := r.remove(); err != nil || !slices.Equal(out.Named, []string{"web:1"}) {
		t.Errorf("task definitions: %q (%v)", out.Named, err)
	}
}

// A veto may mean a tag that an image was given since the plan was made.
func TestAVetoOfANewTag(t *testing.T) {
	w := newDeletionWorld(t)
	image := w.image("a")
	image.ImageTags = append(image.ImageTags, "v99")
	w.in.Vetoed = []string{"v99"}
	if out, err := w.delete(w.wave(0)); err != nil || !slices.Equal(out.Named, []string{"v99"}) || len(out.Kept) != 1 {
		t.Errorf("%+v (%v)", out, err)
	}
}

// Lists and rollback revisions are there whatever account is looked at: they prove no second look.
func TestListsProveNoSecondLook(t *testing.T) {
	w := newDeletionWorld(t)
	r := newRemovalWorld(t, true)
	r.look.uses = policy.Uses{}
	w.look.uses.Images = w.look.uses.Images[:0]
	for _, kind := range []string{policy.UseListed, policy.UseListedObject, policy.UseRollback} {
		use := w.use("used")
		use.Kind = kind
		w.look.uses.Images = append(w.look.uses.Images, use)
		r.look.uses.TaskDefinitions = append(r.look.uses.TaskDefinitions, policy.TaskDefinitionUse{ARN: revisionARN("web", 4), Kind: kind, By: "x"})
	}
	_, err := w.delete(w.wave(0))
	wantError(t, "images", err, refused(ErrInvalid, "no image is in use anywhere, lists"))
	_, err = r.remove()
	wantError(t, "task definitions", err, refused(ErrInvalid, "no task definition is in use anywhere, lists"))
}
