//go:build e2e

package e2e

import (
	"testing"

	"epoxy/activities"
	"epoxy/sandbox/estate"
)

// dryRunFirst skips the survey's dry run of the same operation.
const dryRunFirst = 1

// TestWorkerKilled kills the worker with SIGKILL at each place where a bake could do a thing twice, and starts another.
// The end state is the same each time: one image, one snapshot, one new version, all instances on it, one message.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	lasting := func(operation, match string, skip int) estate.Fault {
		return estate.Fault{Operation: operation, Kind: "error", Status: 500, Count: -1, Skip: skip, Match: match}
	}
	for _, c := range []struct {
		name   string
		before func(w *world) // sets the stage
		moment func(w *world) // returns when it is time to kill
	}{
		{
			"before create",
			func(w *world) { w.fault(lasting("ec2.CreateImage", w.fleet.InstanceID, dryRunFirst)) },
			func(w *world) { w.step("Create image", activities.StepRunning) },
		},
		{
			"after create, its response lost",
			func(w *world) {
				w.fault(
					estate.Fault{Operation: "ec2.CreateImage", Kind: "lost", Skip: dryRunFirst, Match: w.fleet.InstanceID},
					lasting("ec2.CreateImage", w.fleet.InstanceID, dryRunFirst))
			},
			func(w *world) { w.until("the image", func() bool { i, _, _ := w.left(); return i == 1 }) },
		},
		{
			"in the wait", func(*world) {},
			func(w *world) {
				w.step("Wait until", activities.StepRunning)
				w.until("Slack's answer", w.slackAnswered) // a kill before it can cost a second message: the channel is a #name here
			},
		},
		{
			"after versioning, its response lost",
			func(w *world) {
				w.fault(
					estate.Fault{Operation: "ec2.CreateLaunchTemplateVersion", Kind: "lost", Skip: dryRunFirst, Match: w.fleet.LaunchTemplateID},
					lasting("ec2.CreateLaunchTemplateVersion", w.fleet.LaunchTemplateID, dryRunFirst))
			},
			func(w *world) { w.until("the version", func() bool { _, _, v := w.left(); return v == 2 }) },
		},
		{
			"in the refresh", func(*world) {},
			func(w *world) { w.step("Refresh instances", activities.StepRunning) },
		},
		{
			"in the refresh, the response of its start lost",
			func(w *world) {
				w.fault(estate.Fault{Operation: "autoscaling.StartInstanceRefresh", Kind: "lost", Match: w.fleet.Group})
			},
			func(w *world) { w.until("the refresh", func() bool { return w.refreshes() == 1 }) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, estate.FleetOptions{GroupSize: 2}, "refresh: {}")
			c.before(w)
			w.startWorker()
			w.start()
			c.moment(w)
			w.killWorker()
			w.heal()
			w.startWorker()
			r := w.outcome()
			if r.Outcome != activities.OutcomeDone {
				t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
			}
			w.expect(1, 1, 2)
			running, err := box.aws.GroupVersions(w.ctx, w.fleet.Group)
			if err != nil || len(running) != 1 || running[2] != 2 {
				t.Errorf("instances by version: %v (%v), want 2 on version 2", running, err)
			}
			if refreshes := w.refreshes(); refreshes != 1 {
				t.Errorf("%d instance refreshes, want 1", refreshes)
			}
			if got := w.messages(); len(got) != 1 {
				t.Errorf("Slack got %d messages: %q", len(got), got)
			}
		})
	}
}
