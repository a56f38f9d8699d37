package activities

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// fakeRevisions are the task definitions of a place, which can be deregistered, deleted and registered.
type fakeRevisions struct {
	*wire
	t       testing.TB
	ledger  *fakeLedger
	all     map[string]*types.TaskDefinition
	tags    map[string][]types.Tag
	refuses map[string]string // by ARN, what ECS says when asked to deregister or delete it
	done    map[string]int    // "deregister web:1" → how often
	before  func(operation string)
}

func (f *fakeRevisions) put(family string, revision int, status types.TaskDefinitionStatus) {
	arn := revisionARN(family, revision)
	f.all[arn] = &types.TaskDefinition{
		TaskDefinitionArn: &arn, Family: &family, Revision: int32(revision), Status: status, Cpu: aws.String("256"), RegisteredAt: aws.Time(begun.AddDate(-1, 0, 0)),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("shop/web:v1"), Essential: aws.Bool(true)}},
	}
	if status == types.TaskDefinitionStatusInactive {
		f.all[arn].DeregisteredAt = f.all[arn].RegisteredAt
	}
	f.tags[arn] = []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}, {Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("shop")}}
}

func (f *fakeRevisions) missing(operation string) error {
	return f.refuse(operation, "ClientException", "Unable to describe task definition.")
}

func (f *fakeRevisions) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	return out, f.call(ctx, "ListTaskDefinitions", func() error {
		var found []*types.TaskDefinition
		for _, d := range f.all {
			if *d.Family == aws.ToString(in.FamilyPrefix) && d.Status == in.Status {
				found = append(found, d)
			}
		}
		slices.SortFunc(found, func(a, b *types.TaskDefinition) int { return cmp.Compare(b.Revision, a.Revision) })
		if in.Sort != types.SortOrderDesc {
			slices.Reverse(found)
		}
		for _, d := range found[:min(len(found), int(*in.MaxResults))] {
			out.TaskDefinitionArns = append(out.TaskDefinitionArns, *d.TaskDefinitionArn)
		}
		return nil
	})
}

func (f *fakeRevisions) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	out := &ecs.DescribeTaskDefinitionOutput{}
	return out, f.call(ctx, "DescribeTaskDefinition", func() error {
		d := f.all[*in.TaskDefinition]
		if d == nil {
			return f.missing("DescribeTaskDefinition")
		}
		is := *d
		out.TaskDefinition = &is
		if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
			out.Tags = f.tags[*in.TaskDefinition]
		}
		return nil
	})
}

func (f *fakeRevisions) wantIntent(arn string) {
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	if e, there := f.ledger.entries[ledger.EntryID(run, arn)]; !there || e.Outcome != "" || !strings.Contains(e.PutBack.Definition, "shop/web:v1") {
		f.t.Errorf("%s is removed, and the ledger has %+v", arn, e)
	}
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html
func (f *fakeRevisions) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error) {
	return &ecs.DeregisterTaskDefinitionOutput{}, f.call(ctx, "DeregisterTaskDefinition", func() error {
		f.before("DeregisterTaskDefinition")
		arn := *in.TaskDefinition
		d := f.all[arn]
		switch {
		case d == nil || d.Status != types.TaskDefinitionStatusActive:
			return f.refuse("DeregisterTaskDefinition", "ClientException", "The specified task definition is inactive.")
		case f.refuses[arn] != "":
			return f.refuse("DeregisterTaskDefinition", "ClientException", "%s", f.refuses[arn])
		}
		f.wantIntent(arn)
		d.Status = types.TaskDefinitionStatusInactive
		f.done["deregister "+policy.FamilyRevision(arn)]++
		return nil
	})
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
func (f *fakeRevisions) DeleteTaskDefinitions(ctx context.Context, in *ecs.DeleteTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error) {
	out := &ecs.DeleteTaskDefinitionsOutput{}
	return out, f.call(ctx, "DeleteTaskDefinitions", func() error {
		f.before("DeleteTaskDefinitions")
		if n := len(in.TaskDefinitions); n < 1 || n > 10 {
			return f.refuse("DeleteTaskDefinitions", "InvalidParameterException", "%d task definitions", n)
		}
		for _, arn := range in.TaskDefinitions {
			d := f.all[arn]
			why := f.refuses[arn]
			if d == nil || d.Status != types.TaskDefinitionStatusInactive {
				why = "TASK_DEFINITION_NOT_INACTIVE"
			}
			if why != "" {
				out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: &why})
				continue
			}
			f.wantIntent(arn)
			d.Status = types.TaskDefinitionStatusDeleteInProgress
			f.done["delete "+policy.FamilyRevision(arn)]++
			out.TaskDefinitions = append(out.TaskDefinitions, *d)
		}
		return nil
	})
}

func (f *fakeRevisions) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	out := &ecs.RegisterTaskDefinitionOutput{}
	return out, f.call(ctx, "RegisterTaskDefinition", func() error {
		next := 0
		for _, d := range f.all {
			if *d.Family == *in.Family {
				next = max(next, int(d.Revision)+1)
			}
		}
		if len(in.Tags) > 50 || slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return strings.HasPrefix(*t.Key, "aws:") }) {
			return f.refuse("RegisterTaskDefinition", "InvalidParameterException", "tags %s", asJSON(in.Tags))
		}
		f.put(*in.Family, next, types.TaskDefinitionStatusActive)
		arn := revisionARN(*in.Family, next)
		f.all[arn].ContainerDefinitions, f.all[arn].Cpu, f.tags[arn] = in.ContainerDefinitions, in.Cpu, in.Tags
		out.TaskDefinition = f.all[arn]
		return nil
	})
}
