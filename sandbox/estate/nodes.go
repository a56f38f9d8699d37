package estate

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"
)

// Node is an instance that Chef and DNS know by name.
type Node struct {
	ID       string // i-…
	Address  string // private
	Hostname string // private DNS name: ip-10-1-2-3.ec2.internal
	Name     string // tag Name: <group>-1, …
}

// nodeImage is no image of the sandbox's; any image id may be launched.
const nodeImage = "ami-0123456789abcdef0"

// NewNodes makes a group of n instances, each with a tag Name, and returns them in the order of their names.
func (e *Estate) NewNodes(ctx context.Context, group string, n int) ([]Node, error) {
	template, err := e.EC2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: &group,
		LaunchTemplateData: &types.RequestLaunchTemplateData{ImageId: aws.String(nodeImage), InstanceType: types.InstanceTypeT3Small},
	})
	if err != nil {
		return nil, fmt.Errorf("create a launch template of %s: %w", group, err)
	}
	size := aws.Int32(int32(n)) //nolint:gosec // thousands at most
	_, err = e.AutoScaling.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &group, MinSize: aws.Int32(0), MaxSize: aws.Int32(2**size + 1), DesiredCapacity: size, AvailabilityZones: []string{Zone},
		LaunchTemplate: &astypes.LaunchTemplateSpecification{LaunchTemplateId: template.LaunchTemplate.LaunchTemplateId, Version: aws.String("$Latest")},
	})
	if err != nil {
		return nil, fmt.Errorf("create group %s: %w", group, err)
	}
	instances, err := e.instances(ctx, types.Filter{Name: aws.String("tag:aws:autoscaling:groupName"), Values: []string{group}})
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, len(instances))
	for i, instance := range instances {
		nodes[i] = Node{
			ID: aws.ToString(instance.InstanceId), Address: aws.ToString(instance.PrivateIpAddress),
			Hostname: aws.ToString(instance.PrivateDnsName), Name: group + "-" + strconv.Itoa(i+1),
		}
	}
	naming, ctx := errgroup.WithContext(ctx)
	naming.SetLimit(8)
	for _, n := range nodes {
		naming.Go(func() error { return e.name(ctx, n) })
	}
	return nodes, naming.Wait()
}

func (e *Estate) instances(ctx context.Context, filter types.Filter) ([]types.Instance, error) {
	var out []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(e.EC2, &ec2.DescribeInstancesInput{Filters: []types.Filter{filter}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe instances: %w", err)
		}
		for _, r := range page.Reservations {
			out = append(out, r.Instances...)
		}
	}
	return out, nil
}

func (e *Estate) name(ctx context.Context, n Node) error {
	_, err := e.EC2.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{n.ID}, Tags: []types.Tag{{Key: aws.String("Name"), Value: &n.Name}},
	})
	if err != nil {
		return fmt.Errorf("name instance %s: %w", n.ID, err)
	}
	return nil
}

// RunAt runs an instance, of no group, with a private address and a name; the address may be a dead instance's.
func (e *Estate) RunAt(ctx context.Context, address, name string) (Node, error) {
	out, err := e.EC2.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: aws.String(nodeImage), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Small, PrivateIpAddress: &address,
	})
	if err != nil {
		return Node{}, fmt.Errorf("run an instance at %s: %w", address, err)
	}
	n := Node{
		ID: aws.ToString(out.Instances[0].InstanceId), Name: name,
		Address: aws.ToString(out.Instances[0].PrivateIpAddress), Hostname: aws.ToString(out.Instances[0].PrivateDnsName),
	}
	return n, e.name(ctx, n)
}

// Terminate lets the group terminate instances, and shrink; its hooks hold them.
func (e *Estate) Terminate(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		_, err := e.AutoScaling.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
			InstanceId: aws.String(id), ShouldDecrementDesiredCapacity: aws.Bool(true),
		})
		if err != nil {
			return fmt.Errorf("terminate %s by its group: %w", id, err)
		}
	}
	return nil
}

// Kill terminates instances past their group, which replaces them.
func (e *Estate) Kill(ctx context.Context, ids ...string) error {
	if _, err := e.EC2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}); err != nil {
		return fmt.Errorf("terminate instances: %w", err)
	}
	return nil
}

// State is an instance's state (running, terminated, …); "" when EC2 has forgotten it.
func (e *Estate) State(ctx context.Context, id string) (string, error) {
	found, err := e.instances(ctx, types.Filter{Name: aws.String("instance-id"), Values: []string{id}})
	if err != nil || len(found) == 0 {
		return "", err
	}
	return string(found[0].State.Name), nil
}

// document is an IAM-like policy or an event pattern as JSON.
func document(v any) *string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings
	}
	return aws.String(string(raw))
}
