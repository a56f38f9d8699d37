package activities

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apprunner"
	apprunnertypes "github.com/aws/aws-sdk-go-v2/service/apprunner/types"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	batchtypes "github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// sized refuses a page size that is missing or too big.
func (w *wire) sized(operation string, size *int32, most int32) error {
	if size == nil || *size < 1 || *size > most {
		return w.refuse(operation, "ValidationException", "%d is not between 1 and %d", aws.ToInt32(size), most)
	}
	return nil
}

// fakeEvents is an EventBridge: bus → rule → targets.
type fakeEvents struct {
	*wire
	buses map[string]map[string][]ebtypes.Target
}

var _ EventBridgeUsesAPI = (*fakeEvents)(nil)

func newEvents() *fakeEvents {
	return &fakeEvents{wire: newWire("EventBridge"), buses: map[string]map[string][]ebtypes.Target{"default": {}}}
}

func (f *fakeEvents) ListEventBuses(ctx context.Context, in *eventbridge.ListEventBusesInput, _ ...func(*eventbridge.Options)) (*eventbridge.ListEventBusesOutput, error) {
	out := &eventbridge.ListEventBusesOutput{}
	return out, f.call(ctx, "ListEventBuses", func() error {
		var all []ebtypes.EventBus
		for name := range f.buses {
			all = append(all, ebtypes.EventBus{Name: aws.String(name)})
		}
		out.EventBuses, out.NextToken = page(all, in.NextToken, int(*in.Limit), func(b ebtypes.EventBus) string { return *b.Name })
		return f.sized("ListEventBuses", in.Limit, 100)
	})
}

func (f *fakeEvents) ListRules(ctx context.Context, in *eventbridge.ListRulesInput, _ ...func(*eventbridge.Options)) (*eventbridge.ListRulesOutput, error) {
	out := &eventbridge.ListRulesOutput{}
	return out, f.call(ctx, "ListRules", func() error {
		var all []ebtypes.Rule
		for name := range f.buses[*in.EventBusName] {
			all = append(all, ebtypes.Rule{
				Name: aws.String(name), Arn: aws.String("rule/" + *in.EventBusName + "/" + name), EventBusName: in.EventBusName, State: ebtypes.RuleStateDisabled,
			})
		}
		out.Rules, out.NextToken = page(all, in.NextToken, int(*in.Limit), func(r ebtypes.Rule) string { return *r.Name })
		return f.sized("ListRules", in.Limit, 100)
	})
}

func (f *fakeEvents) ListTargetsByRule(ctx context.Context, in *eventbridge.ListTargetsByRuleInput, _ ...func(*eventbridge.Options)) (*eventbridge.ListTargetsByRuleOutput, error) {
	const operation = "ListTargetsByRule"
	out := &eventbridge.ListTargetsByRuleOutput{}
	return out, f.call(ctx, operation, func() error {
		targets, ok := f.buses[aws.ToString(in.EventBusName)][*in.Rule]
		if !ok {
			return f.refuse(operation, "ResourceNotFoundException", "Rule %s does not exist on EventBus %s.", *in.Rule, aws.ToString(in.EventBusName))
		}
		out.Targets, out.NextToken = page(targets, in.NextToken, 2, func(t ebtypes.Target) string { return *t.Id })
		return f.sized(operation, in.Limit, 100)
	})
}

// fakeSchedules is an EventBridge Scheduler.
type fakeSchedules struct {
	*wire
	schedules []scheduler.GetScheduleOutput
	gone      string // name of one that was deleted since it was listed
}

var _ SchedulerUsesAPI = (*fakeSchedules)(nil)

func (f *fakeSchedules) add(group, name, target, definition, input string) {
	s := scheduler.GetScheduleOutput{
		Name: &name, GroupName: &group, Arn: aws.String("schedule/" + group + "/" + name), State: types.ScheduleStateDisabled,
		ScheduleExpression: aws.String("at(2020-01-01T00:00:00)"), Target: &types.Target{Arn: &target, Input: &input},
	}
	if definition != "" {
		s.Target.EcsParameters = &types.EcsParameters{TaskDefinitionArn: &definition}
	}
	f.schedules = append(f.schedules, s)
}

