package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/artifact"
	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// TaskDefinitionRemovalAPI is what removing task definitions needs of ECS.
type TaskDefinitionRemovalAPI interface {
	ListTaskDefinitions(context.Context, *ecs.ListTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	DeregisterTaskDefinition(context.Context, *ecs.DeregisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DeregisterTaskDefinitionOutput, error)
	DeleteTaskDefinitions(context.Context, *ecs.DeleteTaskDefinitionsInput, ...func(*ecs.Options)) (*ecs.DeleteTaskDefinitionsOutput, error)
}

// TaskDefinitionRemover deregisters and deletes task definitions of an approved plan.
type TaskDefinitionRemover struct {
	ECS    Connect[TaskDefinitionRemovalAPI]
	S3     Connect[artifact.API]
	Ledger OpenLedger
	Look   secondLook
}

// definitionsPerCall is ECS's limit on a DeleteTaskDefinitions call.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
const definitionsPerCall = 10

// RemoveTaskDefinitions takes one batch through the second look, the ledger, deregistration and deletion. It may be repeated
// at any point: what an intent of this run covers goes on where it was left.
func (a *TaskDefinitionRemover) RemoveTaskDefinitions(ctx context.Context, in RemoveTaskDefinitionsInput) (DeletionOutput, error) {
	defer beating(ctx, in.Part.Name)()
	client, err := a.ECS(ctx, in.Place)
	if err != nil {
		return DeletionOutput{}, translate(in.Place, err)
	}
	d, err := openDeletion(ctx, a.S3, a.Ledger, in.Deletion, definitionsPerCall, func(arn string) string { return arn })
	if err != nil {
		return DeletionOutput{}, err
	}
	b := &definitionRemoval{deletion: d, rules: in.Rules, ecs: client}
	b.names(policy.ItemsOfDefinitions(b.Vetoed, b.batch))
	err = b.run(ctx, a.Look)
	return d.conclude(ctx, err)
}

// definitionRemoval is one attempt at one batch of task definitions.
type definitionRemoval struct {
	*deletion

	rules policy.TaskDefinitionRules
	ecs   TaskDefinitionRemovalAPI
}

func (b *definitionRemoval) run(ctx context.Context, l secondLook) error {
	open := b.settle(b.batch)
	if len(open) == 0 {
		return nil
	}
	uses, err := l.LookAgain(ctx, b.Again, b.Listed)
	if err != nil {
		return err
	}
	if policy.DefinitionsSeen(uses.TaskDefinitions) == 0 {
		return Refuse(ErrInvalid, "at the second look no task definition is in use anywhere, lists and rollback revisions apart, which is hardly true: nothing is deleted; check aws.accounts and the policy's region and sources")
	}
	now, err := b.describe(ctx, open)
	if err != nil {
		return err
	}
	going, err := b.recheck(ctx, open, now, uses.TaskDefinitions)
	if err != nil {
		return err
	}
	going, err = b.intend(ctx, going, func(v policy.Verdict, e *ledger.Entry) {
		e.Kind, e.PutBack = ledger.ECSTaskDefinition, ledger.PutBack{Definition: now[v.ID].text}
	})
	if err != nil {
		return err
	}
	inactive, err := b.deregister(ctx, going, now)
	if err != nil || len(inactive) == 0 {
		return err
	}
	return b.delete(ctx, inactive)
}

// describedDefinition is a task definition as it is now: its status, and what puts it back.
type describedDefinition struct{ status, text string }

// definitionText is a task definition with its tags, under the names that RegisterTaskDefinition has for both.
type definitionText struct {
	types.TaskDefinition

	Tags []types.Tag
}

func (b *definitionRemoval) describe(ctx context.Context, open []policy.Verdict) (map[string]describedDefinition, error) {
	now := make(map[string]describedDefinition, len(open))
	for _, v := range open {
		out, err := b.describeOne(ctx, v.ID, types.TaskDefinitionFieldTags)
		if err != nil {
			return nil, err
		}
		if out == nil {
			continue
		}
		text, err := json.Marshal(definitionText{*out.TaskDefinition, out.Tags})
		if err != nil {
			return nil, fmt.Errorf("write %s as JSON: %w", v.ID, err)
		}
		now[v.ID] = describedDefinition{string(out.TaskDefinition.Status), string(text)}
	}
	return now, nil
}

// describeOne is nil for what is gone, or is being deleted. ECS says of what is gone that the request is wrong.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
func (b *definitionRemoval) describeOne(ctx context.Context, arn string, include ...types.TaskDefinitionField) (*ecs.DescribeTaskDefinitionOutput, error) {
	out, err := b.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: include})
	switch {
	case codeOf(err) == "ClientException":
		return nil, nil
	case err != nil:
		return nil, translate(b.Place, err)
	case out.TaskDefinition.Status == types.TaskDefinitionStatusDeleteInProgress:
		return nil, nil
	}
	return out, nil
}

