package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/activities"
)

func TestBakePublishes(t *testing.T) {
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			want := BakeResult{Outcome: "done", ImageID: "ami-us-east-1", ImageName: bakedName, Version: 8, RunID: "default-test-run-id"}
			if m.alias {
				want.Version = 0
			}
			checkBake(t, newWorld(t, name), image1+m.published, want)
			if m.rollout != "" {
				want.RefreshID = "refresh-1"
				checkBake(t, newWorld(t, name).withRefresh(), image1+m.published+m.rollout, want)
			}
		})
	}
}

func checkBake(t *testing.T, w *world, state string, want BakeResult) {
	t.Helper()
	got, err := w.bake()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := w.state(); got != state {
		t.Errorf("left %q\nwant %q", got, state)
	}
}

func TestBakeCopiesAndShares(t *testing.T) {
	const shared = " shared with " + partner
	w := newWorld(t, "latest").withCopies()
	checkBake(t, w, "image ami-ap-south-1"+shared+"; image ami-eu-west-1"+shared+"; image ami-us-east-1"+shared+"; version 8 of ami-us-east-1", BakeResult{
		Outcome: "done", ImageID: "ami-us-east-1", ImageName: bakedName, Version: 8, RunID: "default-test-run-id",
		Copies: map[string]string{abroad: "ami-eu-west-1", faraway: "ami-ap-south-1"},
	})
	for _, i := range w.images {
		if i.Name != bakedName || i.Tags["epoxy:target"] != "vg/shop/web/prod/a" || i.Tags["Name"] != bakedName {
			t.Errorf("image %+v", i.CreateImageInput)
		}
	}
}

func TestBakeOnlyShares(t *testing.T) {
	w := newWorld(t, "latest")
	w.in.ShareWith = []string{partner}
	w.ends("done", "ami-us-east-1 is published as version 8", "image ami-us-east-1 shared with "+partner+"; version 8 of ami-us-east-1")
}

// Somebody makes a version while the image is under way: the new version is made from that one.
func TestBakeStartsFromWhatIsThereLast(t *testing.T) {
	w := newWorld(t, "latest")
	w.env.RegisterDelayedCallback(func() {
		w.versions = append(w.versions, &version{CreateVersionOutput: activities.CreateVersionOutput{Version: 8}, image: "ami-eight", token: "before"})
	}, 20*time.Second)
	r := w.ends("done", "ami-us-east-1 is published as version 9", image1+"version 9 of ami-us-east-1")
	if !slices.Contains(r.Facts, activities.Fact{Name: "Version", Value: "9, from 8"}) {
		t.Errorf("facts %v", r.Facts)
	}
}

func TestReportDuringAndAfter(t *testing.T) {
	w := newWorld(t, "default").withRefresh()
	var during activities.Report
	var details string
	w.env.RegisterDelayedCallback(func() { during, details = w.report(), w.details() }, 20*time.Second)
	after := w.ends("done", "ami-us-east-1 is published as version 8", image1+modes["default"].published+modes["default"].rollout)

	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	want := activities.Report{
		Title: "Bake vg/shop/web/prod/a", Outcome: "running", Headline: "Waiting for image ami-us-east-1",
		Steps: []activities.Step{
			{Name: stepCheck, State: "done", Note: "instance is running, template is at version 7", Begun: begun, Ended: begun},
			{Name: stepCreate, State: "done", Note: "ami-us-east-1", Begun: begun, Ended: begun},
			{Name: stepWait, State: "running", Begun: begun},
			{Name: stepVersion, State: "ahead"},
			{Name: stepPublish, State: "ahead"},
			{Name: stepRefresh, State: "ahead"},
		},
		Facts: []activities.Fact{
			{Name: "Instance", Value: instance}, {Name: "Launch template", Value: template}, {Name: "Commit", Value: "c0ffee"}, {Name: "Image", Value: "ami-us-east-1"},
		},
		WorkflowID: "bake/" + template, RunID: "default-test-run-id", Request: "asked once", Begun: begun,
		URL: "https://temporal.example/namespaces/default-test-namespace/workflows/bake%2F" + template + "/default-test-run-id/history",
	}
	if diff := cmp.Diff(want, during); diff != "" {
		t.Errorf("during the wait: %s", diff)
	}
	if !strings.Contains(details, "**Waiting for image ami-us-east-1**") {
		t.Errorf("the Temporal UI shows %q", details)
	}

	want.Outcome, want.Headline, want.Ended = "done", "ami-us-east-1 is published as version 8", at(75)
	want.Steps[2].State, want.Steps[2].Ended = "done", at(30)
	want.Steps[3] = activities.Step{Name: stepVersion, State: "done", Note: "version 8, the same as 6 but for the image", Begun: at(30), Ended: at(30)}
	want.Steps[4] = activities.Step{Name: stepPublish, State: "done", Note: "default", Begun: at(30), Ended: at(30)}
	want.Steps[5] = activities.Step{Name: stepRefresh, State: "done", Note: "3 of 3 instances run version 8", Begun: at(30), Ended: at(75)}
	want.Facts = append(want.Facts, activities.Fact{Name: "Version", Value: "8, from 6"}, activities.Fact{Name: "Auto Scaling group", Value: group})
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("after the end: %s", diff)
	}
}

func TestSameHistorySameCommands(t *testing.T) {
	var before []string
	for range 5 {
		w := newWorld(t, "default").withRefresh()
		w.in.CopyTo, w.in.ShareWith = []string{abroad}, []string{partner}
		w.in.Tags = map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}
		if _, err := w.bake(); err != nil {
			t.Fatal(err)
		}
		if before != nil {
			if diff := cmp.Diff(before, w.rec.commands); diff != "" {
				t.Fatal(diff)
			}
		}
		before = w.rec.commands
	}
}
