package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/ledger"
)

// TaskDefinitionPutAPI is what putting a task definition back needs of ECS.
type TaskDefinitionPutAPI interface {
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
}

// tagRestored marks a revision that was put back with the entry that told of it: RegisterTaskDefinition takes no client token,
// and after a lost answer nothing else would tell that the revision is there.
const tagRestored = "epoxy:restored"

// maxTags is how many tags a task definition can have.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
const maxTags = 50

// putDefinition registers what was deleted as a new revision: a number is never used twice.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
func (a *Restorer) putDefinition(ctx context.Context, place Place, e ledger.Entry) (string, error) {
	client, err := a.ECS(ctx, place)
	if err != nil {
		return "", translate(place, err)
	}
	var in ecs.RegisterTaskDefinitionInput // its fields have the names that they have in what was described
	if err := json.Unmarshal([]byte(e.PutBack.Definition), &in); err != nil {
		return "", Refuse(ErrInvalid, "the ledger's copy of %s cannot be read: %v", e.Resource, err)
	}
	if aws.ToString(in.Family) == "" {
		return "", Refuse(ErrInvalid, "the ledger's copy of %s names no family: register it by hand", e.Resource)
	}
	there, err := restoredRevision(ctx, client, *in.Family, e.ID)
	if err != nil {
		return "", translate(place, err)
	}
	if there == nil {
		in.Tags = slices.DeleteFunc(in.Tags, func(t types.Tag) bool { // AWS keeps aws: to itself
			return strings.HasPrefix(aws.ToString(t.Key), "aws:") || aws.ToString(t.Key) == tagRestored
		})
		if len(in.Tags) < maxTags {
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(tagRestored), Value: &e.ID})
		}
		out, err := client.RegisterTaskDefinition(ctx, &in)
		if err != nil {
			return "", translate(place, err)
		}
		there = out.TaskDefinition
	}
	return fmt.Sprintf("as %s:%d: a revision number is never used twice", aws.ToString(there.Family), there.Revision), nil
}

// restoredRevision is the latest revision, if it is this entry's.
func restoredRevision(ctx context.Context, client TaskDefinitionPutAPI, family, entry string) (*types.TaskDefinition, error) {
	page, err := client.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: &family, Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(1),
	})
	if err != nil || len(page.TaskDefinitionArns) == 0 {
		return nil, err
	}
	out, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &page.TaskDefinitionArns[0], Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
	})
	if err != nil {
		return nil, err
	}
	ours := slices.ContainsFunc(out.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == tagRestored && aws.ToString(t.Value) == entry })
	if !ours {
		return nil, nil
	}
	return out.TaskDefinition, nil
}
