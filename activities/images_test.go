package activities

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

var tags = map[string]string{"Name": name, "team": "web", policy.TagRun: run, "epoxy:target": "vg/shop/web/prod/a"}

func createInput() CreateImageInput {
	return CreateImageInput{Place: here, InstanceID: server, Name: name, Description: "words", Run: run, Tags: tags}
}

func TestCreateImage(t *testing.T) {
	f := newEC2()
	images := &Images{Connect: to[ImagesAPI](f)}
	out, err := attempt(t, images.CreateImage, createInput())
	if err != nil || len(f.images) != 1 || out != (CreateImageOutput{ImageID: *f.images[0].ImageId}) {
		t.Fatalf("made %+v of %d images: %v", out, len(f.images), err)
	}
	if !*f.askedImage.NoReboot || *f.askedImage.Description != "words" || f.askedImage.DryRun != nil {
		t.Errorf("asked for %+v", f.askedImage)
	}
	want := ec2Tags(tags)
	if len(want) != len(tags) || !slices.IsSortedFunc(want, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) }) {
		t.Errorf("tags are not sorted, or not all: %s", toJSON(want))
	}
	for _, got := range [][]types.Tag{f.images[0].Tags, f.snapshots[0].Tags, f.snapshots[1].Tags} {
		if toJSON(got) != toJSON(want) {
			t.Errorf("tagged %s, want %s", toJSON(got), toJSON(want))
		}
	}

	in := createInput()
	in.Name, in.Reboot = name+"0", true
	if _, err := attempt(t, images.CreateImage, in); err != nil || *f.askedImage.NoReboot {
		t.Errorf("reboot: true asked for NoReboot %v: %v", *f.askedImage.NoReboot, err)
	}
}

func TestCreateImageAfterALostAnswer(t *testing.T) {
	for about, hidden := range map[string]bool{"visible at once": false, "visible later": true} {
		f := newEC2()
		f.lose["CreateImage"], f.hides = 1, hidden
		images := &Images{Connect: to[ImagesAPI](f)}
		_, err := attempt(t, images.CreateImage, createInput())
		wantError(t, about+", lost", err, what{says: "ec2:CreateImage in 123456789012/us-east-1"})
		if hidden {
			_, err := attempt(t, images.CreateImage, createInput())
			wantError(t, about, err, notReady(5*time.Second, name+" exists in 123456789012/us-east-1 but is not visible yet"))
			f.images[0].hidden = false
		}
		for range 2 { // and whoever asks again gets the same answer
			out, err := attempt(t, images.CreateImage, createInput())
			if want := (CreateImageOutput{ImageID: *f.images[0].ImageId, Adopted: true}); err != nil || out != want {
				t.Errorf("%s: %+v, want %+v: %v", about, out, want, err)
			}
		}
		if len(f.images) != 1 {
			t.Errorf("%s: a lost answer made %d images", about, len(f.images))
		}
	}
}

func TestCreateImageUnderATakenName(t *testing.T) {
	for about, theirs := range map[string]map[string]string{
		"by another run": {policy.TagRun: "run-2"}, "by nobody's": nil, "by a run of a longer name": {policy.TagRun: run + "0"},
	} {
		f := newEC2()
		id := *f.newImage(name, "available", theirs).ImageId
		_, err := attempt(t, (&Images{Connect: to[ImagesAPI](f)}).CreateImage, createInput())
		wantError(t, about, err, refused(ErrNameTaken, "the image name "+name+" is taken in 123456789012/us-east-1 by "+id))
	}
}

// Anybody can publish an image with any name and tags, in an account of their own.
func TestCreateImageAdoptsNothingOfOtherAccounts(t *testing.T) {
	f := newEC2()
	forged := f.newImage(name, "available", tags)
	forged.owner = "999999999999"
	f.lose["CreateImage"] = 1
	images := &Images{Connect: to[ImagesAPI](f)}
	_, _ = attempt(t, images.CreateImage, createInput())
	out, err := attempt(t, images.CreateImage, createInput())
	if err != nil || out.ImageID == *forged.ImageId || !out.Adopted {
		t.Errorf("adopted %+v, %v; the forged one is %s", out, err, *forged.ImageId)
	}
}