func (b *definitionRemoval) recheck(ctx context.Context, open []policy.Verdict, now map[string]describedDefinition, uses []policy.TaskDefinitionUse) ([]policy.Verdict, error) {
	open, err := b.reread(ctx, open, func(arn string) bool { return now[arn].status != "" })
	if err != nil {
		return nil, err
	}
	latest, err := b.latest(ctx, open, uses)
	if err != nil {
		return nil, err
	}
	in := policy.DefinitionRecheck{Status: map[string]string{}, Own: map[string]bool{}, Latest: latest, Uses: uses, Vetoed: b.Vetoed}
	for _, v := range open {
		d, there := now[v.ID]
		if !there && b.begun(v) {
			b.deleted(v, "") // by an attempt whose answer was lost
			continue
		}
		in.Planned = append(in.Planned, v)
		in.Status[v.ID], in.Own[v.ID] = d.status, b.begun(v)
	}
	going, kept, err := policy.RecheckTaskDefinitions(in)
	if err != nil {
		return nil, Refuse(ErrInvalid, "%v: nothing is deleted", err)
	}
	for _, v := range kept {
		if b.begun(v) && now[v.ID].status != v.Status {
			b.onlyDeregistered(v)
			continue
		}
		b.keep(v)
	}
	return going, nil
}

// latest is the latest active revision of those families of the batch that are used by name alone.
func (b *definitionRemoval) latest(ctx context.Context, open []policy.Verdict, uses []policy.TaskDefinitionUse) (map[string]string, error) {
	latest := map[string]string{}
	for _, family := range policy.FamiliesByName(uses) {
		if !slices.ContainsFunc(open, func(v policy.Verdict) bool { return taskDefinitionOf(v.ID, "").Family == family }) {
			continue
		}
		page, err := b.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{
			FamilyPrefix: &family, Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(1),
		})
		if err != nil {
			return nil, translate(b.Place, err)
		}
		if len(page.TaskDefinitionArns) > 0 {
			latest[family] = page.TaskDefinitionArns[0]
		}
	}
	return latest, nil
}

// deregister takes one after the other, as ECS does, and returns what is to be deleted, too.
func (b *definitionRemoval) deregister(ctx context.Context, going []policy.Verdict, now map[string]describedDefinition) (inactive []policy.Verdict, err error) {
	for _, v := range going {
		why := ""
		if now[v.ID].status == policy.StatusActive {
			if why, err = b.deregisterOne(ctx, v.ID); err != nil {
				return nil, err
			}
		}
		switch {
		case why != "":
			b.fail(v, "it was not deregistered: "+why)
		case b.rules.Delete:
			inactive = append(inactive, v)
		default:
			b.deleted(v, "deregistered")
		}
	}
	return inactive, nil
}

// deregisterOne says why ECS refuses. It also refuses what is deregistered already, which is so after a lost answer.
func (b *definitionRemoval) deregisterOne(ctx context.Context, arn string) (refused string, err error) {
	_, err = b.ecs.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &arn})
	code := codeOf(err)
	if code != "ClientException" && code != "InvalidParameterException" {
		return "", translate(b.Place, err)
	}
	refused = messageOf(err)
	is, err := b.describeOne(ctx, arn)
	if err != nil {
		return "", err
	}
	if is == nil || is.TaskDefinition.Status == types.TaskDefinitionStatusInactive {
		return "", nil
	}
	return refused, nil
}

// onlyDeregistered notes that something was deregistered, and then not deleted. To the ledger it is as good as deleted: an undo
// registers it again.
func (b *definitionRemoval) onlyDeregistered(v policy.Verdict) {
	v.Reason += "; it is deregistered: `epoxy undo " + b.entries[v.ID].ID + "` registers it again"
	b.count(v)
	b.end(v, ledger.Deleted, v.Code+": "+v.Reason)
}

// delete deletes what is INACTIVE. The call succeeds whatever it refuses, so its failures are read; what it no longer finds is
// deleted, by a call whose answer was lost.
func (b *definitionRemoval) delete(ctx context.Context, inactive []policy.Verdict) error {
	out, err := b.ecs.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: idsOf(inactive)})
	if err != nil {
		return translate(b.Place, err)
	}
	refused := map[string]string{}
	for _, f := range out.Failures {
		refused[aws.ToString(f.Arn)] = aws.ToString(f.Reason) + " " + aws.ToString(f.Detail)
	}
	for _, v := range inactive {
		if why, failed := refused[v.ID]; failed {
			is, err := b.describeOne(ctx, v.ID)
			if err != nil {
				return err
			}
			if is != nil {
				v.Code, v.Reason = policy.KeptFailed, "it was not deleted: "+oneLine(why)
				b.onlyDeregistered(v)
				continue
			}
		}
		b.deleted(v, "")
	}
	return nil
}
