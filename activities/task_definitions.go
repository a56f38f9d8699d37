package activities

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"epoxy/internal/artifact"
	"epoxy/internal/policy"
)

// TaskDefinitionsAPI is what looking at task definitions needs of ECS.
type TaskDefinitionsAPI interface {
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

// TaskDefinitions looks at the task definitions of a place, and changes nothing.
type TaskDefinitions struct {
	ECS Connect[TaskDefinitionsAPI]
	S3  Connect[artifact.API]
}

// TakeTaskDefinitions lists the task definitions, and describes, one by one as ECS wants it, those that may go.
func (a *TaskDefinitions) TakeTaskDefinitions(ctx context.Context, in TakeTaskDefinitionsInput) (TakeInventoryOutput, error) {
	store, err := openShelf(ctx, a.S3, in.Store)
	if err != nil {
		return TakeInventoryOutput{}, err
	}
	client, err := a.ECS(ctx, in.Place)
	if err != nil {
		return TakeInventoryOutput{}, translate(in.Place, err)
	}
	uses, err := taskDefinitionUses(ctx, store, in.Uses)
	if err != nil {
		return TakeInventoryOutput{}, err
	}
	all, err := listTaskDefinitions(ctx, client, in.Rules.Delete)
	if err != nil {
		return TakeInventoryOutput{}, translate(in.Place, err)
	}
	all, err = describeTaskDefinitions(ctx, client, policy.TaskDefinitionPlanInput{Now: in.Now, Rules: in.Rules, Definitions: all, Uses: uses})
	if err != nil {
		return TakeInventoryOutput{}, translate(in.Place, err)
	}
	out := TakeInventoryOutput{Images: len(all)}
	out.Inventory, err = store.put(ctx, kindTaskDefinitions, all)
	return out, err
}

// taskDefinitionUses is the same in whatever order the surveys come.
func taskDefinitionUses(ctx context.Context, store shelf, surveys []Artifact) ([]policy.TaskDefinitionUse, error) {
	var all []policy.TaskDefinitionUse
	for _, ref := range surveys {
		var uses policy.Uses
		if err := store.get(ctx, ref, &uses); err != nil {
			return nil, err
		}
		all = append(all, uses.TaskDefinitions...)
	}
	slices.SortFunc(all, func(a, b policy.TaskDefinitionUse) int {
		return cmp.Or(cmp.Compare(a.ARN, b.ARN), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.By, b.By))
	})
	return slices.Compact(all), nil
}

// listTaskDefinitions is sorted by ARN. What is deregistered between the two lists is in both: it is INACTIVE.
func listTaskDefinitions(ctx context.Context, client TaskDefinitionsAPI, inactive bool) ([]policy.TaskDefinition, error) {
	statuses := []types.TaskDefinitionStatus{types.TaskDefinitionStatusActive}
	if inactive {
		statuses = append(statuses, types.TaskDefinitionStatusInactive)
	}
	found := map[string]policy.TaskDefinition{}
	for _, status := range statuses {
		pages := ecs.NewListTaskDefinitionsPaginator(client, &ecs.ListTaskDefinitionsInput{Status: status, MaxResults: aws.Int32(100)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, arn := range page.TaskDefinitionArns {
				found[arn] = taskDefinitionOf(arn, string(status))
			}
			activity.RecordHeartbeat(ctx, len(found))
		}
	}
	all := make([]policy.TaskDefinition, 0, len(found))
	for _, d := range found {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b policy.TaskDefinition) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.ARN, b.ARN))
	})
	return all, nil
}

// taskDefinitionOf reads arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION.
func taskDefinitionOf(arn, status string) policy.TaskDefinition {
	family, revision, _ := strings.Cut(arn[strings.LastIndexByte(arn, '/')+1:], ":")
	n, err := strconv.Atoi(revision)
	if err != nil {
		n = 0
	}
	return policy.TaskDefinition{ARN: arn, Family: family, Revision: n, Status: status}
}

// describeTaskDefinitions leaves out what was deleted meanwhile.
func describeTaskDefinitions(ctx context.Context, client TaskDefinitionsAPI, in policy.TaskDefinitionPlanInput) ([]policy.TaskDefinition, error) {
	needed, err := policy.NeedsDescription(in)
	if err != nil {
		return nil, Refuse(ErrInvalid, "the rules of the policy: %v", err)
	}
	wanted := map[string]bool{}
	for _, arn := range needed {
		wanted[arn] = true
	}
	all := in.Definitions
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for i := range all {
		if !wanted[all[i].ARN] {
			continue
		}
		group.Go(func() error {
			err := describeTaskDefinition(ctx, client, &all[i])
			activity.RecordHeartbeat(ctx, all[i].ARN)
			return err
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(all, func(d policy.TaskDefinition) bool { return d.Status == "" }), err
}

// describeTaskDefinition clears the status of what is not there any more. ECS says so with a ClientException.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
func describeTaskDefinition(ctx context.Context, client TaskDefinitionsAPI, d *policy.TaskDefinition) error {
	out, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &d.ARN})
	if codeOf(err) == "ClientException" {
		d.Status = ""
		return nil
	}
	if err != nil {
		return err
	}
	got := out.TaskDefinition
	if got.Status == types.TaskDefinitionStatusDeleteInProgress {
		d.Status = ""
		return nil
	}
	d.Status = string(got.Status)
	d.Registered, d.Deregistered = aws.ToTime(got.RegisteredAt).UTC(), aws.ToTime(got.DeregisteredAt).UTC()
	return nil
}