func (f *fakeSchedules) ListSchedules(ctx context.Context, in *scheduler.ListSchedulesInput, _ ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error) {
	out := &scheduler.ListSchedulesOutput{}
	return out, f.call(ctx, "ListSchedules", func() error {
		var all []types.ScheduleSummary
		for _, s := range f.schedules {
			if in.GroupName == nil || *in.GroupName == *s.GroupName {
				all = append(all, types.ScheduleSummary{Name: s.Name, GroupName: s.GroupName, Arn: s.Arn, State: s.State, Target: &types.TargetSummary{Arn: s.Target.Arn}})
			}
		}
		out.Schedules, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), func(s types.ScheduleSummary) string { return *s.Arn })
		return f.sized("ListSchedules", in.MaxResults, 100)
	})
}

func (f *fakeSchedules) GetSchedule(ctx context.Context, in *scheduler.GetScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	var out scheduler.GetScheduleOutput
	return &out, f.call(ctx, "GetSchedule", func() error {
		for _, s := range f.schedules {
			if *s.Name == *in.Name && *s.GroupName == aws.ToString(in.GroupName) && *s.Name != f.gone {
				out = s
				return nil
			}
		}
		return f.refuse("GetSchedule", "ResourceNotFoundException", "Schedule %s does not exist.", *in.Name)
	})
}

// fakeFunctions is a Lambda.
type fakeFunctions struct {
	*wire
	versions []lambdatypes.FunctionConfiguration
	code     map[string]lambdatypes.FunctionCodeLocation // by name:version
	aliases  map[string][]lambdatypes.AliasConfiguration // by name
}

var _ LambdaUsesAPI = (*fakeFunctions)(nil)

func newFunctions() *fakeFunctions {
	return &fakeFunctions{wire: newWire("Lambda"), code: map[string]lambdatypes.FunctionCodeLocation{}, aliases: map[string][]lambdatypes.AliasConfiguration{}}
}

// add makes a version; its digest is what Lambda resolved the image to.
func (f *fakeFunctions) add(name, version, image, digest string) {
	f.versions = append(f.versions, lambdatypes.FunctionConfiguration{
		FunctionName: &name, Version: &version, FunctionArn: aws.String("function:" + name + ":" + version), PackageType: lambdatypes.PackageTypeImage,
		CodeSha256: aws.String(strings.TrimPrefix(digest, "sha256:")), LastModified: aws.String("2026-01-02T03:04:05.000+0000"),
	})
	repository := image[:strings.IndexAny(image, ":@")]
	f.code[name+":"+version] = lambdatypes.FunctionCodeLocation{
		RepositoryType: aws.String("ECR"), ImageUri: &image, ResolvedImageUri: aws.String(repository + "@" + digest),
	}
}

func (f *fakeFunctions) alias(function, name, version string, weights ...string) {
	a := lambdatypes.AliasConfiguration{AliasArn: aws.String("function:" + function + ":" + name), Name: &name, FunctionVersion: &version}
	for _, w := range weights {
		a.RoutingConfig = &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{w: 0.1}}
	}
	f.aliases[function] = append(f.aliases[function], a)
}

// ListFunctions answers at most 50, whatever it is asked for; without ALL, what is not published only.
func (f *fakeFunctions) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput, _ ...func(*lambda.Options)) (*lambda.ListFunctionsOutput, error) {
	out := &lambda.ListFunctionsOutput{}
	return out, f.call(ctx, "ListFunctions", func() error {
		var all []lambdatypes.FunctionConfiguration
		for _, v := range f.versions {
			if in.FunctionVersion == lambdatypes.FunctionVersionAll || *v.Version == "$LATEST" {
				all = append(all, v)
			}
		}
		out.Functions, out.NextMarker = page(all, in.Marker, int(min(50, *in.MaxItems)), func(c lambdatypes.FunctionConfiguration) string { return *c.FunctionArn })
		return f.sized("ListFunctions", in.MaxItems, 10000)
	})
}

func (f *fakeFunctions) ListAliases(ctx context.Context, in *lambda.ListAliasesInput, _ ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error) {
	out := &lambda.ListAliasesOutput{}
	return out, f.call(ctx, "ListAliases", func() error {
		out.Aliases, out.NextMarker = page(f.aliases[*in.FunctionName], in.Marker, 1, func(a lambdatypes.AliasConfiguration) string { return *a.Name })
		return f.sized("ListAliases", in.MaxItems, 10000)
	})
}

func (f *fakeFunctions) GetFunction(ctx context.Context, in *lambda.GetFunctionInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	out := &lambda.GetFunctionOutput{}
	return out, f.call(ctx, "GetFunction", func() error {
		code, ok := f.code[*in.FunctionName+":"+aws.ToString(in.Qualifier)]
		if !ok {
			return f.refuse("GetFunction", "ResourceNotFoundException", "Function not found: %s", *in.FunctionName)
		}
		out.Code = &code
		return nil
	})
}

