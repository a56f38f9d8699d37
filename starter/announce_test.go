package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/internal/intake"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// fakeSignaller is a Temporal that takes one request, or answers an error.
type fakeSignaller struct {
	err    error
	id     string
	signal string
	said   any
	o      client.StartWorkflowOptions
	kind   any
	input  workflows.MopInput
}

func (f *fakeSignaller) SignalWithStartWorkflow(_ context.Context, id, signal string, said any, o client.StartWorkflowOptions, kind any, args ...any) (client.WorkflowRun, error) {
	f.id, f.signal, f.said, f.o, f.kind = id, signal, said, o, kind
	f.input, _ = args[0].(workflows.MopInput)
	return nil, f.err
}

func exampleConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load("../epoxy.example.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// announced is a death in the environment of epoxy.example.yaml.
func announced(change func(*policy.Announcement)) policy.Announcement {
	a := policy.Announcement{
		Kind: policy.AnnouncedTerminated, Format: "raw notification", Group: "shop-web",
		Subject: policy.Subject{Account: "123456789012", Region: "us-east-1", Instance: "i-0123456789abcdef0"},
	}
	if change != nil {
		change(&a)
	}
	return a
}

func TestAnnouncementReachesTheSubjectsRun(t *testing.T) {
	f := &fakeSignaller{}
	n := &announcer{temporal: f, cfg: exampleConfig(t), taskQueue: "q"}
	said := announced(nil)
	got, err := n.accept(t.Context(), said)
	if err != nil || got != (intake.Accepted{WorkflowID: "mop/123456789012/us-east-1/i-0123456789abcdef0"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if f.id != got.WorkflowID || f.signal != workflows.AnnouncedSignal || f.said != any(said) || f.kind != any(workflows.MopType) {
		t.Errorf("sent %q %q %+v to %v", f.id, f.signal, f.said, f.kind)
	}
	if f.input.Subject != said.Subject || f.input.Environment != "prod" || f.input.Place.Account != "123456789012" || f.input.RequestedBy != "" ||
		!slices.Equal(f.input.Servers, []string{"prod"}) || f.input.Timeout == 0 {
		t.Errorf("input %+v", f.input)
	}
	region, _ := f.o.TypedSearchAttributes.GetKeyword(workflows.RegionKey)
	if f.o.TaskQueue != "q" || f.o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY ||
		f.o.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING || f.o.WorkflowExecutionTimeout != f.input.Timeout+backstop ||
		region != "us-east-1" || !strings.Contains(f.o.StaticSummary, "i-0123456789abcdef0") || f.o.StaticDetails == "" {
		t.Errorf("options %+v", f.o)
	}
}

// A name is given to another instance; its death is not the first one's.
func TestNamesAndAddressesDieAgain(t *testing.T) {
	f := &fakeSignaller{}
	n := &announcer{temporal: f, cfg: exampleConfig(t)}
	_, err := n.accept(t.Context(), announced(func(a *policy.Announcement) { a.Subject.Instance, a.Subject.Node = "", "web-1" }))
	if err != nil || f.id != "mop/123456789012/us-east-1/node/web-1" || f.o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE {
		t.Errorf("%s: %v, %s", f.id, err, f.o.WorkflowIDReusePolicy)
	}
}

func TestWhatIsNotOurs(t *testing.T) {
	f := &fakeSignaller{}
	n := &announcer{temporal: f, cfg: exampleConfig(t)}
	hook := func(name string) func(*policy.Announcement) {
		return func(a *policy.Announcement) { a.Hook = &policy.LifecycleHook{Name: name, Group: a.Group} }
	}
	for name, c := range map[string]struct {
		change func(*policy.Announcement)
		code   string
	}{
		"another account":      {func(a *policy.Announcement) { a.Subject.Account = "999999999999" }, "unknown_place"},
		"an unknown Region":    {func(a *policy.Announcement) { a.Subject.Region = "ap-south-9" }, "unknown_place"},
		"another team's group": {func(a *policy.Announcement) { a.Group = "billing-web" }, "other_group"},
		"another team's hook":  {hook("drain-connections"), "other_hook"},
		"our hook":             {hook("epoxy-terminating"), ""},
		"no group":             {func(a *policy.Announcement) { a.Group = "" }, ""},
	} {
		f.id = ""
		_, err := n.accept(t.Context(), announced(c.change))
		refusal, _ := errors.AsType[intake.Refusal](err)
		skipped, _ := errors.AsType[intake.Ignored](err)
		if refusal.Code+skipped.Code != c.code || (f.id == "") != (c.code != "") {
			t.Errorf("%s: %v, sent to %q", name, err, f.id)
		}
		if _, refused := errors.AsType[intake.Refusal](err); refused != (c.code == "unknown_place") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswersOfTemporal(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		duplicate bool
		refused   bool
		later     bool
	}{
		"done already":    {err: serviceerror.NewWorkflowExecutionAlreadyStarted("", "", ""), duplicate: true},
		"never":           {err: serviceerror.NewInvalidArgument("WorkflowId length exceeds limit"), refused: true},
		"not set up":      {err: serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute Target"), later: true},
		"down":            {err: serviceerror.NewUnavailable("no connection"), later: true},
		"busy":            {err: serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "slow down"), later: true},
		"no namespace":    {err: serviceerror.NewNamespaceNotFound("default"), later: true},
		"not in time":     {err: context.DeadlineExceeded, later: true},
		"not permitted":   {err: serviceerror.NewPermissionDenied("no", ""), later: true},
		"taken, at first": {},
	} {
		n := &announcer{temporal: &fakeSignaller{err: c.err}, cfg: exampleConfig(t)}
		got, err := n.accept(t.Context(), announced(nil))
		_, refused := errors.AsType[intake.Refusal](err)
		if got.Duplicate != c.duplicate || refused != c.refused || (err != nil) != (c.refused || c.later) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWaysIn(t *testing.T) {
	cfg := exampleConfig(t)
	if got := waysOf(cfg); !got.queues || !got.topics {
		t.Errorf("the example has queues and topics, not %+v", got)
	}
	cfg.Serve.Address = ""
	if got := waysOf(cfg); got.topics || got.clicks || !got.queues {
		t.Errorf("nothing listens without an address, not %+v", got)
	}
	cfg.Slack, cfg.Mop = config.Slack{}, config.Mop{}
	err := waysOf(cfg).check()
	coded, _ := errors.AsType[*exitError](err)
	if coded == nil || coded.code != exitUsage {
		t.Fatalf("no way in: %v", err)
	}
	for _, way := range []string{"slack.signing_secret", "slack.app_token", "mop.queues", "mop.topics", "serve.address"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("%q does not name %s", err, way)
		}
	}
}

func TestHealthWithoutSlack(t *testing.T) {
	in := &intakes{topics: &intake.Topics{}, pollers: []*intake.Poller{{}}, ways: []*way{{}}, announcer: &announcer{}}
	w := httptest.NewRecorder()
	in.health(w, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
