package activities

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	gocmp "github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

// fakeDefinitions are the task definitions of a place.
type fakeDefinitions struct {
	*wire
	all     map[string]*types.TaskDefinition // by ARN
	arrives func(ctx context.Context, operation string)
	listed  func(types.TaskDefinitionStatus) // after a page of a list
}

func newDefinitions() *fakeDefinitions {
	return &fakeDefinitions{wire: newWire("ECS"), all: map[string]*types.TaskDefinition{}}
}

func revisionARN(family string, revision int) string {
	return fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task-definition/%s:%d", family, revision)
}

func (f *fakeDefinitions) register(family string, revision int, status types.TaskDefinitionStatus) *types.TaskDefinition {
	d := &types.TaskDefinition{Status: status, RegisteredAt: aws.Time(begun.AddDate(-1, 0, revision))}
	if status == types.TaskDefinitionStatusInactive {
		d.DeregisteredAt = aws.Time(begun.AddDate(0, -6, revision))
	}
	f.all[revisionARN(family, revision)] = d
	return d
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html
func (f *fakeDefinitions) ListTaskDefinitions(ctx context.Context, in *ecs.ListTaskDefinitionsInput, _ ...func(*ecs.Options)) (*ecs.ListTaskDefinitionsOutput, error) {
	out := &ecs.ListTaskDefinitionsOutput{}
	if f.listed != nil {
		defer f.listed(in.Status)
	}
	return out, f.call(ctx, "ListTaskDefinitions", func() error {
		if n := aws.ToInt32(in.MaxResults); n > 100 {
			return f.refuse("ListTaskDefinitions", "InvalidParameterException", "maxResults %d", n)
		}
		var arns []string
		for arn, d := range f.all {
			if d.Status == cmp.Or(in.Status, types.TaskDefinitionStatusActive) {
				arns = append(arns, arn)
			}
		}
		out.TaskDefinitionArns, out.NextToken = page(arns, in.NextToken, int(cmp.Or(aws.ToInt32(in.MaxResults), 100)), func(s string) string { return s })
		return nil
	})
}

func (f *fakeDefinitions) DescribeTaskDefinition(ctx context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	if f.arrives != nil {
		f.arrives(ctx, "DescribeTaskDefinition")
	}
	out := &ecs.DescribeTaskDefinitionOutput{}
	return out, f.call(ctx, "DescribeTaskDefinition", func() error {
		d := f.all[aws.ToString(in.TaskDefinition)]
		if d == nil {
			return f.refuse("DescribeTaskDefinition", "ClientException", "Unable to describe task definition.")
		}
		out.TaskDefinition = d
		return nil
	})
}

func takeDefinitions(t *testing.T, f *fakeDefinitions, s3 *artifacttest.S3, in TakeTaskDefinitionsInput, options ...func(*beats[any])) ([]policy.TaskDefinition, error) {
	t.Helper()
	in.Store, in.Place, in.Now = theStore(), here, begun
	var beaten beats[any]
	for _, o := range options {
		o(&beaten)
	}
	out, err := attempt(t, (&TaskDefinitions{ECS: to[TaskDefinitionsAPI](f), S3: to[artifact.API](s3)}).TakeTaskDefinitions, in, beaten.keep)
	if err != nil {
		return nil, err
	}
	if len(beaten.all) == 0 {
		t.Error("it never heartbeats")
	}
	all := fetch[[]policy.TaskDefinition](t, s3, out.Inventory)
	if out.Images != len(all) {
		t.Errorf("%d are counted, of %d", out.Images, len(all))
	}
	return all, nil
}

func definitionRules(remove bool) policy.TaskDefinitionRules {
	return policy.TaskDefinitionRules{MinAge: 24 * time.Hour, InactiveMinAge: 24 * time.Hour, Families: []string{"*"}, Delete: remove}
}

// Lists are paged by 100; what is kept anyway is not described, because ECS describes one at a time.
func TestTakeTaskDefinitions(t *testing.T) {
	f, s3 := newDefinitions(), artifacttest.New(bucket)
	for i := range 250 {
		f.register("shop", i+1, types.TaskDefinitionStatusActive)
	}
	for i := range 130 {
		f.register("old", i+1, types.TaskDefinitionStatusInactive)
	}
	used := []Artifact{
		keep(t, s3, "uses", policy.Uses{TaskDefinitions: []policy.TaskDefinitionUse{{ARN: revisionARN("shop", 7), Kind: policy.UseService, By: "s"}}}),
		keep(t, s3, "uses", policy.Uses{TaskDefinitions: []policy.TaskDefinitionUse{{ARN: revisionARN("old", 9), Kind: policy.UseTask, By: "t"}}}),
	}
	all, err := takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(true), Uses: used})
	if err != nil || len(all) != 380 || f.calls["ListTaskDefinitions"] != 3+2 || f.calls["DescribeTaskDefinition"] != 378 {
		t.Fatalf("%d with %v: %v", len(all), f.calls, err)
	}
	for i, d := range all {
		want := policy.TaskDefinition{ARN: revisionARN("old", i+1), Family: "old", Revision: i + 1, Status: "INACTIVE"}
		if i >= 130 {
			want = policy.TaskDefinition{ARN: revisionARN("shop", i-129), Family: "shop", Revision: i - 129, Status: "ACTIVE"}
		}
		if kept := want.ARN == revisionARN("shop", 7) || want.ARN == revisionARN("old", 9); !kept {
			want.Registered, want.Deregistered = *f.all[want.ARN].RegisteredAt, aws.ToTime(f.all[want.ARN].DeregisteredAt)
		}
		if !gocmp.Equal(d, want) {
			t.Fatalf("number %d: %s", i, gocmp.Diff(want, d))
		}
	}

	clear(f.calls)
	all, err = takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(false), Uses: used})
	if err != nil || len(all) != 250 || f.calls["ListTaskDefinitions"] != 3 || f.calls["DescribeTaskDefinition"] != 249 {
		t.Errorf("without deleting: %d with %v: %v", len(all), f.calls, err)
	}
}

