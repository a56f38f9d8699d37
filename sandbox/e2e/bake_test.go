//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"epoxy/activities"
	"epoxy/sandbox/estate"
	"epoxy/sandbox/slack"
	"epoxy/workflows"
)

// bakeJSON is what `epoxy bake --wait --output json` prints.
type bakeJSON struct {
	WorkflowID string            `json:"workflow_id"`
	Result     map[string]any    `json:"result"`
	Report     activities.Report `json:"report"`
}

// TestPublish bakes in every way of publishing, from start to verified end.
func TestPublish(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, settings, version string
		check                   func(w *world, image string)
	}{
		{"latest", "", "$Latest", func(*world, string) {}},
		{"default refresh", "publish: default, refresh: {}", "$Default", func(w *world, _ string) {
			out, err := box.aws.EC2.DescribeLaunchTemplates(w.ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{w.fleet.LaunchTemplateID}})
			if err != nil || aws.ToInt64(out.LaunchTemplates[0].DefaultVersionNumber) != 2 {
				w.Errorf("the default version is not 2: %v", err)
			}
		}},
		{"pinned", "publish: pinned", "1", func(w *world, _ string) {
			if v := w.groupVersion(); v != "2" {
				w.Errorf("the group launches %s, not 2", v)
			}
		}},
		{"copied and shared", "copy_to: [eu-west-1], share_with: ['222222222222']", "$Latest", func(w *world, _ string) {
			copies, err := box.aws.OwnImages(w.ctx, "eu-west-1", "vg-shop-web-prod-"+w.group)
			if err != nil || len(copies) != 1 || copies[0].State != "available" {
				w.Errorf("copies: %v %v", copies, err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, estate.FleetOptions{GroupSize: 1, Version: c.version}, c.settings)
			w.startWorker()
			stdout, stderr, code := w.epoxy(w.bakeArgs("--wait", "--output", "json", "--commit", "4f2a9c1")...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			out := decode[bakeJSON](w, stdout)
			if out.Result["version"] != 2.0 || out.Report.Outcome != activities.OutcomeDone {
				t.Errorf("result %v, outcome %s", out.Result, out.Report.Outcome)
			}
			w.expect(1, 1, 2)
			w.tagged(out.Result["run_id"].(string))
			c.check(w, out.Result["image_id"].(string))
			w.record("bake-"+strings.ReplaceAll(c.name, " ", "-"), w.id())
		})
	}
}

// TestNothingLeft: until something is published, a bake that does not end well leaves neither image nor snapshot.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	t.Run("the image fails", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "copy_to: [eu-west-1]")
		w.startWorker()
		w.start()
		w.step("Wait until", activities.StepRunning)
		w.failImage()
		r := w.outcome()
		if r.Outcome != activities.OutcomeFailed || !strings.Contains(r.Reason, `ended as "failed"`) {
			t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
		}
		w.expect(0, 0, 1)
		if got := w.messages(); len(got) != 1 || !strings.Contains(got[0], "Failed") {
			t.Errorf("Slack got %q", got)
		}
		w.record("bake-failed-image", w.id())
	})
	t.Run("cancelled in the wait", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "")
		w.startWorker()
		w.start()
		w.step("Wait until", activities.StepRunning)
		if _, stderr, code := w.epoxy("cancel", w.id(), "--wait"); code != 0 {
			t.Errorf("cancel: exit code %d: %s", code, stderr)
		}
		if r := w.outcome(); r.Outcome != activities.OutcomeCancelled {
			t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
		}
		w.expect(0, 0, 1)
		w.record("bake-cancelled", w.id())
	})
	t.Run("cancelled while the image is not visible yet, and the worker killed in the clean-up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "")
		w.startWorker()
		w.start()
		w.step("Wait until", activities.StepRunning)
		image := w.image()
		w.fault(estate.Fault{Operation: "ec2.DeregisterImage", Kind: "error", Count: -1, Status: 500, Match: image})
		if _, stderr, code := w.epoxy("cancel", w.id()); code != 0 {
			t.Fatalf("cancel: exit code %d: %s", code, stderr)
		}
		w.step("Remove image", activities.StepRunning)
		w.killWorker()
		w.heal(image)
		w.startWorker()
		if r := w.outcome(); r.Outcome != activities.OutcomeCancelled {
			t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
		}
		w.expect(0, 0, 1)
	})
}

