//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"epoxy/activities"
	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// TestRefused: bad input gets a clear error and the right exit code, and nothing is left behind.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(w *world)
		args   []string
		code   int
		says   string
	}{
		{"unknown target", nil, []string{"bake", "--region", "vg", "--app", "shp", "--layer", "web", "--env", "prod", "--group", "a"}, 2, `did you mean "shop"?`},
		{"missing flag", nil, []string{"bake", "--region", "vg", "--app", "shop"}, 2, "--layer"},
		{"unknown flag", nil, []string{"bake", "--colour"}, 2, "unknown flag"},
		{"bad conflict mode", nil, []string{"--on-conflict", "fight"}, 2, "fail, queue or supersede"},
		{"malformed YAML", func(w *world) { w.write("bake: {targets: [") }, nil, 2, "epoxy.yaml:1"},
		{"unknown field", func(w *world) { w.write("aws:\n  acounts: {}\n") }, nil, 2, `epoxy.yaml:2:3`},
		{"no configuration", func(w *world) { w.must(os.Remove(w.config)) }, nil, 2, "epoxy.example.yaml"},
		{"no Temporal", func(w *world) { w.environ = append(w.environ, "TEMPORAL_ADDRESS=127.0.0.1:1") }, nil, 1, "Temporal does not answer at 127.0.0.1:1"},
		{"instance gone", func(w *world) { w.fleet.InstanceID = "i-0123456789abcdef0"; w.configure("") }, nil, 1, "instance i-0123456789abcdef0 does not exist in account"},
		{"instance terminated", func(w *world) {
			_, err := box.aws.EC2.TerminateInstances(w.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{w.fleet.InstanceID}})
			w.must(err)
		}, nil, 1, "is terminated"},
		{"template missing", func(w *world) { w.fleet.LaunchTemplateID = "lt-0123456789abcdef0"; w.configure("") }, nil, 1, "launch template lt-0123456789abcdef0 does not exist"},
		{"another account", func(w *world) {
			raw, err := os.ReadFile(w.config)
			w.must(err)
			w.write(strings.ReplaceAll(string(raw), estate.Account, "999999999999"))
		}, nil, 1, "lead to account 123456789012, not to 999999999999"},
		{"image not allowed", func(w *world) {
			w.fault(estate.Fault{Operation: "ec2.CreateImage", Kind: "deny", Count: -1, Match: w.fleet.InstanceID})
		}, nil, 1, "ec2:CreateImage is not allowed"},
		{"version not allowed, said by the dry run", func(w *world) {
			w.fault(estate.Fault{Operation: "ec2.CreateLaunchTemplateVersion", Kind: "deny", Count: -1, Match: w.fleet.LaunchTemplateID})
		}, nil, 1, "ec2:CreateLaunchTemplateVersion is not allowed"},
		{"name taken by a foreign image", func(w *world) {
			soon := time.Now()
			for i := range 90 { // seconds within which the bake begins
				name := policy.ImageName(policy.Target{Region: "vg", App: "shop", Layer: "web", Env: "prod", Group: w.group}, soon.Add(time.Duration(i)*time.Second))
				_, err := box.aws.EC2.RegisterImage(w.ctx, &ec2.RegisterImageInput{Name: &name, RootDeviceName: aws.String("/dev/sda1")})
				w.must(err)
			}
		}, nil, 1, "which this run did not make"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, estate.FleetOptions{}, "")
			template := w.fleet.LaunchTemplateID
			w.startWorker()
			if c.change != nil {
				c.change(w)
			}
			args := w.bakeArgs("--wait")
			if len(c.args) > 0 && c.args[0] == "bake" {
				args = c.args
			} else {
				args = append(args, c.args...)
			}
			stdout, stderr, code := w.epoxy(args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, want %d; stderr should say %q:\n%s%s", code, c.code, c.says, stdout, stderr)
			}
			w.fleet.LaunchTemplateID = template
			images, err := box.aws.EC2.DescribeImages(w.ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}})
			w.must(err)
			for _, i := range images.Images {
				for _, tag := range i.Tags {
					if aws.ToString(tag.Key) == "epoxy:target" && strings.HasSuffix(aws.ToString(tag.Value), "/"+w.group) {
						t.Errorf("%s is left behind", aws.ToString(i.ImageId))
					}
				}
			}
			if _, snapshots, versions := w.left(); snapshots != 0 || versions != 1 {
				t.Errorf("%d snapshots and %d versions are left behind", snapshots, versions)
			}
		})
	}
}

