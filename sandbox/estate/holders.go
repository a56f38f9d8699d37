package estate

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	artypes "github.com/aws/aws-sdk-go-v2/service/apprunner/types"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	batchtypes "github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Cluster is where everything of the sandbox runs.
const Cluster = "prod"

// NewCluster makes the cluster.
func (c *Containers) NewCluster(ctx context.Context) error {
	_, err := c.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(Cluster)})
	return err
}

// Define registers a task definition with one container.
func (c *Containers) Define(ctx context.Context, family, image string) (arn string, err error) {
	out, err := c.ECS.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &family, Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("app"), Image: &image, Essential: aws.Bool(true)}},
	})
	if err != nil {
		return "", fmt.Errorf("register %s: %w", family, err)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn), nil
}

// Run starts a task of a task definition.
func (c *Containers) Run(ctx context.Context, definition string) (arn string, err error) {
	out, err := c.ECS.RunTask(ctx, &ecs.RunTaskInput{
		Cluster: aws.String(Cluster), TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network,
	})
	if err != nil || len(out.Tasks) != 1 {
		return "", fmt.Errorf("run %s: %w", definition, err)
	}
	return aws.ToString(out.Tasks[0].TaskArn), nil
}

var network = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-0123456789abcdef0"}}}

// Serve makes a service; a controller of External takes task sets instead of a task definition.
func (c *Containers) Serve(ctx context.Context, name, definition string, tasks int32, external bool) error {
	in := &ecs.CreateServiceInput{Cluster: aws.String(Cluster), ServiceName: &name, DesiredCount: &tasks, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network}
	if external {
		in.DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}
		in.LaunchType, in.NetworkConfiguration = "", nil
	} else {
		in.TaskDefinition = &definition
	}
	if _, err := c.ECS.CreateService(ctx, in); err != nil {
		return fmt.Errorf("create service %s: %w", name, err)
	}
	if !external {
		return nil
	}
	_, err := c.ECS.CreateTaskSet(ctx, &ecs.CreateTaskSetInput{
		Cluster: aws.String(Cluster), Service: &name, TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network,
	})
	return err
}

// Retire deregisters a task definition.
func (c *Containers) Retire(ctx context.Context, definition string) error {
	_, err := c.ECS.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &definition})
	return err
}

// OnRule makes an EventBridge rule start a task definition.
func (c *Containers) OnRule(ctx context.Context, name, definition string) error {
	if _, err := c.EventBridge.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, ScheduleExpression: aws.String("rate(1 day)"), State: ebtypes.RuleStateDisabled}); err != nil {
		return err
	}
	_, err := c.EventBridge.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, Targets: []ebtypes.Target{{
		Id: aws.String("1"), Arn: aws.String(c.clusterARN()), RoleArn: aws.String(RoleARN(c.Account)),
		EcsParameters: &ebtypes.EcsParameters{TaskDefinitionArn: &definition, LaunchType: ebtypes.LaunchTypeFargate},
	}}})
	return err
}

// OnSchedule makes an EventBridge Scheduler schedule start a task definition.
func (c *Containers) OnSchedule(ctx context.Context, name, definition string) error {
	_, err := c.Scheduler.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: &name, ScheduleExpression: aws.String("rate(7 days)"), FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{
			Arn: aws.String(c.clusterARN()), RoleArn: aws.String(RoleARN(c.Account)),
			EcsParameters: &schedulertypes.EcsParameters{TaskDefinitionArn: &definition},
		},
	})
	return err
}

func (c *Containers) clusterARN() string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:cluster/%s", Region, c.Account, Cluster)
}

// Function makes a Lambda function of an image.
func (c *Containers) Function(ctx context.Context, name, image string) error {
	_, err := c.Lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, PackageType: lambdatypes.PackageTypeImage, Code: &lambdatypes.FunctionCode{ImageUri: &image}, Role: aws.String(RoleARN(c.Account)),
	})
	return err
}

// Publish freezes $LATEST as a version, and then gives $LATEST another image.
func (c *Containers) Publish(ctx context.Context, function, next string) (version string, err error) {
	out, err := c.Lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &function})
	if err != nil {
		return "", err
	}
	_, err = c.Lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &function, ImageUri: &next})
	return aws.ToString(out.Version), err
}

// AppRunnerService makes an App Runner service of an image.
func (c *Containers) AppRunnerService(ctx context.Context, name, image string) error {
	_, err := c.AppRunner.CreateService(ctx, &apprunner.CreateServiceInput{ServiceName: &name, SourceConfiguration: &artypes.SourceConfiguration{
		ImageRepository: &artypes.ImageRepository{ImageIdentifier: &image, ImageRepositoryType: artypes.ImageRepositoryTypeEcr},
	}})
	return err
}

// Job makes a Batch job definition of an image.
func (c *Containers) Job(ctx context.Context, name, image string) error {
	_, err := c.Batch.RegisterJobDefinition(ctx, &batch.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: batchtypes.JobDefinitionTypeContainer,
		ContainerProperties: &batchtypes.ContainerProperties{Image: &image, ResourceRequirements: []batchtypes.ResourceRequirement{
			{Type: batchtypes.ResourceTypeVcpu, Value: aws.String("1")}, {Type: batchtypes.ResourceTypeMemory, Value: aws.String("512")},
		}},
	})
	return err
}

// StateMachine makes a Step Functions state machine that runs a task definition.
func (c *Containers) StateMachine(ctx context.Context, name, definition string) error {
	text := fmt.Sprintf(`{"StartAt":"Run","States":{"Run":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"Cluster":%q,"TaskDefinition":%q,"LaunchType":"FARGATE"},"End":true}}}`, c.clusterARN(), definition)
	_, err := c.SFN.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Definition: &text, RoleArn: aws.String(RoleARN(c.Account)), Type: sfntypes.StateMachineTypeStandard})
	return err
}
