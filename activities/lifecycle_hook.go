package activities

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"epoxy/internal/policy"
)

// LifecycleHooksAPI is what lifecycle hooks need of Auto Scaling.
type LifecycleHooksAPI interface {
	DescribeLifecycleHooks(context.Context, *autoscaling.DescribeLifecycleHooksInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeLifecycleHooksOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
}

// LifecycleHooks keeps dying instances waiting, and lets them go.
type LifecycleHooks struct {
	AutoScaling Connect[LifecycleHooksAPI]
}

// noAction is what Auto Scaling answers when nothing waits (any more): the timeout is over, or somebody else let it go.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/completing-lifecycle-hooks.html
const noAction = "ValidationError"

// defaultHeartbeat is the timeout of a hook that does not say.
const defaultHeartbeat = time.Hour

// HeartbeatHook restarts the timeout of a lifecycle action, and tells how long that is.
func (a *LifecycleHooks) HeartbeatHook(ctx context.Context, in LifecycleInput) (LifecycleOutput, error) {
	client, err := a.AutoScaling(ctx, in.Place)
	if err != nil {
		return LifecycleOutput{}, translate(in.Place, err)
	}
	_, err = client.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &in.Hook.Group, LifecycleHookName: &in.Hook.Name, InstanceId: &in.Instance, LifecycleActionToken: hookToken(in.Hook),
	})
	if codeOf(err) == noAction {
		return LifecycleOutput{Ended: true}, nil
	}
	if err != nil {
		return LifecycleOutput{}, translate(in.Place, err)
	}
	hooks, err := client.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &in.Hook.Group, LifecycleHookNames: []string{in.Hook.Name}})
	if err != nil {
		return LifecycleOutput{}, translate(in.Place, err)
	}
	out := LifecycleOutput{Heartbeat: defaultHeartbeat}
	for _, h := range hooks.LifecycleHooks {
		if seconds := aws.ToInt32(h.HeartbeatTimeout); seconds > 0 {
			out.Heartbeat = time.Duration(seconds) * time.Second
		}
	}
	return out, nil
}

// CompleteHook lets an instance go: CONTINUE, because a terminating instance ends either way. One that waits no more is fine.
func (a *LifecycleHooks) CompleteHook(ctx context.Context, in LifecycleInput) (LifecycleOutput, error) {
	client, err := a.AutoScaling(ctx, in.Place)
	if err != nil {
		return LifecycleOutput{}, translate(in.Place, err)
	}
	_, err = client.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &in.Hook.Group, LifecycleHookName: &in.Hook.Name, InstanceId: &in.Instance, LifecycleActionToken: hookToken(in.Hook),
		LifecycleActionResult: aws.String("CONTINUE"),
	})
	if err != nil && codeOf(err) != noAction {
		return LifecycleOutput{}, translate(in.Place, err)
	}
	return LifecycleOutput{Ended: true}, nil
}

// hookToken tells one action of a hook from another; without it Auto Scaling takes the one of the instance.
func hookToken(h policy.LifecycleHook) *string {
	if h.Token == "" {
		return nil
	}
	return &h.Token
}
