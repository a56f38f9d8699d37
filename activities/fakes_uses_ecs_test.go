package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fakeContainers is the ECS of an account and Region, with the limits that it has.
type fakeContainers struct {
	*wire
	clusters    map[string]*fakeCluster // by ARN
	definitions []types.TaskDefinition  // in the order of registration
	revisions   []types.ServiceRevision
	failures    map[string]types.Failure // by ARN: what Describe… says instead
	silent      string                   // ARN of which Describe… says nothing
	arrives     func(ctx context.Context, operation string)
}

type fakeCluster struct {
	services []types.Service
	tasks    []types.Task
	gone     bool // deleted since it was listed
}

var _ ECSUsesAPI = (*fakeContainers)(nil)

func newContainers() *fakeContainers {
	return &fakeContainers{wire: newWire("ECS"), clusters: map[string]*fakeCluster{}, failures: map[string]types.Failure{}}
}

func ecsARN(resource string) string { return "arn:aws:ecs:us-east-1:" + here.Account + ":" + resource }

func (f *fakeContainers) cluster(name string) *fakeCluster {
	c := &fakeCluster{}
	f.clusters[ecsARN("cluster/"+name)] = c
	return c
}

// register makes the next revision of a family, with a container for each image.
func (f *fakeContainers) register(family string, images ...string) string {
	revision := 1
	for _, d := range f.definitions {
		if *d.Family == family {
			revision++
		}
	}
	arn := ecsARN(fmt.Sprintf("task-definition/%s:%d", family, revision))
	d := types.TaskDefinition{TaskDefinitionArn: &arn, Family: &family, Revision: int32(revision), Status: types.TaskDefinitionStatusActive}
	for i, image := range images {
		d.ContainerDefinitions = append(d.ContainerDefinitions, types.ContainerDefinition{Name: aws.String(fmt.Sprint("c", i)), Image: aws.String(image)})
	}
	f.definitions = append(f.definitions, d)
	return arn
}

func (f *fakeContainers) definition(arn string) *types.TaskDefinition {
	for i := range f.definitions {
		if *f.definitions[i].TaskDefinitionArn == arn {
			return &f.definitions[i]
		}
	}
	panic("no " + arn)
}

func (f *fakeContainers) deregister(arn string) {
	f.definition(arn).Status = types.TaskDefinitionStatusInactive
}

// task adds one with containers of images; a digest after "=" is what it has pulled.
func (c *fakeCluster) task(id, status, definition string, images ...string) {
	desired := types.DesiredStatusRunning
	if status == "STOPPED" || status == "DEACTIVATING" {
		desired = types.DesiredStatusStopped
	}
	t := types.Task{TaskArn: aws.String(ecsARN("task/" + id)), LastStatus: &status, DesiredStatus: aws.String(string(desired)), TaskDefinitionArn: &definition}
	for _, image := range images {
		name, digest, pulled := strings.Cut(image, "=")
		container := types.Container{Image: aws.String(name)}
		if pulled {
			container.ImageDigest = aws.String(digest)
		}
		t.Containers = append(t.Containers, container)
	}
	c.tasks = append(c.tasks, t)
}

func (f *fakeContainers) enter(ctx context.Context, operation string, cluster *string, do func(*fakeCluster) error) error {
	if f.arrives != nil {
		f.arrives(ctx, operation)
	}
	return f.call(ctx, operation, func() error {
		if cluster == nil {
			return do(nil)
		}
		c := f.clusters[*cluster]
		if c == nil || c.gone {
			return f.refuse(operation, "ClusterNotFoundException", "Cluster not found.")
		}
		return do(c)
	})
}

// atMost is the most that ECS takes or answers; a list without a size has few.
func (f *fakeContainers) atMost(operation string, n, most int) error {
	if n < 1 || n > most {
		return f.refuse(operation, "InvalidParameterException", "%d is not between 1 and %d", n, most)
	}
	return nil
}

func itself(s string) string { return s }

func (f *fakeContainers) ListClusters(ctx context.Context, in *ecs.ListClustersInput, _ ...func(*ecs.Options)) (*ecs.ListClustersOutput, error) {
	out := &ecs.ListClustersOutput{}
	return out, f.enter(ctx, "ListClusters", nil, func(*fakeCluster) error {
		var all []string
		for arn := range f.clusters {
			all = append(all, arn)
		}
		out.ClusterArns, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), itself)
		return f.atMost("ListClusters", int(*in.MaxResults), 100)
	})
}

