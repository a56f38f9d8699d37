package activities

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/policy"
)

func waiter(f *fakeEC2) *ImageWaiter { return &ImageWaiter{Connect: to[ImageStatesAPI](f)} }

// waitInput waits for an hour that began before now; a poll of nothing makes every look a new one.
func waitInput(f *fakeEC2, before time.Duration) AwaitImageInput {
	since := time.Now().Add(-before)
	return AwaitImageInput{Place: here, ImageID: *f.images[0].ImageId, Begun: since, Deadline: since.Add(time.Hour)}
}

func TestAwaitImageUntilItIsAvailable(t *testing.T) {
	f := newEC2()
	f.hides = true
	img := f.newImage(name, "pending", nil)
	id := *img.ImageId
	var b beats[ImageProgress]
	in := waitInput(f, time.Minute)
	in.Poll = 3 * time.Nanosecond
	look := func(about string, says string, want ImageProgress) {
		t.Helper()
		_, err := attempt(t, waiter(f).AwaitImage, in, b.keep)
		wantError(t, about, err, notReady(in.Poll, says))
		got := b.all[len(b.all)-1]
		got.LastSeen = got.LastSeen.Truncate(time.Minute)
		want.LastSeen, want.ImageID = want.LastSeen.Truncate(time.Minute), id
		if !got.LastSeen.Equal(want.LastSeen) || got.State != want.State || got.Percent != want.Percent || got.ImageID != id {
			t.Errorf("%s: heartbeat %+v, want %+v", about, got, want)
		}
	}
	look("new", id+" is not visible yet, 0 %", ImageProgress{State: "not visible yet", LastSeen: in.Begun})
	img.hidden = false
	look("begun", id+" is pending, 0 %", ImageProgress{State: "pending", LastSeen: time.Now()})
	f.snapshots[0].Progress, f.snapshots[1].Progress = aws.String("100%"), aws.String("41%")
	look("half done", id+" is pending, 70 %", ImageProgress{State: "pending", Percent: 70, LastSeen: time.Now()})
	f.snapshots[1].Progress = nil // EC2 leaves it out at times
	look("one unknown", id+" is pending, 100 %", ImageProgress{State: "pending", Percent: 100, LastSeen: time.Now()})
	img.State = "transient"
	look("a rare state", id+" is transient", ImageProgress{State: "transient", Percent: 100, LastSeen: time.Now()})
	img.State = "available"
	out, err := attempt(t, waiter(f).AwaitImage, in, b.keep)
	if want := snapshotsOf(img.Image); err != nil || len(want) != 2 || !slices.Equal(out.SnapshotIDs, want) {
		t.Errorf("snapshots %v, want %v: %v", out.SnapshotIDs, want, err)
	}
}

func TestAwaitImageThatIsNotSeen(t *testing.T) {
	for about, c := range map[string]struct {
		begun time.Duration // ago
		seen  time.Duration // ago, by the heartbeat of an earlier attempt; 0: there is none
		want  what
	}{
		"just created":                  {time.Second, 0, notReady(0, "is not visible yet")},
		"created nine minutes ago":      {9 * time.Minute, 0, notReady(0, "is not visible yet")},
		"never seen for eleven minutes": {11 * time.Minute, 0, refused(ErrNotFound, "is gone from 123456789012/us-east-1…bake again")},
		"seen a minute ago":             {50 * time.Minute, time.Minute, notReady(0, "is not visible yet")},
		"seen eleven minutes ago":       {50 * time.Minute, 11 * time.Minute, refused(ErrNotFound, "is gone")},
	} {
		f := newEC2()
		f.hides = true
		f.newImage(name, "pending", nil)
		in := waitInput(f, c.begun)
		var b beats[ImageProgress]
		if c.seen > 0 {
			b.all = []ImageProgress{{ImageID: in.ImageID, State: "pending", Percent: 40, LastSeen: time.Now().Add(-c.seen)}}
		}
		_, err := attempt(t, waiter(f).AwaitImage, in, b.keep)
		wantError(t, about, err, c.want)
	}
}

func TestAwaitImageWithAnUnreadableHeartbeat(t *testing.T) {
	f := newEC2()
	f.newImage(name, "pending", nil)
	_, err := attempt(t, waiter(f).AwaitImage, waitInput(f, time.Minute), func(env *testsuite.TestActivityEnvironment) { env.SetHeartbeatDetails([]int{1}) })
	wantError(t, "unreadable", err, notReady(0, "is pending"))
}

func TestAwaitImageThatFails(t *testing.T) {
	for _, state := range []types.ImageState{"failed", "error", "invalid", "deregistered", "disabled"} {
		f := newEC2()
		img := f.newImage(name, string(state), nil)
		img.StateReason = &types.StateReason{Code: aws.String("Server.InternalError"), Message: aws.String("Server.InternalError: Internal error on creation")}
		_, err := attempt(t, waiter(f).AwaitImage, waitInput(f, time.Minute))
		wantError(t, string(state), err, refused(ErrImageFailed, fmt.Sprintf("%s in 123456789012/us-east-1 ended as %q: Server.InternalError: Internal error", *img.ImageId, state)))
		img.StateReason = nil
		_, err = attempt(t, waiter(f).AwaitImage, waitInput(f, time.Minute))
		wantError(t, string(state), err, refused(ErrImageFailed, "EC2 gives no reason; look at its snapshots"))
	}
}

