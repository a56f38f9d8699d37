package activities

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/artifact"
	"epoxy/internal/artifact/artifacttest"
	"epoxy/internal/policy"
)

const registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"

// digestNumber is a well-formed digest.
func digestNumber(n int) string { return fmt.Sprintf("sha256:%064d", n) }

// surveyor is connected to an ECS, and to nothing else.
func surveyor(ecs *fakeContainers) *UseSurveyor {
	return &UseSurveyor{ECS: to[ECSUsesAPI](ecs), S3: to[artifact.API](artifacttest.New(bucket))}
}

// surveyed runs a survey, and reads what it kept.
func surveyed(t *testing.T, a *UseSurveyor, in SurveyUsesInput) (policy.Uses, []policy.UseCount, error) {
	t.Helper()
	in.Store, in.Place = theStore(), here
	out, err := attempt(t, a.SurveyUses, in)
	return kept(t, a, out, err), out.Counts, err
}

func kept(t *testing.T, a *UseSurveyor, out SurveyUsesOutput, err error) (uses policy.Uses) {
	t.Helper()
	if err != nil {
		return uses
	}
	store := must[shelf](t)(openShelf(t.Context(), a.S3, theStore()))
	if err := store.get(t.Context(), out.Uses, &uses); err != nil {
		t.Fatal(err)
	}
	return uses
}

func surveyECS(rollback int, clusters ...string) SurveyUsesInput {
	return SurveyUsesInput{Source: policy.SourceECS, RollbackRevisions: rollback, ExpectClusters: clusters}
}

// inWordsOf lists uses as "kind name:tag@digest by", without what is the same for all.
func inWordsOf(u policy.Uses) []string {
	var lines []string
	short := strings.NewReplacer(ecsARN(""), "", "sha256:"+strings.Repeat("0", 62), "")
	for _, i := range u.Images {
		name := i.Repository.Name
		if i.Tag != "" {
			name += ":" + i.Tag
		}
		if i.Digest != "" {
			name += "@" + i.Digest
		}
		lines = append(lines, short.Replace(fmt.Sprintf("%s %s by %s", i.Kind, name, i.By)))
	}
	for _, d := range u.TaskDefinitions {
		lines = append(lines, short.Replace(fmt.Sprintf("%s %s by %s", d.Kind, d.ARN, d.By)))
	}
	slices.Sort(lines)
	return lines
}

func wantUses(t *testing.T, got policy.Uses, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, inWordsOf(got)); diff != "" {
		t.Error(diff)
	}
}

func service(name, definition string) types.Service {
	return types.Service{ServiceArn: aws.String(ecsARN("service/" + name)), TaskDefinition: &definition}
}

