package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// step is a call that a deletion makes, and how a test makes it fail or loses its answer.
type step struct {
	name string
	fail func(*deletionWorld)
	lose func(*deletionWorld)
}

func deletionSteps() []step {
	var steps []step
	for _, operation := range []string{"DescribeImages", "BatchGetImage", "BatchDeleteImage"} {
		steps = append(steps, step{
			operation,
			func(w *deletionWorld) { w.ecr.failing(operation, 400, "ThrottlingException", "Rate exceeded") },
			func(w *deletionWorld) { w.ecr.lose[operation]++ },
		})
	}
	for _, operation := range []string{"Entries", "Intend", "Conclude"} {
		steps = append(steps, step{
			operation,
			func(w *deletionWorld) { w.ledger.failing(operation, 400, "ThrottlingException", "Rate exceeded") },
			func(w *deletionWorld) { w.ledger.lose[operation]++ },
		})
	}
	for _, operation := range []string{"GetObject", "PutObject"} {
		steps = append(steps, step{
			operation,
			func(w *deletionWorld) {
				w.s3.Fail[operation] = append(w.s3.Fail[operation], artifacttest.Error(operation, 503, "SlowDown", "Reduce your request rate"))
			},
			func(w *deletionWorld) { w.s3.Lose[operation]++ },
		})
	}
	return steps
}

// Whatever call fails or loses its answer, and even when the answer of the whole batch is lost: the next attempt ends it, each
// image is deleted once, and all are counted.
func TestDeletionSurvivesAnything(t *testing.T) {
	for _, s := range deletionSteps() {
		for how, harm := range map[string]func(*deletionWorld){"fails": s.fail, "loses its answer": s.lose} {
			w := newDeletionWorld(t)
			harm(w)
			for wave := range w.in.Part.Waves {
				var out DeletionOutput
				var err error
				for range 3 { // the last one when all is done already
					if out, err = w.delete(w.wave(wave)); err != nil {
						if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.NonRetryable() {
							t.Fatalf("%s %s: %v", s.name, how, err)
						}
					}
				}
				if err != nil || out.Deleted != 3 || out.Bytes != 30 || len(out.Kept)+len(out.Failed) > 0 {
					t.Errorf("%s %s: wave %d ends with %+v, %v", s.name, how, wave, out, err)
				}
			}
			for name, digest := range w.named {
				want := 1
				if name == "used" {
					want = 0
				}
				if n := w.ecr.deleted[digest]; n != want {
					t.Errorf("%s %s: %s is deleted %d times", s.name, how, name, n)
				}
			}
			want := map[string]string{"a": "deleted", "b": "deleted", "index": "deleted", "amd": "deleted", "arm": "deleted", "sig": "deleted"}
			if got := w.outcomes(); !cmp.Equal(got, want) {
				t.Errorf("%s %s: outcomes are %v", s.name, how, got)
			}
		}
	}
}

// The worker dies between the reading of the manifests and the intents. ECR has recorded our reading as a pull.
func TestOurOwnReadingIsNoUse(t *testing.T) {
	w := newDeletionWorld(t)
	w.ledger.failing("Intend", 500, "InternalServerError", "")
	if _, err := w.delete(w.wave(0)); err == nil {
		t.Fatal("the first attempt succeeds")
	}
	if w.image("a").LastRecordedPullTime == nil || len(w.ledger.entries) > 0 {
		t.Fatal("the first attempt read nothing, or got further")
	}
	w.image("b").LastRecordedPullTime = aws.Time(time.Now().Add(-3 * time.Minute)) // that was somebody else
	out, err := w.delete(w.wave(0))
	if err != nil || out.Deleted != 2 || !cmp.Equal(w.codesOf(out.Kept), map[string]string{"b": policy.KeptYoung}) {
		t.Errorf("the second attempt: %+v, %v", out, err)
	}
}