// TestVersionQuota: EC2 refuses the version after the image was made; the image goes again.
func TestVersionQuota(t *testing.T) {
	w := newWorld(t, estate.FleetOptions{}, "")
	w.set("template_version_quota", 1)
	defer w.set("template_version_quota", 10_000)
	w.startWorker()
	_, stderr, code := w.epoxy(w.bakeArgs("--wait")...)
	if code != 1 || !strings.Contains(stderr, "ec2:CreateLaunchTemplateVersion was refused") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	w.expect(0, 0, 1)
}

// TestAWSUnreachable: the run waits, says what it waits for, and can be cancelled; nothing was made.
func TestAWSUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, estate.FleetOptions{}, "")
	good := w.environ
	w.environ = append(w.environ, "AWS_ENDPOINT_URL=http://127.0.0.1:1")
	w.startWorker()
	w.environ = good
	w.start()
	w.until("the reason in the pending activity", func() bool {
		d, err := box.temporal.DescribeWorkflowExecution(w.ctx, w.id(), "")
		return err == nil && len(d.GetPendingActivities()) == 1 && strings.Contains(d.GetPendingActivities()[0].GetLastFailure().GetMessage(), "connection refused")
	})
	stdout, stderr, code := w.epoxy("cancel", w.id(), "--wait")
	if code != 0 || !strings.Contains(stdout, "Nothing was made") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestTwentyFaults: twenty throttled and failing calls in a row, and the run still ends well. What is asked of EC2
// meanwhile stays far within its bucket (100, refilled by 20 a second); bench/ measures the same for 200 bakes at once.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
func TestTwentyFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, estate.FleetOptions{GroupSize: 1}, "refresh: {}")
	match := w.fleet.InstanceID
	w.fault(
		estate.Fault{Operation: "ec2.*", Kind: "throttle", Count: 10, Match: match},
		estate.Fault{Operation: "ec2.*", Kind: "error", Status: 500, Code: "TwentyFaults", Count: 10, Match: match})
	w.startWorker()
	w.start()
	w.patience = 3 * time.Minute
	if r := w.outcome(); r.Outcome != activities.OutcomeDone {
		t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
	}
	w.expect(1, 1, 2)
	log, err := box.control.CallLog(w.ctx)
	w.must(err)
	var met []float64
	for _, call := range log {
		if call.Operation == "ec2.DescribeInstances" && call.Fault != "" {
			met = append(met, call.Time)
		}
	}
	if len(met) != 20 {
		t.Fatalf("%d faults were met, want 20", len(met))
	}
	if rate := 19 / (met[19] - met[0]); rate > 2 {
		t.Errorf("%.1f calls a second while EC2 throttles", rate)
	}
}

// TestTemporalRestarts: the server goes away in the wait and comes back; the run ends as if nothing had been.
func TestTemporalRestarts(t *testing.T) {
	w := newWorld(t, estate.FleetOptions{}, "")
	w.startWorker()
	w.start()
	if err := box.Stop("temporal"); err != nil {
		t.Fatal(err)
	}
	if err := box.Start(w.ctx, "temporal"); err != nil {
		t.Fatal(err)
	}
	if r := w.outcome(); r.Outcome != "done" {
		t.Errorf("outcome %s: %s", r.Outcome, r.Reason)
	}
	w.expect(1, 1, 2)
}
