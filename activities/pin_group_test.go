package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func TestPinGroup(t *testing.T) {
	f := newScaling()
	f.lose["UpdateAutoScalingGroup"] = 1
	pin, in := silent(scaling(f).PinGroup), PinGroupInput{Place: here, Group: group, LaunchTemplateID: lt, Version: 8}
	_, err := attempt(t, pin, in)
	wantError(t, "lost", err, what{says: "autoscaling:UpdateAutoScalingGroup"})
	for range 2 {
		want := types.LaunchTemplateSpecification{LaunchTemplateId: aws.String(lt), Version: aws.String("8")}
		if _, err := attempt(t, pin, in); err != nil || toJSON(f.group.LaunchTemplate) != toJSON(want) || f.group.MixedInstancesPolicy != nil {
			t.Errorf("the group launches %s: %v", toJSON(f.group), err)
		}
	}
}

// A mixed instances policy is handed back as it was read but for the version. What Auto Scaling describes by id and by
// name it takes back by one of them only.
func TestPinGroupOfMixedInstances(t *testing.T) {
	f := newScaling()
	f.group.LaunchTemplate = nil
	policy := func(spec, override *types.LaunchTemplateSpecification) *types.MixedInstancesPolicy {
		return &types.MixedInstancesPolicy{
			InstancesDistribution: &types.InstancesDistribution{OnDemandBaseCapacity: aws.Int32(1), SpotAllocationStrategy: aws.String("price-capacity-optimized")},
			LaunchTemplate: &types.LaunchTemplate{
				LaunchTemplateSpecification: spec,
				Overrides: []types.LaunchTemplateOverrides{
					{InstanceType: aws.String("m7i.large"), WeightedCapacity: aws.String("2")},
					{InstanceType: aws.String("m7g.large"), LaunchTemplateSpecification: override},
					{InstanceRequirements: &types.InstanceRequirements{VCpuCount: &types.VCpuCountRequest{Min: aws.Int32(2)}}},
				},
			},
		}
	}
	f.group.MixedInstancesPolicy = policy(template(lt, "shop", "7"), template("lt-arm", "shop-arm", "$Latest"))
	want := toJSON(policy(
		&types.LaunchTemplateSpecification{LaunchTemplateId: aws.String(lt), Version: aws.String("8")},
		&types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-arm"), Version: aws.String("$Latest")},
	))
	for _, about := range []string{"described by id and name", "described as it was put"} {
		_, err := attempt(t, silent(scaling(f).PinGroup), PinGroupInput{Place: here, Group: group, LaunchTemplateID: lt, Version: 8})
		if got := toJSON(f.group.MixedInstancesPolicy); err != nil || got != want || f.group.LaunchTemplate != nil {
			t.Errorf("%s: the policy is\n%s, want\n%s: %v", about, got, want, err)
		}
	}
}
