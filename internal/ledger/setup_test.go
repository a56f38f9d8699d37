package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// fakeDynamoDB has at most one table, which takes its time.
type fakeDynamoDB struct {
	table      *types.TableDescription
	backedUp   bool
	unseen     int // looks that do not find the new table yet
	creating   int // looks that find it, but not active
	early      int // tries to back it up that come too early
	loseCreate bool
	updates    int
}

func (f *fakeDynamoDB) CreateTable(_ context.Context, in *dynamodb.CreateTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	if f.table != nil {
		return nil, &types.ResourceInUseException{Message: aws.String("Table already exists")}
	}
	if in.BillingMode != types.BillingModePayPerRequest || !aws.ToBool(in.DeletionProtectionEnabled) {
		return nil, errors.New("neither on demand nor protected")
	}
	f.table = &types.TableDescription{TableName: in.TableName, KeySchema: in.KeySchema, AttributeDefinitions: in.AttributeDefinitions}
	if f.loseCreate {
		f.loseCreate = false
		return nil, errLost
	}
	return &dynamodb.CreateTableOutput{}, nil
}

func (f *fakeDynamoDB) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	if f.table == nil || f.unseen > 0 {
		f.unseen--
		return nil, &types.ResourceNotFoundException{Message: aws.String("Requested resource not found")}
	}
	out := *f.table
	out.TableStatus = types.TableStatusActive
	if f.creating > 0 {
		f.creating--
		out.TableStatus = types.TableStatusCreating
	}
	return &dynamodb.DescribeTableOutput{Table: &out}, nil
}

func (f *fakeDynamoDB) DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	status := types.PointInTimeRecoveryStatusDisabled
	if f.backedUp {
		status = types.PointInTimeRecoveryStatusEnabled
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: status},
	}}, nil
}

func (f *fakeDynamoDB) UpdateContinuousBackups(_ context.Context, in *dynamodb.UpdateContinuousBackupsInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	f.updates++
	if f.early > 0 {
		f.early--
		return nil, &types.ContinuousBackupsUnavailableException{Message: aws.String("Backups are being enabled for the table. Please retry later")}
	}
	f.backedUp = aws.ToBool(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
	return &dynamodb.UpdateContinuousBackupsOutput{}, nil
}

func TestSetup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDynamoDB{unseen: 2, creating: 3, early: 2}
		for _, want := range [][]string{{"made it", "switched on point-in-time recovery"}, nil} {
			did, err := Setup(t.Context(), f, tableName)
			if diff := cmp.Diff(want, did); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
		}
		if !f.backedUp || f.updates != 3 || f.creating > 0 {
			t.Errorf("%+v", f)
		}
	})
}

// Whatever a crash left behind, the next setup completes it.
func TestSetupGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDynamoDB{loseCreate: true}
		if _, err := Setup(t.Context(), f, tableName); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		did, err := Setup(t.Context(), f, tableName)
		if diff := cmp.Diff([]string{"switched on point-in-time recovery"}, did); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
		// The table that another setup has made meanwhile cannot be seen yet.
		f.unseen = 1
		if did, err := Setup(t.Context(), f, tableName); err != nil || len(did) != 1 {
			t.Errorf("%v, %v", did, err)
		}
	})
}

func TestSetupRefusesAnotherTable(t *testing.T) {
	f := &fakeDynamoDB{table: &types.TableDescription{
		TableName:            aws.String(tableName),
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("LockID"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("LockID"), AttributeType: types.ScalarAttributeTypeS}},
	}}
	_, err := Setup(t.Context(), f, tableName)
	want := "table epoxy-ledger has the keys [LockID HASH S], but a ledger has [pk HASH S sk RANGE S]: give ledger.table in epoxy.yaml another name"
	if err == nil || err.Error() != want || f.updates > 0 {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSetupGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDynamoDB{early: 1 << 20}
		begun := time.Now()
		did, err := Setup(t.Context(), f, tableName)
		if err == nil || !strings.Contains(err.Error(), "switch on point-in-time recovery of table epoxy-ledger") || len(did) != 1 {
			t.Errorf("%v, %v", did, err)
		}
		if got := time.Since(begun); got != setupTimeout {
			t.Errorf("gave up after %s", got)
		}
	})
}
