package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

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
	Ledger Connect[ledger.API]
	Look   secondLook
}

// maxDefinitions is ECS's limit on a DeleteTaskDefinitions call.
const maxDefinitions = 10

// RemoveTaskDefinitions takes one batch through the second look, the ledger, deregistration and deletion. It may be repeated
// at any point: what an intent of this run covers goes on where it was left.
func (a *TaskDefinitionRemover) RemoveTaskDefinitions(ctx context.Context, in RemoveTaskDefinitionsInput) (DeletionOutput, error) {
	defer beating(ctx, in.Part.Name)()
	b, err := a.begin(ctx, in)
	if err != nil {
		return DeletionOutput{}, err
	}
	uses, err := in.look(ctx, a.Look)
	if err != nil {
		return DeletionOutput{}, err
	}
	if err := b.lookAtDefinitions(ctx); err != nil {
		return DeletionOutput{}, translate(in.Place, err)
	}
	if err := b.decide(ctx, uses.TaskDefinitions); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.intend(ctx); err != nil {
		return DeletionOutput{}, err
	}
	if err := b.remove(ctx); err != nil {
		return DeletionOutput{}, err
	}
	return b.out, b.book.conclude(ctx, b.ended)
}

// definitionRemoval is one attempt at one batch.
type definitionRemoval struct {
	in    RemoveTaskDefinitionsInput
	ecs   TaskDefinitionRemovalAPI
	shelf shelf
	book  book

	batch   []policy.Verdict
	entries map[string]ledger.Entry // by ARN: of attempts before this one
	status  map[string]string       // by ARN; what is gone is missing
	text    map[string]string       // what puts it back, by ARN
	going   []policy.Verdict
	ended   []ledger.Entry
	out     DeletionOutput
}

func (a *TaskDefinitionRemover) begin(ctx context.Context, in RemoveTaskDefinitionsInput) (*definitionRemoval, error) {
	b := &definitionRemoval{in: in, entries: map[string]ledger.Entry{}, status: map[string]string{}, text: map[string]string{}}
	var err error
	if b.ecs, err = a.ECS(ctx, in.Place); err != nil {
		return nil, translate(in.Place, err)
	}
	if b.shelf, err = openShelf(ctx, a.S3, in.Store); err != nil {
		return nil, err
	}
	if b.book, err = openBook(ctx, a.Ledger, in.Ledger); err != nil {
		return nil, err
	}
	if b.batch, err = in.batchOf(ctx, b.shelf, maxDefinitions); err != nil {
		return nil, err
	}
	ids := make([]string, len(b.batch))
	for i, v := range b.batch {
		ids[i] = ledger.EntryID(in.RunID, v.ID)
	}
	found, err := b.book.Entries(ctx, ids)
	if err != nil {
		return nil, translate(in.Ledger.Place, err)
	}
	for i, v := range b.batch {
		if e, ok := found[ids[i]]; ok {
			b.entries[v.ID] = e
		}
	}
	return b, nil
}

// lookAtDefinitions reads each once more: its status now, and what puts it back, tags too.
func (b *definitionRemoval) lookAtDefinitions(ctx context.Context) error {
	for _, v := range b.batch {
		out, err := b.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
			TaskDefinition: aws.String(v.ID), Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
		})
		if codeOf(err) == "ClientException" { // "Unable to describe task definition."
			continue
		}
		if err != nil {
			return err
		}
		if out.TaskDefinition.Status == types.TaskDefinitionStatusDeleteInProgress {
			continue
		}
		text, err := json.Marshal(definitionText{TaskDefinition: *out.TaskDefinition, Tags: out.Tags})
		if err != nil {
			return fmt.Errorf("write %s as JSON: %w", v.ID, err)
		}
		b.status[v.ID], b.text[v.ID] = string(out.TaskDefinition.Status), string(text)
	}
	return nil
}

// definitionText is a task definition with its tags, named as RegisterTaskDefinition names them.
type definitionText struct {
	types.TaskDefinition
	Tags []types.Tag
}

