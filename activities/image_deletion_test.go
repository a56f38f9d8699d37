package activities

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

func TestDeleteImages(t *testing.T) {
	w := newDeletionWorld(t)
	if !slices.Equal(w.in.Part.Waves, []int{3, 3}) {
		t.Fatalf("the plan has the waves %v", w.in.Part.Waves)
	}
	first, err := w.delete(w.wave(0))
	if err != nil || first.Deleted != 3 || first.Bytes != 30 || len(first.Kept)+len(first.Failed) > 0 {
		t.Fatalf("the first wave: %+v, %v", first, err)
	}
	if got, want := w.there(), []string{"amd", "arm", "sig", "used"}; !slices.Equal(got, want) {
		t.Fatalf("after it there are %v, want %v", got, want)
	}
	described := w.ecr.calls["DescribeImages"]
	second, err := w.delete(w.wave(1))
	if err != nil || second.Deleted != 3 {
		t.Fatalf("the second wave: %+v, %v", second, err)
	}
	if got, want := w.there(), []string{"used"}; !slices.Equal(got, want) {
		t.Errorf("in the end there are %v, want %v", got, want)
	}
	// That the index is gone is known from the ledger: one call describes the batch.
	if n := w.ecr.calls["DescribeImages"] - described; n != 1 || w.look.calls != 2 {
		t.Errorf("the second wave took %d DescribeImages, and there were %d looks", n, w.look.calls)
	}

	e := w.ledger.of(shopRepository.ImageName(w.named["a"]))
	if e.Intent.IsZero() || e.Ended.Before(e.Intent) || !strings.HasPrefix(e.PutBack.Manifest, "{") {
		t.Errorf("the entry is %+v", e)
	}
	e.Intent, e.Ended, e.PutBack.Manifest = time.Time{}, time.Time{}, ""
	want := ledger.Entry{
		ID: ledger.EntryID(run, e.Resource), Kind: ledger.ECRImage, Resource: shopRepository.ImageName(w.named["a"]), Account: here.Account, Region: here.Region,
		Repository: shopRepository.Name, Digest: w.named["a"], Tags: []string{"v1", "v2"}, Bytes: 10, Reason: "pushed 365 days ago, not used", Policy: "shop",
		Plan: w.in.Plan.SHA256, WorkflowID: "prune-images/shop", RunID: run, Approver: "ann", Outcome: ledger.Deleted, PutBack: ledger.PutBack{MediaType: mediaOCIImage},
	}
	if !cmp.Equal(e, want) {
		t.Error(cmp.Diff(want, e))
	}
}

// The second look keeps what people and programs began to use since the plan was made, and the rest goes.
func TestTheSecondLookKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*deletionWorld)
		code   string
		says   string
	}{
		"used by digest": {func(w *deletionWorld) { w.look.uses.Images = append(w.look.uses.Images, w.use("a")) }, policy.KeptCameIntoUse, "used by ecs-task arn:task since"},
		"used by a tag that was put on it": {func(w *deletionWorld) {
			w.look.then = func() { w.image("a").ImageTags = []string{"v1", "new"} } // while the look is under way
			use := w.use("a")
			use.Digest, use.Tag = "", "new"
			w.look.uses.Images = append(w.look.uses.Images, use)
		}, policy.KeptCameIntoUse, ""},
		"vetoed":       {func(w *deletionWorld) { w.in.Vetoed = []string{"v2"} }, policy.KeptVetoed, "vetoed: v2"},
		"protected":    {func(w *deletionWorld) { w.image("a").ImageTags = []string{"prod"} }, policy.KeptProtected, "prod"},
		"tagged again": {func(w *deletionWorld) { w.image("a").ImageTags = []string{"v1", "v9"} }, policy.KeptYoung, "tagged v9"},
		"pulled":       {func(w *deletionWorld) { w.image("a").LastRecordedPullTime = aws.Time(begun) }, policy.KeptYoung, "pulled"},
		"unarchived":   {func(w *deletionWorld) { w.image("a").LastActivatedAt = aws.Time(begun) }, policy.KeptYoung, "pulled"},
		"gone": {func(w *deletionWorld) {
			w.ecr.repositories["elsewhere"] = &fakeRepository{images: map[string]*storedImage{w.named["a"]: w.image("a")}}
			delete(w.ecr.images(), w.named["a"])
		}, policy.KeptGone, "gone already"},
		"gone before it was read": {func(w *deletionWorld) { w.image("a").failure = types.ImageFailureCodeImageNotFound }, policy.KeptGone, ""},
	} {
		w := newDeletionWorld(t)
		c.change(w)
		out, err := w.delete(w.wave(0))
		if err != nil || out.Deleted != 2 || len(out.Kept) != 1 || len(out.Failed) > 0 {
			t.Errorf("%s: %+v, %v", name, out, err)
			continue
		}
		if v := out.Kept[0]; v.ID != w.named["a"] || v.Code != c.code || !strings.Contains(v.Reason, c.says) {
			t.Errorf("%s: kept is %+v, want %s %q", name, v, c.code, c.says)
		}
		if outcome, there := w.outcomes()["a"]; there || w.ecr.deleted[w.named["a"]] > 0 {
			t.Errorf("%s: the ledger says %q of what was kept", name, outcome)
		}
	}
}

