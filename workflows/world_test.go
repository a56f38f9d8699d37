package workflows

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"epoxy/activities"
	"epoxy/internal/policy"
)

const (
	home     = "us-east-1"
	abroad   = "eu-west-1"
	faraway  = "ap-south-1"
	template = "lt-0123456789abcdef0"
	instance = "i-0123456789abcdef0"
	golden   = "/golden/web" // a parameter
	group    = "shop-web"
	partner  = "222222222222" // an account

	bakedName = "vg-shop-web-prod-a-21000102030405" // the image of every bake here
)

// begun is when every bake here begins. It is far ahead because the test environment holds a local activity's deadline
// against the real clock.
var begun = time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)

// world is everything that a bake touches, in memory: EC2, Auto Scaling, Parameter Store and Slack. Tests look at how it
// is left, not at who called what. An image stands for its snapshots, too.
type world struct {
	*testing.T

	env *testsuite.TestWorkflowEnvironment
	in  BakeInput
	rec *recorder

	mu     sync.Mutex
	faults map[string]fault  // by activity, or activity@Region
	hooks  map[string]func() // run when the activity is called first
	calls  map[string]int    // attempts
	struck int               // faults

	survey    policy.BakeFacts // what a look at instance and template finds
	images    []*image
	fates     map[string]string // Region → how an image there ends, if not well; "pending": never
	hidden    time.Duration     // how long a new image is not described
	versions  []*version
	deflt     int64
	pin       string // the version that the group launches
	parameter string
	set       time.Time // when the parameter was set
	refreshes []*refresh
	endings   []string // how the refreshes end, in the order of starting, if not well; "InProgress": never
	instances string   // the image that the group's instances run
	messages  []*message
	blind     bool // Epoxy may not read the channel's history

	before struct{ pin, instances string }
}

type image struct {
	activities.CreateImageInput

	id     string
	state  string
	shared []string
	looks  int
	born   time.Time
}

type version struct {
	activities.CreateVersionOutput

	image, token string
}

type refresh struct {
	policy.Refresh

	end   string
	looks int
	image string // that it rolls out
}

type message struct {
	channel, ts string
	posts       int
	report      activities.Report
}

// mode is one way to publish, on a template and a group that suit it.
type mode struct {
	publish, source, pin string
	alias                bool // the template takes its image from the parameter

	published string // what a calm bake changes, besides making an image
	rollout   string // and what a refresh adds to it
	restored  string // how a bake is left that was published, refreshed and rolled back
}

const image1 = "image ami-us-east-1; "

var modes = map[string]mode{
	"latest": {
		publish: policy.PublishLatest, source: "latest", pin: "$Latest",
		published: "version 8 of ami-us-east-1", rollout: "; refresh 1 Successful; instances run ami-us-east-1",
		restored: "version 8 of ami-us-east-1; version 9 of ami-seven; refresh 1 Failed; refresh 2 Successful",
	},
	"default": {
		publish: policy.PublishDefault, source: "default", pin: "$Default",
		published: "version 8 of ami-us-east-1; default 8", rollout: "; refresh 1 Successful; instances run ami-us-east-1",
		restored: "version 8 of ami-us-east-1; refresh 1 Failed; refresh 2 Successful",
	},
	"pinned": {
		publish: policy.PublishPinned, source: "pinned", pin: "6",
		published: "version 8 of ami-us-east-1; group launches 8", rollout: "; refresh 1 Successful; instances run ami-us-east-1",
		restored: "version 8 of ami-us-east-1; refresh 1 Failed; refresh 2 Successful",
	},
	"ssm": {
		publish: policy.PublishSSM, source: "latest", pin: "$Latest", alias: true,
		published: "parameter ami-us-east-1", rollout: "; refresh 1 Successful; instances run ami-us-east-1",
		restored: "refresh 1 Failed; refresh 2 Successful",
	},
	"ssm, literal AMI": {
		publish: policy.PublishSSM, source: "latest", pin: "$Latest",
		published: "version 8 of ami-us-east-1; parameter ami-us-east-1",
	},
}

// newWorld is a world with a bake to run in it, which tests may change before.
func newWorld(t *testing.T, how string) *world {
	t.Helper()
	m, ok := modes[how]
	if !ok {
		t.Fatalf("no mode %q", how)
	}
	w := &world{
		T: t, rec: &recorder{}, faults: map[string]fault{}, hooks: map[string]func(){}, calls: map[string]int{}, fates: map[string]string{},
		versions: []*version{{image: "ami-six"}, {image: "ami-seven"}}, deflt: 6, pin: m.pin, parameter: "ami-seven",
		survey: policy.BakeFacts{InstanceState: "running", InstanceOwner: "111111111111", TemplateName: "shop-web"},
	}
	for i, v := range w.versions {
		v.Version, v.token = int64(6+i), "before"
		if m.alias {
			v.image = "resolve:ssm:" + golden
		}
	}
	w.instances = w.launches()
	w.before.pin, w.before.instances = w.pin, w.instances
	w.in = BakeInput{
		Target:     policy.Target{Region: "vg", App: "shop", Layer: "web", Env: "prod", Group: "a"},
		Place:      activities.Place{Account: "111111111111", Region: home},
		InstanceID: instance, LaunchTemplateID: template, Commit: "c0ffee", Request: "asked once",
		ImageTimeout: 4 * time.Hour, Poll: 15 * time.Second,
		Source: m.source, Publish: m.publish, Group: group,
		Telling: Telling{Channel: "#deploys", UI: "https://temporal.example"},
	}
	if m.publish == policy.PublishSSM {
		w.in.Parameter = golden
	}
	w.env = newEnvironment(t, w.rec)
	RegisterWorkflows(w.env)
	w.env.RegisterActivity(&fakes{w})
	w.env.SetStartWorkflowOptions(startAs(BakeWorkflowID(template)))
	return w
}

func startAs(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: TaskQueue}
}

// patience is how long, of real time, a test may stand still.
const patience = 30 * time.Second

func newEnvironment(t *testing.T, rec *recorder) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(begun)
	// Of real time, for a test that is stuck; a busy machine stands still for longer than the SDK's one second.
	env.SetTestTimeout(patience)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patience, Interceptors: []interceptor.WorkerInterceptor{rec}})
	return env
}

// withRefresh asks for a refresh; withCopies for copies and for sharing.
func (w *world) withRefresh() *world {
	w.in.Refresh = &RefreshInput{Timeout: time.Hour}
	return w
}

func (w *world) withCopies() *world {
	w.in.CopyTo, w.in.ShareWith = []string{abroad, faraway}, []string{partner}
	return w
}
