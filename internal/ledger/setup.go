package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// SetupAPI is what making the table needs of DynamoDB.
type SetupAPI interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	UpdateContinuousBackups(context.Context, *dynamodb.UpdateContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error)
}

const (
	setupTimeout = 5 * time.Minute
	setupPause   = 2 * time.Second
)

// Setup makes the table unless it is there, waits until it can be used, and switches its backups on. It says in words what
// it did.
func Setup(ctx context.Context, api SetupAPI, name string) (did []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	there, err := api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		if there, err = create(ctx, api, name); err == nil {
			did = append(did, "made it")
		}
	}
	if err != nil {
		return did, fmt.Errorf("make table %s: %w", name, err)
	}
	if err := checkKeys(there.Table); err != nil {
		return did, err
	}
	on, err := backUp(ctx, api, name)
	if err != nil {
		return did, fmt.Errorf("switch on point-in-time recovery of table %s: %w", name, err)
	}
	if on {
		did = append(did, "switched on point-in-time recovery")
	}
	return did, nil
}

// create makes the table. Nothing in it may be lost, so it is protected from deletion, and nobody knows how often a prune
// runs, so it is paid by request.
func create(ctx context.Context, api SetupAPI, name string) (*dynamodb.DescribeTableOutput, error) {
	_, err := api.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest, DeletionProtectionEnabled: aws.Bool(true),
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(attrPK), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(attrSK), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(attrPK), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String(attrSK), AttributeType: types.ScalarAttributeTypeS},
		},
	})
	// After a lost answer, or beside another setup, it is being made already.
	if _, making := errors.AsType[*types.ResourceInUseException](err); err != nil && !making {
		return nil, err
	}
	waiter := dynamodb.NewTableExistsWaiter(api, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = setupPause, 5*setupPause
	})
	return waiter.WaitForOutput(ctx, &dynamodb.DescribeTableInput{TableName: &name}, setupTimeout)
}

// checkKeys makes sure that the table is a ledger: what has other keys is somebody else's.
func checkKeys(t *types.TableDescription) error {
	var keys []string
	for _, k := range t.KeySchema {
		for _, a := range t.AttributeDefinitions {
			if aws.ToString(a.AttributeName) == aws.ToString(k.AttributeName) {
				keys = append(keys, fmt.Sprintf("%s %s %s", aws.ToString(k.AttributeName), k.KeyType, a.AttributeType))
			}
		}
	}
	if want := []string{attrPK + " HASH S", attrSK + " RANGE S"}; !slices.Equal(keys, want) {
		return fmt.Errorf("table %s has the keys %v, but a ledger has %v: give ledger.table in epoxy.yaml another name", aws.ToString(t.TableName), keys, want)
	}
	return nil
}

// backUp switches point-in-time recovery on, unless it is.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html
func backUp(ctx context.Context, api SetupAPI, name string) (bool, error) {
	now, err := api.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		return false, err
	}
	if d := now.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		return false, nil
	}
	for {
		_, err := api.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName: &name, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		// A new table cannot be backed up for some time.
		// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html
		if _, early := errors.AsType[*types.ContinuousBackupsUnavailableException](err); !early {
			return err == nil, err
		}
		select {
		case <-time.After(setupPause):
		case <-ctx.Done():
			return false, err
		}
	}
}
