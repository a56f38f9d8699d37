package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// fakeScaling has one Auto Scaling group.
type fakeScaling struct {
	*wire

	group        *types.AutoScalingGroup
	refreshes    []types.InstanceRefresh // newest first
	hides        bool                    // a refresh that was started is not described yet
	askedRefresh *autoscaling.StartInstanceRefreshInput
}

var _ AutoScalingAPI = (*fakeScaling)(nil)

func newScaling() *fakeScaling {
	return &fakeScaling{wire: newWire("Auto Scaling"), group: &types.AutoScalingGroup{
		AutoScalingGroupName: aws.String(group), DesiredCapacity: aws.Int32(2), LaunchTemplate: template(lt, "shop", "$Latest"),
	}}
}

// template is a specification as Auto Scaling describes it: with id and name.
func template(id, name, version string) *types.LaunchTemplateSpecification {
	return &types.LaunchTemplateSpecification{LaunchTemplateId: &id, LaunchTemplateName: &name, Version: &version}
}

func instances(state types.LifecycleState, version string, n int) []types.Instance {
	return slices.Repeat([]types.Instance{{LifecycleState: state, LaunchTemplate: template(lt, "shop", version)}}, n)
}

// begin puts a refresh in front; one that is pending has no start.
func (f *fakeScaling) begin(id string, status types.InstanceRefreshStatus, started time.Time) *types.InstanceRefresh {
	r := types.InstanceRefresh{InstanceRefreshId: &id, Status: status, PercentageComplete: aws.Int32(40), StatusReason: aws.String("because")}
	if status != types.InstanceRefreshStatusPending {
		r.StartTime = &started
	}
	f.refreshes = slices.Insert(f.refreshes, 0, r)
	return &f.refreshes[0]
}

func (f *fakeScaling) exists(operation, name string) error {
	if f.group == nil || name != *f.group.AutoScalingGroupName {
		return f.refuse(operation, "ValidationError", "AutoScalingGroup name not found - %s", name)
	}
	return nil
}

// active is the one refresh that runs.
func (f *fakeScaling) active() *types.InstanceRefresh {
	for i, r := range f.refreshes {
		switch r.Status {
		case types.InstanceRefreshStatusPending, types.InstanceRefreshStatusInProgress, types.InstanceRefreshStatusCancelling, types.InstanceRefreshStatusBaking:
			return &f.refreshes[i]
		}
	}
	return nil
}