// Each kind of use holds an image that nothing else holds.
func TestECSFindsEveryKindOfUse(t *testing.T) {
	ecs := newContainers()
	image := func(name string) string { return registry + "shop:" + name }
	of := func(name string) string { return ecs.register(name, image(name)) }
	prod := ecs.cluster("prod")
	prod.task("run", "RUNNING", of("running"), image("running")+"="+digestNumber(10))
	prod.task("pend", "PENDING", of("pending"), image("pending"))
	prod.task("ending", "DEACTIVATING", of("ending"), image("ending")+"="+digestNumber(11))
	prod.task("stop", "STOPPED", of("stopped"), image("stopped")+"="+digestNumber(12), registry+"proxy@"+digestNumber(13)+"="+digestNumber(14))
	web := service("web", of("service")) // wants no tasks
	web.Deployments = []types.Deployment{{Id: aws.String("ecs-svc/1"), TaskDefinition: aws.String(of("new"))}, {Id: aws.String("ecs-svc/2"), TaskDefinition: aws.String(of("old"))}}
	web.TaskSets = []types.TaskSet{{TaskSetArn: aws.String(ecsARN("task-set/1")), TaskDefinition: aws.String(of("set"))}}
	web.CurrentServiceRevisions = []types.ServiceCurrentRevisionSummary{{Arn: aws.String(ecsARN("service-revision/1"))}}
	ecs.revisions = []types.ServiceRevision{{ServiceRevisionArn: aws.String(ecsARN("service-revision/1")), TaskDefinition: aws.String(of("revision")), ContainerImages: []types.ContainerImage{
		{Image: aws.String(image("revision")), ImageDigest: aws.String(digestNumber(15))},
		{Image: aws.String("public.ecr.aws/x/envoy:1"), ImageDigest: aws.String(digestNumber(16))},
	}}}
	ecs.cluster("test").services = []types.Service{web, {ServiceArn: aws.String(ecsARN("service/external"))}} // of another controller: its task sets have the definitions
	for _, d := range ecs.definitions {
		ecs.deregister(*d.TaskDefinitionArn)
	}
	ecs.register("job", image("job-1"))
	ecs.register("job", image("job-2"), registry+"init:1", "nginx:1")
	ecs.register("job", registry+"team/job-3@"+digestNumber(17))

	uses, counts, err := surveyed(t, surveyor(ecs), surveyECS(2, "prod", "test"))
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses,
		"ecs-task shop:running@10 by task/run", "ecs-task shop:running by task/run", "ecs-task task-definition/running:1 by task/run",
		"ecs-task shop:pending by task/pend", "ecs-task task-definition/pending:1 by task/pend",
		"ecs-task shop:ending@11 by task/ending", "ecs-task shop:ending by task/ending", "ecs-task task-definition/ending:1 by task/ending",
		"ecs-stopped-task shop:stopped@12 by task/stop", "ecs-stopped-task shop:stopped by task/stop", "ecs-stopped-task task-definition/stopped:1 by task/stop",
		"ecs-stopped-task proxy@13 by task/stop", "ecs-stopped-task proxy@14 by task/stop",
		"ecs-service shop:service by service/web", "ecs-service task-definition/service:1 by service/web",
		"ecs-deployment shop:new by service/web deployment ecs-svc/1", "ecs-deployment task-definition/new:1 by service/web deployment ecs-svc/1",
		"ecs-deployment shop:old by service/web deployment ecs-svc/2", "ecs-deployment task-definition/old:1 by service/web deployment ecs-svc/2",
		"ecs-task-set shop:set by task-set/1", "ecs-task-set task-definition/set:1 by task-set/1",
		"ecs-service-revision shop:revision@15 by service-revision/1", "ecs-service-revision shop:revision by service-revision/1",
		"ecs-service-revision task-definition/revision:1 by service-revision/1",
		"ecs-rollback shop:job-2 by task-definition/job:2", "ecs-rollback init:1 by task-definition/job:2", "ecs-rollback task-definition/job:2 by task-definition/job:2",
		"ecs-rollback team/job-3@17 by task-definition/job:3", "ecs-rollback task-definition/job:3 by task-definition/job:3",
	)
	var text []string
	for _, c := range counts {
		text = append(text, fmt.Sprint(c.Place, " ", c.Kind, " ", c.Count))
	}
	want := []string{
		here.String() + " ecs-deployment 2", here.String() + " ecs-rollback 2", here.String() + " ecs-service 1", here.String() + " ecs-service-revision 1",
		here.String() + " ecs-stopped-task 1", here.String() + " ecs-task 3", here.String() + " ecs-task-set 1",
	}
	if !slices.Equal(text, want) {
		t.Errorf("counts %q, want %q", text, want)
	}
}

// The calls of a survey are the fewest there can be: pages and batches are full, and nothing is asked twice.
func TestECSSurveyMakesTheFewestCalls(t *testing.T) {
	ecs := newContainers()
	for c := range 120 {
		ecs.cluster(fmt.Sprintf("empty-%03d", c))
	}
	big := ecs.cluster("big")
	for i := range 205 {
		arn := ecs.register(fmt.Sprintf("web-%03d", i%40), fmt.Sprintf("%sshop:%d", registry, i))
		s := service(fmt.Sprintf("s%03d", i), arn)
		s.Deployments = []types.Deployment{{TaskDefinition: &arn}}
		revision := ecsARN(fmt.Sprintf("service-revision/%03d", i))
		s.CurrentServiceRevisions = []types.ServiceCurrentRevisionSummary{{Arn: &revision}}
		ecs.revisions = append(ecs.revisions, types.ServiceRevision{ServiceRevisionArn: &revision, TaskDefinition: &arn, ContainerImages: []types.ContainerImage{
			{Image: aws.String(fmt.Sprintf("%sshop:%d", registry, i)), ImageDigest: aws.String(digestNumber(i))},
		}})
		big.services = append(big.services, s)
		big.task(fmt.Sprintf("t%03d", i), "RUNNING", arn, fmt.Sprintf("%sshop:%d=%s", registry, i, digestNumber(i)))
		big.task(fmt.Sprintf("x%03d", i), "STOPPED", arn, fmt.Sprintf("%sshop:%d=%s", registry, i, digestNumber(i)))
	}
	a := surveyor(ecs)
	first, _, err := surveyed(t, a, surveyECS(3))
	want := map[string]int{
		"ListClusters": 2, "ListServices": 120 + 3, "DescribeServices": 21, "ListTasks": 2*120 + 3 + 3, "DescribeTasks": 5,
		"DescribeServiceRevisions": 11, "ListTaskDefinitions": 3, "DescribeTaskDefinition": 205,
	}
	if err != nil || !cmp.Equal(ecs.calls, want) {
		t.Errorf("%v: %s", err, cmp.Diff(want, ecs.calls))
	}
	clear(ecs.calls)
	second, _, err := surveyed(t, a, surveyECS(3))
	delete(want, "DescribeServiceRevisions")
	delete(want, "DescribeTaskDefinition")
	if err != nil || !cmp.Equal(ecs.calls, want) {
		t.Errorf("the second time %v: %s", err, cmp.Diff(want, ecs.calls))
	}
	if !cmp.Equal(first, second) || len(first.Images) == 0 {
		t.Errorf("the second time the uses are others: %s", cmp.Diff(first, second))
	}
}

