//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/sandbox/estate"
	"epoxy/workflows"
)

// patience is how long anything may take; a killed worker's call is tried again after half a minute.
const patience = 150 * time.Second

// world is one test's part of the sandbox.
type world struct {
	*testing.T

	ctx     context.Context
	group   string // of the target vg/shop/web/prod/<group>
	fleet   estate.Fleet
	queue   string
	config  string
	channel string
	worker  *exec.Cmd
	environ []string
	logs    []string // of worker and serve
	secrets []string // beside the sandbox's

	patience time.Duration // how long anything may take
}

var worlds atomic.Int32

// newWorld makes a fleet and its configuration; settings are the target's, in YAML flow style.
func newWorld(t *testing.T, o estate.FleetOptions, settings string) *world {
	t.Helper()
	n := worlds.Add(1)
	w := &world{T: t, ctx: t.Context(), group: fmt.Sprintf("g%03d", n), queue: fmt.Sprintf("epoxy-%d", n), channel: fmt.Sprintf("#e2e-%d", n), patience: patience}
	o.Name = "shop-web-prod-" + w.group
	var err error
	if w.fleet, err = box.aws.NewFleet(w.ctx, o); err != nil {
		t.Fatal(err)
	}
	if o.GroupSize > 0 {
		settings = strings.Trim("auto_scaling_group: "+w.fleet.Group+", "+settings, ", ")
	}
	w.configure(settings)
	w.environ = append(box.Environ(), "EPOXY_CONFIG="+w.config, "EPOXY_TASK_QUEUE="+w.queue)
	t.Cleanup(w.killWorker)
	return w
}

func (w *world) configure(settings string) {
	w.Helper()
	if w.config == "" {
		w.config = filepath.Join(w.TempDir(), "epoxy.yaml")
	}
	err := estate.WriteConfig(w.config, estate.ConfigOptions{UI: box.UIURL(), SlackAPI: box.SlackURL() + "/api/", Channel: w.channel},
		estate.Target{Group: w.group, Fleet: w.fleet, Settings: settings})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) startWorker() {
	w.Helper()
	w.worker = w.launch("epoxy-worker")
}

// launch starts a program whose log is kept, and shown if the test fails.
func (w *world) launch(program string, args ...string) *exec.Cmd {
	w.Helper()
	log, err := os.Create(filepath.Join(w.TempDir(), program+".log"))
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	w.logs = append(w.logs, log.Name())
	w.Cleanup(func() {
		if w.Failed() {
			said, err := os.ReadFile(log.Name())
			w.Logf("the end of %s: …%s %v", filepath.Base(log.Name()), said[max(0, len(said)-5000):], err)
		}
	})
	cmd := exec.Command(filepath.Join(box.root, "bin", program), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.environ, log, log
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	return cmd
}

// killWorker is kill -9: no warning, no clean-up.
func (w *world) killWorker() {
	if w.worker == nil {
		return
	}
	_ = w.worker.Process.Signal(syscall.SIGKILL)
	_ = w.worker.Wait()
	w.worker = nil
}

// epoxy runs the command and returns what it printed, and its exit code.
func (w *world) epoxy(args ...string) (stdout, stderr string, code int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(box.root, "bin", "epoxy"), args...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = w.environ, &out, &errOut
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		w.Fatalf("epoxy %v: %v", args, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func (w *world) bakeArgs(extra ...string) []string {
	return append([]string{"bake", "--region", "vg", "--app", "shop", "--layer", "web", "--env", "prod", "--group", w.group}, extra...)
}

// start starts a bake and does not wait.
func (w *world) start(extra ...string) {
	w.Helper()
	if _, stderr, code := w.epoxy(w.bakeArgs(extra...)...); code != 0 {
		w.Fatalf("bake did not start: exit code %d: %s", code, stderr)
	}
}

func (w *world) id() string { return workflows.BakeWorkflowID(w.fleet.LaunchTemplateID) }

// report asks the run; nil while nobody answers.
func (w *world) report() *activities.Report { return w.reportOf(w.id()) }

func (w *world) reportOf(id string) *activities.Report {
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Second)
	defer cancel()
	v, err := box.temporal.QueryWorkflow(ctx, id, "", workflows.ReportQuery)
	if err != nil {
		return nil
	}
	var r activities.Report
	if v.Get(&r) != nil {
		return nil
	}
	return &r
}

// outcome waits until the run has ended, and says how.
func (w *world) outcome() *activities.Report { return w.outcomeOf(w.id()) }

func (w *world) outcomeOf(id string) *activities.Report {
	w.Helper()
	w.until("the run to end", func() bool {
		d, err := box.temporal.DescribeWorkflow(w.ctx, id, "")
		return err == nil && d.WorkflowCloseTime != nil
	})
	var r *activities.Report
	w.until("the ended run's report", func() bool { r = w.reportOf(id); return r != nil })
	return r
}

// step waits until a step of the run is in a state.
func (w *world) step(part, state string) {
	w.Helper()
	w.until(part+" to be "+state, func() bool {
		r := w.report()
		if r == nil {
			return false
		}
		for _, s := range r.Steps {
			if strings.Contains(s.Name, part) && s.State == state {
				return true
			}
		}
		return false
	})
}

func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(w.patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.Fatalf("waited %s for %s in vain", w.patience, what)
}

// left is what EC2 holds of this target.
func (w *world) left() (images, snapshots, versions int) {
	w.Helper()
	img, err := box.aws.OwnImages(w.ctx, estate.Region, "vg-shop-web-prod-"+w.group)
	if err != nil {
		w.Fatal(err)
	}
	snap, err := box.aws.RunSnapshots(w.ctx, estate.Region, "vg/shop/web/prod/"+w.group)
	if err != nil {
		w.Fatal(err)
	}
	v, err := box.aws.Versions(w.ctx, w.fleet.LaunchTemplateID)
	if err != nil {
		w.Fatal(err)
	}
	return len(img), len(snap), len(v)
}

// expect checks the end state: images, snapshots, versions.
func (w *world) expect(images, snapshots, versions int) {
	w.Helper()
	i, s, v := w.left()
	if i != images || s != snapshots || v != versions {
		w.Errorf("left behind: %d images, %d snapshots, %d versions; want %d, %d, %d", i, s, v, images, snapshots, versions)
	}
}

// messages are the texts that Slack got in this test's channel.
func (w *world) messages() []string {
	w.Helper()
	all, err := box.slack.Messages(w.ctx, "")
	if err != nil {
		w.Fatal(err)
	}
	var texts []string
	for _, m := range all {
		if "#"+m.ChannelName == w.channel {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

func (w *world) fault(faults ...estate.Fault) {
	w.Helper()
	if err := box.control.Fail(w.ctx, faults...); err != nil {
		w.Fatal(err)
	}
}

func decode[T any](w *world, text string) T {
	w.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.Fatalf("no JSON: %v: %s", err, text)
	}
	return v
}