// decide settles what attempts before have ended, and asks the policy about the rest.
func (b *definitionRemoval) decide(ctx context.Context, uses []policy.TaskDefinitionUse) error {
	latest, err := b.latest(ctx, policy.FamiliesByName(uses))
	if err != nil {
		return translate(b.in.Place, err)
	}
	var open []policy.Verdict
	own := map[string]bool{}
	for _, v := range b.batch {
		e, begun := b.entries[v.ID]
		own[v.ID] = begun
		switch _, there := b.status[v.ID]; {
		case begun && e.Outcome != "":
			b.out.add(v, e)
		case begun && !there:
			b.end(v, ledger.Deleted, "")
		default:
			open = append(open, v)
		}
	}
	going, kept, err := policy.RecheckTaskDefinitions(policy.DefinitionRecheck{
		Planned: open, Status: b.status, Latest: latest, Own: own, Uses: uses, Vetoed: b.in.Vetoed,
	})
	if err != nil {
		return Refuse(ErrInvalid, "%v", err)
	}
	b.going = going
	for _, v := range kept {
		if own[v.ID] { // intended, perhaps deregistered, before the crash, and in use since: that is for a person to know
			b.end(v, ledger.Failed, "kept after all: "+v.Reason)
			continue
		}
		b.out.Kept = append(b.out.Kept, v)
	}
	return nil
}

// latest is the latest active revision of each family that is used by its name alone.
func (b *definitionRemoval) latest(ctx context.Context, families []string) (map[string]string, error) {
	out := map[string]string{}
	for _, family := range families {
		page, err := b.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{
			FamilyPrefix: aws.String(family), Status: types.TaskDefinitionStatusActive, Sort: types.SortOrderDesc, MaxResults: aws.Int32(1),
		})
		if err != nil {
			return nil, err
		}
		if len(page.TaskDefinitionArns) > 0 {
			out[family] = page.TaskDefinitionArns[0]
		}
	}
	return out, nil
}

func (b *definitionRemoval) end(v policy.Verdict, outcome, detail string) {
	e := b.entries[v.ID]
	e.Outcome, e.Detail, e.Ended = outcome, detail, time.Now().UTC()
	b.ended = append(b.ended, e)
	b.out.add(v, e)
}

// intend writes the ledger before anything is changed.
func (b *definitionRemoval) intend(ctx context.Context) error {
	entries := make([]ledger.Entry, 0, len(b.going))
	for _, v := range b.going {
		e := b.in.entry(ledger.ECSTaskDefinition, v.ID, v)
		var err error
		if e.PutBack, err = putBack(ctx, b.shelf, ledger.PutBack{Definition: b.text[v.ID]}); err != nil {
			return err
		}
		entries = append(entries, e)
	}
	stored, err := b.book.Intend(ctx, entries)
	for _, e := range stored {
		b.entries[e.Resource] = e
	}
	return translate(b.in.Ledger.Place, err)
}

// remove deregisters what is active, one by one as ECS wants it, and then deletes all of them in one call.
func (b *definitionRemoval) remove(ctx context.Context) error {
	var inactive []policy.Verdict
	for _, v := range b.going {
		if b.status[v.ID] == policy.StatusActive {
			_, err := b.ecs.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(v.ID)})
			if code := codeOf(err); code == "ClientException" || code == "InvalidParameterException" {
				b.end(v, ledger.Failed, "deregister: "+messageOf(err))
				continue
			}
			if err != nil {
				return translate(b.in.Place, err)
			}
		}
		if !b.in.Rules.Delete {
			b.end(v, ledger.Deleted, "deregistered")
			continue
		}
		inactive = append(inactive, v)
	}
	if len(inactive) == 0 {
		return nil
	}
	arns := make([]string, len(inactive))
	for i, v := range inactive {
		arns[i] = v.ID
	}
	out, err := b.ecs.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: arns})
	if err != nil {
		return translate(b.in.Place, err)
	}
	refused := map[string]string{}
	for _, f := range out.Failures {
		refused[aws.ToString(f.Arn)] = aws.ToString(f.Reason) + " " + aws.ToString(f.Detail)
	}
	for _, v := range inactive {
		if why, ok := refused[v.ID]; ok {
			b.end(v, ledger.Failed, "deregistered, but not deleted: "+oneLine(why))
			continue
		}
		b.end(v, ledger.Deleted, "")
	}
	return nil
}
