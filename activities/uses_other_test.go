package activities

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	apprunner "github.com/aws/aws-sdk-go-v2/service/apprunner/types"
	batch "github.com/aws/aws-sdk-go-v2/service/batch/types"

	"epoxy/internal/policy"
)

func TestAppRunnerServicesHoldTheirImages(t *testing.T) {
	f := &fakeRunner{wire: newWire("AppRunner")}
	for i := range 40 {
		f.add(fmt.Sprintf("code-%02d", i), "", apprunner.ServiceStatusRunning)
	}
	f.add("web", registry+"web:1", apprunner.ServiceStatusRunning)
	f.add("paused", registry+"paused:1", apprunner.ServiceStatusPaused)
	f.add("deleted", registry+"deleted:1", apprunner.ServiceStatusDeleted)
	f.add("gone", registry+"gone:1", apprunner.ServiceStatusRunning)
	f.gone = "apprunner/gone"
	a := surveyor(newContainers())
	a.AppRunner = to[AppRunnerUsesAPI](f)
	in := SurveyUsesInput{Source: policy.SourceAppRunner}
	uses, _, err := surveyed(t, a, in)
	if err != nil {
		t.Fatal(err)
	}
	wantUses(t, uses, "apprunner-service web:1 by apprunner/web", "apprunner-service paused:1 by apprunner/paused")
	if f.calls["ListServices"] != 3 || f.calls["DescribeService"] != 43 {
		t.Errorf("calls: %v", f.calls)
	}
	f.add("broken", registry+":1", apprunner.ServiceStatusRunning)
	_, _, err = surveyed(t, a, in)
	wantError(t, "broken", err, refused(ErrInvalid, "apprunner/broken (apprunner-service) names an image that cannot be read"))
	f.services = f.services[:len(f.services)-1]
	for _, operation := range []string{"ListServices", "DescribeService"} {
		f.failing(operation, 403, "AccessDeniedException", "no")
		_, _, err := surveyed(t, a, in)
		wantError(t, operation, err, refused(ErrForbidden, "apprunner:"+operation+" is not allowed"))
	}
}

func TestJobDefinitionsHoldTheirImages(t *testing.T) {
	container := func(image string) *batch.ContainerProperties {
		return &batch.ContainerProperties{Image: aws.String(registry + image)}
	}
	tasks := func(images ...string) *batch.EcsProperties {
		task := batch.EcsTaskProperties{}
		for _, image := range images {
			task.Containers = append(task.Containers, batch.TaskContainerProperties{Image: aws.String(registry + image)})
		}
		return &batch.EcsProperties{TaskProperties: []batch.EcsTaskProperties{task}}
	}
	pod := func(first, then string) *batch.EksProperties {
		return &batch.EksProperties{PodProperties: &batch.EksPodProperties{
			InitContainers: []batch.EksContainer{{Image: aws.String(registry + first)}}, Containers: []batch.EksContainer{{Image: aws.String(registry + then)}},
		}}
	}
	f := &fakeJobs{wire: newWire("Batch")}
	for i := range 210 {
		f.definitions = append(f.definitions, batch.JobDefinition{JobDefinitionArn: aws.String(fmt.Sprintf("job/x%03d", i)), Status: aws.String("ACTIVE")})
	}
	f.definitions[0].ContainerProperties = container("plain:1")
	f.definitions[100].EcsProperties = tasks("ecs:1", "ecs:2")
	f.definitions[200].EksProperties = pod("eks:1", "eks:2")
	f.definitions[209].NodeProperties = &batch.NodeProperties{NodeRangeProperties: []batch.NodeRangeProperty{
		{Container: container("node:1")}, {EcsProperties: tasks("node:2")}, {EksProperties: pod("node:3", "node:4")}, {EksProperties: &batch.EksProperties{}},
	}}
	f.definitions[1].Status, f.definitions[1].ContainerProperties = aws.String("INACTIVE"), container("inactive:1")
	a := surveyor(newContainers())
	a.Batch = to[BatchUsesAPI](f)
	in := SurveyUsesInput{Source: policy.SourceBatch}
	uses, counts, err := surveyed(t, a, in)
	if err != nil || len(counts) != 1 || counts[0].Count != 4 {
		t.Errorf("%v: %v", err, counts)
	}
	wantUses(t, uses,
		"batch-job-definition plain:1 by job/x000", "batch-job-definition ecs:1 by job/x100", "batch-job-definition ecs:2 by job/x100",
		"batch-job-definition eks:1 by job/x200", "batch-job-definition eks:2 by job/x200",
		"batch-job-definition node:1 by job/x209", "batch-job-definition node:2 by job/x209", "batch-job-definition node:3 by job/x209", "batch-job-definition node:4 by job/x209",
	)
	if f.calls["DescribeJobDefinitions"] != 3 {
		t.Errorf("calls: %v", f.calls)
	}
	f.definitions[5].ContainerProperties = container("broken@sha256:1")
	_, _, err = surveyed(t, a, in)
	wantError(t, "broken", err, refused(ErrInvalid, "job/x005 (batch-job-definition) names an image that cannot be read"))
	f.failing("DescribeJobDefinitions", 403, "AccessDeniedException", "no")
	_, _, err = surveyed(t, a, in)
	wantError(t, "denied", err, refused(ErrForbidden, "batch:DescribeJobDefinitions is not allowed"))
}