// fakeRunner is an App Runner.
type fakeRunner struct {
	*wire
	services []apprunnertypes.Service
	gone     string
}

var _ AppRunnerUsesAPI = (*fakeRunner)(nil)

func (f *fakeRunner) add(name, image string, status apprunnertypes.ServiceStatus) {
	s := apprunnertypes.Service{ServiceArn: aws.String("apprunner/" + name), Status: status, SourceConfiguration: &apprunnertypes.SourceConfiguration{}}
	if image != "" {
		s.SourceConfiguration.ImageRepository = &apprunnertypes.ImageRepository{ImageIdentifier: &image}
	}
	f.services = append(f.services, s)
}

func (f *fakeRunner) ListServices(ctx context.Context, in *apprunner.ListServicesInput, _ ...func(*apprunner.Options)) (*apprunner.ListServicesOutput, error) {
	out := &apprunner.ListServicesOutput{}
	return out, f.call(ctx, "ListServices", func() error {
		var all []apprunnertypes.ServiceSummary
		for _, s := range f.services {
			all = append(all, apprunnertypes.ServiceSummary{ServiceArn: s.ServiceArn, Status: s.Status})
		}
		out.ServiceSummaryList, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), func(s apprunnertypes.ServiceSummary) string { return *s.ServiceArn })
		return f.sized("ListServices", in.MaxResults, 20)
	})
}

func (f *fakeRunner) DescribeService(ctx context.Context, in *apprunner.DescribeServiceInput, _ ...func(*apprunner.Options)) (*apprunner.DescribeServiceOutput, error) {
	out := &apprunner.DescribeServiceOutput{}
	return out, f.call(ctx, "DescribeService", func() error {
		at := slices.IndexFunc(f.services, func(s apprunnertypes.Service) bool { return *s.ServiceArn == *in.ServiceArn })
		if at < 0 || *in.ServiceArn == f.gone {
			return f.refuse("DescribeService", "ResourceNotFoundException", "Service with the provided ARN does not exist.")
		}
		out.Service = &f.services[at]
		return nil
	})
}

// fakeJobs is a Batch.
type fakeJobs struct {
	*wire
	definitions []batchtypes.JobDefinition
}

var _ BatchUsesAPI = (*fakeJobs)(nil)

func (f *fakeJobs) DescribeJobDefinitions(ctx context.Context, in *batch.DescribeJobDefinitionsInput, _ ...func(*batch.Options)) (*batch.DescribeJobDefinitionsOutput, error) {
	out := &batch.DescribeJobDefinitionsOutput{}
	return out, f.call(ctx, "DescribeJobDefinitions", func() error {
		var all []batchtypes.JobDefinition
		for _, d := range f.definitions {
			if in.Status == nil || *in.Status == *d.Status {
				all = append(all, d)
			}
		}
		out.JobDefinitions, out.NextToken = page(all, in.NextToken, int(*in.MaxResults), func(d batchtypes.JobDefinition) string { return *d.JobDefinitionArn })
		return f.sized("DescribeJobDefinitions", in.MaxResults, 100)
	})
}

// fakeMachines is a Step Functions: state machine → definition.
type fakeMachines struct {
	*wire
	definitions map[string]string
	gone        string
}

var _ StepFunctionsUsesAPI = (*fakeMachines)(nil)

func (f *fakeMachines) ListStateMachines(ctx context.Context, in *sfn.ListStateMachinesInput, _ ...func(*sfn.Options)) (*sfn.ListStateMachinesOutput, error) {
	out := &sfn.ListStateMachinesOutput{}
	return out, f.call(ctx, "ListStateMachines", func() error {
		var all []sfntypes.StateMachineListItem
		for arn := range f.definitions {
			all = append(all, sfntypes.StateMachineListItem{StateMachineArn: aws.String(arn)})
		}
		out.StateMachines, out.NextToken = page(all, in.NextToken, 2, func(m sfntypes.StateMachineListItem) string { return *m.StateMachineArn })
		return f.sized("ListStateMachines", &in.MaxResults, 1000)
	})
}

func (f *fakeMachines) DescribeStateMachine(ctx context.Context, in *sfn.DescribeStateMachineInput, _ ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error) {
	out := &sfn.DescribeStateMachineOutput{}
	return out, f.call(ctx, "DescribeStateMachine", func() error {
		if *in.StateMachineArn == f.gone {
			return f.refuse("DescribeStateMachine", "StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", f.gone)
		}
		out.Definition = aws.String(f.definitions[*in.StateMachineArn])
		return nil
	})
}
