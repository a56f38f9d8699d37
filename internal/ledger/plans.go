package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// LatestPlan names the newest plan of a policy: the artifact that says why each image was kept.
type LatestPlan struct {
	Kind       string    `json:"kind"` // policy.PlanOf…
	Policy     string    `json:"policy"`
	Key        string    `json:"key"` // of the plan's artifact
	SHA256     string    `json:"sha256"`
	Bytes      int64     `json:"bytes"`
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Made       time.Time `json:"made"`
}

func planKey(kind, policyName string) item { return key("plan#"+kind+"/"+policyName, "latest") }

// RememberPlan makes p its policy's newest plan, unless a newer one is there.
func (t Table) RememberPlan(ctx context.Context, p LatestPlan) error {
	said, err := marshal(p)
	if err != nil {
		return err
	}
	i := planKey(p.Kind, p.Policy)
	i[attrMade], i[attrPlan] = text(stamp(p.Made)), text(said)
	_, err = t.API.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(t.Name), Item: i,
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR made <= :made"),
		ExpressionAttributeValues: item{":made": i[attrMade]},
	})
	if _, newer := errors.AsType[*types.ConditionalCheckFailedException](err); newer || err == nil {
		return nil
	}
	return t.failed("remember the plan of "+p.Policy, err)
}

// PlanOf is the newest plan of a policy; ok is false when there is none yet.
func (t Table) PlanOf(ctx context.Context, kind, policyName string) (plan LatestPlan, ok bool, err error) {
	got, err := t.API.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(t.Name), Key: planKey(kind, policyName), ConsistentRead: aws.Bool(true),
	})
	switch {
	case err != nil:
		return plan, false, t.failed("read the plan of "+policyName, err)
	case len(got.Item) == 0:
		return plan, false, nil
	}
	if err := json.Unmarshal([]byte(textOf(got.Item, attrPlan)), &plan); err != nil {
		return plan, false, fmt.Errorf("item %s of the ledger is no plan: %w", textOf(got.Item, attrPK), err)
	}
	return plan, true, nil
}
