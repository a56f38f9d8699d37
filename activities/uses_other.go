package activities

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	apprunnertypes "github.com/aws/aws-sdk-go-v2/service/apprunner/types"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"epoxy/internal/policy"
)

// AppRunnerUsesAPI is what finding out services' images needs of App Runner.
type AppRunnerUsesAPI interface {
	ListServices(context.Context, *apprunner.ListServicesInput, ...func(*apprunner.Options)) (*apprunner.ListServicesOutput, error)
	DescribeService(context.Context, *apprunner.DescribeServiceInput, ...func(*apprunner.Options)) (*apprunner.DescribeServiceOutput, error)
}

// BatchUsesAPI is what finding out job definitions' images needs of Batch.
type BatchUsesAPI interface {
	DescribeJobDefinitions(context.Context, *batch.DescribeJobDefinitionsInput, ...func(*batch.Options)) (*batch.DescribeJobDefinitionsOutput, error)
}

const (
	appRunnerPage      = 20
	jobDefinitionsPage = 100
)

func (a *UseSurveyor) surveyAppRunner(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.AppRunner(ctx, in.Place)
	if err != nil {
		return err
	}
	var arns []string
	pages := apprunner.NewListServicesPaginator(client, &apprunner.ListServicesInput{MaxResults: aws.Int32(appRunnerPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, service := range page.ServiceSummaryList {
			if service.Status != apprunnertypes.ServiceStatusDeleted { // paused ones can be resumed
				arns = append(arns, aws.ToString(service.ServiceArn))
			}
		}
	}
	return each(ctx, arns, func(ctx context.Context, arn string) error {
		out, err := client.DescribeService(ctx, &apprunner.DescribeServiceInput{ServiceArn: &arn})
		if codeOf(err) == whatIsGone {
			return nil
		}
		if err != nil || out.Service == nil || out.Service.SourceConfiguration == nil || out.Service.SourceConfiguration.ImageRepository == nil {
			return err // without an image it is built from source code
		}
		return found.image(policy.UseAppRunner, arn, aws.ToString(out.Service.SourceConfiguration.ImageRepository.ImageIdentifier), "")
	})
}

// surveyBatch looks at the job definitions that can still be submitted; the jobs that run are tasks of ECS.
func (a *UseSurveyor) surveyBatch(ctx context.Context, in SurveyUsesInput, found *findings) error {
	client, err := a.Batch(ctx, in.Place)
	if err != nil {
		return err
	}
	pages := batch.NewDescribeJobDefinitionsPaginator(client, &batch.DescribeJobDefinitionsInput{Status: aws.String("ACTIVE"), MaxResults: aws.Int32(jobDefinitionsPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, d := range page.JobDefinitions {
			for _, image := range jobImages(d) {
				if err := found.image(policy.UseBatch, aws.ToString(d.JobDefinitionArn), image, ""); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// jobImages are all images that a job definition names, in any of the forms that it may have.
// https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDefinition.html
func jobImages(d types.JobDefinition) []string {
	var images []string
	images = append(images, containerImages(d.ContainerProperties)...)
	images = append(images, taskImages(d.EcsProperties)...)
	images = append(images, podImages(d.EksProperties)...)
	if d.NodeProperties != nil {
		for _, n := range d.NodeProperties.NodeRangeProperties {
			images = append(images, containerImages(n.Container)...)
			images = append(images, taskImages(n.EcsProperties)...)
			images = append(images, podImages(n.EksProperties)...)
		}
	}
	return images
}

func containerImages(c *types.ContainerProperties) []string {
	if c == nil {
		return nil
	}
	return []string{aws.ToString(c.Image)}
}

func taskImages(e *types.EcsProperties) []string {
	if e == nil {
		return nil
	}
	var images []string
	for _, task := range e.TaskProperties {
		for _, c := range task.Containers {
			images = append(images, aws.ToString(c.Image))
		}
	}
	return images
}

func podImages(e *types.EksProperties) []string {
	if e == nil || e.PodProperties == nil {
		return nil
	}
	var images []string
	for _, containers := range [][]types.EksContainer{e.PodProperties.InitContainers, e.PodProperties.Containers} {
		for _, c := range containers {
			images = append(images, aws.ToString(c.Image))
		}
	}
	return images
}