// TestRollback: a refresh that fails brings the last good version back, as a newer one because the group uses $Latest.
func TestRollback(t *testing.T) {
	w := newWorld(t, estate.FleetOptions{GroupSize: 2}, "refresh: {}")
	w.set("refresh_fail", 1)
	w.startWorker()
	stdout, stderr, code := w.epoxy(w.bakeArgs("--wait")...)
	if code != 1 || !strings.Contains(stderr, "ended as Failed") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if r := w.outcome(); r.Outcome != activities.OutcomeRolledBack {
		t.Errorf("outcome %s: %s\n%s", r.Outcome, r.Reason, stdout)
	}
	w.expect(1, 1, 3)
	versions, err := box.aws.Versions(w.ctx, w.fleet.LaunchTemplateID)
	if err != nil || aws.ToString(versions[0].LaunchTemplateData.ImageId) != w.fleet.BaseImage {
		t.Errorf("the newest version does not name the old image: %v", err)
	}
	running, err := box.aws.GroupVersions(w.ctx, w.fleet.Group)
	if err != nil || running[3] != 2 {
		t.Errorf("instances by version: %v (%v), want 2 on version 3", running, err)
	}
	w.record("bake-rolled-back", w.id())
}

// TestConflicts: two bakes of one launch template at once, in each mode.
func TestConflicts(t *testing.T) {
	t.Parallel()
	t.Run("fail", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "")
		w.startWorker()
		w.start()
		if _, stderr, code := w.epoxy(w.bakeArgs()...); code != 4 || !strings.Contains(stderr, "runs already") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		if r := w.outcome(); r.Outcome != activities.OutcomeDone {
			t.Errorf("outcome %s", r.Outcome)
		}
		w.expect(1, 1, 2)
	})
	t.Run("queue", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "")
		w.startWorker()
		w.start()
		stdout, stderr, code := w.epoxy(w.bakeArgs("--on-conflict", "queue", "--wait", "--output", "json")...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if out := decode[bakeJSON](w, stdout); out.Result["version"] != 3.0 {
			t.Errorf("result %v, want version 3", out.Result)
		}
		w.expect(2, 2, 3)
		w.recordClosed("bake-queue", workflows.BakeQueueWorkflowID(w.fleet.LaunchTemplateID))
	})
	t.Run("supersede", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, estate.FleetOptions{}, "")
		w.startWorker()
		w.start()
		w.step("Wait until", activities.StepRunning)
		stdout, stderr, code := w.epoxy(w.bakeArgs("--on-conflict", "supersede", "--wait", "--output", "json")...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if out := decode[bakeJSON](w, stdout); out.Result["version"] != 2.0 {
			t.Errorf("result %v, want version 2: the first bake left none", out.Result)
		}
		w.expect(1, 1, 2)
	})
}

// TestSlackDown: neither errors nor rate limits of Slack fail or delay a bake; the news arrives when Slack is back.
func TestSlackDown(t *testing.T) {
	for _, c := range []struct {
		name    string
		failure slack.Failure
	}{
		{"500", slack.Failure{Status: 500, Count: -1}},
		{"429", slack.Failure{Status: 429, RetryAfter: 12, Count: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, estate.FleetOptions{}, "")
			if err := box.slack.Fail(w.ctx, c.failure); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = box.slack.Heal(w.ctx) }()
			w.startWorker()
			begun := time.Now()
			if _, stderr, code := w.epoxy(w.bakeArgs("--wait")...); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("the bake took %s while Slack was down", took)
			}
			w.expect(1, 1, 2)
			if err := box.slack.Heal(w.ctx); err != nil {
				t.Fatal(err)
			}
			w.until("the news in Slack", func() bool {
				got := w.messages()
				return len(got) == 1 && strings.Contains(got[0], "published as version 2")
			})
			w.record("bake-slack-"+c.name, w.id())
			w.recordClosed("slack-report", "slack-report/"+w.outcome().RunID)
		})
	}
}
