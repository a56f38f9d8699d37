package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Conclude writes the outcomes of entries, with their details and times. It goes over no outcome or the same one; what was
// written first stays. Every entry is tried; a *ConflictError tells of those that ended otherwise.
func (t Table) Conclude(ctx context.Context, entries []Entry) error {
	for _, e := range entries {
		if e.Outcome != Deleted && e.Outcome != Failed && e.Outcome != Gone {
			return fmt.Errorf("ledger entry %s cannot be concluded with outcome %q", e.ID, e.Outcome)
		}
	}
	problems := make([]error, len(entries)+1)
	err := each(ctx, len(entries), func(ctx context.Context, i int) error {
		err := t.conclude(ctx, entries[i])
		if _, conflict := errors.AsType[*ConflictError](err); conflict {
			problems[i] = err // and go on with the others
			return nil
		}
		return err
	})
	problems[len(entries)] = err
	return errors.Join(problems...)
}

func (t Table) conclude(ctx context.Context, e Entry) error {
	ended := e.Ended
	if ended.IsZero() {
		ended = time.Now()
	}
	return t.update(ctx, e.ID, change{
		set:  "outcome = :outcome, detail = if_not_exists(detail, :detail), ended = if_not_exists(ended, :ended)",
		only: "attribute_not_exists(outcome) OR outcome = :outcome",
		values: map[string]types.AttributeValue{
			":outcome": text(e.Outcome), ":detail": text(e.Detail), ":ended": text(stamp(ended)),
		},
		refused: func(is Entry) error {
			return &ConflictError{e.ID, fmt.Sprintf("for %s is concluded as %s, so it cannot become %s", is.Resource, is.Outcome, e.Outcome)}
		},
	})
}

// Undone writes that somebody has put back what an entry tells of. Who was first stays.
func (t Table) Undone(ctx context.Context, id, by, detail string) error {
	return t.update(ctx, id, change{
		set:    "outcome = :undone, undone_by = :by, detail = :detail",
		only:   "attribute_not_exists(outcome) OR outcome <> :undone",
		values: map[string]types.AttributeValue{":undone": text(Undone), ":by": text(by), ":detail": text(detail)},
		refused: func(Entry) error {
			return nil
		},
	})
}

// change is what an update does to an entry, under which condition, and what it means that the entry does not meet it.
type change struct {
	set, only string
	values    map[string]types.AttributeValue
	refused   func(Entry) error
}

func (t Table) update(ctx context.Context, id string, c change) error {
	_, err := t.API.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(t.Name), Key: entryKey(id),
		UpdateExpression:          aws.String("SET " + c.set),
		ConditionExpression:       aws.String("attribute_exists(pk) AND (" + c.only + ")"),
		ExpressionAttributeValues: c.values,
		// Without it an entry that ended otherwise looks like one that is not there.
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case err == nil:
		return nil
	case !refused:
		return t.failed("update entry "+id, err)
	case len(there.Item) == 0:
		return &ConflictError{id, "is not in table " + t.Name + ": an outcome needs an intent first"}
	}
	is, err := fromItem(there.Item)
	if err != nil {
		return err
	}
	return c.refused(is)
}
