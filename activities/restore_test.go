package activities

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
)

func (w *deletionWorld) restorer() *Restorer {
	return &Restorer{ECR: to[ImagePutAPI](w.ecr), S3: to[artifact.API](w.s3), Ledger: w.ledger.open}
}

func (w *deletionWorld) undo(name string) RestoreInput {
	return RestoreInput{Store: theStore(), Ledger: w.in.Ledger, Place: here, Entry: ledger.EntryID(run, shopRepository.ImageName(w.named[name])), By: "ann"}
}

// deletedWorld is one from which all that goes is gone.
func deletedWorld(t testing.TB) *deletionWorld {
	w := newDeletionWorld(t)
	for wave := range w.in.Part.Waves {
		if out, err := w.delete(w.wave(wave)); err != nil || out.Deleted != 3 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	return w
}

func TestRestoreImages(t *testing.T) {
	w := deletedWorld(t)
	for _, c := range []struct {
		image, note string
		tags        []string
	}{
		{"a", "under the tags v1, v2", []string{"v1", "v2"}},
		{"b", "without a tag", nil},
		{"amd", "without a tag", nil},
		{"arm", "without a tag", nil},
		{"index", "under the tag v3", []string{"v3"}},
	} {
		out, err := attempt(t, w.restorer().Restore, w.undo(c.image))
		if err != nil || out.Note != c.note || out.Resource != shopRepository.ImageName(w.named[c.image]) {
			t.Errorf("%s: %+v, %v", c.image, out, err)
			continue
		}
		image := w.image(c.image)
		if image == nil || !slices.Equal(image.ImageTags, c.tags) {
			t.Errorf("%s is back as %+v", c.image, image)
		}
		if e := w.ledger.entries[w.undo(c.image).Entry]; e.Outcome != ledger.Undone || e.UndoneBy != "ann" || e.Detail != c.note {
			t.Errorf("%s: the ledger says %s by %s: %s", c.image, e.Outcome, e.UndoneBy, e.Detail)
		}
	}
}

func TestATagOfAnotherImageStaysThere(t *testing.T) {
	w := deletedWorld(t)
	w.push("newer", nil, "v1")
	out, err := attempt(t, w.restorer().Restore, w.undo("a"))
	if want := "under the tag v2; v1 stays with " + w.named["newer"][:19]; err != nil || out.Note != want {
		t.Errorf("%+v, %v; want %q", out, err, want)
	}
	if got := w.image("newer").ImageTags; !slices.Equal(got, []string{"v1"}) {
		t.Errorf("the newer image has the tags %v", got)
	}
	w.push("newest", nil, "v3")
	for _, child := range []string{"amd", "arm"} {
		if _, err := attempt(t, w.restorer().Restore, w.undo(child)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err = attempt(t, w.restorer().Restore, w.undo("index")); err != nil || !strings.HasPrefix(out.Note, "without a tag; v3 stays with ") || w.image("index") == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestWhatCannotBePutBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*deletionWorld, *RestoreInput)
		want   what
	}{
		"unknown":          {func(_ *deletionWorld, in *RestoreInput) { in.Entry = "abc" }, refused(ErrNotFound, "the ledger epoxy-ledger has no entry abc…epoxy why")},
		"another account":  {func(_ *deletionWorld, in *RestoreInput) { in.Place.Account = "222222222222" }, refused(ErrInvalid, "is not in 222222222222/us-east-1")},
		"another Region":   {func(_ *deletionWorld, in *RestoreInput) { in.Place.Region = "eu-west-1" }, refused(ErrInvalid, "is not in")},
		"layers are gone":  {func(w *deletionWorld, _ *RestoreInput) { w.ecr.lost = true }, refused(ErrInvalid, "ECR has deleted its layers…build it again…v1, v2")},
		"children are not": {func(w *deletionWorld, in *RestoreInput) { *in = w.undo("index") }, refused(ErrInvalid, "lists images that are gone, too: put those back first")},
		"not allowed": {func(w *deletionWorld, _ *RestoreInput) {
			w.ecr.failing("PutImage", 400, "AccessDeniedException", "not authorized to perform: ecr:PutImage on resource")
		}, refused(ErrForbidden, "ecr:PutImage is not allowed")},
		"not ended": {func(w *deletionWorld, in *RestoreInput) { w.change(in.Entry, func(e *ledger.Entry) { e.Outcome = "" }) }, refused(ErrInvalid, "is not known yet: wait until run "+run)},
		"kept": {func(w *deletionWorld, in *RestoreInput) {
			w.change(in.Entry, func(e *ledger.Entry) { e.Outcome, e.Detail = ledger.Failed, "vetoed: v1" })
		}, refused(ErrInvalid, "was not deleted by this entry (failed: vetoed: v1)")},
		"put back already": {func(w *deletionWorld, in *RestoreInput) {
			w.change(in.Entry, func(e *ledger.Entry) { e.Outcome, e.UndoneBy, e.Detail = ledger.Undone, "ann", "under v1" })
		}, refused(ErrInvalid, "was put back already, by ann (under v1)")},
		"a kind of next year": {func(w *deletionWorld, in *RestoreInput) {
			w.change(in.Entry, func(e *ledger.Entry) { e.Kind = "s3-object" })
		}, refused(ErrInvalid, "s3-object…update the worker")},
		"forged": {func(w *deletionWorld, in *RestoreInput) {
			w.change(in.Entry, func(e *ledger.Entry) {
				e.PutBack = ledger.PutBack{Key: w.in.Part.Key, SHA256: "0", Size: w.in.Part.Size}
			})
		}, refused(ErrTampered, "is not what was written there")},
	} {
		w := deletedWorld(t)
		in := w.undo("a")
		c.change(w, &in)
		_, err := attempt(t, w.restorer().Restore, in)
		wantError(t, name, err, c.want)
		if got := w.there(); !slices.Equal(got, []string{"used"}) {
			t.Errorf("%s: there are %v", name, got)
		}
	}
}

func (w *deletionWorld) change(entry string, do func(*ledger.Entry)) {
	e := w.ledger.entries[entry]
	do(&e)
	w.ledger.entries[entry] = e
}

func TestRestoreFromTheArtifacts(t *testing.T) {
	w := deletedWorld(t)
	in := w.undo("a")
	s := shelf{artifact.Store{API: w.s3, Bucket: bucket}, here}
	ref := must[Artifact](t)(s.put(t.Context(), kindPutBack, w.ledger.entries[in.Entry].PutBack))
	w.change(in.Entry, func(e *ledger.Entry) { e.PutBack = ledger.PutBack{Key: ref.Key, SHA256: ref.SHA256, Size: ref.Bytes} })
	if out, err := attempt(t, w.restorer().Restore, in); err != nil || w.image("a") == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAnUndoSurvivesAnything(t *testing.T) {
	for _, operation := range []string{"DescribeImages", "PutImage", "Entries", "Undone"} {
		for _, how := range []string{"fails", "loses its answer"} {
			w := deletedWorld(t)
			for _, wire := range []*wire{w.ecr.wire, w.ledger.wire} {
				if how == "fails" {
					wire.failing(operation, 500, "ServerException", "")
				} else {
					wire.lose[operation]++
				}
			}
			out, err := retried(t, w.restorer().Restore, w.undo("a"))
			if err != nil || out.Note != "under the tags v1, v2" || w.image("a") == nil || !slices.Equal(w.image("a").ImageTags, []string{"v1", "v2"}) {
				t.Errorf("%s %s: %+v, %v", operation, how, out, err)
			}
		}
	}
}

func (w *removalWorld) restorer() *Restorer {
	return &Restorer{ECS: to[TaskDefinitionPutAPI](w.ecs), S3: to[artifact.API](w.s3), Ledger: w.ledger.open}
}

func TestRestoreATaskDefinition(t *testing.T) {
	for _, operation := range []string{"", "ListTaskDefinitions", "DescribeTaskDefinition", "RegisterTaskDefinition", "Undone"} {
		w := newRemovalWorld(t, true)
		if _, err := w.remove(); err != nil {
			t.Fatal(err)
		}
		w.ecs.lose[operation]++
		w.ledger.lose[operation]++
		in := RestoreInput{Store: theStore(), Ledger: w.in.Ledger, Place: here, Entry: ledger.EntryID(run, revisionARN("web", 1)), By: "ann"}
		out, err := retried(t, w.restorer().Restore, in)
		if err != nil || out.Note != "as web:5: a revision number is never used twice" || out.Resource != revisionARN("web", 1) {
			t.Errorf("%s: %+v, %v", operation, out, err)
			continue
		}
		if w.ecs.all[revisionARN("web", 6)] != nil {
			t.Errorf("%s: it is registered twice", operation)
		}
		back, tags := w.ecs.all[revisionARN("web", 5)], asJSON(w.ecs.tags[revisionARN("web", 5)])
		if *back.Cpu != "256" || *back.ContainerDefinitions[0].Image != "shop/web:v1" || !strings.Contains(tags, `"team"`) || strings.Contains(tags, "cloudformation") {
			t.Errorf("%s: it is back as %s with %s", operation, asJSON(back), tags)
		}
		_, err = attempt(t, w.restorer().Restore, in)
		wantError(t, "again", err, refused(ErrInvalid, "was put back already, by ann (as web:5"))
	}
	w := newRemovalWorld(t, true)
	if _, err := w.remove(); err != nil {
		t.Fatal(err)
	}
	id := ledger.EntryID(run, revisionARN("web", 1))
	for definition, says := range map[string]string{"{": "cannot be read", "{}": "names no family"} {
		e := w.ledger.entries[id]
		e.PutBack.Definition = definition
		w.ledger.entries[id] = e
		_, err := attempt(t, w.restorer().Restore, RestoreInput{Store: theStore(), Ledger: w.in.Ledger, Place: here, Entry: id, By: "ann"})
		wantError(t, definition, err, refused(ErrInvalid, says))
	}
}

// What is described is registered again field by field: a field that a new SDK has in the one place only would be lost.
func TestEveryFieldComesBack(t *testing.T) {
	described := reflect.TypeFor[definitionText]()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[ecs.RegisterTaskDefinitionInput]()) {
		if same, there := described.FieldByName(field.Name); field.IsExported() && (!there || same.Type != field.Type) {
			t.Errorf("%s is %s to RegisterTaskDefinition, and %v to DescribeTaskDefinition", field.Name, field.Type, same.Type)
		}
	}
	if got := reflect.TypeFor[types.TaskDefinition](); got.NumField() < 20 {
		t.Errorf("%s has %d fields only", got, got.NumField())
	}
}
