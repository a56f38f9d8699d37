package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const tableName = "epoxy-ledger"

// fakeTable is as strict as DynamoDB: limits, duplicate keys, sizes, conditions.
type fakeTable struct {
	mu    sync.Mutex
	items map[string]item // by pk and sk
	calls map[string]int

	lose     map[string]int // operation → so many answers get lost after the work is done
	throttle int            // items that batches leave undone, in all
	stuck    bool           // batches do nothing at all

	most, under int // calls under way
	hold        chan struct{}
}

var errLost = errors.New("connection reset by peer")

func newFake() (*fakeTable, Table) {
	f := &fakeTable{items: map[string]item{}, calls: map[string]int{}, lose: map[string]int{}}
	return f, Table{API: f, Name: tableName}
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

// begin counts a call and checks the table; the caller holds the lock from then on.
func (f *fakeTable) begin(operation, table string) error {
	f.mu.Lock()
	f.calls[operation]++
	if hold := f.hold; hold != nil {
		f.under++
		f.most = max(f.most, f.under)
		f.mu.Unlock()
		<-hold
		f.mu.Lock()
		f.under--
	}
	if table != tableName {
		return &types.ResourceNotFoundException{Message: aws.String("Requested resource not found")}
	}
	return nil
}

// end loses an answer if it was told to.
func (f *fakeTable) end(operation string) error {
	if f.lose[operation] > 0 {
		f.lose[operation]--
		return errLost
	}
	return nil
}

func at(i item) string { return textOf(i, attrPK) + "|" + textOf(i, attrSK) }

func checkKey(i item) error {
	if textOf(i, attrPK) == "" || textOf(i, attrSK) == "" {
		return invalid("One or more parameter values were invalid: an AttributeValue may not contain an empty string for key")
	}
	return nil
}

// size counts as DynamoDB does for texts: names and values in UTF-8.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func size(i item) int {
	n := 0
	for name := range i {
		n += len(name) + len(textOf(i, name))
	}
	return n
}

func (f *fakeTable) store(i item) error {
	if err := checkKey(i); err != nil {
		return err
	}
	if size(i) > 400<<10 {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	f.items[at(i)] = maps.Clone(i)
	return nil
}

func (f *fakeTable) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	defer f.mu.Unlock()
	if err := f.begin("PutItem", aws.ToString(in.TableName)); err != nil {
		return nil, err
	}
	there := f.items[at(in.Item)]
	if !holds(aws.ToString(in.ConditionExpression), there, in.ExpressionAttributeValues) {
		return nil, refusal(there, in.ReturnValuesOnConditionCheckFailure)
	}
	if err := f.store(in.Item); err != nil {
		return nil, err
	}
	return &dynamodb.PutItemOutput{}, f.end("PutItem")
}

func (f *fakeTable) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	defer f.mu.Unlock()
	if err := f.begin("UpdateItem", aws.ToString(in.TableName)); err != nil {
		return nil, err
	}
	there := f.items[at(in.Key)]
	if !holds(aws.ToString(in.ConditionExpression), there, in.ExpressionAttributeValues) {
		return nil, refusal(there, in.ReturnValuesOnConditionCheckFailure)
	}
	changed := maps.Clone(there)
	for part := range strings.SplitSeq(strings.TrimPrefix(aws.ToString(in.UpdateExpression), "SET "), ", ") {
		name, value, ok := strings.Cut(part, " = ")
		if !ok { // the end of if_not_exists(a, :a)
			continue
		}
		if keep := "if_not_exists(" + name; value == keep {
			if _, ok := there[name]; ok {
				continue
			}
			value = ":" + name
		}
		if in.ExpressionAttributeValues[value] == nil {
			return nil, invalid("no value for %s", value)
		}
		changed[name] = in.ExpressionAttributeValues[value]
	}
	if err := f.store(changed); err != nil {
		return nil, err
	}
	return &dynamodb.UpdateItemOutput{}, f.end("UpdateItem")
}

func refusal(there item, wanted types.ReturnValuesOnConditionCheckFailure) error {
	err := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if wanted == types.ReturnValuesOnConditionCheckFailureAllOld {
		err.Item = maps.Clone(there)
	}
	return err
}