func (f *fakeContainers) ListServices(ctx context.Context, in *ecs.ListServicesInput, _ ...func(*ecs.Options)) (*ecs.ListServicesOutput, error) {
	out := &ecs.ListServicesOutput{}
	return out, f.enter(ctx, "ListServices", in.Cluster, func(c *fakeCluster) error {
		var all []string
		for _, s := range c.services {
			all = append(all, *s.ServiceArn)
		}
		out.ServiceArns, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), itself)
		return f.atMost("ListServices", int(*in.MaxResults), 100)
	})
}

func (f *fakeContainers) DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	out := &ecs.DescribeServicesOutput{}
	return out, f.enter(ctx, "DescribeServices", in.Cluster, func(c *fakeCluster) error {
		out.Services, out.Failures = described(f, in.Services, c.services, func(s types.Service) string { return *s.ServiceArn })
		return f.atMost("DescribeServices", len(in.Services), 10)
	})
}

func (f *fakeContainers) ListTasks(ctx context.Context, in *ecs.ListTasksInput, _ ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	out := &ecs.ListTasksOutput{}
	return out, f.enter(ctx, "ListTasks", in.Cluster, func(c *fakeCluster) error {
		var all []string
		for _, t := range c.tasks {
			if *t.DesiredStatus == string(cmp.Or(in.DesiredStatus, types.DesiredStatusRunning)) {
				all = append(all, *t.TaskArn)
			}
		}
		out.TaskArns, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), itself)
		return f.atMost("ListTasks", int(*in.MaxResults), 100)
	})
}

func (f *fakeContainers) DescribeTasks(ctx context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	out := &ecs.DescribeTasksOutput{}
	return out, f.enter(ctx, "DescribeTasks", in.Cluster, func(c *fakeCluster) error {
		out.Tasks, out.Failures = described(f, in.Tasks, c.tasks, func(t types.Task) string { return *t.TaskArn })
		return f.atMost("DescribeTasks", len(in.Tasks), 100)
	})
}

func (f *fakeContainers) DescribeServiceRevisions(ctx context.Context, in *ecs.DescribeServiceRevisionsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error) {
	out := &ecs.DescribeServiceRevisionsOutput{}
	return out, f.enter(ctx, "DescribeServiceRevisions", nil, func(*fakeCluster) error {
		out.ServiceRevisions, out.Failures = described(f, in.ServiceRevisionArns, f.revisions, func(r types.ServiceRevision) string { return *r.ServiceRevisionArn })
		return f.atMost("DescribeServiceRevisions", len(in.ServiceRevisionArns), 20)
	})
}

// described answers for each ARN with what there is, or with a failure.
func described[T any](f *fakeContainers, arns []string, all []T, arnOf func(T) string) (found []T, failures []types.Failure) {
	for _, arn := range arns {
		at := slices.IndexFunc(all, func(x T) bool { return arnOf(x) == arn })
		failure, fails := f.failures[arn]
		switch {
		case arn == f.silent:
		case fails:
			failure.Arn = &arn
			failures = append(failures, failure)
		case at < 0:
			failures = append(failures, types.Failure{Arn: &arn, Reason: aws.String("MISSING")})
		default:
			found = append(found, all[at])
		}
	}
	return found, failures
}

func (f *fakeContainers) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	return out, f.enter(ctx, "ListTaskDefinitions", nil, func(*fakeCluster) error {
		var all []string
		for _, d := range f.definitions {
			if d.Status == cmp.Or(in.Status, types.TaskDefinitionStatusActive) {
				all = append(all, *d.TaskDefinitionArn)
			}
		}
		// As text, 10 comes before 9: whoever relies on the order of a page learns it here.
		out.TaskDefinitionArns, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), itself)
		return f.atMost("ListTaskDefinitions", int(*in.MaxResults), 100)
	})
}

// DescribeTaskDefinition takes an ARN with or without a revision, family:revision and family.
func (f *fakeContainers) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	const operation = "DescribeTaskDefinition"
	out := &ecs.DescribeTaskDefinitionOutput{}
	return out, f.enter(ctx, operation, nil, func(*fakeCluster) error {
		asked := strings.TrimPrefix(*in.TaskDefinition, ecsARN("task-definition/"))
		for _, d := range slices.Backward(f.definitions) {
			if asked == fmt.Sprintf("%s:%d", *d.Family, d.Revision) || asked == *d.Family && d.Status == types.TaskDefinitionStatusActive {
				out.TaskDefinition = &d
				return nil
			}
		}
		return f.refuse(operation, "ClientException", "Unable to describe task definition.")
	})
}
