// Package estate fills the sandbox's AWS with things to work on, and looks at what became of them.
package estate

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Where the sandbox's things are.
const (
	Account = "123456789012"
	Region  = "us-east-1"
	Zone    = "us-east-1a"
)

// Estate is the sandbox's AWS account as its owner sees it.
type Estate struct {
	EC2         *ec2.Client
	AutoScaling *autoscaling.Client
	SSM         *ssm.Client

	cfg aws.Config
}

// Open connects to the AWS stand-in at a URL.
func Open(ctx context.Context, url string) (*Estate, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(Region), config.WithBaseEndpoint(url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("sandbox", "sandbox", "")))
	if err != nil {
		return nil, fmt.Errorf("connect to the sandbox's AWS: %w", err)
	}
	return &Estate{EC2: ec2.NewFromConfig(cfg), AutoScaling: autoscaling.NewFromConfig(cfg), SSM: ssm.NewFromConfig(cfg), cfg: cfg}, nil
}

// In is EC2 in another Region.
func (e *Estate) In(region string) *ec2.Client {
	return ec2.NewFromConfig(e.cfg, func(o *ec2.Options) { o.Region = region })
}

// Fleet is an instance to bake, its launch template, and the group that launches from it.
type Fleet struct {
	InstanceID       string
	LaunchTemplateID string
	Group            string
	BaseImage        string
}

// FleetOptions say how a fleet is made.
type FleetOptions struct {
	Name      string
	GroupSize int    // 0: no Auto Scaling group
	Version   string // that the group launches: $Latest (default), $Default or a number
	Image     string // of the template; default: the base image, or resolve:ssm:…
}

// NewFleet makes one instance, a launch template with settings worth keeping, and a group.
func (e *Estate) NewFleet(ctx context.Context, o FleetOptions) (Fleet, error) {
	base, err := e.EC2.RegisterImage(ctx, &ec2.RegisterImageInput{Name: aws.String("base-" + o.Name), RootDeviceName: aws.String("/dev/sda1")})
	if err != nil {
		return Fleet{}, fmt.Errorf("register a base image: %w", err)
	}
	f := Fleet{BaseImage: aws.ToString(base.ImageId)}
	run, err := e.EC2.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: base.ImageId, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Small})
	if err != nil {
		return f, fmt.Errorf("run an instance: %w", err)
	}
	f.InstanceID = aws.ToString(run.Instances[0].InstanceId)
	image := o.Image
	if image == "" {
		image = f.BaseImage
	}
	template, err := e.EC2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String(o.Name),
		LaunchTemplateData: &types.RequestLaunchTemplateData{
			ImageId: &image, InstanceType: types.InstanceTypeT3Small, KeyName: aws.String("ops"),
			UserData:        aws.String("IyEvYmluL3NoCmVjaG8gaGVsbG8K"),
			MetadataOptions: &types.LaunchTemplateInstanceMetadataOptionsRequest{HttpTokens: types.LaunchTemplateHttpTokensStateRequired},
			TagSpecifications: []types.LaunchTemplateTagSpecificationRequest{{
				ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("app"), Value: aws.String("shop")}},
			}},
		},
	})
	if err != nil {
		return f, fmt.Errorf("create a launch template: %w", err)
	}
	f.LaunchTemplateID = aws.ToString(template.LaunchTemplate.LaunchTemplateId)
	if o.GroupSize == 0 {
		return f, nil
	}
	f.Group = o.Name
	return f, e.newGroup(ctx, o, f)
}

func (e *Estate) newGroup(ctx context.Context, o FleetOptions, f Fleet) error {
	version := o.Version
	if version == "" {
		version = "$Latest"
	}
	size := aws.Int32(int32(o.GroupSize)) //nolint:gosec // a handful
	_, err := e.AutoScaling.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &f.Group, MinSize: aws.Int32(0), MaxSize: aws.Int32(2 * *size), DesiredCapacity: size, AvailabilityZones: []string{Zone},
		LaunchTemplate: &astypes.LaunchTemplateSpecification{LaunchTemplateId: &f.LaunchTemplateID, Version: &version},
	})
	if err != nil {
		return fmt.Errorf("create group %s: %w", f.Group, err)
	}
	return nil
}

// OwnImages are the account's images of one run's target name, in a Region.
func (e *Estate) OwnImages(ctx context.Context, region, prefix string) ([]types.Image, error) {
	out, err := e.In(region).DescribeImages(ctx, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []types.Filter{{Name: aws.String("name"), Values: []string{prefix + "-*"}}},
	})
	if err != nil {
		return nil, err
	}
	return out.Images, nil
}

// RunSnapshots are the snapshots that carry the epoxy:target tag of a target.
func (e *Estate) RunSnapshots(ctx context.Context, region, target string) ([]types.Snapshot, error) {
	out, err := e.In(region).DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: aws.String("tag:epoxy:target"), Values: []string{target}}},
	})
	if err != nil {
		return nil, err
	}
	return out.Snapshots, nil
}

// Versions are a launch template's versions, the newest first.
func (e *Estate) Versions(ctx context.Context, template string) ([]types.LaunchTemplateVersion, error) {
	out, err := e.EC2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: &template})
	if err != nil {
		return nil, err
	}
	return out.LaunchTemplateVersions, nil
}

// GroupVersions counts a group's instances in service by the template version they run.
func (e *Estate) GroupVersions(ctx context.Context, group string) (map[int]int, error) {
	out, err := e.AutoScaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil {
		return nil, err
	}
	count := map[int]int{}
	for _, g := range out.AutoScalingGroups {
		for _, i := range g.Instances {
			if i.LifecycleState == astypes.LifecycleStateInService && i.LaunchTemplate != nil {
				n, err := strconv.Atoi(aws.ToString(i.LaunchTemplate.Version))
				if err != nil {
					return nil, fmt.Errorf("instance %s shows version %q", aws.ToString(i.InstanceId), aws.ToString(i.LaunchTemplate.Version))
				}
				count[n]++
			}
		}
	}
	return count, nil
}