// While a revision is deployed its digests come one by one, so it is remembered only when they are complete.
func TestRevisionsAreRememberedWhenTheyAreFinal(t *testing.T) {
	ecs := newContainers()
	s := service("web", ecs.register("web", registry+"web:1"))
	s.CurrentServiceRevisions = []types.ServiceCurrentRevisionSummary{{Arn: aws.String(ecsARN("service-revision/1"))}}
	ecs.cluster("prod").services = []types.Service{s}
	ecs.revisions = []types.ServiceRevision{{ServiceRevisionArn: aws.String(ecsARN("service-revision/1")), ContainerImages: []types.ContainerImage{
		{Image: aws.String(registry + "web:1"), ImageDigest: aws.String(digestNumber(20))}, {Image: aws.String(registry + "proxy:1")},
	}}}
	a := surveyor(ecs)
	must[policy.Uses](t)(first(surveyed(t, a, surveyECS(0))))
	ecs.revisions[0].ContainerImages[1].ImageDigest = aws.String(digestNumber(21))
	for range 2 {
		uses, _, err := surveyed(t, a, surveyECS(0))
		if err != nil || !slices.Contains(inWordsOf(uses), "ecs-service-revision proxy:1@21 by service-revision/1") {
			t.Errorf("%v: %q", err, inWordsOf(uses))
		}
	}
	if ecs.calls["DescribeServiceRevisions"] != 2 || ecs.calls["ListTaskDefinitions"] != 0 {
		t.Errorf("calls: %v", ecs.calls)
	}
}

// first drops the counts of a survey.
func first(uses policy.Uses, _ []policy.UseCount, err error) (policy.Uses, error) { return uses, err }

// Of many tasks that hold an image one is named, always the same.
func TestManyTasksOfAnImageAreOneUse(t *testing.T) {
	ecs := newContainers()
	prod, arn := ecs.cluster("prod"), ecs.register("web", registry+"web:1")
	for _, i := range []int{5, 3, 9} {
		prod.task(fmt.Sprint(i), "RUNNING", arn, registry+"web:1="+digestNumber(10))
	}
	uses, counts, err := surveyed(t, surveyor(ecs), surveyECS(0))
	if err != nil || len(counts) != 1 || counts[0].Count != 3 {
		t.Errorf("%v: %v", err, counts)
	}
	wantUses(t, uses, "ecs-task web:1@10 by task/3", "ecs-task web:1 by task/3", "ecs-task task-definition/web:1 by task/3")
}

// Newest is by number: as text, 10 comes before 9.
func TestRollbackRevisionsAreTheNewest(t *testing.T) {
	ecs := newContainers()
	for i := range 120 {
		ecs.register("web", fmt.Sprintf("%sweb:%d", registry, i+1))
	}
	ecs.deregister(ecsARN("task-definition/web:119"))
	uses, _, err := surveyed(t, surveyor(ecs), surveyECS(2))
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses, "ecs-rollback web:120 by task-definition/web:120", "ecs-rollback task-definition/web:120 by task-definition/web:120",
		"ecs-rollback web:118 by task-definition/web:118", "ecs-rollback task-definition/web:118 by task-definition/web:118")
}