// What came into use after the intent stays; the ledger says so, and it is said again when the answer is lost.
func TestWhatCameIntoUseAfterTheIntent(t *testing.T) {
	w := newDeletionWorld(t)
	w.ecr.failing("BatchDeleteImage", 500, "ServerException", "")
	if _, err := w.delete(w.wave(0)); err == nil {
		t.Fatal("the first attempt succeeds")
	}
	w.look.uses.Images = append(w.look.uses.Images, w.use("a"))
	for range 2 {
		out, err := w.delete(w.wave(0))
		if err != nil || out.Deleted != 2 || len(out.Kept) != 1 || out.Kept[0].Code != policy.KeptCameIntoUse || out.Kept[0].Reason != "used by ecs-task arn:task since the plan was made" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if e := w.ledger.of(shopRepository.ImageName(w.named["a"])); e.Outcome != ledger.Failed || e.Detail != "came-into-use: used by ecs-task arn:task since the plan was made" {
		t.Errorf("the ledger says %q, %q", e.Outcome, e.Detail)
	}
}

// An attempt that was given up for dead ends the batch while this one looks. Its deletions are counted, and not repeated.
func TestAnAttemptThatWasGivenUpIsQuicker(t *testing.T) {
	w := newDeletionWorld(t)
	w.look.then = func() {
		w.look.then = nil
		if out, err := w.delete(w.wave(0)); err != nil || out.Deleted != 3 {
			t.Errorf("the other attempt: %+v, %v", out, err)
		}
	}
	out, err := w.delete(w.wave(0))
	if err != nil || out.Deleted != 3 || len(out.Kept) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
	for digest, n := range w.ecr.deleted {
		if n != 1 {
			t.Errorf("%s is deleted %d times", digest, n)
		}
	}
}

// Somebody puts an image back while the batch is tried again: it is not deleted once more.
func TestWhatWasPutBackStays(t *testing.T) {
	w := newDeletionWorld(t)
	image := w.image("a")
	if _, err := w.delete(w.wave(0)); err != nil {
		t.Fatal(err)
	}
	w.ecr.images()[w.named["a"]] = image
	if err := w.ledger.Undone(context.Background(), ledger.EntryID(run, shopRepository.ImageName(w.named["a"])), "ann", ""); err != nil {
		t.Fatal(err)
	}
	out, err := w.delete(w.wave(0))
	if err != nil || out.Deleted != 2 || len(out.Kept) != 1 || out.Kept[0].Reason != "put back by ann" || w.ecr.deleted[w.named["a"]] != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

// ECR says neither that an image is deleted nor that it is not: the next attempt finds out.
func TestECRSaysNothing(t *testing.T) {
	w := newDeletionWorld(t)
	w.ecr.silent[w.named["a"]] = true
	_, err := w.delete(w.wave(0))
	wantError(t, "silent", err, what{says: "did not say what became of 1 images"})
	if got := w.outcomes(); got["b"] != ledger.Deleted || got["a"] != "" {
		t.Errorf("outcomes are %v", got)
	}
	w.ecr.silent = nil
	if out, err := w.delete(w.wave(0)); err != nil || out.Deleted != 3 {
		t.Errorf("%+v, %v", out, err)
	}
}

// The SDK tries again by itself when an answer is lost: ECR then does not find what the first try has deleted.
func TestWhatECRDoesNotFindAnyMore(t *testing.T) {
	w := newDeletionWorld(t)
	w.ecr.arrives = func(_ context.Context, operation string) {
		if operation == "BatchDeleteImage" {
			delete(w.ecr.images(), w.named["a"])
		}
	}
	if out, err := w.delete(w.wave(0)); err != nil || out.Deleted != 3 || w.outcomes()["a"] != ledger.Deleted {
		t.Errorf("%+v, %v", out, err)
	}
}

// An attempt that was given up for dead writes its intents, and how it ended, just before this one's.
func TestAnIntentThatHasEndedAlready(t *testing.T) {
	w := newDeletionWorld(t)
	w.ecr.arrives = func(_ context.Context, operation string) {
		if operation == "BatchGetImage" {
			resource := shopRepository.ImageName(w.named["a"])
			id := ledger.EntryID(run, resource)
			w.ledger.entries[id] = ledger.Entry{ID: id, Resource: resource, Digest: w.named["a"], Outcome: ledger.Failed, Detail: policy.KeptVetoed + ": vetoed: v1"}
		}
	}
	out, err := w.delete(w.wave(0))
	if err != nil || out.Deleted != 2 || !cmp.Equal(w.codesOf(out.Kept), map[string]string{"a": policy.KeptVetoed}) || w.image("a") == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

// An undo gives back the tags that an image had in the end, not those that the plan knew.
func TestTheLedgerKnowsTheLastTags(t *testing.T) {
	w := newDeletionWorld(t)
	w.image("a").ImageTags = []string{"v2"} // v1 has moved on
	if _, err := w.delete(w.wave(0)); err != nil {
		t.Fatal(err)
	}
	if got := w.ledger.of(shopRepository.ImageName(w.named["a"])).Tags; !cmp.Equal(got, []string{"v2"}) {
		t.Errorf("the ledger has the tags %v", got)
	}
}
