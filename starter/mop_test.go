package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"epoxy/internal/config"
	"epoxy/internal/policy"
	"epoxy/workflows"
)

// mopServer is a Temporal that has at most one mop.
type mopServer struct {
	client.Client

	runs     string // the run that goes on
	signals  []policy.Announcement
	options  client.StartWorkflowOptions
	input    workflows.MopInput
	started  bool
	statuses enumspb.WorkflowExecutionStatus
}

func (s *mopServer) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if s.runs == "" {
		return nil, serviceerror.NewNotFound("no " + id)
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: s.runs}, Status: s.statuses,
	}}, nil
}

func (s *mopServer) SignalWithStartWorkflow(_ context.Context, _, signal string, arg any, o client.StartWorkflowOptions, kind any, args ...any) (client.WorkflowRun, error) {
	if signal != workflows.AnnouncedSignal || kind != workflows.MopType {
		return nil, serviceerror.NewInvalidArgument(signal)
	}
	s.signals = append(s.signals, arg.(policy.Announcement))
	if s.runs == "" || s.statuses != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		s.started, s.runs, s.options, s.input = true, "run-2", o, args[0].(workflows.MopInput)
	}
	return mopRun{id: s.runs}, nil
}

type mopRun struct {
	client.WorkflowRun

	id string
}

func (r mopRun) GetRunID() string { return r.id }

func exampleMop(t *testing.T, f mopFlags) workflows.MopInput {
	t.Helper()
	cfg := newScheduleWorld(t).config()
	where, err := f.where(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return workflows.MopInput{MopSettings: mopSettings(cfg, where.Environment), Place: where.Place, Subject: f.subject(where.Place), RequestedBy: "ann@ci"}
}

func TestMopIsAnnounced(t *testing.T) {
	in := exampleMop(t, mopFlags{instance: "i-0123456789abcdef0", node: "web-7"})
	var out strings.Builder
	a := &app{out: &out, output: outputText, taskQueue: "epoxy"}
	s := &mopServer{}
	if err := a.beginMop(t.Context(), s, client.Options{}, in, false); err != nil {
		t.Fatal(err)
	}
	if !s.started || !strings.Contains(out.String(), "mop/123456789012/us-east-1/i-0123456789abcdef0 started") {
		t.Errorf("%+v, %s", s, out.String())
	}
	want := []policy.Announcement{{Kind: policy.AnnouncedByPerson, Format: "command", ID: s.signals[0].ID, Subject: in.Subject, At: s.signals[0].At}}
	if diff := cmp.Diff(want, s.signals); diff != "" || s.signals[0].ID == "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(in, s.input); diff != "" {
		t.Error(diff)
	}
	if o := s.options; o.ID != workflows.MopWorkflowID(in.Subject) || o.TaskQueue != "epoxy" || o.WorkflowExecutionTimeout != 8*24*time.Hour ||
		o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE || !strings.Contains(o.StaticDetails, "ann@ci") {
		t.Errorf("%+v", o)
	}
}

// One that runs gets the announcement, and no second one begins; a dry run tells it nothing. One that has ended begins again.
func TestMopThatRunsAlready(t *testing.T) {
	in := exampleMop(t, mopFlags{node: "web-7"})
	a := &app{out: &strings.Builder{}, output: outputText}
	for _, c := range []struct {
		name    string
		status  enumspb.WorkflowExecutionStatus
		dryRun  bool
		code    int
		says    string
		signals int
	}{
		{"running", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, false, exitAlreadyRunning, "mop/123456789012/us-east-1/node/web-7 runs already", 1},
		{"dry run", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, true, exitAlreadyRunning, "epoxy watch", 0},
		{"ended", enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, false, exitDone, "", 1},
		{"ended, dry run", enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, true, exitDone, "", 1},
	} {
		s := &mopServer{runs: "run-1", statuses: c.status}
		in.DryRun = c.dryRun
		err := a.beginMop(t.Context(), s, client.Options{}, in, false)
		code, text := exitDone, ""
		if err != nil {
			code, text = exitCodeOf(err), err.Error()
		}
		if code != c.code || !strings.Contains(text, c.says) || len(s.signals) != c.signals || s.started != (c.code == exitDone) {
			t.Errorf("%s: exit code %d (%s), %d signals, started: %v", c.name, code, text, len(s.signals), s.started)
		}
	}
}

func exitCodeOf(err error) int {
	if coded, ok := errors.AsType[*exitError](err); ok {
		return coded.code
	}
	return -1
}

// A mop acts in one place, and only where exactly one is meant.
func TestMopWhere(t *testing.T) {
	w := newScheduleWorld(t)
	w.edit("        - { account: shop, regions: [vg] }\n", "        - { account: shop, regions: [vg] }\n        - { account: shop-cn, regions: [bj] }\n")
	cfg := w.config()
	for _, c := range []struct {
		f    mopFlags
		want string // the place, or a part of the error
	}{
		{mopFlags{region: "bj"}, "210987654321/cn-north-1"},
		{mopFlags{account: "shop", env: "prod"}, "123456789012/us-east-1"},
		{mopFlags{}, "it may be in any of 2 places (123456789012/us-east-1 in prod, 210987654321/cn-north-1 in prod): say which with --region"},
		{mopFlags{region: "bj", account: "shop"}, "no environment in mop.environments fits"},
		{mopFlags{region: "us-east-1"}, `no region "us-east-1"`},
	} {
		where, err := c.f.where(cfg)
		got := where.Place.String()
		if err != nil {
			got = err.Error()
			if code := exitCodeOf(err); code != exitUsage {
				t.Errorf("%+v: exit code %d", c.f, code)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
}

// Everything of the environment is in the input: the worker has no section mop.
func TestMopSettingsAreComplete(t *testing.T) {
	cfg := sharing(t)
	env, err := cfg.MopEnvironment("prod")
	if err != nil {
		t.Fatal(err)
	}
	env.DryRun = true
	s := mopSettings(cfg, env)
	if diff := cmp.Diff(notSet(s), []string(nil)); diff != "" {
		t.Errorf("left out: %s", diff)
	}
	if len(s.Others) != 1 || s.Others[0].Account != "999999999999" || s.Others[0].Region != "us-east-1" {
		t.Errorf("environments that share a Chef server: %v", s.Others)
	}
	if s.Telling.UI != "https://temporal.example.com" || s.Telling.Channel != "#nodes" || s.Zones[0].Name != "prod.example.com." || s.Approval.Mode != "ask" {
		t.Errorf("%+v", s)
	}
	in, err := sweepInput(cfg, "prod", "ann")
	if err != nil || in.Sweep != "prod" || in.Mop || in.Grace != 24*time.Hour || !cmp.Equal(in.Places, env.Live) || !cmp.Equal(in.Others, s.Others) || in.RequestedBy != "ann" {
		t.Errorf("%+v, %v", in, err)
	}
}

// sharing is the example, with an environment beside prod on its Chef server.
func sharing(t *testing.T) *config.Config {
	t.Helper()
	text, err := os.ReadFile("../epoxy.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "\n  environments:\n", "\n  environments:\n    test: { accounts: [{ account: lab, regions: [vg] }], chef: [prod] }\n", 1)
	changed = strings.Replace(changed, "\n  accounts:\n", "\n  accounts:\n    lab: { id: \"999999999999\" }\n", 1)
	path := filepath.Join(t.TempDir(), "epoxy.yaml")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// notSet are the fields of a struct that are zero.
func notSet(of any) (names []string) {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}
