package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
)

// fakeFleet is EC2's instances and what Auto Scaling says of them. It filters as EC2 does.
type fakeFleet struct {
	mu        sync.Mutex
	instances []types.Instance
	lifecycle string
	reuse     bool
	calls     int
	err       error
}

func (f *fakeFleet) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.err != nil {
		return nil, f.err
	}
	var out []types.Instance
	for _, i := range f.instances {
		ok := true
		for _, filter := range in.Filters {
			if len(filter.Values) > instancesPerCall {
				return nil, awsError("EC2", "DescribeInstances", 400, "FilterLimitExceeded", "too many values")
			}
			ok = ok && slices.Contains(filter.Values, fieldOf(i, aws.ToString(filter.Name)))
		}
		if ok {
			out = append(out, i)
		}
	}
	return &ec2.DescribeInstancesOutput{Reservations: []types.Reservation{{Instances: out}}}, nil
}

func fieldOf(i types.Instance, filter string) string {
	switch filter {
	case "instance-id":
		return aws.ToString(i.InstanceId)
	case "instance-state-name":
		return string(i.State.Name)
	case "network-interface.addresses.private-ip-address":
		return aws.ToString(i.PrivateIpAddress)
	case "ip-address":
		return aws.ToString(i.PublicIpAddress)
	case "tag:Name":
		for _, tag := range i.Tags {
			if aws.ToString(tag.Key) == "Name" {
				return aws.ToString(tag.Value)
			}
		}
	}
	return ""
}

func (f *fakeFleet) DescribeAutoScalingInstances(context.Context, *autoscaling.DescribeAutoScalingInstancesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	if f.lifecycle == "" {
		return &autoscaling.DescribeAutoScalingInstancesOutput{}, nil
	}
	return &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []astypes.AutoScalingInstanceDetails{{LifecycleState: &f.lifecycle, AutoScalingGroupName: aws.String("web")}}}, nil
}

func (f *fakeFleet) DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	return &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: []astypes.AutoScalingGroup{{
		WarmPoolConfiguration: &astypes.WarmPoolConfiguration{InstanceReusePolicy: &astypes.InstanceReusePolicy{ReuseOnScaleIn: &f.reuse}},
	}}}, nil
}

func instance(id string, state types.InstanceStateName, name, address string) types.Instance {
	return types.Instance{
		InstanceId: &id, State: &types.InstanceState{Name: state}, PrivateIpAddress: &address, PrivateDnsName: aws.String("ip-10-0-0-5.ec2.internal"),
		Tags: []types.Tag{{Key: aws.String("Name"), Value: &name}}, StateTransitionReason: aws.String("User initiated (2026-11-21 10:00:00 GMT)"),
	}
}

// alive is what *DNS answers; see its own tests.
func (f *fakeFleet) alive(_ context.Context, live []Place, addresses, names []string, except string) (string, error) {
	if f.err != nil {
		return "", f.err
	}
	for _, i := range f.instances {
		is := slices.Contains(addresses, aws.ToString(i.PrivateIpAddress)) || slices.Contains(names, fieldOf(i, "tag:Name"))
		if id := aws.ToString(i.InstanceId); is && id != except && slices.Contains(notDead, string(i.State.Name)) {
			return id + " in " + live[0].String(), nil
		}
	}
	return "", nil
}

func newInstances(f *fakeFleet) *Instances {
	return &Instances{EC2: to[InstancesAPI](f), AutoScaling: to[InstanceGroupsAPI](f), Holders: f}
}

func TestFindLiving(t *testing.T) {
	for _, c := range []struct {
		state types.InstanceStateName
		in    FindLivingInput
		want  string
	}{
		{"running", FindLivingInput{ID: server}, server + " (web-1), which is running in " + here.String()},
		{"stopped", FindLivingInput{ID: server}, server + " (web-1), which is stopped in " + here.String()},
		{"shutting-down", FindLivingInput{ID: server}, server + " (web-1), which is shutting-down in " + here.String()},
		{"terminated", FindLivingInput{ID: server, Name: "web-1"}, ""},
		{"running", FindLivingInput{ID: "i-00000000000000000"}, ""},
		{"running", FindLivingInput{Name: "web-1"}, server + " in " + here.String()},
		{"running", FindLivingInput{Name: "web-1", Except: server}, ""},
		{"running", FindLivingInput{Name: "web-2"}, ""},
	} {
		f := &fakeFleet{instances: []types.Instance{instance(server, c.state, "web-1", "10.0.0.5")}}
		c.in.Live = []Place{here, abroad}
		if got, err := attempt(t, newInstances(f).FindLiving, c.in); err != nil || got.Holder != c.want {
			t.Errorf("%s, %+v: %q, %v", c.state, c.in, got.Holder, err)
		}
		f.err = errLost("EC2", "DescribeInstances")
		if _, err := attempt(t, newInstances(f).FindLiving, c.in); err == nil {
			t.Errorf("%+v: a lost answer was taken for nobody", c.in)
		}
	}
}