// holds evaluates the conditions that the ledger uses: AND, OR and one pair of parentheses around the last part.
func holds(condition string, there item, values map[string]types.AttributeValue) bool {
	if first, rest, ok := strings.Cut(condition, " AND ("); ok {
		return holds(first, there, values) && holds(strings.TrimSuffix(rest, ")"), there, values)
	}
	if first, rest, ok := strings.Cut(condition, " OR "); ok {
		return holds(first, there, values) || holds(rest, there, values)
	}
	if name, ok := strings.CutPrefix(condition, "attribute_exists("); ok {
		return there[strings.TrimSuffix(name, ")")] != nil
	}
	if name, ok := strings.CutPrefix(condition, "attribute_not_exists("); ok {
		return there[strings.TrimSuffix(name, ")")] == nil
	}
	words := strings.Fields(strings.ReplaceAll(condition, "#", "")) // names stand for themselves
	if len(words) != 3 || values[words[2]] == nil {
		panic("the fake does not know the condition " + condition)
	}
	have, want := plain(there[words[0]]), plain(values[words[2]])
	switch words[1] {
	case "=":
		return there[words[0]] != nil && have == want
	case "<>":
		return have != want
	case "<=":
		return there[words[0]] != nil && have <= want
	}
	panic("the fake does not know the condition " + condition)
}

func (f *fakeTable) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	defer f.mu.Unlock()
	if err := f.begin("GetItem", aws.ToString(in.TableName)); err != nil {
		return nil, err
	}
	if !aws.ToBool(in.ConsistentRead) {
		return nil, errors.New("an eventually consistent read may miss what was just written")
	}
	return &dynamodb.GetItemOutput{Item: maps.Clone(f.items[at(in.Key)])}, f.end("GetItem")
}

// leave says whether a batch leaves this one undone.
func (f *fakeTable) leave() bool {
	if f.throttle > 0 {
		f.throttle--
		return true
	}
	return f.stuck
}

func (f *fakeTable) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	asked := in.RequestItems[tableName]
	table := slices.Collect(maps.Keys(in.RequestItems))[0]
	defer f.mu.Unlock()
	if err := f.begin("BatchGetItem", table); err != nil {
		return nil, err
	}
	switch {
	case !aws.ToBool(asked.ConsistentRead):
		return nil, errors.New("an eventually consistent read may miss what was just written")
	case len(asked.Keys) < 1 || len(asked.Keys) > 100:
		return nil, invalid("Too many items requested for the BatchGetItem call: %d", len(asked.Keys))
	}
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]item{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	seen, sum := map[string]bool{}, 0
	var left []item
	for _, key := range asked.Keys {
		if seen[at(key)] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[at(key)] = true
		there := f.items[at(key)]
		// One answer has 16 MB at most: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
		if f.leave() || sum+size(there) > 16<<20 {
			left = append(left, key)
			continue
		}
		if sum += size(there); there != nil {
			out.Responses[tableName] = append(out.Responses[tableName], maps.Clone(there))
		}
	}
	if len(left) > 0 {
		out.UnprocessedKeys[tableName] = types.KeysAndAttributes{Keys: left, ConsistentRead: asked.ConsistentRead}
	}
	return out, f.end("BatchGetItem")
}

func (f *fakeTable) BatchWriteItem(_ context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	writes := in.RequestItems[tableName]
	table := slices.Collect(maps.Keys(in.RequestItems))[0]
	defer f.mu.Unlock()
	if err := f.begin("BatchWriteItem", table); err != nil {
		return nil, err
	}
	if len(writes) < 1 || len(writes) > 25 {
		return nil, invalid("Too many items requested for the BatchWriteItem call: %d", len(writes))
	}
	out := &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}
	seen := map[string]bool{}
	for _, w := range writes {
		if seen[at(w.PutRequest.Item)] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[at(w.PutRequest.Item)] = true
	}
	for _, w := range writes {
		if f.leave() {
			out.UnprocessedItems[tableName] = append(out.UnprocessedItems[tableName], w)
		} else if err := f.store(w.PutRequest.Item); err != nil {
			return nil, err
		}
	}
	return out, f.end("BatchWriteItem")
}

// Query answers with pages of two.
func (f *fakeTable) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	defer f.mu.Unlock()
	if err := f.begin("Query", aws.ToString(in.TableName)); err != nil {
		return nil, err
	}
	if !aws.ToBool(in.ConsistentRead) || aws.ToString(in.KeyConditionExpression) != "pk = :pk" || aws.ToBool(in.ScanIndexForward) {
		return nil, fmt.Errorf("not the query of an alias, newest first: %+v", in)
	}
	var found []item
	for _, i := range f.items {
		if textOf(i, attrPK) == textOf(in.ExpressionAttributeValues, ":pk") {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b item) int { return strings.Compare(textOf(b, attrSK), textOf(a, attrSK)) })
	if from := textOf(in.ExclusiveStartKey, attrSK); from != "" {
		for len(found) > 0 && textOf(found[0], attrSK) >= from {
			found = found[1:]
		}
	}
	out := &dynamodb.QueryOutput{Items: found[:min(2, len(found))]}
	if len(found) > 2 {
		out.LastEvaluatedKey = key(textOf(found[1], attrPK), textOf(found[1], attrSK))
	}
	return out, f.end("Query")
}
