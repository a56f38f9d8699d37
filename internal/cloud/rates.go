package cloud

import "slices"

// share of AWS's rates that Epoxy takes: the rest is for consoles, pipelines and services of the same account.
const share = 0.8

// pace is one of AWS's token buckets, or, where AWS publishes none, what is prudent.
type pace struct {
	bucket     string
	burst      int
	perSecond  float64
	operations []string // nil: all others of the service
}

// rates are AWS's defaults, for each account and Region, of what Epoxy calls, by the SDK's service id.
var rates = map[string][]pace{
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
	"ECS": {
		{"cluster read", 50, 20, []string{"DescribeClusters", "ListClusters"}},
		{"cluster resource read", 100, 20, []string{"DescribeTasks", "ListTasks"}},
		{"service read", 100, 20, []string{"DescribeServices", "ListServices"}},
		{"service revision", 50, 20, []string{"DescribeServiceRevisions"}},
		{"task definition read", 50, 20, []string{"DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"}},
		{"task definition modify", 20, 1, []string{"DeregisterTaskDefinition", "RegisterTaskDefinition"}},
		{"task definition deletion", 5, 1, []string{"DeleteTaskDefinitions"}},
		{"tag modify", 20, 10, []string{"TagResource", "UntagResource"}},
	},
	// https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html has rates for pushing and pulling only.
	"ECR": {
		{"BatchGetImage", 2000, 2000, []string{"BatchGetImage"}},
		{"PutImage", 10, 10, []string{"PutImage"}},
		{"BatchDeleteImage", 20, 10, []string{"BatchDeleteImage"}},
		{"other", 100, 50, nil},
	},
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (Lambda API requests)
	"Lambda": {
		{"GetFunction", 100, 100, []string{"GetFunction"}},
		{"control plane", 15, 15, nil},
	},
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html (throttle limit in transactions per second)
	"EventBridge": {{"API", 50, 50, nil}},
	// https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html: 250 a second and more for
	// creating schedules; reading them is held well below.
	"Scheduler": {
		{"GetSchedule", 50, 50, []string{"GetSchedule"}},
		{"other", 10, 10, nil},
	},
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (API action throttling)
	"SFN": {
		{"DescribeStateMachine", 200, 20, []string{"DescribeStateMachine"}},
		{"ListStateMachines", 100, 5, []string{"ListStateMachines"}},
		{"other", 100, 5, nil},
	},
	// https://repost.aws/knowledge-center/aws-batch-requests-error: 50 a second, for every API together.
	"Batch": {{"API", 50, 50, nil}},
	// No rate is known: few services, few calls.
	"AppRunner": {{"API", 10, 10, nil}},
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html (all operations together). What a
	// change may change in a second is limited, too; it waits and tries again (activities/dns_change.go).
	"Route 53": {{"API", 50, 10, nil}},
	// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: each operation has a bucket of its own; these
	// are called with filters for every mop.
	"EC2": {
		{"DescribeInstances", 100, 20, []string{"DescribeInstances"}},
		{"DescribeNetworkInterfaces", 100, 20, []string{"DescribeNetworkInterfaces"}},
		{"DescribeAddresses", 100, 20, []string{"DescribeAddresses"}},
	},
}

// global are the services whose rates are an account's, whatever the Region: they have one endpoint.
var global = map[string]bool{"Route 53": true}

// paceOf says in which bucket an operation counts; a service that is not in the table is not governed.
func paceOf(service, operation string) (pace, bool) {
	for _, p := range rates[service] {
		if p.operations == nil || slices.Contains(p.operations, operation) {
			return p, true
		}
	}
	return pace{}, false
}
