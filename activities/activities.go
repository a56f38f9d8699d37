// Package activities talks to the outside world, one file per outside system. An activity is thin: it makes one call or a
// small idempotent group of calls, and turns what comes back into values or into errors that Temporal understands
// (errors.go). Decisions are made in internal/policy, order in workflows.
package activities

import (
	"context"

	"epoxy/internal/artifact"
	"epoxy/internal/cloud"
	"epoxy/internal/ledger"
)

// Place is where an activity acts.
type Place = cloud.Place

// Connect gives the client of a place.
type Connect[T any] func(ctx context.Context, p Place) (T, error)

// Set is every activity that a worker offers. Its methods' names are the activities' registered names: permanent.
type Set struct {
	// Baking.
	Surveyor        *Surveyor
	Images          *Images
	ImageWaiter     *ImageWaiter
	ImageRemover    *ImageRemover
	LaunchTemplates *LaunchTemplates
	AutoScaling     *AutoScaling
	Parameters      *Parameters

	// Pruning.
	UseSurveyor           *UseSurveyor
	Repositories          *Repositories
	TaskDefinitions       *TaskDefinitions
	Commits               *Commits
	Planner               *Planner
	ImageDeleter          *ImageDeleter
	TaskDefinitionRemover *TaskDefinitionRemover
	Restorer              *Restorer

	// Mopping.
	Instances      *Instances
	LifecycleHooks *LifecycleHooks
	Chef           *Chef
	DNS            *DNS
	Breaker        *Breaker
	Teller         *Teller
	Sweeper        *Sweeper

	Slack *Slack
	Runs  *Runs
}

// Groups are the activities, as Temporal registers them: every exported method is one.
func (s *Set) Groups() []any {
	return []any{
		s.Surveyor, s.Images, s.ImageWaiter, s.ImageRemover, s.LaunchTemplates, s.AutoScaling, s.Parameters,
		s.UseSurveyor, s.Repositories, s.TaskDefinitions, s.Commits, s.Planner, s.ImageDeleter, s.TaskDefinitionRemover, s.Restorer,
		s.Instances, s.LifecycleHooks, s.Chef, s.DNS, s.Breaker, s.Teller, s.Sweeper,
		s.Slack, s.Runs,
	}
}

// Others are the outside systems beside AWS. GitHub may be nil, and Slack's client; there may be no Chef server.
type Others struct {
	Slack    *Slack
	GitHub   *GitHub
	Runs     *Runs
	Temporal StarterAPI
	Chef     map[string]ChefAPI // by their names in the section chef
}

// NewSet wires the activities to AWS, Slack, GitHub and Temporal.
func NewSet(clients *cloud.Clients, o Others) *Set {
	ec2Client := at(clients, func(s *cloud.Services) ec2API { return s.EC2 })
	asg := at(clients, func(s *cloud.Services) AutoScalingAPI { return s.AutoScaling })
	params := at(clients, func(s *cloud.Services) ParametersAPI { return s.SSM })
	set := &Set{
		Surveyor:        &Surveyor{EC2: as[SurveyAPI](ec2Client), AutoScaling: asg, Parameters: params},
		Images:          &Images{Connect: as[ImagesAPI](ec2Client)},
		ImageWaiter:     &ImageWaiter{Connect: as[ImageStatesAPI](ec2Client)},
		ImageRemover:    &ImageRemover{Connect: as[ImageRemovalAPI](ec2Client)},
		LaunchTemplates: &LaunchTemplates{Connect: as[LaunchTemplatesAPI](ec2Client)},
		AutoScaling:     &AutoScaling{Connect: asg},
		Parameters:      &Parameters{Connect: params},
		Slack:           o.Slack,
		Runs:            o.Runs,
	}
	set.wirePruning(clients, o.GitHub)
	set.wireMopping(clients, o)
	return set
}

