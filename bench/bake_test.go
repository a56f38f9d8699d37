// Package bench measures what Epoxy claims, as ratios and counts in one run on the sandbox: `make bench`.
package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/stack"
	"epoxy/workflows"
)

// rig is a sandbox with one worker.
type rig struct {
	*stack.Stack

	aws      *estate.Estate
	control  estate.Control
	temporal client.Client
	worker   *exec.Cmd
}

func newRig(b *testing.B) *rig {
	b.Helper()
	ctx := b.Context()
	s, err := stack.Up(ctx, stack.Options{Dir: b.TempDir(), InProcessSlack: true, InMemory: true})
	must(b, err)
	r := &rig{Stack: s, control: estate.Control{URL: s.AWSURL() + "/epoxy"}}
	b.Cleanup(func() { must(b, s.Down()) })
	r.aws, err = estate.Open(ctx, s.AWSURL())
	must(b, err)
	r.temporal, err = client.DialContext(ctx, client.Options{HostPort: s.TemporalAddress()})
	must(b, err)
	config := filepath.Join(b.TempDir(), "epoxy.yaml")
	must(b, estate.WriteConfig(config, estate.ConfigOptions{UI: s.UIURL(), SlackAPI: s.SlackURL() + "/api/", Channel: "#bench"}, estate.Target{
		Group: "a", Fleet: estate.Fleet{InstanceID: "i-0123456789abcdef0", LaunchTemplateID: "lt-0123456789abcdef0"},
	}))
	r.worker = exec.Command(filepath.Join(s.Root(), "bin", "epoxy-worker"))
	r.worker.Env = append(s.Environ(), "EPOXY_CONFIG="+config)
	must(b, r.worker.Start())
	b.Cleanup(func() { _ = r.worker.Process.Kill(); _ = r.worker.Wait() })
	return r
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// bake starts a bake straight through Temporal, so that polls can be quicker than the configuration allows.
func (r *rig) bake(ctx context.Context, name string, poll time.Duration) (client.WorkflowRun, error) {
	f, err := r.aws.NewFleet(ctx, estate.FleetOptions{Name: name})
	if err != nil {
		return nil, err
	}
	in := workflows.BakeInput{
		Target: policy.Target{Region: "vg", App: "shop", Layer: "web", Env: "prod", Group: name},
		Place:  activities.Place{Account: estate.Account, Region: estate.Region}, InstanceID: f.InstanceID, LaunchTemplateID: f.LaunchTemplateID,
		ImageTimeout: time.Hour, Poll: poll, Source: policy.SourceLatest, Publish: policy.PublishLatest,
		Telling: workflows.Telling{Channel: "#bench", UI: r.UIURL()},
	}
	return r.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.BakeWorkflowID(f.LaunchTemplateID), TaskQueue: workflows.TaskQueue, TypedSearchAttributes: workflows.BakeSearchAttributes(in),
	}, workflows.BakeType, in)
}

func (r *rig) events(b *testing.B, run client.WorkflowRun) int {
	b.Helper()
	must(b, run.Get(b.Context(), nil))
	d, err := r.temporal.DescribeWorkflow(b.Context(), run.GetID(), run.GetRunID())
	must(b, err)
	return d.HistoryLength
}

// BenchmarkLongWait: 480 polls, as many as a wait of two hours makes at the default of 15 s, against 3 polls.
func BenchmarkLongWait(b *testing.B) {
	for range b.N {
		r := newRig(b)
		const poll = 50 * time.Millisecond
		must(b, r.control.Set(b.Context(), map[string]any{"image_pending_seconds": 0.15, "image_invisible_seconds": 0}))
		brief, err := r.bake(b.Context(), "brief", poll)
		must(b, err)
		few := r.events(b, brief)
		must(b, r.control.Set(b.Context(), map[string]any{"image_pending_seconds": 480 * poll.Seconds()}))
		long, err := r.bake(b.Context(), "long", poll)
		must(b, err)
		many := r.events(b, long)
		b.ReportMetric(float64(many), "events/run")
		b.ReportMetric(float64(many)/float64(few), "events-480-polls/3-polls")
	}
}

// BenchmarkPublishDelay: from available to the version's creation, in polls; at most one.
func BenchmarkPublishDelay(b *testing.B) {
	for range b.N {
		r := newRig(b)
		const poll, pending = time.Second, 4 * time.Second
		must(b, r.control.Set(b.Context(), map[string]any{"image_pending_seconds": pending.Seconds()}))
		run, err := r.bake(b.Context(), "delay", poll)
		must(b, err)
		must(b, run.Get(b.Context(), nil))
		log, err := r.control.CallLog(b.Context())
		must(b, err)
		var created, published float64
		for _, c := range log {
			switch {
			case c.Operation == "ec2.CreateImage" && c.Status == 200:
				created = c.Time
			case c.Operation == "ec2.CreateLaunchTemplateVersion" && c.Status == 200:
				published = c.Time
			}
		}
		b.ReportMetric((published-created-pending.Seconds())/poll.Seconds(), "polls-to-publish")
	}
}

// BenchmarkTwoHundred: 200 bakes wait at once; DescribeImages calls against one call for each bake and poll.
func BenchmarkTwoHundred(b *testing.B) {
	for range b.N {
		r := newRig(b)
		const bakes, poll, pending = 200, 2 * time.Second, 40 * time.Second
		must(b, r.control.Set(b.Context(), map[string]any{"image_pending_seconds": pending.Seconds()}))
		runs := make([]client.WorkflowRun, bakes)
		var wg sync.WaitGroup
		slots := make(chan struct{}, 8)
		for i := range runs {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				run, err := r.bake(b.Context(), fmt.Sprintf("many%03d", i), poll)
				if err != nil {
					b.Error(err)
					return
				}
				runs[i] = run
			})
		}
		wg.Wait()
		for _, run := range runs {
			must(b, run.Get(b.Context(), nil))
		}
		calls, err := r.control.Calls(b.Context())
		must(b, err)
		each := float64(bakes) * pending.Seconds() / poll.Seconds()
		b.ReportMetric(float64(calls["ec2.DescribeImages"]), "DescribeImages")
		b.ReportMetric(float64(calls["ec2.DescribeImages"])/each, "DescribeImages/one-each")
		b.ReportMetric(float64(r.rss(b))/1024, "worker-MB")
	}
}

// BenchmarkIdleWorker: resident memory of a worker that has nothing to do.
func BenchmarkIdleWorker(b *testing.B) {
	for range b.N {
		r := newRig(b)
		time.Sleep(10 * time.Second)
		b.ReportMetric(float64(r.rss(b))/1024, "worker-MB")
	}
}

// BenchmarkHelp: the whole process of `epoxy --help`.
func BenchmarkHelp(b *testing.B) {
	wd, err := os.Getwd()
	must(b, err)
	for range b.N {
		must(b, exec.Command(filepath.Join(filepath.Dir(wd), "bin", "epoxy"), "--help").Run())
	}
}

// rss is the worker's resident memory in KiB; Linux only.
func (r *rig) rss(b *testing.B) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.worker.Process.Pid))
	if err != nil {
		b.Skip("resident memory is read from /proc, which this system has not")
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	must(b, err)
	return kib
}