func TestTakeTaskDefinitionsMeetsChanges(t *testing.T) {
	f, s3 := newDefinitions(), artifacttest.New(bucket)
	for i := range 3 {
		f.register("shop", i+1, types.TaskDefinitionStatusActive)
	}
	f.listed = func(status types.TaskDefinitionStatus) {
		if status == types.TaskDefinitionStatusActive {
			f.register("shop", 1, types.TaskDefinitionStatusInactive) // is in both lists
			return
		}
		delete(f.all, revisionARN("shop", 2))
		f.all[revisionARN("shop", 3)].Status = types.TaskDefinitionStatusDeleteInProgress
	}
	all, err := takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(true)})
	if err != nil || len(all) != 1 || all[0].Revision != 1 || all[0].Status != "INACTIVE" || all[0].Deregistered.IsZero() {
		t.Errorf("%+v: %v", all, err)
	}
}

func TestTakeTaskDefinitionsSeesWhatIsDeregisteredMeanwhile(t *testing.T) {
	f, s3 := newDefinitions(), artifacttest.New(bucket)
	f.register("shop", 1, types.TaskDefinitionStatusActive)
	f.listed = func(types.TaskDefinitionStatus) { f.register("shop", 1, types.TaskDefinitionStatusInactive) }
	all, err := takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(false)})
	if err != nil || len(all) != 1 || all[0].Status != "INACTIVE" || all[0].Deregistered.IsZero() {
		t.Errorf("%+v: %v", all, err)
	}
}

func TestTakeTaskDefinitionsDescribesSideBySide(t *testing.T) {
	f, s3 := newDefinitions(), artifacttest.New(bucket)
	for i := range sideBySide {
		f.register("shop", i+1, types.TaskDefinitionStatusActive)
	}
	all := gathering(sideBySide)
	f.arrives = func(ctx context.Context, _ string) { all(ctx) }
	if _, err := takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(false)}); err != nil {
		t.Error(err)
	}
}

func TestTakeTaskDefinitionsFailsWhereItCannotLook(t *testing.T) {
	for _, operation := range []string{"ListTaskDefinitions", "DescribeTaskDefinition"} {
		f, s3 := newDefinitions(), artifacttest.New(bucket)
		f.register("shop", 1, types.TaskDefinitionStatusActive)
		f.failing(operation, 400, "AccessDeniedException", "User: x is not authorized to perform: ecs:"+operation+" on resource: y")
		_, err := takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(true)})
		wantError(t, operation, err, refused(ErrForbidden, "ecs:"+operation+" is not allowed"))
		f.failing(operation, 400, "ThrottlingException", "Rate exceeded")
		_, err = takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(true)})
		wantError(t, operation, err, what{kind: ErrThrottled, after: 5 * time.Second, upTo: 8 * time.Second, says: "ecs:" + operation})
		f.lose[operation] = 1
		_, err = takeDefinitions(t, f, s3, TakeTaskDefinitionsInput{Rules: definitionRules(true)})
		wantError(t, operation, err, what{says: "ecs:" + operation})
	}
	_, err := takeDefinitions(t, newDefinitions(), artifacttest.New(bucket), TakeTaskDefinitionsInput{Uses: []Artifact{{Key: "epoxy/uses/gone.json.gz"}}})
	wantError(t, "a survey that is gone", err, refused(ErrNotFound, "gone.json.gz does not exist"))
}
