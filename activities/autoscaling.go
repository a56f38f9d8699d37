package activities

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"go.temporal.io/sdk/activity"

	"epoxy/internal/policy"
)

// AutoScalingAPI is what rolling out needs of Auto Scaling.
type AutoScalingAPI interface {
	DescribeAutoScalingGroups(context.Context, *autoscaling.DescribeAutoScalingGroupsInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error)
	UpdateAutoScalingGroup(context.Context, *autoscaling.UpdateAutoScalingGroupInput, ...func(*autoscaling.Options)) (*autoscaling.UpdateAutoScalingGroupOutput, error)
	DescribeInstanceRefreshes(context.Context, *autoscaling.DescribeInstanceRefreshesInput, ...func(*autoscaling.Options)) (*autoscaling.DescribeInstanceRefreshesOutput, error)
	StartInstanceRefresh(context.Context, *autoscaling.StartInstanceRefreshInput, ...func(*autoscaling.Options)) (*autoscaling.StartInstanceRefreshOutput, error)
	CancelInstanceRefresh(context.Context, *autoscaling.CancelInstanceRefreshInput, ...func(*autoscaling.Options)) (*autoscaling.CancelInstanceRefreshOutput, error)
}

// AutoScaling pins and refreshes groups.
type AutoScaling struct{ Connect Connect[AutoScalingAPI] }

// PinGroupInput publishes a version by naming it in the group.
type PinGroupInput struct {
	Place            Place  `json:"place"`
	Group            string `json:"group"`
	LaunchTemplateID string `json:"launch_template_id"`
	Version          int64  `json:"version"`
}

// PinGroup sets the version that a group launches; the rest of a mixed instances policy is handed back as it was read. A
// template is described by id and by name, and taken back by one of them only.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateSpecification.html
func (a *AutoScaling) PinGroup(ctx context.Context, in PinGroupInput) error {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return translate(in.Place, err)
	}
	group, err := describeGroup(ctx, client, in.Group)
	if err != nil {
		return translate(in.Place, err)
	}
	spec := &types.LaunchTemplateSpecification{LaunchTemplateId: &in.LaunchTemplateID, Version: aws.String(strconv.FormatInt(in.Version, 10))}
	update := &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &in.Group}
	if mixed := group.MixedInstancesPolicy; mixed != nil && mixed.LaunchTemplate != nil {
		mixed.LaunchTemplate.LaunchTemplateSpecification = spec
		for _, o := range mixed.LaunchTemplate.Overrides {
			if other := o.LaunchTemplateSpecification; other != nil && other.LaunchTemplateId != nil {
				other.LaunchTemplateName = nil
			}
		}
		update.MixedInstancesPolicy = mixed
	} else {
		update.LaunchTemplate = spec
	}
	_, err = client.UpdateAutoScalingGroup(ctx, update)
	return translate(in.Place, err)
}

// RefreshPreferences are StartInstanceRefresh's, in its words; nil takes the group's or AWS's default.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html
type RefreshPreferences struct {
	MinHealthyPercentage  *int32        `json:"min_healthy_percentage,omitempty"`
	MaxHealthyPercentage  *int32        `json:"max_healthy_percentage,omitempty"`
	InstanceWarmup        time.Duration `json:"instance_warmup,omitempty"`
	CheckpointPercentages []int32       `json:"checkpoint_percentages,omitempty"`
	CheckpointDelay       time.Duration `json:"checkpoint_delay,omitempty"`
	SkipMatching          bool          `json:"skip_matching,omitempty"`
	BakeTime              time.Duration `json:"bake_time,omitempty"`
	Alarms                []string      `json:"alarms,omitempty"`
}

// RefreshInput asks to replace a group's instances with what was published.
type RefreshInput struct {
	Place       Place              `json:"place"`
	Group       string             `json:"group"`
	Version     int64              `json:"version,omitempty"` // that the instances are to run; 0: not told by a version
	Since       time.Time          `json:"since"`             // when it was published, by AWS's clock
	Ignore      []string           `json:"ignore,omitempty"`  // refreshes that this run ended
	Preferences RefreshPreferences `json:"preferences"`
	Deadline    time.Time          `json:"deadline"`
	Poll        time.Duration      `json:"poll"`
}

// RefreshOutput is how the refresh ended; Done tells whether well.
type RefreshOutput struct {
	policy.Refresh

	Done      bool `json:"done"`
	TimedOut  bool `json:"timed_out,omitempty"`
	OnVersion int  `json:"on_version"` // instances in service that run the version
	InService int  `json:"in_service"`
}

// RefreshInstances starts a refresh or goes on with the one that is already there, and looks once; "not yet" is a
// retryable error, as in AwaitImage. How the refresh ended, badly too, is a result: the workflow decides what follows.
func (a *AutoScaling) RefreshInstances(ctx context.Context, in RefreshInput) (RefreshOutput, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return RefreshOutput{}, translate(in.Place, err)
	}
	own, busy, err := findRefresh(ctx, client, in)
	if err != nil {
		return RefreshOutput{}, translate(in.Place, err)
	}
	late := time.Now().After(in.Deadline)
	switch {
	case own == nil && busy == nil && late:
		return RefreshOutput{}, Refuse(ErrTimedOut, "no instance refresh of %s could be started before the deadline", in.Group)
	case own == nil && late:
		return RefreshOutput{}, Refuse(ErrTimedOut, "%s was busy with another instance refresh until the deadline", in.Group)
	case own == nil && busy != nil:
		return RefreshOutput{}, NotReady(in.Poll, "%s is busy with instance refresh %s (%s, %d %%): waiting for it", in.Group, busy.ID, busy.Status, busy.Percent)
	case own == nil:
		return RefreshOutput{}, start(ctx, client, in)
	}
	out := RefreshOutput{Refresh: *own}
	switch policy.RefreshPhaseOf(own.Status) {
	case policy.RefreshDone:
		out.Done = true
		out.OnVersion, out.InService, err = countOnVersion(ctx, client, in.Group, in.Version)
		return out, translate(in.Place, err)
	case policy.RefreshEnded:
		return out, nil
	default:
		if late {
			out.TimedOut = true
			return out, nil
		}
		activity.RecordHeartbeat(ctx, *own)
		return out, NotReady(in.Poll, "instance refresh %s of %s is %s, %d %% %s", own.ID, in.Group, own.Status, own.Percent, own.Reason)
	}
}