// Every state that the SDK knows has a meaning here; a new one in an update of the SDK is to be thought about.
func TestEveryImageStateIsKnown(t *testing.T) {
	known := map[types.ImageState]policy.ImagePhase{
		"pending": policy.ImageWaiting, "transient": policy.ImageWaiting, "available": policy.ImageReady, "failed": policy.ImageFailed,
		"error": policy.ImageFailed, "invalid": policy.ImageFailed, "deregistered": policy.ImageFailed, "disabled": policy.ImageFailed,
	}
	for _, state := range types.ImageState("").Values() {
		if want, ok := known[state]; !ok || policy.PhaseOf(string(state)) != want {
			t.Errorf("%s: phase %v, want %v (known: %v)", state, policy.PhaseOf(string(state)), want, ok)
		}
	}
}

func TestAwaitImageAtItsDeadline(t *testing.T) {
	f := newEC2()
	img := f.newImage(name, "available", nil)
	if _, err := attempt(t, waiter(f).AwaitImage, waitInput(f, 25*time.Hour)); err != nil {
		t.Errorf("available at the last look, a day late: %v", err)
	}
	img.State, f.snapshots[0].Progress = "pending", aws.String("90%")
	_, err := attempt(t, waiter(f).AwaitImage, waitInput(f, 61*time.Minute))
	wantError(t, "pending", err, refused(ErrTimedOut, "was still pending (45 %) after 1h0m0s: raise image_timeout"))
	img.State = "failed"
	_, err = attempt(t, waiter(f).AwaitImage, waitInput(f, 61*time.Minute))
	wantError(t, "failed", err, refused(ErrImageFailed, "ended as"))
	img.State, img.hidden = "pending", true
	b := beats[ImageProgress]{all: []ImageProgress{{LastSeen: time.Now()}}}
	_, err = attempt(t, waiter(f).AwaitImage, waitInput(f, 61*time.Minute), b.keep)
	wantError(t, "invisible", err, refused(ErrTimedOut, "was still not visible yet"))
}

func TestAwaitImageWithoutProgress(t *testing.T) {
	for about, fail := range map[string]func(*fakeEC2){
		"denied":    func(f *fakeEC2) { f.failing("DescribeSnapshots", 403, "UnauthorizedOperation", "no") },
		"throttled": func(f *fakeEC2) { f.failing("DescribeSnapshots", 503, "RequestLimitExceeded", "no") },
		"garbled": func(f *fakeEC2) {
			f.snapshots[0].Progress, f.snapshots[1].Progress = aws.String("some"), aws.String("")
		},
	} {
		f := newEC2()
		id := *f.newImage(name, "pending", nil).ImageId
		f.snapshots[0].Progress, f.snapshots[1].Progress = aws.String("50%"), aws.String("50%")
		fail(f)
		_, err := attempt(t, waiter(f).AwaitImage, waitInput(f, time.Minute))
		wantError(t, about, err, notReady(0, id+" is pending, 0 %"))
	}
}

func TestAwaitImageWhenLookingFails(t *testing.T) {
	for about, c := range map[string]struct {
		status int
		code   string
		want   what
	}{
		"throttled": {503, "RequestLimitExceeded", throttled("ec2:DescribeImages is throttled")},
		"denied":    {403, "UnauthorizedOperation", refused(ErrForbidden, "ec2:DescribeImages is not allowed")},
		"broken":    {500, "InternalError", what{says: "ec2:DescribeImages"}},
	} {
		f := newEC2()
		f.newImage(name, "pending", nil)
		f.failing("DescribeImages", c.status, c.code, "no")
		w, in := waiter(f), waitInput(f, time.Minute)
		_, err := attempt(t, w.AwaitImage, in)
		wantError(t, about, err, c.want)
		_, err = attempt(t, w.AwaitImage, in)
		wantError(t, about+", then well", err, notReady(0, "is pending"))
	}
}

func TestLookAtManyImages(t *testing.T) {
	f := newEC2()
	f.pages = 1000
	ids := make([]string, 450)
	for i := range ids {
		ids[i] = *f.newImage(fmt.Sprint(name, i), "pending", nil).ImageId
	}
	f.image(ids[449]).hidden = true // it must not fail the look at the others
	found, err := lookAtImages(t.Context(), f, ids)
	if err != nil || len(found) != 449 {
		t.Fatalf("found %d of 449: %v", len(found), err)
	}
	if f.calls["DescribeImages"] != 3 || f.calls["DescribeSnapshots"] != 5 { // 450 and 898 by 200 each
		t.Errorf("calls: %v", f.calls)
	}
	f.pages = 100 // what EC2 puts on several pages is read on all of them
	if found, err := lookAtImages(t.Context(), f, ids); err != nil || len(found) != 449 {
		t.Errorf("on pages, found %d of 449: %v", len(found), err)
	}
}

func TestWaitsInOnePlaceShareALook(t *testing.T) {
	f := newEC2()
	f.newImage(name, "pending", nil)
	f.newImage(name+"0", "pending", nil)
	w, in := waiter(f), waitInput(f, time.Minute)
	in.Poll = time.Hour
	for range 3 {
		_, err := attempt(t, w.AwaitImage, in)
		wantError(t, "shared", err, notReady(in.Poll, "is pending"))
	}
	if n := f.calls["DescribeImages"]; n != 1 {
		t.Errorf("three looks within a third of the interval made %d calls", n)
	}
	in.Place = abroad
	if _, err := attempt(t, w.AwaitImage, in); err == nil || f.calls["DescribeImages"] != 2 {
		t.Errorf("a look in another place: %d calls in all, %v", f.calls["DescribeImages"], err)
	}
}
