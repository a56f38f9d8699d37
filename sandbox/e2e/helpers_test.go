//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"epoxy/internal/policy"
	"epoxy/sandbox/estate"
)

// heal lifts the lasting faults of this test: those that match its fleet, or what else is named.
func (w *world) heal(more ...string) {
	w.Helper()
	if err := box.control.HealMatching(w.ctx, append(more, w.fleet.InstanceID, w.fleet.LaunchTemplateID)...); err != nil {
		w.Fatal(err)
	}
}

// image is the id of the run's image, once the run knows it.
func (w *world) image() (id string) {
	w.Helper()
	w.until("the image's id", func() bool {
		if r := w.report(); r != nil {
			for _, f := range r.Facts {
				if f.Name == "Image" {
					id = f.Value
				}
			}
		}
		return id != ""
	})
	return id
}

func (w *world) set(setting string, value any) {
	w.Helper()
	if err := box.control.Set(w.ctx, map[string]any{setting: value}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) refreshes() int {
	w.Helper()
	out, err := box.aws.AutoScaling.DescribeInstanceRefreshes(w.ctx, &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &w.fleet.Group})
	if err != nil {
		w.Fatal(err)
	}
	return len(out.InstanceRefreshes)
}

func (w *world) groupVersion() string {
	w.Helper()
	out, err := box.aws.AutoScaling.DescribeAutoScalingGroups(w.ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{w.fleet.Group}})
	if err != nil {
		w.Fatal(err)
	}
	return aws.ToString(out.AutoScalingGroups[0].LaunchTemplate.Version)
}

// failImage ends the run's image as failed.
func (w *world) failImage() {
	w.Helper()
	id := w.image()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, box.control.URL+"/images/"+id+"/fail", strings.NewReader("{}"))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("fail %s: %s", id, resp.Status)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) write(config string) {
	w.Helper()
	w.must(os.WriteFile(w.config, []byte(config), 0o600))
}

// tagged checks that image and snapshot carry the run's mark: without it nothing would be adopted, nor removed.
func (w *world) tagged(run string) {
	w.Helper()
	images, err := box.aws.OwnImages(w.ctx, estate.Region, "vg-shop-web-prod-"+w.group)
	w.must(err)
	snapshots, err := box.aws.RunSnapshots(w.ctx, estate.Region, "vg/shop/web/prod/"+w.group)
	w.must(err)
	for _, tags := range [][]types.Tag{images[0].Tags, snapshots[0].Tags} {
		if !slices.ContainsFunc(tags, func(t types.Tag) bool { return aws.ToString(t.Key) == policy.TagRun && aws.ToString(t.Value) == run }) {
			w.Errorf("tags %v lack %s = %s", tags, policy.TagRun, run)
		}
	}
}

// slackAnswered tells that the first message is there, and that the run knows it.
func (w *world) slackAnswered() bool {
	d, err := box.temporal.DescribeWorkflowExecution(w.ctx, w.id(), "")
	if err != nil || len(w.messages()) != 1 {
		return false
	}
	for _, p := range d.GetPendingActivities() {
		if p.GetActivityType().GetName() == "PostReport" {
			return false
		}
	}
	return true
}