func TestCreateImageRefused(t *testing.T) {
	for about, c := range map[string]struct {
		status        int
		code, message string
		want          what
	}{
		"denied":    {403, "UnauthorizedOperation", "You are not authorized to perform this operation.", refused(ErrForbidden, "ec2:CreateImage is not allowed in 123456789012/us-east-1")},
		"throttled": {503, "RequestLimitExceeded", "Request limit exceeded.", throttled("ec2:CreateImage is throttled")},
		"broken":    {500, "InternalError", "An internal error has occurred", what{says: "ec2:CreateImage"}},
		"no such":   {400, "InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist", refused(ErrNotFound, "i-1")},
		"malformed": {400, "InvalidAMIName.Malformed", "AMI names must be", refused(ErrInvalid, "AMI names must be")},
	} {
		f := newEC2()
		f.failing("CreateImage", c.status, c.code, c.message)
		images := &Images{Connect: to[ImagesAPI](f)}
		_, err := attempt(t, images.CreateImage, createInput())
		wantError(t, about, err, c.want)
		if out, err := attempt(t, images.CreateImage, createInput()); err != nil || out.Adopted {
			t.Errorf("%s, then well: %+v, %v", about, out, err)
		}
	}
	// The look after "name taken" fails in the same ways.
	f := newEC2()
	f.newImage(name, "pending", tags)
	f.failing("DescribeImages", 503, "RequestLimitExceeded", "")
	_, err := attempt(t, (&Images{Connect: to[ImagesAPI](f)}).CreateImage, createInput())
	wantError(t, "look throttled", err, throttled("ec2:DescribeImages is throttled"))
}

func copyInput() CopyImageInput {
	return CopyImageInput{From: here, To: abroad, ImageID: "ami-home", Name: name, Description: "words", Run: run, Token: run + "/eu-west-1", Tags: tags}
}

func TestCopyImage(t *testing.T) {
	f := newEC2()
	f.lose["CopyImage"] = 1
	images := &Images{Connect: to[ImagesAPI](f)}
	_, err := attempt(t, images.CopyImage, copyInput())
	wantError(t, "lost", err, what{says: "ec2:CopyImage in 123456789012/eu-west-1"})
	out, err := attempt(t, images.CopyImage, copyInput())
	if want := (CreateImageOutput{ImageID: *f.images[0].ImageId}); err != nil || out != want || len(f.images) != 1 {
		t.Fatalf("%+v of %d images, want %+v: %v", out, len(f.images), want, err)
	}
	for _, got := range [][]types.Tag{f.images[0].Tags, f.snapshots[0].Tags, f.snapshots[1].Tags} {
		if toJSON(got) != toJSON(ec2Tags(tags)) {
			t.Errorf("tagged %s", toJSON(got))
		}
	}

	if _, known := f.tokens[copyInput().Token]; !known {
		t.Errorf("tokens: %v", f.tokens)
	}
	clear(f.tokens) // EC2 forgets tokens in time: then the name is taken
	out, err = attempt(t, images.CopyImage, copyInput())
	if want := (CreateImageOutput{ImageID: *f.images[0].ImageId, Adopted: true}); err != nil || out != want {
		t.Errorf("%+v, want %+v: %v", out, want, err)
	}
	in := copyInput()
	in.Run, in.Token = "run-2", "run-2/eu-west-1"
	_, err = attempt(t, images.CopyImage, in)
	wantError(t, "taken", err, refused(ErrNameTaken, "is taken in 123456789012/eu-west-1 by "+out.ImageID))

	f.failing("CopyImage", 403, "UnauthorizedOperation", "no")
	_, err = attempt(t, images.CopyImage, copyInput())
	wantError(t, "denied", err, refused(ErrForbidden, "ec2:CopyImage is not allowed in 123456789012/eu-west-1"))
}

func TestShareImage(t *testing.T) {
	f := newEC2()
	id := *f.newImage(name, "available", tags).ImageId
	share := silent((&Images{Connect: to[ImagesAPI](f)}).ShareImage)
	in := ShareImageInput{Place: here, ImageID: id, Accounts: []string{"222222222222", "333333333333"}}
	f.lose["ModifyImageAttribute"] = 1
	_, err := attempt(t, share, in)
	wantError(t, "lost", err, what{says: "ec2:ModifyImageAttribute"})
	for range 2 {
		if _, err := attempt(t, share, in); err != nil || !slices.Equal(f.images[0].shared, in.Accounts) {
			t.Errorf("shared with %v, want %v: %v", f.images[0].shared, in.Accounts, err)
		}
	}
	in.ImageID = "ami-gone"
	_, err = attempt(t, share, in)
	wantError(t, "gone", err, refused(ErrNotFound, "ami-gone"))
}
