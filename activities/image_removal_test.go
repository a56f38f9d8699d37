package activities

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// removal is a bake that ended badly, a while ago: template lt has version 1, its default, and the run made an image.
func removal(f *fakeEC2) RemoveImageInput {
	in := RemoveImageInput{Place: here, Run: run, Name: name, SettleBy: time.Now(), LaunchTemplateID: lt, SinceVersion: 1}
	if img := f.newImage(name, "pending", tags); img != nil {
		in.ImageID = *img.ImageId
	}
	return in
}

func remove(t *testing.T, f *fakeEC2, in RemoveImageInput) (RemoveImageOutput, []string, error) {
	t.Helper()
	return until(t, (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage, in)
}

// left says what there is of images, snapshots and versions.
func (f *fakeEC2) left() string {
	versions := make([]int64, 0, len(f.versions))
	for _, v := range slices.Backward(f.versions) {
		versions = append(versions, *v.VersionNumber)
	}
	return fmt.Sprintf("%d images, %d snapshots, versions %v", len(f.images), len(f.snapshots), versions)
}

const nothing = "0 images, 0 snapshots, versions [1]"

func TestRemoveImage(t *testing.T) {
	soon := func(_ *fakeEC2, in *RemoveImageInput) { in.SettleBy = time.Now().Add(time.Hour) }
	version := func(f *fakeEC2) int64 { return f.add(sourceData(*f.images[0].ImageId)) }
	for about, c := range map[string]struct {
		change func(*fakeEC2, *RemoveImageInput)
		tries  int // that said "not yet" before
		left   string
	}{
		"by id":                        {nil, 0, nothing},
		"at once":                      {soon, 0, nothing},
		"by name":                      {func(_ *fakeEC2, in *RemoveImageInput) { in.ImageID = "" }, 0, nothing},
		"an available one":             {func(f *fakeEC2, _ *RemoveImageInput) { f.images[0].State = "available" }, 0, nothing},
		"in a Region without template": {func(_ *fakeEC2, in *RemoveImageInput) { in.LaunchTemplateID = "" }, 0, nothing},
		"already gone": {func(f *fakeEC2, _ *RemoveImageInput) {
			f.images, f.snapshots = nil, nil
		}, 0, nothing},
		"never made": {func(f *fakeEC2, in *RemoveImageInput) {
			f.images, f.snapshots, in.ImageID = nil, nil, ""
		}, 0, nothing},
		"failed: its snapshots stay behind": {func(f *fakeEC2, _ *RemoveImageInput) { f.images[0].State = "failed" }, 1, nothing},
		"never described, only its snapshots are": {func(f *fakeEC2, in *RemoveImageInput) {
			f.images, in.ImageID = nil, ""
		}, 1, nothing},
		"many snapshots, on pages": {func(f *fakeEC2, in *RemoveImageInput) {
			f.images, f.snapshots, f.volumes = nil, nil, 7
			in.ImageID = *f.newImage(name, "failed", tags).ImageId
		}, 1, nothing},
		"snapshots of other runs": {func(f *fakeEC2, _ *RemoveImageInput) {
			f.images[0].State = "failed"
			f.snapshots = append(f.snapshots, types.Snapshot{SnapshotId: new("snap-x"), Tags: ec2Tags(map[string]string{policy.TagRun: run + "0"})}, types.Snapshot{SnapshotId: new("snap-y")},
				types.Snapshot{SnapshotId: new("snap-z"), Tags: ec2Tags(map[string]string{"Name": name, policy.TagRun: "run-2"})})
		}, 1, "0 images, 3 snapshots, versions [1]"},
		"the unpublished version goes first":  {func(f *fakeEC2, in *RemoveImageInput) { in.UnpublishedVersion = version(f) }, 0, nothing},
		"an unpublished version that is gone": {func(_ *fakeEC2, in *RemoveImageInput) { in.UnpublishedVersion = 2 }, 0, nothing},
		"the template is gone": {func(f *fakeEC2, in *RemoveImageInput) {
			f.name, in.UnpublishedVersion = "", 2
		}, 0, nothing},
		"the template is gone, in other words": {func(f *fakeEC2, in *RemoveImageInput) {
			f.failing("DeleteLaunchTemplateVersions", 400, "InvalidLaunchTemplateId.NotFound", "gone")
			in.UnpublishedVersion = 2
		}, 0, nothing},
		"a version from before the run": {func(f *fakeEC2, in *RemoveImageInput) { in.SinceVersion = version(f) }, 0, "0 images, 0 snapshots, versions [1 2]"},
		"deregistered by another": {func(f *fakeEC2, _ *RemoveImageInput) {
			f.failing("DeregisterImage", 400, "InvalidAMIID.Unavailable", "gone")
		}, 1, nothing},
		"a snapshot deleted by another": {func(f *fakeEC2, _ *RemoveImageInput) {
			f.images[0].State = "failed"
			f.failing("DeleteSnapshot", 400, "InvalidSnapshot.NotFound", "gone")
		}, 2, nothing},
	} {
		f := newEC2()
		in := removal(f)
		if c.change != nil {
			c.change(f, &in)
		}
		for round := range 2 { // the second finds nothing to do
			if round > 0 {
				in.SettleBy = time.Now()
			}
			out, said, err := remove(t, f, in)
			if err != nil || out.Kept != "" || f.left() != c.left {
				t.Errorf("%s: left %s, want %s (%+v, %v)", about, f.left(), c.left, out, err)
			}
			if want := c.tries * (1 - round); len(said) != want {
				t.Errorf("%s, round %d: not yet %q, want %d times", about, round, said, want)
			}
		}
	}
}

func TestRemoveImageThatTurnsUpLater(t *testing.T) {
	for about, known := range map[string]bool{"with its id": true, "by name": false} {
		f := newEC2()
		f.hides = true
		in := removal(f)
		in.SettleBy = time.Now().Add(time.Hour)
		if !known {
			in.ImageID = ""
		}
		do := (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage
		for range 3 {
			_, err := attempt(t, do, in)
			wantError(t, about, err, notReady(5*time.Second, name+"…may still turn up in 123456789012/us-east-1: looking again"))
		}
		f.images[0].hidden = false
		if out, err := attempt(t, do, in); err != nil || out.ImageID != snapshotOwner || f.left() != nothing {
			t.Errorf("%s: left %s: %+v, %v", about, f.left(), out, err)
		}
	}
	// While the image is there, seen or not, its snapshots cannot go, and the removal does not end well.
	f := newEC2()
	f.hides = true
	in := removal(f)
	_, err := attempt(t, (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage, in)
	wantError(t, "unseen for ever", err, notReady(5*time.Second, "2 snapshots of "+name+" are being deleted in 123456789012/us-east-1"))
	if f.calls["DeleteSnapshot"] != 2 {
		t.Errorf("snapshots were not tried: %v", f.calls)
	}
}

const snapshotOwner = "ami-00000000000000001"

func TestRemoveImageLeavesWhatIsNotItsOwn(t *testing.T) {
	for about, theirs := range map[string]map[string]string{
		"of another run": {policy.TagRun: "run-2"}, "of a run with a longer name": {policy.TagRun: run + "0"}, "without a tag": nil,
	} {
		for _, id := range []string{"", "ami-own-and-gone"} {
			f := newEC2()
			f.newImage(name, "available", theirs)
			_, said, err := remove(t, f, RemoveImageInput{Place: here, Run: run, Name: name, ImageID: id, LaunchTemplateID: lt, SinceVersion: 1})
			if err != nil || len(said) > 0 || f.left() != "1 images, 2 snapshots, versions [1]" {
				t.Errorf("an image %s, own %q: left %s, %q, %v", about, id, f.left(), said, err)
			}
		}
	}
}

func TestRemoveImageInUse(t *testing.T) {
	for about, c := range map[string]struct {
		images []string // of the versions from 2 on: "own" or another
		gone   int64    // unpublished version
		kept   string
	}{
		"by one":                               {[]string{"own"}, 0, " stays: version 2 of " + lt + " uses it"},
		"by one among many":                    {[]string{"own", "x", "x", "x", "x", "x"}, 0, " stays: version 2 of"},
		"by several":                           {[]string{"own", "x", "own", "x"}, 0, " stays: version 4, 2 of"},
		"by a person's beside the unpublished": {[]string{"own", "own"}, 2, " stays: version 3 of"},
	} {
		f := newEC2()
		in := removal(f)
		for _, image := range c.images {
			if image == "own" {
				image = in.ImageID
			}
			f.add(sourceData(image))
		}
		in.UnpublishedVersion = c.gone
		for _, id := range []string{in.ImageID, ""} {
			in.ImageID = id
			out, said, err := remove(t, f, in)
			if err != nil || len(said) > 0 || out.ImageID != snapshotOwner || len(f.images) != 1 || len(f.snapshots) != 2 {
				t.Errorf("%s: left %s: %+v, %q, %v", about, f.left(), out, said, err)
			}
			if len(out.Kept) < len(c.kept) || out.Kept[:len(out.ImageID)+len(c.kept)] != out.ImageID+c.kept {
				t.Errorf("%s: kept %q, want %q", about, out.Kept, c.kept)
			}
		}
		if c.gone > 0 && f.version(c.gone) != nil {
			t.Errorf("%s: the unpublished version is there", about)
		}
	}
}

func TestRemoveImageStopsWhereItCannotTell(t *testing.T) {
	const all = "1 images, 2 snapshots, versions [1 2]"
	for about, c := range map[string]struct {
		change func(*fakeEC2)
		want   what
	}{
		"the version stays, with status 200": {func(f *fakeEC2) { f.deflt = 2 }, what{says: "delete version 2 of " + lt + ": words of EC2 (unexpectedError)"}},
		"the version may not be deleted": {
			func(f *fakeEC2) { f.failing("DeleteLaunchTemplateVersions", 403, "UnauthorizedOperation", "no") },
			refused(ErrForbidden, "ec2:DeleteLaunchTemplateVersions is not allowed"),
		},
		"images cannot be listed": {
			func(f *fakeEC2) { f.failing("DescribeImages", 403, "UnauthorizedOperation", "no") },
			refused(ErrForbidden, "ec2:DescribeImages is not allowed"),
		},
	} {
		f := newEC2()
		in := removal(f)
		in.UnpublishedVersion = f.add(sourceData(in.ImageID))
		c.change(f)
		_, err := attempt(t, (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage, in)
		wantError(t, about, err, c.want)
		if f.left() != all {
			t.Errorf("%s: left %s", about, f.left())
		}
	}
	f := newEC2()
	in := removal(f)
	f.failing("DescribeLaunchTemplateVersions", 403, "UnauthorizedOperation", "no")
	_, err := attempt(t, (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage, in)
	wantError(t, "versions cannot be listed", err, refused(ErrForbidden, "ec2:DescribeLaunchTemplateVersions is not allowed"))
	if f.left() != "1 images, 2 snapshots, versions [1]" {
		t.Errorf("nobody could tell whether the image is in use, and left is %s", f.left())
	}
}

// The role may remove only what carries Epoxy's tag; until the tag is seen, "not allowed" says nothing.
func TestRemoveImageBeforeItsTagsAreSeen(t *testing.T) {
	for _, operation := range []string{"DeregisterImage", "DeleteSnapshot"} {
		for late, want := range map[bool]what{
			false: notReady(5*time.Second, "removing "+name+" is not allowed in 123456789012/us-east-1 yet"),
			true:  refused(ErrForbidden, "ec2:"+operation+" is not allowed"),
		} {
			f := newEC2()
			in := removal(f)
			f.images[0].State = "failed"
			if !late {
				in.SettleBy = time.Now().Add(time.Hour)
			}
			f.failing(operation, 403, "UnauthorizedOperation", "no")
			_, err := attempt(t, (&ImageRemover{Connect: to[ImageRemovalAPI](f)}).RemoveImage, in)
			wantError(t, fmt.Sprint(operation, ", late: ", late), err, want)
		}
	}
}

// Whatever single call fails or loses its answer, the removal ends in the same way.
func TestRemoveImageThroughEveryFault(t *testing.T) {
	operations := []string{"DescribeImages", "DeleteLaunchTemplateVersions", "DescribeLaunchTemplateVersions", "DeregisterImage", "DescribeSnapshots", "DeleteSnapshot"}
	for _, operation := range operations {
		for fault, strike := range map[string]func(*fakeEC2){
			"lost":      func(f *fakeEC2) { f.lose[operation] = 1 },
			"throttled": func(f *fakeEC2) { f.failing(operation, 503, "RequestLimitExceeded", "") },
			"broken":    func(f *fakeEC2) { f.failing(operation, 500, "InternalError", "") },
		} {
			f := newEC2()
			in := removal(f)
			f.images[0].State = "failed"
			in.UnpublishedVersion = f.add(sourceData(in.ImageID))
			strike(f)
			if _, said, err := remove(t, f, in); err != nil || f.left() != nothing {
				t.Errorf("%s %s: left %s after %q: %v", operation, fault, f.left(), said, err)
			}
			if f.calls[operation] == 0 {
				t.Errorf("%s was not called", operation)
			}
		}
	}
}
