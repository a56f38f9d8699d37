package policy

// Kinds of use: who holds an image, or a task definition. They are permanent: plans and ledgers name them.
const (
	UseTask            = "ecs-task"             // running, pending, provisioning
	UseStoppedTask     = "ecs-stopped-task"     // stopped in the last hour
	UseService         = "ecs-service"          // the service itself, at zero tasks too
	UseDeployment      = "ecs-deployment"       // every deployment of it
	UseTaskSet         = "ecs-task-set"         // every task set of it
	UseServiceRevision = "ecs-service-revision" // digests that ECS has pinned
	UseRollback        = "ecs-rollback"         // one of the last N revisions of a family
	UseRule            = "eventbridge-rule"
	UseSchedule        = "scheduler-schedule"
	UseLambda          = "lambda-function" // $LATEST
	UseLambdaVersion   = "lambda-version"
	UseLambdaAlias     = "lambda-alias" // weighted too
	UseAppRunner       = "apprunner-service"
	UseBatch           = "batch-job-definition"
	UseStepFunctions   = "step-functions-state-machine"
	UseListed          = "listed-in-config"
	UseListedObject    = "listed-in-s3"
)

// Use says that somebody holds an image. A tag holds the image that it points to; tag and digest together hold both.
type Use struct {
	Reference
	Kind string `json:"kind"`
	By   string `json:"by"` // ARN, or what else names the holder
}

// TaskDefinitionUse says that somebody holds a task definition.
type TaskDefinitionUse struct {
	ARN  string `json:"arn"`
	Kind string `json:"kind"`
	By   string `json:"by"`
}

// Uses is what one survey found.
type Uses struct {
	Images          []Use               `json:"images,omitempty"`
	TaskDefinitions []TaskDefinitionUse `json:"task_definitions,omitempty"`
}

// Survey sources: each is looked at by itself, in each place. They are permanent.
const (
	SourceECS           = "ecs" // tasks, services, deployments, task sets, revisions, rollback revisions
	SourceEventBridge   = "eventbridge"
	SourceScheduler     = "scheduler"
	SourceLambda        = "lambda"
	SourceAppRunner     = "apprunner"
	SourceBatch         = "batch"
	SourceStepFunctions = "step-functions"
)

// DefaultSources are looked at everywhere; the others only where they are switched on.
func DefaultSources() []string {
	return []string{SourceECS, SourceEventBridge, SourceScheduler, SourceLambda}
}

// AllSources is every source there is.
func AllSources() []string {
	return append(DefaultSources(), SourceAppRunner, SourceBatch, SourceStepFunctions)
}