func (f *fakeScaling) DescribeAutoScalingGroups(ctx context.Context, in *autoscaling.DescribeAutoScalingGroupsInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	out := &autoscaling.DescribeAutoScalingGroupsOutput{}
	return out, f.call(ctx, "DescribeAutoScalingGroups", func() error {
		if f.exists("", in.AutoScalingGroupNames[0]) == nil { // a group that is not there is no error
			out.AutoScalingGroups = make([]types.AutoScalingGroup, 1)
			fromJSON(toJSON(f.group), &out.AutoScalingGroups[0])
		}
		return nil
	})
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateSpecification.html: id or name, not both.
func (f *fakeScaling) UpdateAutoScalingGroup(ctx context.Context, in *autoscaling.UpdateAutoScalingGroupInput, _ ...func(*autoscaling.Options)) (*autoscaling.UpdateAutoScalingGroupOutput, error) {
	const operation = "UpdateAutoScalingGroup"
	return &autoscaling.UpdateAutoScalingGroupOutput{}, f.call(ctx, operation, func() error {
		if err := f.exists(operation, *in.AutoScalingGroupName); err != nil {
			return err
		}
		if (in.LaunchTemplate == nil) == (in.MixedInstancesPolicy == nil) {
			return f.refuse(operation, "ValidationError", "either a launch template or a mixed instances policy")
		}
		specs := []*types.LaunchTemplateSpecification{in.LaunchTemplate}
		if m := in.MixedInstancesPolicy; m != nil {
			specs = []*types.LaunchTemplateSpecification{m.LaunchTemplate.LaunchTemplateSpecification}
			for _, o := range m.LaunchTemplate.Overrides {
				specs = append(specs, o.LaunchTemplateSpecification)
			}
		}
		for _, s := range specs {
			if s != nil && (s.LaunchTemplateId == nil) == (s.LaunchTemplateName == nil) {
				return f.refuse(operation, "ValidationError", "Valid requests must contain either launchTemplateId or LaunchTemplateName")
			}
		}
		f.group.LaunchTemplate, f.group.MixedInstancesPolicy = in.LaunchTemplate, in.MixedInstancesPolicy
		return nil
	})
}

func (f *fakeScaling) DescribeInstanceRefreshes(ctx context.Context, in *autoscaling.DescribeInstanceRefreshesInput, _ ...func(*autoscaling.Options)) (*autoscaling.DescribeInstanceRefreshesOutput, error) {
	out := &autoscaling.DescribeInstanceRefreshesOutput{}
	return out, f.call(ctx, "DescribeInstanceRefreshes", func() error {
		for _, r := range f.refreshes {
			if !f.hides || r.Status != types.InstanceRefreshStatusPending {
				out.InstanceRefreshes = append(out.InstanceRefreshes, r)
			}
		}
		return f.exists("DescribeInstanceRefreshes", *in.AutoScalingGroupName)
	})
}

func (f *fakeScaling) StartInstanceRefresh(ctx context.Context, in *autoscaling.StartInstanceRefreshInput, _ ...func(*autoscaling.Options)) (*autoscaling.StartInstanceRefreshOutput, error) {
	const operation = "StartInstanceRefresh"
	out := &autoscaling.StartInstanceRefreshOutput{}
	return out, f.call(ctx, operation, func() error {
		if err := f.exists(operation, *in.AutoScalingGroupName); err != nil {
			return err
		}
		if f.active() != nil {
			return f.refuse(operation, "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
		}
		f.askedRefresh = in
		out.InstanceRefreshId = f.begin(fmt.Sprint("refresh-", len(f.refreshes)+1), types.InstanceRefreshStatusPending, time.Time{}).InstanceRefreshId
		return nil
	})
}

func (f *fakeScaling) CancelInstanceRefresh(ctx context.Context, _ *autoscaling.CancelInstanceRefreshInput, _ ...func(*autoscaling.Options)) (*autoscaling.CancelInstanceRefreshOutput, error) {
	const operation = "CancelInstanceRefresh"
	return &autoscaling.CancelInstanceRefreshOutput{}, f.call(ctx, operation, func() error {
		r := f.active()
		if r == nil || r.Status == types.InstanceRefreshStatusCancelling {
			return f.refuse(operation, "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found")
		}
		r.Status = types.InstanceRefreshStatusCancelling
		return nil
	})
}

// fakeParameters is a Parameter Store.
type fakeParameters struct {
	*wire

	values map[string]ssmtypes.Parameter
	late   map[string]ssmtypes.Parameter // values of the type aws:ec2:image that are still checked
	asked  *ssm.PutParameterInput
}

var _ ParametersAPI = (*fakeParameters)(nil)

func newParameters() *fakeParameters {
	return &fakeParameters{wire: newWire("SSM"), values: map[string]ssmtypes.Parameter{}}
}

func (f *fakeParameters) GetParameter(ctx context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	out := &ssm.GetParameterOutput{}
	return out, f.call(ctx, "GetParameter", func() error {
		p, ok := f.values[*in.Name]
		if !ok {
			return f.refuse("GetParameter", "ParameterNotFound", "")
		}
		out.Parameter = &p
		return nil
	})
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (f *fakeParameters) PutParameter(ctx context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	return &ssm.PutParameterOutput{}, f.call(ctx, "PutParameter", func() error {
		was, there := f.values[*in.Name]
		switch {
		case there && !aws.ToBool(in.Overwrite):
			return f.refuse("PutParameter", "ParameterAlreadyExists", "The parameter already exists.")
		case there && was.Type != in.Type:
			return f.refuse("PutParameter", "HierarchyTypeMismatch", "the type of a parameter cannot be changed")
		}
		f.asked = in
		now := ssmtypes.Parameter{Name: in.Name, Value: in.Value, Type: in.Type, DataType: in.DataType, LastModifiedDate: aws.Time(begun)}
		if f.late != nil {
			f.late[*in.Name] = now
			return nil
		}
		f.values[*in.Name] = now
		return nil
	})
}