func TestWithoutASecondLookNothingGoes(t *testing.T) {
	for name, c := range map[string]struct {
		look fakeLook
		want what
	}{
		"it fails":           {fakeLook{err: Refuse(ErrForbidden, "ecs:ListTasks is not allowed")}, refused(ErrForbidden, "ecs:ListTasks")},
		"it finds nothing":   {fakeLook{}, refused(ErrInvalid, "no image is in use anywhere…nothing is deleted")},
		"it finds no images": {fakeLook{uses: policy.Uses{TaskDefinitions: []policy.TaskDefinitionUse{{ARN: "x"}}}}, refused(ErrInvalid, "no image is in use anywhere")},
		"what it finds makes no sense": {
			fakeLook{uses: policy.Uses{Images: []policy.Use{{Reference: policy.Reference{Repository: shopRepository}, Kind: policy.UseTask, By: "arn:x"}}}},
			refused(ErrInvalid, "ecs-task arn:x uses an image…nothing is deleted"),
		},
	} {
		w := newDeletionWorld(t)
		before := w.there()
		w.look = &c.look
		_, err := w.delete(w.wave(0))
		wantError(t, name, err, c.want)
		if !slices.Equal(w.there(), before) || len(w.ledger.entries) > 0 {
			t.Errorf("%s: left are %v, and the ledger has %v", name, w.there(), w.outcomes())
		}
	}
}

