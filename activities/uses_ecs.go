package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/nearest"
	"epoxy/internal/policy"
)

// ECSUsesAPI is what finding out who holds images needs of ECS.
type ECSUsesAPI interface {
	DescribeTaskDefinitionAPI
	ListClusters(context.Context, *ecs.ListClustersInput, ...func(*ecs.Options)) (*ecs.ListClustersOutput, error)
	ListServices(context.Context, *ecs.ListServicesInput, ...func(*ecs.Options)) (*ecs.ListServicesOutput, error)
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
}

// The most that ECS takes in, or answers to, one call.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Operations.html
const (
	ecsPage            = 100
	servicesPerCall    = 10
	tasksPerCall       = 100
	revisionsPerCall   = 20
	clusterIsGone      = "ClusterNotFoundException"
	failureOfWhatEnded = "MISSING" // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
)

// ecsSurvey is one look at the ECS of a place: first everything is listed, then everything is described, each side by side.
type ecsSurvey struct {
	client ECSUsesAPI
	in     SurveyUsesInput
	found  *findings
	known  *knowledge

	mu        sync.Mutex
	calls     []func(context.Context) error // to describe what was listed
	revisions map[string]bool               // of services
}

func (a *UseSurveyor) surveyECS(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.ECS(ctx, in.Place)
	if err != nil {
		return err
	}
	s := &ecsSurvey{client: client, in: in, found: found, known: &a.known, revisions: map[string]bool{}}
	clusters, err := s.clusters(ctx)
	if err != nil {
		return err
	}
	run := func(ctx context.Context, call func(context.Context) error) error { return call(ctx) }
	if err := each(ctx, s.lists(clusters), run); err != nil {
		return err
	}
	if err := each(ctx, s.calls, run); err != nil {
		return err
	}
	if err := s.describeRevisions(ctx); err != nil {
		return err
	}
	return a.resolveDefinitions(ctx, client, found)
}

// clusters are all there are. A mistyped or missing one must not look like one in which nothing runs.
func (s *ecsSurvey) clusters(ctx context.Context) ([]string, error) {
	var arns, names []string
	pages := ecs.NewListClustersPaginator(s.client, &ecs.ListClustersInput{MaxResults: aws.Int32(ecsPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		arns = append(arns, page.ClusterArns...)
	}
	for _, arn := range arns {
		names = append(names, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	var missing []string
	for _, want := range s.in.ExpectClusters {
		if slices.Contains(names, want) {
			continue
		}
		if near := nearest.Name(want, names); near != "" {
			want = fmt.Sprintf("%s (did you mean %s?)", want, near)
		}
		missing = append(missing, want)
	}
	if len(missing) > 0 {
		return nil, Refuse(ErrInvalid, "in %s, among %d ECS clusters, these are missing: %s; check expect_clusters, account and region in epoxy.yaml",
			s.in.Place, len(names), strings.Join(missing, ", "))
	}
	return arns, nil
}

func (s *ecsSurvey) lists(clusters []string) []func(context.Context) error {
	lists := append(make([]func(context.Context) error, 0, 1+2*len(clusters)), s.listDefinitions)
	for _, cluster := range clusters {
		lists = append(lists,
			func(ctx context.Context) error { return s.listServices(ctx, cluster) },
			func(ctx context.Context) error { return s.listTasks(ctx, cluster) })
	}
	return lists
}

func (s *ecsSurvey) later(calls ...func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, calls...)
}

func (s *ecsSurvey) listServices(ctx context.Context, cluster string) error {
	pages := ecs.NewListServicesPaginator(s.client, &ecs.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(ecsPage)})
	var arns []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if codeOf(err) == clusterIsGone {
			return nil // since it was listed: only an empty cluster can be deleted
		}
		if err != nil {
			return err
		}
		arns = append(arns, page.ServiceArns...)
	}
	for part := range slices.Chunk(arns, servicesPerCall) {
		s.later(func(ctx context.Context) error { return s.describeServices(ctx, cluster, part) })
	}
	return nil
}

func (s *ecsSurvey) describeServices(ctx context.Context, cluster string, arns []string) error {
	out, err := s.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: arns})
	if codeOf(err) == clusterIsGone {
		return nil
	}
	if err != nil {
		return err
	}
	for _, service := range out.Services {
		s.service(service)
	}
	return failed("ecs:DescribeServices", out.Failures, len(arns), len(out.Services))
}

