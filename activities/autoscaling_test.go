package activities

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"epoxy/internal/policy"
)

func scaling(f *fakeScaling) *AutoScaling { return &AutoScaling{Connect: to[AutoScalingAPI](f)} }

func refreshInput() RefreshInput {
	return RefreshInput{Place: here, Group: group, Version: 8, Since: begun, Deadline: time.Now().Add(time.Hour), Poll: 3 * time.Second}
}

// The statuses of refreshes that run.
const (
	pending    = types.InstanceRefreshStatusPending
	inProgress = types.InstanceRefreshStatusInProgress
	cancelling = types.InstanceRefreshStatusCancelling
)

func TestRefreshInstances(t *testing.T) {
	f := newScaling()
	f.group.Instances = append(instances("InService", "8", 3), instances("InService", "7", 1)...)
	f.group.Instances = append(f.group.Instances, instances("Terminating", "7", 2)...)
	f.group.Instances = append(f.group.Instances, types.Instance{LifecycleState: "InService"}) // launched by hand, without a template
	f.begin("refresh-old", "Successful", begun.Add(-time.Hour))
	do, in := scaling(f).RefreshInstances, refreshInput()
	var b beats[policy.Refresh]

	_, err := attempt(t, do, in, b.keep)
	wantError(t, "first", err, notReady(in.Poll, "instance refresh refresh-2 of shop-web started"))
	_, err = attempt(t, do, in, b.keep)
	wantError(t, "pending", err, notReady(in.Poll, "instance refresh refresh-2 of shop-web is Pending, 40 % because"))
	own := &f.refreshes[0]
	own.Status, own.StartTime, own.PercentageComplete = inProgress, aws.Time(begun.Add(time.Minute)), aws.Int32(70)
	_, err = attempt(t, do, in, b.keep)
	wantError(t, "running", err, notReady(in.Poll, "is InProgress, 70 %"))
	if n := len(b.all); n != 3 || b.all[0].ID != "refresh-2" || b.all[0].Status != "Pending" || b.all[2].Percent != 70 {
		t.Errorf("heartbeats: %+v", b.all)
	}
	own.Status = "Successful"
	for range 2 {
		out, err := attempt(t, do, in, b.keep)
		if err != nil || !out.Done || out.TimedOut || out.ID != "refresh-2" || out.OnVersion != 3 || out.InService != 5 {
			t.Errorf("ended as %+v: %v", out, err)
		}
	}
	if f.calls["StartInstanceRefresh"] != 1 {
		t.Errorf("%d refreshes were started", f.calls["StartInstanceRefresh"])
	}
}

func TestRefreshInstancesAfterALostAnswer(t *testing.T) {
	for about, hidden := range map[string]bool{"visible at once": false, "visible later": true} {
		f := newScaling()
		f.lose["StartInstanceRefresh"], f.hides = 1, hidden
		do, in := scaling(f).RefreshInstances, refreshInput()
		_, err := attempt(t, do, in)
		wantError(t, about, err, what{says: "autoscaling:StartInstanceRefresh in 123456789012/us-east-1"})
		if hidden {
			_, err = attempt(t, do, in)
			wantError(t, about, err, notReady(in.Poll, "shop-web has an instance refresh that is not visible yet"))
			f.hides = false
		}
		_, err = attempt(t, do, in)
		wantError(t, about, err, notReady(in.Poll, "refresh-1 of shop-web is Pending"))
		if len(f.refreshes) != 1 {
			t.Errorf("%s: %d refreshes", about, len(f.refreshes))
		}
	}
}

func TestRefreshInstancesWaitsForAForeignOne(t *testing.T) {
	f := newScaling()
	f.begin("refresh-theirs", inProgress, begun.Add(-time.Minute))
	do, in := scaling(f).RefreshInstances, refreshInput()
	_, err := attempt(t, do, in)
	wantError(t, "busy", err, notReady(in.Poll, "shop-web is busy with instance refresh refresh-theirs (InProgress, 40 %): waiting for it"))
	if f.calls["StartInstanceRefresh"] != 0 {
		t.Error("one was started beside it")
	}
	late := in
	late.Deadline = time.Now().Add(-time.Second)
	_, err = attempt(t, do, late)
	wantError(t, "busy for too long", err, refused(ErrTimedOut, "shop-web was busy with another instance refresh until the deadline"))
	f.refreshes[0].Status = "Cancelled"
	_, err = attempt(t, do, late)
	wantError(t, "nobody came in time", err, refused(ErrTimedOut, "no instance refresh of shop-web could be started before the deadline"))
	_, err = attempt(t, do, in)
	wantError(t, "free", err, notReady(in.Poll, "instance refresh refresh-2 of shop-web started"))
}