func (s *Set) wireMopping(clients *cloud.Clients, o Others) {
	bucket := at(clients, func(s *cloud.Services) artifact.API { return s.S3 })
	table := at(clients, func(s *cloud.Services) ledger.API { return s.DynamoDB })
	s.Chef = &Chef{Servers: o.Chef, Ledger: LedgerIn(table), S3: bucket}
	s.DNS = &DNS{
		Route53: at(clients, func(s *cloud.Services) Route53API { return s.Route53 }), EC2: at(clients, func(s *cloud.Services) HoldersAPI { return s.EC2 }),
		Ledger: LedgerIn(table),
	}
	s.Instances = &Instances{
		EC2: at(clients, func(s *cloud.Services) InstancesAPI { return s.EC2 }), AutoScaling: at(clients, func(s *cloud.Services) InstanceGroupsAPI { return s.AutoScaling }),
		Holders: s.DNS,
	}
	s.LifecycleHooks = &LifecycleHooks{AutoScaling: at(clients, func(s *cloud.Services) LifecycleHooksAPI { return s.AutoScaling })}
	s.Breaker = &Breaker{DynamoDB: table, Chef: s.Chef, Temporal: o.Temporal}
	s.Teller = &Teller{Temporal: o.Temporal}
	s.Sweeper = &Sweeper{
		Nodes: s.Chef, EC2: at(clients, func(s *cloud.Services) SweepEC2API { return s.EC2 }),
		Route53: at(clients, func(s *cloud.Services) SweepRecordsAPI { return s.Route53 }), S3: bucket,
	}
	s.Restorer.Chef, s.Restorer.DNS = s.Chef, s.DNS
}

func (s *Set) wirePruning(clients *cloud.Clients, github *GitHub) {
	bucket := at(clients, func(s *cloud.Services) artifact.API { return s.S3 })
	book := LedgerIn(at(clients, func(s *cloud.Services) ledger.API { return s.DynamoDB }))
	s.UseSurveyor = &UseSurveyor{
		ECS:           at(clients, func(s *cloud.Services) ECSUsesAPI { return s.ECS }),
		EventBridge:   at(clients, func(s *cloud.Services) EventBridgeUsesAPI { return s.EventBridge }),
		Scheduler:     at(clients, func(s *cloud.Services) SchedulerUsesAPI { return s.Scheduler }),
		Lambda:        at(clients, func(s *cloud.Services) LambdaUsesAPI { return s.Lambda }),
		AppRunner:     at(clients, func(s *cloud.Services) AppRunnerUsesAPI { return s.AppRunner }),
		Batch:         at(clients, func(s *cloud.Services) BatchUsesAPI { return s.Batch }),
		StepFunctions: at(clients, func(s *cloud.Services) StepFunctionsUsesAPI { return s.SFN }),
		S3:            bucket,
	}
	look := &UseLooker{Surveyor: s.UseSurveyor}
	s.Repositories = &Repositories{ECR: at(clients, func(s *cloud.Services) RepositoriesAPI { return s.ECR }), S3: bucket}
	s.TaskDefinitions = &TaskDefinitions{ECS: at(clients, func(s *cloud.Services) TaskDefinitionsAPI { return s.ECS }), S3: bucket}
	s.Commits = &Commits{S3: bucket}
	if github != nil {
		s.Commits.GitHub = github
	}
	s.Planner = &Planner{S3: bucket}
	s.ImageDeleter = &ImageDeleter{ECR: at(clients, func(s *cloud.Services) ImageDeletionAPI { return s.ECR }), S3: bucket, Ledger: book, Look: look}
	s.TaskDefinitionRemover = &TaskDefinitionRemover{
		ECS: at(clients, func(s *cloud.Services) TaskDefinitionRemovalAPI { return s.ECS }), S3: bucket, Ledger: book, Look: look,
	}
	s.Restorer = &Restorer{
		ECR: at(clients, func(s *cloud.Services) ImagePutAPI { return s.ECR }), ECS: at(clients, func(s *cloud.Services) TaskDefinitionPutAPI { return s.ECS }),
		S3: bucket, Ledger: book,
	}
	if s.Slack != nil {
		s.Slack.S3 = bucket
	}
}

// at connects to one service.
func at[T any](clients *cloud.Clients, pick func(*cloud.Services) T) Connect[T] {
	return func(ctx context.Context, p Place) (T, error) {
		var none T
		s, err := clients.At(ctx, p)
		if err != nil {
			return none, err
		}
		return pick(s), nil
	}
}

// ec2API is all that the EC2 client is asked for; each file asks for its own part of it.
type ec2API interface {
	SurveyAPI
	ImagesAPI
	ImageStatesAPI
	ImageRemovalAPI
	LaunchTemplatesAPI
}

// as narrows a connection to the interface that one file needs.
func as[T any](connect Connect[ec2API]) Connect[T] {
	return func(ctx context.Context, p Place) (T, error) {
		var none T
		client, err := connect(ctx, p)
		if err != nil {
			return none, err
		}
		return any(client).(T), nil
	}
}