// service holds task definitions however many tasks it wants: tomorrow it may want one again.
func (s *ecsSurvey) service(service types.Service) {
	arn := aws.ToString(service.ServiceArn)
	s.found.definition(policy.UseService, arn, aws.ToString(service.TaskDefinition))
	for _, d := range service.Deployments {
		s.found.definition(policy.UseDeployment, arn+" deployment "+aws.ToString(d.Id), aws.ToString(d.TaskDefinition))
	}
	for _, t := range service.TaskSets {
		s.found.definition(policy.UseTaskSet, aws.ToString(t.TaskSetArn), aws.ToString(t.TaskDefinition))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range service.CurrentServiceRevisions {
		s.revisions[aws.ToString(r.Arn)] = true
	}
}

// failed reads failures[]: what ended since it was listed is none. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
func failed(action string, failures []types.Failure, asked, answered int) error {
	for _, f := range failures {
		if aws.ToString(f.Reason) != failureOfWhatEnded {
			return fmt.Errorf("%s says of %s: %s %s", action, aws.ToString(f.Arn), aws.ToString(f.Reason), aws.ToString(f.Detail))
		}
	}
	if asked != answered+len(failures) {
		return fmt.Errorf("%s was asked for %d and answered for %d", action, asked, answered+len(failures))
	}
	return nil
}

// describeRevisions finds the digests that ECS has pinned. A revision's never change, but while it is being deployed they come
// one by one. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html#deployment-container-image-stability
func (s *ecsSurvey) describeRevisions(ctx context.Context) error {
	var unknown []string
	for _, arn := range slices.Sorted(maps.Keys(s.revisions)) {
		if r, known := s.known.revisions.get(arn); known {
			s.revision(arn, r)
			continue
		}
		unknown = append(unknown, arn)
	}
	return each(ctx, slices.Collect(slices.Chunk(unknown, revisionsPerCall)), func(ctx context.Context, arns []string) error {
		out, err := s.client.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns})
		if err != nil {
			return err
		}
		for _, described := range out.ServiceRevisions {
			if err := s.learnRevision(described); err != nil {
				return err
			}
		}
		return failed("ecs:DescribeServiceRevisions", out.Failures, len(arns), len(out.ServiceRevisions))
	})
}

// serviceRevision is what a revision of a service holds.
type serviceRevision struct {
	definition string
	images     []policy.Reference
}

func (s *ecsSurvey) learnRevision(described types.ServiceRevision) error {
	arn := aws.ToString(described.ServiceRevisionArn)
	r := serviceRevision{definition: aws.ToString(described.TaskDefinition)}
	final := len(described.ContainerImages) > 0
	for _, c := range described.ContainerImages {
		digest := aws.ToString(c.ImageDigest)
		refs, err := parseImage(aws.ToString(c.Image), digest)
		if err != nil {
			return Refuse(ErrInvalid, "container %s of service revision %s has an image that cannot be read: %v; deploy the service with a correct one", aws.ToString(c.ContainerName), arn, err)
		}
		final = final && digest != ""
		r.images = append(r.images, refs...)
	}
	if final {
		s.known.revisions.put(arn, r)
	}
	s.revision(arn, r)
	return nil
}

func (s *ecsSurvey) revision(arn string, r serviceRevision) {
	s.found.definition(policy.UseServiceRevision, arn, r.definition)
	s.found.add(policy.UseServiceRevision, arn, r.images)
}