// What is no instance id never reaches EC2, where a filter takes it for a pattern.
func TestWhatIsNoInstanceIDIsNotAskedFor(t *testing.T) {
	for _, id := range []string{"*", "i-*", "unknown", "i-0123456789ABCDEF0"} {
		f := &fakeFleet{}
		_, err := attempt(t, newInstances(f).FindLiving, FindLivingInput{Live: []Place{here}, ID: id})
		wantError(t, id, err, refused(ErrInvalid, "is no instance id"))
		_, err = attempt(t, newInstances(f).FindInstance, FindInstanceInput{Place: here, ID: id})
		wantError(t, id, err, refused(ErrInvalid, "is no instance id"))
		if f.calls > 0 {
			t.Errorf("%s: EC2 was asked", id)
		}
	}
}

func TestFindInstance(t *testing.T) {
	patient, impatient := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	for _, c := range []struct {
		name      string
		state     types.InstanceStateName
		lifecycle string
		reuse     bool
		in        FindInstanceInput
		want      string // state
		err       what
	}{
		{name: "terminated", state: "terminated", in: FindInstanceInput{ID: server}, want: "terminated"},
		{name: "unknown", state: "running", in: FindInstanceInput{ID: "i-00000000000000000"}, want: policy.InstanceGone},
		{name: "dying", state: "shutting-down", in: FindInstanceInput{ID: server, Until: impatient, Poll: 7 * time.Second}, err: notReady(7*time.Second, "shutting-down")},
		{name: "alive for now", state: "running", in: FindInstanceInput{ID: server, Until: patient, Poll: 7 * time.Second}, err: notReady(7*time.Second, "running")},
		{name: "alive", state: "stopped", in: FindInstanceInput{ID: server, Until: impatient}, err: refused(ErrAlive, server+" (web-1) is stopped…nothing of it is touched")},
		{name: "held", state: "running", lifecycle: "Terminating:Wait", in: FindInstanceInput{ID: server, Hook: true, Until: impatient}, want: "running"},
		{name: "held, says nobody", state: "running", lifecycle: "Terminating:Wait", in: FindInstanceInput{ID: server, Until: impatient}, err: refused(ErrAlive, "running")},
		{name: "said to be held", state: "running", lifecycle: "InService", in: FindInstanceInput{ID: server, Hook: true, Until: impatient}, err: refused(ErrAlive, "running")},
		{name: "said to be held, of no group", state: "running", in: FindInstanceInput{ID: server, Hook: true, Until: impatient}, err: refused(ErrAlive, "running")},
		{name: "to the warm pool", state: "running", lifecycle: "Terminating:Wait", reuse: true, in: FindInstanceInput{ID: server, Hook: true, Until: impatient}, err: refused(ErrAlive, "running")},
		{name: "by address", state: "running", in: FindInstanceInput{Address: "10.0.0.5", Until: impatient}, err: refused(ErrAlive, server)},
		{name: "by address, dead", state: "terminated", in: FindInstanceInput{Address: "10.0.0.5"}, want: policy.InstanceGone},
		{name: "by name", state: "running", in: FindInstanceInput{Name: "web-1", Until: impatient}, err: refused(ErrAlive, server)},
		{name: "by another name", state: "running", in: FindInstanceInput{Name: "web-2", Until: impatient}, want: policy.InstanceGone},
	} {
		f := &fakeFleet{instances: []types.Instance{instance(server, c.state, "web-1", "10.0.0.5")}, lifecycle: c.lifecycle, reuse: c.reuse}
		c.in.Place, c.in.Live = here, []Place{here}
		got, err := attempt(t, newInstances(f).FindInstance, c.in)
		if c.err.kind != "" {
			wantError(t, c.name, err, c.err)
			continue
		}
		if err != nil || got.State != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestFindInstanceKnowsWhenItDied(t *testing.T) {
	f := &fakeFleet{instances: []types.Instance{instance(server, "terminated", "web-1", "")}}
	got, err := attempt(t, newInstances(f).FindInstance, FindInstanceInput{Place: here, ID: server})
	if err != nil || !got.Died.Equal(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)) || got.Name != "web-1" || got.Hostname != "ip-10-0-0-5" || len(got.Addresses) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A look that fails never means that nobody is there.
func TestFindInstanceFailsClosed(t *testing.T) {
	f := &fakeFleet{err: awsError("EC2", "DescribeInstances", 403, "UnauthorizedOperation", "no")}
	_, err := attempt(t, newInstances(f).FindInstance, FindInstanceInput{Place: here, ID: server})
	wantError(t, "forbidden", err, refused(ErrForbidden, "ec2:DescribeInstances"))
	f.err = errLost("EC2", "DescribeInstances")
	if _, err = attempt(t, newInstances(f).FindInstance, FindInstanceInput{Place: here, Address: "10.0.0.5"}); err == nil {
		t.Error("a lost answer was taken for nobody")
	}
}

// A thousand that die at once cost a handful of calls.
func TestFindInstanceGathers(t *testing.T) {
	f := &fakeFleet{}
	for n := range 1000 {
		f.instances = append(f.instances, instance(fmt.Sprintf("i-%017x", n), "terminated", "", ""))
	}
	a := newInstances(f)
	var all sync.WaitGroup
	for n := range 1000 {
		all.Go(func() {
			id := fmt.Sprintf("i-%017x", n)
			if got, err := a.FindInstance(t.Context(), FindInstanceInput{Place: here, ID: id}); err != nil || got.ID != id {
				t.Errorf("%s: %+v, %v", id, got, err)
			}
		})
	}
	all.Wait()
	if f.calls > 12 {
		t.Errorf("%d calls for 1,000 instances", f.calls)
	}
}

// fakeHooks is Auto Scaling's lifecycle hooks.
type fakeHooks struct {
	waits           bool
	heartbeats, let int
	err             error
}

func (f *fakeHooks) answer() error {
	if f.err != nil {
		return f.err
	}
	if !f.waits {
		return awsError("Auto Scaling", "RecordLifecycleActionHeartbeat", 400, "ValidationError", "No active Lifecycle Action found with instance ID "+server)
	}
	return nil
}

func (f *fakeHooks) DescribeLifecycleHooks(context.Context, *autoscaling.DescribeLifecycleHooksInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error) {
	return &autoscaling.DescribeLifecycleHooksOutput{LifecycleHooks: []astypes.LifecycleHook{{HeartbeatTimeout: aws.Int32(300)}}}, nil
}

func (f *fakeHooks) RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	f.heartbeats++
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, f.answer()
}

func (f *fakeHooks) CompleteLifecycleAction(_ context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	if aws.ToString(in.LifecycleActionResult) != "CONTINUE" || aws.ToString(in.LifecycleActionToken) != "token" {
		return nil, awsError("Auto Scaling", "CompleteLifecycleAction", 400, "InvalidParameter", "")
	}
	f.let++
	return &autoscaling.CompleteLifecycleActionOutput{}, f.answer()
}

func TestLifecycleHooks(t *testing.T) {
	in := LifecycleInput{Place: here, Instance: server, Hook: policy.LifecycleHook{Name: "epoxy", Group: "web", Token: "token"}}
	for _, c := range []struct {
		waits bool
		beat  LifecycleOutput
	}{{true, LifecycleOutput{Heartbeat: 5 * time.Minute}}, {false, LifecycleOutput{Ended: true}}} {
		f := &fakeHooks{waits: c.waits}
		a := &LifecycleHooks{AutoScaling: to[LifecycleHooksAPI](f)}
		if got, err := attempt(t, a.HeartbeatHook, in); err != nil || got != c.beat {
			t.Errorf("waits %v: heartbeat %+v, %v", c.waits, got, err)
		}
		if got, err := attempt(t, a.CompleteHook, in); err != nil || !got.Ended || f.let != 1 {
			t.Errorf("waits %v: complete %+v, %v", c.waits, got, err)
		}
	}
	f := &fakeHooks{err: awsError("Auto Scaling", "CompleteLifecycleAction", 400, "Throttling", "Rate exceeded")}
	_, err := attempt(t, (&LifecycleHooks{AutoScaling: to[LifecycleHooksAPI](f)}).CompleteHook, in)
	wantError(t, "throttled", err, what{kind: ErrThrottled, after: 5 * time.Second, upTo: 8 * time.Second})
}