// What belongs to something that stays at the second look stays with it: an index keeps its children, and its signature.
func TestWhatBelongsToWhatStaysStays(t *testing.T) {
	for name, c := range map[string]struct {
		keep func(*deletionWorld)
		code string
	}{
		"came into use": {func(w *deletionWorld) { w.look.uses.Images = append(w.look.uses.Images, w.use("index")) }, policy.KeptCameIntoUse},
		"vetoed":        {func(w *deletionWorld) { w.in.Vetoed = []string{w.named["index"][:7+12]} }, policy.KeptVetoed},
		"refused":       {func(w *deletionWorld) { w.ecr.refuses[w.named["index"]] = types.ImageFailureCodeKmsError }, policy.KeptFailed},
	} {
		w := newDeletionWorld(t)
		c.keep(w)
		first, err := w.delete(w.wave(0))
		if got := w.codesOf(append(first.Kept, first.Failed...)); err != nil || got["index"] != c.code {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		second, err := w.delete(w.wave(1))
		want := map[string]string{"amd": policy.KeptGraph, "arm": policy.KeptGraph, "sig": policy.KeptGraph}
		if got := w.codesOf(second.Kept); err != nil || second.Deleted > 0 || !cmp.Equal(got, want) {
			t.Errorf("%s: %d are deleted, kept are %v, %v", name, second.Deleted, got, err)
		}
	}
	// An index that somebody else deleted, which no entry of ours tells of, is gone all the same.
	w := newDeletionWorld(t)
	delete(w.ecr.images(), w.named["index"])
	if _, err := w.delete(w.wave(0)); err != nil {
		t.Fatal(err)
	}
	if second, err := w.delete(w.wave(1)); err != nil || second.Deleted != 3 {
		t.Errorf("without the index: %+v, %v", second, err)
	}
}

func TestWhatECRRefuses(t *testing.T) {
	w := newDeletionWorld(t)
	w.image("a").failure = types.ImageFailureCodeKmsError
	w.image("b").silent = true
	w.image("index").manifest += " "
	out, err := w.delete(w.wave(0))
	if err != nil || out.Deleted > 0 || len(out.Failed) != 3 || len(w.ledger.entries) > 0 {
		t.Fatalf("what cannot be read: %+v, %v", out, err)
	}
	for i, says := range map[string]string{"a": "words of ECR (KmsError)", "b": "did not answer", "index": "a manifest that is not its own"} {
		at := slices.IndexFunc(out.Failed, func(v policy.Verdict) bool { return v.ID == w.named[i] })
		if v := out.Failed[at]; v.Code != policy.KeptFailed || !strings.Contains(v.Reason, says) || !strings.Contains(v.Reason, "could not be put back") {
			t.Errorf("%s: %+v, want %q", i, v, says)
		}
	}

	w = newDeletionWorld(t)
	w.ecr.refuses[w.named["a"]], w.ecr.refuses[w.named["b"]] = types.ImageFailureCodeKmsError, types.ImageFailureCodeImageReferencedByManifestList
	for range 2 { // said once more, nothing is asked again
		out, err = w.delete(w.wave(0))
		if err != nil || out.Deleted != 1 || !cmp.Equal(w.codesOf(out.Failed), map[string]string{"a": policy.KeptFailed}) || !cmp.Equal(w.codesOf(out.Kept), map[string]string{"b": policy.KeptGraph}) {
			t.Fatalf("what is not deleted: %+v, %v", out, err)
		}
		if out.Failed[0].Reason != "words of ECR (KmsError)" || !strings.Contains(out.Kept[0].Reason, "an index lists it") {
			t.Errorf("the reasons are %q and %q", out.Failed[0].Reason, out.Kept[0].Reason)
		}
	}
	want := map[string]string{"a": ledger.Failed, "b": ledger.Failed, "index": ledger.Deleted}
	if got := w.outcomes(); !cmp.Equal(got, want) || w.ecr.calls["BatchDeleteImage"] != 1 {
		t.Errorf("outcomes are %v after %d calls, want %v", got, w.ecr.calls["BatchDeleteImage"], want)
	}
}

func TestABigManifestGoesToTheArtifacts(t *testing.T) {
	w := newDeletionWorld(t)
	w.push("big", nil, strings.Repeat("x", 100))
	big := w.image("big")
	big.manifest = `{"schemaVersion":2,"annotations":{"x":"` + strings.Repeat("y", ledger.MaxPutBack) + `"}}`
	delete(w.ecr.images(), w.named["big"])
	w.named["big"] = digestOfText(big.manifest)
	*big.ImageDigest = w.named["big"]
	w.ecr.images()[w.named["big"]] = big
	w.makePlan()
	if out, err := w.delete(w.wave(0)); err != nil || out.Deleted != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	e := w.ledger.of(shopRepository.ImageName(w.named["big"]))
	if e.PutBack.Manifest != "" || !strings.Contains(e.PutBack.Key, "/put-back/") {
		t.Fatalf("the entry holds %d bytes and the key %q", len(e.PutBack.Manifest), e.PutBack.Key)
	}
	kept := fetch[ledger.PutBack](t, w.s3, Artifact{Key: e.PutBack.Key, SHA256: e.PutBack.SHA256, Bytes: e.PutBack.Size})
	if kept.Manifest != big.manifest || kept.MediaType != mediaOCIImage {
		t.Errorf("the artifact holds %d bytes of %s", len(kept.Manifest), kept.MediaType)
	}
}

func TestABatchThatIsNotInThePlan(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*deletionWorld, *DeleteImagesInput)
		says   string
	}{
		"another repository's": {func(_ *deletionWorld, in *DeleteImagesInput) { in.Repository.Name = "other" }, "is not 123456789012/us-east-1/other's"},
		"another plan's": {func(w *deletionWorld, in *DeleteImagesInput) {
			in.Part, _ = writeTestPlan(t, w.s3, in.Part.Name, w.plan[:1])
			in.Count = 1
		}, "has no part of " + shopRepository.String() + " with the hash"},
		"nothing":        {func(_ *deletionWorld, in *DeleteImagesInput) { in.Count = 0 }, "no batch of 0 from 0 on"},
		"what stays":     {func(_ *deletionWorld, in *DeleteImagesInput) { in.From, in.Count = 6, 1 }, "no batch of 1 from 6 on"},
		"beyond the end": {func(_ *deletionWorld, in *DeleteImagesInput) { in.From, in.Count = 5, 2 }, "no batch of 2 from 5 on"},
		"before it":      {func(_ *deletionWorld, in *DeleteImagesInput) { in.From = -1 }, "from -1 on"},
		"too many":       {func(_ *deletionWorld, in *DeleteImagesInput) { in.Count = 101 }, "no batch of 101"},
		"two waves":      {func(_ *deletionWorld, in *DeleteImagesInput) { in.Count = 4 }, "spans two waves"},
	} {
		w := newDeletionWorld(t)
		in := w.wave(0)
		c.change(w, &in)
		_, err := w.delete(in)
		wantError(t, name, err, refused(ErrInvalid, c.says))
		if w.look.calls > 0 || len(w.ecr.deleted) > 0 {
			t.Errorf("%s: it goes on", name)
		}
	}
	w := newDeletionWorld(t)
	w.plan[0].Reason = "a part that no worker has read yet"
	w.in.Part, w.in.Plan = writeTestPlan(t, w.s3, w.in.Part.Name, w.plan)
	in := w.wave(0)
	for key, body := range w.s3.Objects {
		if key == in.Part.Key {
			w.s3.Objects[key] = append(slices.Clone(body[:len(body)-9]), "forged..."...)
		}
	}
	_, err := w.delete(in)
	wantError(t, "forged", err, refused(ErrTampered, "is not what was written there"))
}

func TestDeleteImagesWithoutAWay(t *testing.T) {
	down := errors.New("no route to host")
	w := newDeletionWorld(t)
	a := &ImageDeleter{ECR: nowhere[ImageDeletionAPI](down)}
	_, err := attempt(t, a.DeleteImages, w.wave(0))
	wantError(t, "ECR", err, what{says: "no route to host"})
}