// The refresh of a rollback is another one than the refresh that failed.
func TestRefreshInstancesIgnoresTheOneBefore(t *testing.T) {
	f := newScaling()
	f.begin("refresh-failed", "Failed", begun.Add(time.Minute))
	do, in := scaling(f).RefreshInstances, refreshInput()
	in.Ignore = []string{"refresh-failed"}
	_, err := attempt(t, do, in)
	wantError(t, "rollback", err, notReady(in.Poll, "refresh-2 of shop-web started"))

	f = newScaling()
	f.begin("refresh-late", cancelling, begun.Add(time.Minute))
	in.Ignore = []string{"refresh-late"}
	_, err = attempt(t, scaling(f).RefreshInstances, in)
	wantError(t, "it is still ending", err, notReady(in.Poll, "busy with instance refresh refresh-late (Cancelling"))
}

func TestRefreshInstancesThatEndsBadly(t *testing.T) {
	for _, status := range []types.InstanceRefreshStatus{"Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed"} {
		f := newScaling()
		f.begin("refresh-own", status, begun.Add(time.Minute))
		out, err := attempt(t, scaling(f).RefreshInstances, refreshInput())
		if err != nil || out.Done || out.TimedOut || out.ID != "refresh-own" || out.Status != string(status) || out.Reason != "because" || out.Percent != 40 {
			t.Errorf("%s is the result %+v: %v", status, out, err)
		}
	}
}

func TestRefreshInstancesAtItsDeadline(t *testing.T) {
	for status, want := range map[types.InstanceRefreshStatus]RefreshOutput{
		pending: {TimedOut: true}, inProgress: {TimedOut: true}, cancelling: {TimedOut: true}, "Successful": {Done: true}, "Failed": {},
	} {
		f := newScaling()
		f.begin("refresh-own", status, begun.Add(time.Minute))
		in := refreshInput()
		in.Deadline = time.Now().Add(-time.Hour)
		out, err := attempt(t, scaling(f).RefreshInstances, in)
		if err != nil || out.Done != want.Done || out.TimedOut != want.TimedOut || out.Status != string(status) {
			t.Errorf("%s at the deadline: %+v, %v", status, out, err)
		}
	}
}

func TestEveryRefreshStatusIsKnown(t *testing.T) {
	known := map[types.InstanceRefreshStatus]policy.RefreshPhase{
		"Pending": policy.RefreshRunning, "InProgress": policy.RefreshRunning, "Cancelling": policy.RefreshRunning, "Baking": policy.RefreshRunning,
		"RollbackInProgress": policy.RefreshRunning, "Successful": policy.RefreshDone, "Failed": policy.RefreshEnded, "Cancelled": policy.RefreshEnded,
		"RollbackSuccessful": policy.RefreshEnded, "RollbackFailed": policy.RefreshEnded,
	}
	for _, status := range types.InstanceRefreshStatus("").Values() {
		if want, ok := known[status]; !ok || policy.RefreshPhaseOf(string(status)) != want {
			t.Errorf("%s: phase %v, want %v (known: %v)", status, policy.RefreshPhaseOf(string(status)), want, ok)
		}
	}
}

func TestRefreshPreferences(t *testing.T) {
	f := newScaling()
	in := refreshInput()
	_, _ = attempt(t, scaling(f).RefreshInstances, in)
	if got, want := toJSON(f.askedRefresh.Preferences), toJSON(&types.RefreshPreferences{SkipMatching: aws.Bool(false)}); got != want || f.askedRefresh.Strategy != "Rolling" {
		t.Errorf("without any, asked %s, want %s", got, want)
	}
	if f.askedRefresh.DesiredConfiguration != nil {
		t.Error("a desired configuration pins the group, which nobody asked for")
	}
	f = newScaling()
	in.Preferences = RefreshPreferences{
		MinHealthyPercentage: aws.Int32(0), MaxHealthyPercentage: aws.Int32(150), InstanceWarmup: 90 * time.Second, CheckpointPercentages: []int32{20, 100},
		CheckpointDelay: time.Hour, SkipMatching: true, BakeTime: 48 * time.Hour, Alarms: []string{"5xx"},
	}
	_, _ = attempt(t, scaling(f).RefreshInstances, in)
	want := &types.RefreshPreferences{
		MinHealthyPercentage: aws.Int32(0), MaxHealthyPercentage: aws.Int32(150), InstanceWarmup: aws.Int32(90), CheckpointPercentages: []int32{20, 100},
		CheckpointDelay: aws.Int32(3600), SkipMatching: aws.Bool(true), BakeTime: aws.Int32(172800), AlarmSpecification: &types.AlarmSpecification{Alarms: []string{"5xx"}},
	}
	if got := toJSON(f.askedRefresh.Preferences); got != toJSON(want) {
		t.Errorf("asked\n%s, want\n%s", got, toJSON(want))
	}
}

