package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Most that one call takes.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
const (
	maxGet   = 100
	maxWrite = 25
)

// maxPointers bounds what Find reads for a name that very many images had, such as latest.
const maxPointers = 1000

// get reads at most maxGet entries.
func (t Table) get(ctx context.Context, ids []string) ([]Entry, error) {
	keys := make([]item, 0, len(ids))
	for _, id := range ids {
		keys = append(keys, entryKey(id))
	}
	var out []Entry
	retry := backoff{what: fmt.Sprintf("read %d entries in table %s", len(ids), t.Name)}
	for len(keys) > 0 {
		got, err := t.API.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.Name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return nil, t.failed("read entries", err)
		}
		for _, i := range got.Responses[t.Name] {
			e, err := fromItem(i)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		left := got.UnprocessedKeys[t.Name].Keys
		if err := retry.after(ctx, len(keys)-len(left), len(left)); err != nil {
			return nil, err
		}
		keys = left
	}
	return out, nil
}

func (t Table) writeAliases(ctx context.Context, entries []Entry) error {
	seen := map[string]bool{}
	var writes []types.WriteRequest
	for _, e := range entries {
		for _, alias := range e.aliases() {
			// A call that names a key twice is refused as a whole.
			pointer := key("alias#"+alias, stamp(e.Intent)+"#"+e.ID)
			if at := textOf(pointer, attrPK) + " " + textOf(pointer, attrSK); alias != "" && !seen[at] {
				seen[at] = true
				writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: pointer}})
			}
		}
	}
	batches := slices.Collect(slices.Chunk(writes, maxWrite))
	return each(ctx, len(batches), func(ctx context.Context, i int) error { return t.write(ctx, batches[i]) })
}

// write puts at most maxWrite items.
func (t Table) write(ctx context.Context, writes []types.WriteRequest) error {
	retry := backoff{what: fmt.Sprintf("write %d aliases in table %s", len(writes), t.Name)}
	for len(writes) > 0 {
		out, err := t.API.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{t.Name: writes}})
		if err != nil {
			return t.failed("write aliases", err)
		}
		left := out.UnprocessedItems[t.Name]
		if err := retry.after(ctx, len(writes)-len(left), len(left)); err != nil {
			return err
		}
		writes = left
	}
	return nil
}

// pointers are the ids that an alias leads to, the newest first.
func (t Table) pointers(ctx context.Context, alias string) ([]string, error) {
	pages := dynamodb.NewQueryPaginator(t.API, &dynamodb.QueryInput{
		TableName: aws.String(t.Name), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: item{":pk": text("alias#" + alias)},
		ScanIndexForward:          aws.Bool(false), ConsistentRead: aws.Bool(true), Limit: aws.Int32(maxPointers),
	})
	var ids []string
	for pages.HasMorePages() && len(ids) < maxPointers {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, t.failed("look for "+alias, err)
		}
		for _, i := range page.Items {
			if _, id, ok := strings.Cut(textOf(i, attrSK), "#"); ok {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

const (
	firstWait = 50 * time.Millisecond
	maxWaits  = 8 // without any progress: 50 ms + 100 ms + … are 13 s
)

// backoff waits as DynamoDB asks for whatever it left unprocessed, longer each time that nothing went through at all.
type backoff struct {
	what  string
	waits int
}

// after waits before the next try, and gives up when there is no progress.
func (b *backoff) after(ctx context.Context, done, left int) error {
	if left == 0 {
		return nil
	}
	if done > 0 {
		b.waits = 0
	}
	if b.waits == maxWaits {
		return fmt.Errorf("%s: DynamoDB leaves %d of them unprocessed, again and again: it is over the table's capacity", b.what, left)
	}
	timer := time.NewTimer(firstWait << b.waits)
	defer timer.Stop()
	b.waits++
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