func findRefresh(ctx context.Context, client AutoScalingAPI, in RefreshInput) (own, busy *policy.Refresh, err error) {
	out, err := client.DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &in.Group})
	if err != nil {
		return nil, nil, err
	}
	all := make([]policy.Refresh, 0, len(out.InstanceRefreshes)) // newest first; the first page holds all that can matter
	for _, r := range out.InstanceRefreshes {
		all = append(all, policy.Refresh{
			ID: aws.ToString(r.InstanceRefreshId), Status: string(r.Status), Reason: aws.ToString(r.StatusReason),
			Percent: int(aws.ToInt32(r.PercentageComplete)), Started: aws.ToTime(r.StartTime),
		})
	}
	own, busy = policy.OwnRefresh(all, in.Since, in.Ignore)
	return own, busy, nil
}

func start(ctx context.Context, client AutoScalingAPI, in RefreshInput) error {
	out, err := client.StartInstanceRefresh(ctx, &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: &in.Group,
		Strategy:             types.RefreshStrategyRolling,
		Preferences:          preferences(in.Preferences),
	})
	switch {
	case codeOf(err) == "InstanceRefreshInProgress":
		return NotReady(in.Poll, "%s has an instance refresh that is not visible yet", in.Group)
	case err != nil:
		return translate(in.Place, err)
	}
	id := aws.ToString(out.InstanceRefreshId)
	activity.RecordHeartbeat(ctx, policy.Refresh{ID: id, Status: "Pending"})
	return NotReady(in.Poll, "instance refresh %s of %s started", id, in.Group)
}

func preferences(p RefreshPreferences) *types.RefreshPreferences {
	out := &types.RefreshPreferences{
		MinHealthyPercentage: p.MinHealthyPercentage, MaxHealthyPercentage: p.MaxHealthyPercentage,
		InstanceWarmup: seconds(p.InstanceWarmup), CheckpointPercentages: p.CheckpointPercentages,
		CheckpointDelay: seconds(p.CheckpointDelay), BakeTime: seconds(p.BakeTime), SkipMatching: aws.Bool(p.SkipMatching),
	}
	if len(p.Alarms) > 0 {
		out.AlarmSpecification = &types.AlarmSpecification{Alarms: p.Alarms}
	}
	return out
}

// seconds leaves a zero out, so that AWS's own default holds.
func seconds(d time.Duration) *int32 {
	if d == 0 {
		return nil
	}
	return aws.Int32(int32(d / time.Second)) //nolint:gosec // bounded by the configuration: at most 48 hours
}

// CancelRefreshInput stops one refresh, and no other.
type CancelRefreshInput struct {
	Place Place     `json:"place"`
	Group string    `json:"group"`
	Since time.Time `json:"since"` // as in RefreshInput: how our own refresh is told
}

// CancelRefresh stops our refresh if it still runs; what it replaced stays replaced. It answers with that refresh, or an
// empty one where none was ours.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CancelInstanceRefresh.html
func (a *AutoScaling) CancelRefresh(ctx context.Context, in CancelRefreshInput) (policy.Refresh, error) {
	client, err := a.Connect(ctx, in.Place)
	if err != nil {
		return policy.Refresh{}, translate(in.Place, err)
	}
	own, _, err := findRefresh(ctx, client, RefreshInput{Group: in.Group, Since: in.Since})
	if err != nil || own == nil {
		return policy.Refresh{}, translate(in.Place, err)
	}
	if policy.RefreshPhaseOf(own.Status) != policy.RefreshRunning || own.Status == string(types.InstanceRefreshStatusCancelling) {
		return *own, nil
	}
	_, err = client.CancelInstanceRefresh(ctx, &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: &in.Group})
	if codeOf(err) == "ActiveInstanceRefreshNotFound" {
		err = nil
	}
	return *own, translate(in.Place, err)
}

func describeGroup(ctx context.Context, client AutoScalingAPI, name string) (types.AutoScalingGroup, error) {
	out, err := client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return types.AutoScalingGroup{}, err
	}
	if len(out.AutoScalingGroups) == 0 {
		return types.AutoScalingGroup{}, Refuse(ErrNotFound, "Auto Scaling group %s does not exist: check auto_scaling_group in epoxy.yaml", name)
	}
	return out.AutoScalingGroups[0], nil
}

func countOnVersion(ctx context.Context, client AutoScalingAPI, group string, version int64) (on, inService int, err error) {
	g, err := describeGroup(ctx, client, group)
	if err != nil {
		return 0, 0, fmt.Errorf("count instances: %w", err)
	}
	for _, i := range g.Instances {
		if i.LifecycleState != types.LifecycleStateInService {
			continue
		}
		inService++
		if i.LaunchTemplate != nil && aws.ToString(i.LaunchTemplate.Version) == strconv.FormatInt(version, 10) {
			on++
		}
	}
	return on, inService, nil
}
