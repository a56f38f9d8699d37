package activities

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/policy"
)

// listTasks lists those that shall run (provisioning and pending ones, too) before those that shall stop or did in the last
// hour: a task that stops in between is seen in one list at least.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
func (s *ecsSurvey) listTasks(ctx context.Context, cluster string) error {
	var arns []string
	for _, status := range []types.DesiredStatus{types.DesiredStatusRunning, types.DesiredStatusStopped} {
		pages := ecs.NewListTasksPaginator(s.client, &ecs.ListTasksInput{Cluster: &cluster, DesiredStatus: status, MaxResults: aws.Int32(ecsPage)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if codeOf(err) == clusterIsGone {
				return nil
			}
			if err != nil {
				return err
			}
			arns = append(arns, page.TaskArns...)
		}
	}
	slices.Sort(arns)
	for part := range slices.Chunk(slices.Compact(arns), tasksPerCall) {
		s.later(func(ctx context.Context) error { return s.describeTasks(ctx, cluster, part) })
	}
	return nil
}

func (s *ecsSurvey) describeTasks(ctx context.Context, cluster string, arns []string) error {
	out, err := s.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: arns})
	if codeOf(err) == clusterIsGone {
		return nil
	}
	if err != nil {
		return err
	}
	for _, task := range out.Tasks {
		if err := s.task(task); err != nil {
			return err
		}
	}
	return failed("ecs:DescribeTasks", out.Failures, len(arns), len(out.Tasks))
}

// task holds its containers' images: by digest once it has pulled them, until then by what it is going to pull.
func (s *ecsSurvey) task(task types.Task) error {
	arn, kind := aws.ToString(task.TaskArn), policy.UseTask
	if aws.ToString(task.LastStatus) == "STOPPED" {
		kind = policy.UseStoppedTask
	}
	// A daemon's task has a definition of another kind, which is not among those that are pruned; its images are here.
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/daemon-task-definitions.html
	if definition := aws.ToString(task.TaskDefinitionArn); !strings.Contains(definition, ":daemon-task-definition/") {
		s.found.definition(kind, arn, definition)
	}
	for _, c := range task.Containers {
		if err := s.found.image(kind, arn, aws.ToString(c.Image), aws.ToString(c.ImageDigest)); err != nil {
			return err
		}
	}
	return nil
}

// listDefinitions finds the rollback targets of every family, whoever uses it.
func (s *ecsSurvey) listDefinitions(ctx context.Context) error {
	if s.in.RollbackRevisions <= 0 {
		return nil
	}
	pages := ecs.NewListTaskDefinitionsPaginator(s.client, &ecs.ListTaskDefinitionsInput{
		Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(ecsPage),
	})
	newest := newestRevisions{most: s.in.RollbackRevisions, families: map[string][]int{}, arns: map[string]string{}}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, arn := range page.TaskDefinitionArns {
			if err := newest.add(arn); err != nil {
				return err
			}
		}
	}
	for _, arn := range newest.all() {
		s.found.definition(policy.UseRollback, arn, arn)
	}
	return nil
}
