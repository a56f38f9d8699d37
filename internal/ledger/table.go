package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// API is what the ledger needs of DynamoDB.
type API interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Table is the ledger. Its methods are safe to repeat after a crash or a lost answer.
type Table struct {
	API  API
	Name string
}

// concurrency bounds the calls that one method has under way.
const concurrency = 16

// ConflictError tells that an entry does not allow a change: it is another act's, or it has ended otherwise.
type ConflictError struct{ ID, Message string }

func (e *ConflictError) Error() string { return fmt.Sprintf("ledger entry %s %s", e.ID, e.Message) }

// Intend writes what is about to happen, and only then may it happen. An entry that is there already stays as it is; the
// entries come back as they are stored, in the order given.
func (t Table) Intend(ctx context.Context, entries []Entry) ([]Entry, error) {
	for _, e := range entries {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	stored := make([]Entry, len(entries))
	err := each(ctx, len(entries), func(ctx context.Context, i int) (err error) {
		stored[i], err = t.put(ctx, entries[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	// Also for what was there: a crash may have come between an entry and its aliases.
	if err := t.writeAliases(ctx, stored); err != nil {
		return nil, err
	}
	return stored, nil
}

func (e Entry) check() error {
	switch size := len(e.PutBack.Manifest) + len(e.PutBack.Definition); {
	case e.ID == "" || e.Resource == "" || e.Kind == "" || e.Intent.IsZero():
		return fmt.Errorf("ledger entry %q for %q has no id, kind, resource or time of intent", e.ID, e.Resource)
	case e.Outcome != "":
		return &ConflictError{e.ID, "has the outcome " + e.Outcome + " already, but an intent has none"}
	case size > MaxPutBack:
		return fmt.Errorf("what puts %s back has %d bytes, but a ledger entry holds %d: write it to the artifact bucket and name its key", e.Resource, size, MaxPutBack)
	}
	return nil
}

// put writes one entry, or returns the one that is there.
func (t Table) put(ctx context.Context, e Entry) (Entry, error) {
	e.Intent = e.Intent.UTC().Round(0) // as it will be read
	item, err := toItem(e)
	if err != nil {
		return Entry{}, err
	}
	_, err = t.API.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(t.Name), Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := errors.AsType[*types.ConditionalCheckFailedException](err)
	switch {
	case err == nil:
		return e, nil
	case !refused:
		return Entry{}, t.failed("write entry "+e.ID, err)
	}
	stored, err := fromItem(there.Item)
	if err == nil && stored.Resource != e.Resource {
		err = &ConflictError{e.ID, fmt.Sprintf("is for %s, not for %s", stored.Resource, e.Resource)}
	}
	return stored, err
}

// Entries reads entries by their ids. An id without an entry is not in the answer.
func (t Table) Entries(ctx context.Context, ids []string) (map[string]Entry, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	batches := slices.Collect(slices.Chunk(ids, maxGet))
	found := make([][]Entry, len(batches))
	err := each(ctx, len(batches), func(ctx context.Context, i int) (err error) {
		found[i], err = t.get(ctx, batches[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]Entry, len(ids))
	for _, e := range slices.Concat(found...) {
		out[e.ID] = e
	}
	return out, nil
}

// Find returns the entries for a digest, a tag, repository:tag, repository@digest, a full image reference, the ARN of a task
// definition or its family:revision, the newest first.
func (t Table) Find(ctx context.Context, resource string) ([]Entry, error) {
	sought, err := parseSought(resource)
	if err != nil {
		return nil, err
	}
	ids, err := t.pointers(ctx, sought.alias)
	if err != nil {
		return nil, err
	}
	entries, err := t.Entries(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, e := range entries {
		if sought.matches(e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if c := b.Intent.Compare(a.Intent); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// failed says what could not be done. The commonest cause, a table that is not there, has a remedy.
func (t Table) failed(what string, err error) error {
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return fmt.Errorf("%s in table %s: there is no such table: run `epoxy setup`: %w", what, t.Name, err)
	}
	return fmt.Errorf("%s in table %s: %w", what, t.Name, err)
}

// each calls f for 0 to n-1, some at a time, and returns the first error.
func each(ctx context.Context, n int, f func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}
