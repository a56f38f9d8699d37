package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrChanged says that somebody else wrote a state first: read it again, and decide again.
var ErrChanged = errors.New("the state was changed by somebody else in the meantime")

const (
	attrState   = "state"
	attrVersion = "version"
)

// State reads a small value that changes, such as that of a breaker, and its version. Where there is none, into stays as it is
// and the version is 0, as SetState wants it.
func (t Table) State(ctx context.Context, name string, into any) (version int, err error) {
	out, err := t.API.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(t.Name), Key: stateKey(name), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return 0, t.failed("read "+name, err)
	}
	if len(out.Item) == 0 {
		return 0, nil
	}
	number, _ := out.Item[attrVersion].(*types.AttributeValueMemberN)
	if number == nil {
		return 0, fmt.Errorf("%s in table %s has no version: somebody else wrote it", name, t.Name)
	}
	if version, err = strconv.Atoi(number.Value); err != nil {
		return 0, fmt.Errorf("%s in table %s: version: %w", name, t.Name, err)
	}
	if err := json.Unmarshal([]byte(textOf(out.Item, attrState)), into); err != nil {
		return 0, fmt.Errorf("%s in table %s: %w", name, t.Name, err)
	}
	return version, nil
}

// SetState writes a value over the version that was read; else ErrChanged. So says the second attempt after a lost answer, too.
func (t Table) SetState(ctx context.Context, name string, v any, version int) error {
	said, err := marshal(v)
	if err != nil {
		return err
	}
	item := stateKey(name)
	item[attrState] = text(said)
	item[attrVersion] = &types.AttributeValueMemberN{Value: strconv.Itoa(version + 1)}
	in := &dynamodb.PutItemInput{TableName: aws.String(t.Name), Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)")}
	if version > 0 {
		in.ConditionExpression = aws.String("#version = :version")
		in.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":version": &types.AttributeValueMemberN{Value: strconv.Itoa(version)}}
	}
	_, err = t.API.PutItem(ctx, in)
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return fmt.Errorf("write %s in table %s: %w", name, t.Name, ErrChanged)
	}
	if err != nil {
		return t.failed("write "+name, err)
	}
	return nil
}

func stateKey(name string) item { return key("state#"+name, "state") }
