package activities

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
)

func TestExpectedClustersMustBeThere(t *testing.T) {
	ecs := newContainers()
	ecs.cluster("prod")
	_, _, err := surveyed(t, surveyor(ecs), surveyECS(0, "prdo", "prod", "entirely-different"))
	wantError(t, "missing", err, refused(ErrInvalid,
		"in 123456789012/us-east-1, among 1 ECS clusters, these are missing: prdo (did you mean prod?), entirely-different; check expect_clusters"))
	if ecs.calls["ListTasks"] != 0 {
		t.Errorf("calls: %v", ecs.calls)
	}
}

// smallECS has something for every operation to look at.
func smallECS() *fakeContainers {
	ecs := newContainers()
	prod, arn := ecs.cluster("prod"), ecs.register("web", registry+"web:1")
	prod.task("1", "RUNNING", arn, registry+"web:1")
	s := service("web", arn)
	s.CurrentServiceRevisions = []types.ServiceCurrentRevisionSummary{{Arn: aws.String(ecsARN("service-revision/1"))}}
	prod.services = []types.Service{s}
	ecs.revisions = []types.ServiceRevision{{ServiceRevisionArn: aws.String(ecsARN("service-revision/1")), TaskDefinition: &arn}}
	return ecs
}

func TestWhatEndsMeanwhileIsNoFailure(t *testing.T) {
	for _, arn := range []string{ecsARN("task/1"), ecsARN("service/web"), ecsARN("service-revision/1")} {
		ecs := smallECS()
		ecs.failures[arn] = types.Failure{Reason: aws.String("MISSING")}
		if _, _, err := surveyed(t, surveyor(ecs), surveyECS(1)); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
	for _, operation := range []string{"ListServices", "DescribeServices", "ListTasks", "DescribeTasks"} {
		ecs := smallECS()
		ecs.failing(operation, 400, "ClusterNotFoundException", "Cluster not found.")
		if _, _, err := surveyed(t, surveyor(ecs), surveyECS(1)); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

func TestECSSurveyFailsWhereItCannotTell(t *testing.T) {
	for _, arn := range []string{ecsARN("task/1"), ecsARN("service/web"), ecsARN("service-revision/1")} {
		ecs := smallECS()
		ecs.failures[arn] = types.Failure{Reason: aws.String("ACCESS_DENIED"), Detail: aws.String("no")}
		_, _, err := surveyed(t, surveyor(ecs), surveyECS(1))
		wantError(t, "a failure", err, what{says: "says of " + arn + ": ACCESS_DENIED no"})
		ecs = smallECS()
		ecs.silent = arn
		_, _, err = surveyed(t, surveyor(ecs), surveyECS(1))
		wantError(t, "no answer", err, what{says: "was asked for 1 and answered for 0"})
	}
	for about, c := range map[string]struct {
		change func(*fakeContainers)
		says   string
	}{
		"a definition that is gone": {
			func(f *fakeContainers) { f.definitions = nil },
			"task definition " + ecsARN("task-definition/web:1") + " cannot be described (Unable to describe task definition.), and " +
				ecsARN("service/web") + " (ecs-service), " + ecsARN("service-revision/1") + " (ecs-service-revision), " + ecsARN("task/1") + " (ecs-task) holds it",
		},
		"a definition": {
			func(f *fakeContainers) {
				f.definitions[0].ContainerDefinitions[0].Image = aws.String(registry + "web@sha256:12")
			},
			`container c0 of task definition ` + ecsARN("task-definition/web:1") + ` has an image that cannot be read: "` + registry + `web@sha256:12" has a malformed digest`,
		},
		"a task": {
			func(f *fakeContainers) {
				f.clusters[ecsARN("cluster/prod")].tasks[0].Containers[0].ImageDigest = aws.String("sha256:12")
			},
			ecsARN("task/1") + ` (ecs-task) names an image that cannot be read: "` + registry + `web:1" has the malformed digest "sha256:12"`,
		},
		"a revision": {
			func(f *fakeContainers) {
				f.revisions[0].ContainerImages = []types.ContainerImage{{ContainerName: aws.String("app"), Image: aws.String(registry + "web:")}}
			},
			"container app of service revision " + ecsARN("service-revision/1") + " has an image that cannot be read",
		},
	} {
		ecs := smallECS()
		c.change(ecs)
		kind := ErrInvalid
		if about == "a definition that is gone" {
			kind = ErrNotFound
		}
		_, _, err := surveyed(t, surveyor(ecs), surveyECS(0))
		wantError(t, about, err, refused(kind, c.says))
	}
}

var ecsOperations = []string{
	"ListClusters", "ListServices", "DescribeServices", "DescribeServiceRevisions", "ListTasks", "DescribeTasks", "ListTaskDefinitions", "DescribeTaskDefinition",
}

func TestECSSurveySaysWhatIsDenied(t *testing.T) {
	for _, operation := range ecsOperations {
		ecs := smallECS()
		ecs.failing(operation, 400, "AccessDeniedException", "User: x is not authorized to perform: ecs:"+operation+" on resource: *")
		_, _, err := surveyed(t, surveyor(ecs), surveyECS(1))
		wantError(t, operation, err, refused(ErrForbidden, "ecs:"+operation+" is not allowed in 123456789012/us-east-1…grant it to "+role))
		ecs.failing(operation, 400, "ThrottlingException", "Rate exceeded")
		_, _, err = surveyed(t, surveyor(ecs), surveyECS(1))
		wantError(t, operation, err, what{kind: ErrThrottled, after: 5 * time.Second, upTo: 8 * time.Second, says: "ecs:" + operation})
		ecs.lose[operation] = 1
		_, _, err = surveyed(t, surveyor(ecs), surveyECS(1))
		wantError(t, operation, err, what{says: "connection reset"})
		if _, _, err := surveyed(t, surveyor(ecs), surveyECS(1)); err != nil {
			t.Errorf("%s: all is well again, but: %v", operation, err)
		}
	}
	a := &UseSurveyor{ECS: nowhere[ECSUsesAPI](awsError("STS", "AssumeRole", 403, "AccessDenied", "no")), S3: to[artifact.API](artifacttest.New(bucket))}
	_, _, err := surveyed(t, a, surveyECS(1))
	wantError(t, "no way there", err, refused(ErrForbidden, "sts:AssumeRole"))
	_, _, err = surveyed(t, a, SurveyUsesInput{Source: "eks"})
	wantError(t, "no such source", err, refused(ErrInvalid, `there is no source "eks" to survey…step-functions`))
}

func TestECSIsSurveyedSideBySide(t *testing.T) {
	ecs := newContainers()
	for i := range sideBySide {
		arn := ecs.register(fmt.Sprintf("web-%d", i), registry+"web:1")
		ecs.cluster(fmt.Sprint("c", i)).task(fmt.Sprint(i), "RUNNING", arn)
	}
	for _, operation := range []string{"DescribeTasks", "DescribeTaskDefinition"} {
		all := gathering(sideBySide)
		ecs.arrives = func(ctx context.Context, arrived string) {
			if arrived == operation {
				all(ctx)
			}
		}
		if _, _, err := surveyed(t, surveyor(ecs), surveyECS(0)); err != nil {
			t.Fatal(err)
		}
	}
}

// A task of a daemon has a definition that DescribeTaskDefinition does not know.
func TestTaskOfADaemon(t *testing.T) {
	ecs := newContainers()
	ecs.cluster("prod").task("1", "RUNNING", ecsARN("daemon-task-definition/agent:1"), registry+"agent:1="+digestNumber(10))
	uses, _, err := surveyed(t, surveyor(ecs), surveyECS(1))
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses, "ecs-task agent:1@10 by task/1")
}