func TestCancelRefresh(t *testing.T) {
	for about, c := range map[string]struct {
		id      string // "": there is none
		status  types.InstanceRefreshStatus
		started time.Duration // after publishing
		own     bool
		calls   int
	}{
		"running":                {"refresh-own", inProgress, time.Minute, true, 1},
		"pending":                {"refresh-own", pending, 0, true, 1},
		"being cancelled":        {"refresh-own", cancelling, time.Minute, true, 0},
		"over":                   {"refresh-own", "Successful", time.Minute, true, 0},
		"another's, running":     {"refresh-theirs", inProgress, -time.Minute, false, 0},
		"another's, over":        {"refresh-theirs", "Failed", -time.Minute, false, 0},
		"none":                   {"", "", 0, false, 0},
		"of the same second, in": {"refresh-own", inProgress, 0, true, 1},
	} {
		f := newScaling()
		if c.id != "" {
			f.begin(c.id, c.status, begun.Add(c.started))
		}
		got, err := attempt(t, scaling(f).CancelRefresh, CancelRefreshInput{Place: here, Group: group, Since: begun})
		if err != nil || (got.ID != "") != c.own || c.own && got.ID != c.id || f.calls["CancelInstanceRefresh"] != c.calls {
			t.Errorf("%s: %+v, %d calls: %v", about, got, f.calls["CancelInstanceRefresh"], err)
		}
		if c.calls == 0 && c.id != "" && f.refreshes[0].Status != c.status {
			t.Errorf("%s: it is %s", about, f.refreshes[0].Status)
		}
	}
	f := newScaling()
	f.begin("refresh-own", inProgress, begun.Add(time.Minute))
	f.failing("CancelInstanceRefresh", 400, "ActiveInstanceRefreshNotFound", "over") // it ended between the look and the call
	if got, err := attempt(t, scaling(f).CancelRefresh, CancelRefreshInput{Place: here, Group: group, Since: begun}); err != nil || got.ID != "refresh-own" {
		t.Errorf("just over: %+v, %v", got, err)
	}
}

func TestScalingRefused(t *testing.T) {
	s := func(f *fakeScaling) map[string]func() error {
		return map[string]func() error{
			"UpdateAutoScalingGroup": func() error {
				_, err := attempt(t, silent(scaling(f).PinGroup), PinGroupInput{Place: here, Group: group, LaunchTemplateID: lt, Version: 8})
				return err
			},
			"StartInstanceRefresh":      func() error { _, err := attempt(t, scaling(f).RefreshInstances, refreshInput()); return err },
			"DescribeInstanceRefreshes": func() error { _, err := attempt(t, scaling(f).RefreshInstances, refreshInput()); return err },
			"CancelInstanceRefresh": func() error {
				f.begin("refresh-own", inProgress, begun.Add(time.Minute))
				_, err := attempt(t, scaling(f).CancelRefresh, CancelRefreshInput{Place: here, Group: group, Since: begun})
				return err
			},
		}
	}
	for operation := range s(nil) {
		f := newScaling()
		f.failing(operation, 403, "AccessDenied", "User: x is not authorized to perform: autoscaling:"+operation+" on resource: y")
		wantError(t, operation, s(f)[operation](), refused(ErrForbidden, fmt.Sprintf("autoscaling:%s is not allowed in 123456789012/us-east-1", operation)))
		f = newScaling()
		f.failing(operation, 400, "Throttling", "Rate exceeded")
		wantError(t, operation, s(f)[operation](), throttled("autoscaling:"+operation))
		if operation != "CancelInstanceRefresh" {
			f = newScaling()
			f.group = nil
			if err := s(f)[operation](); err == nil {
				t.Errorf("%s of a group that is not there went well", operation)
			}
		}
	}
}
