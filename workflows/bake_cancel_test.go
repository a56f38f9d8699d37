package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"epoxy/activities"
)

const (
	cancelledNothing = "Cancelled. Nothing was made"
	cancelledRemoved = "Cancelled. Image and snapshots are removed"
	cancelledStays   = "Cancelled. ami-us-east-1 stays published"
)

func TestBakeCancelled(t *testing.T) {
	const shared = " shared with " + partner
	for name, c := range map[string]struct {
		mode            string
		at              string // the activity during which the cancellation comes
		headline, state string
	}{
		"in the survey":          {"latest", "SurveyBake", cancelledNothing, ""},
		"in the create":          {"latest", "CreateImage", cancelledRemoved, ""},
		"in the wait":            {"latest", "AwaitImage", cancelledRemoved, ""},
		"in the sharing":         {"latest", "ShareImage", cancelledRemoved, ""},
		"in the copying":         {"latest", "CopyImage@" + abroad, cancelledRemoved, ""},
		"in the wait for a copy": {"latest", "AwaitImage@" + faraway, cancelledRemoved, ""},
		"before the version":     {"latest", "FindSource", cancelledRemoved, ""},
		"in the version, which publishes": {
			"latest", "CreateLaunchTemplateVersion", cancelledStays,
			"image ami-ap-south-1" + shared + "; image ami-eu-west-1" + shared + "; image ami-us-east-1" + shared + "; version 8 of ami-us-east-1",
		},
		"in the version, which is not published yet": {"default", "CreateLaunchTemplateVersion", cancelledRemoved, ""},
		"the same, pinned":                           {"pinned", "CreateLaunchTemplateVersion", cancelledRemoved, ""},
		"the same, literal":                          {"ssm, literal AMI", "CreateLaunchTemplateVersion", cancelledRemoved, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.mode).withCopies()
			w.cancelAt(c.at)
			if r := w.ends("cancelled", c.headline, c.state); r.Reason != "" {
				t.Errorf("reason %q", r.Reason)
			}
		})
	}
}

// A copy that was begun is finished, so that it is known and can be removed.
func TestBakeCancelledFinishesTheCopy(t *testing.T) {
	w := newWorld(t, "latest").withCopies()
	w.faults["CopyImage@"+abroad] = fails(2)
	w.cancelAt("CopyImage@" + abroad)
	r := w.ends("cancelled", cancelledRemoved, "")
	if !slices.Contains(r.Facts, activities.Fact{Name: "Image in " + abroad, Value: "ami-eu-west-1"}) {
		t.Errorf("facts %v", r.Facts)
	}
}

// Half a publication is none, so it is finished, whatever it takes.
func TestBakeCancelledWhilePublishing(t *testing.T) {
	for mode, activity := range map[string]string{
		"default": "SetDefaultVersion", "pinned": "PinGroup", "ssm": "PutImageParameter", "ssm, literal AMI": "PutImageParameter",
	} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, mode)
			if modes[mode].rollout != "" {
				w.withRefresh() // which is not begun
			}
			w.faults[activity] = fails(2)
			w.cancelAt(activity)
			w.ends("cancelled", cancelledStays, image1+modes[mode].published)
		})
	}
}

// The refresh that this run started is stopped; what was published stays.
func TestBakeCancelledInRefresh(t *testing.T) {
	for mode, m := range modes {
		if m.rollout == "" {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			for name, cancel := range map[string]func(*world){
				"at its start": func(w *world) { w.cancelAt("RefreshInstances") },
				"later":        func(w *world) { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 50*time.Second) },
			} {
				t.Run(name, func(t *testing.T) {
					w := newWorld(t, mode).withRefresh()
					cancel(w)
					w.ends("cancelled", cancelledStays, image1+m.published+"; refresh 1 Cancelling")
				})
			}
		})
	}
}

func TestBakeCancelledLeavesAnothersRefreshAlone(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.foreignRefresh()
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 50*time.Second)
	w.ends("cancelled", cancelledStays, image1+modes["latest"].published+"; refresh 1 InProgress")
}

// foreignRefresh is somebody else's that runs before the bake publishes anything.
func (w *world) foreignRefresh() {
	w.startRefresh()
	w.refreshes[0].looks = -3
}

func TestRefreshThatCannotBeStoppedIsSaid(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	w.faults["CancelRefresh"] = refuses(activities.ErrForbidden)
	w.cancelAt("RefreshInstances")
	r := w.ends("cancelled", cancelledStays, image1+modes["latest"].published+"; refresh 1 InProgress")
	if !strings.Contains(r.Reason, "no: Forbidden") {
		t.Errorf("reason %q does not say why the refresh goes on", r.Reason)
	}
}

// An attempt that is under way when the cancellation comes may start a refresh yet, so its end is waited for before the
// refresh is looked for and stopped.
func TestRefreshIsStoppedAfterTheLastAttempt(t *testing.T) {
	w := newWorld(t, "latest").withRefresh()
	if _, err := w.bake(); err != nil {
		t.Fatal(err)
	}
	if !w.rec.waitedFor("RefreshInstances") {
		t.Error("the cancellation of RefreshInstances is not waited for")
	}
}

// A rollback that was begun is finished, and told as one.
func TestCancellationDoesNotStopARollback(t *testing.T) {
	for name, c := range map[string]struct {
		cancel func(*world)
		state  string
	}{
		"while it restores":  {func(w *world) { w.hooks["CreateLaunchTemplateVersion"] = w.cancelAtNextVersion }, modes["latest"].restored},
		"while it refreshes": {func(w *world) { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 90*time.Second) }, modes["latest"].restored},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "latest").withRefresh()
			w.endings = []string{"Failed"}
			c.cancel(w)
			w.ends("rolled-back", rolledBack, image1+c.state)
		})
	}
	t.Run("while it stops the refresh that takes too long", func(t *testing.T) {
		w := newWorld(t, "latest").withRefresh()
		w.endings, w.in.Refresh.Timeout, w.faults["CancelRefresh"] = []string{"InProgress"}, time.Minute, fails(2)
		w.cancelAt("CancelRefresh")
		w.ends("rolled-back", rolledBack, image1+strings.Replace(modes["latest"].restored, "1 Failed", "1 Cancelled", 1))
	})
}

// cancelAtNextVersion cancels the bake at the next call but this one.
func (w *world) cancelAtNextVersion() { w.cancelAt("CreateLaunchTemplateVersion") }

func TestCancellationDuringCleanUpChangesNothing(t *testing.T) {
	w := newWorld(t, "latest")
	w.fates[home] = "failed"
	w.cancelAt("RemoveImage")
	w.ends("failed", removed, "")
}

func TestBakeCancelledKeepsTheImageWhenAsked(t *testing.T) {
	w := newWorld(t, "latest")
	w.in.KeepFailedImage = true
	w.cancelAt("AwaitImage")
	w.ends("cancelled", "Cancelled. Image "+bakedName+" is kept, as asked (--keep-failed-image)", "image ami-us-east-1")
}

func TestBakeCancelledWhileTheImageIsMadeWithoutAnAnswer(t *testing.T) {
	w := newWorld(t, "latest")
	hidden(w)
	w.cancelAt("CreateImage")
	r := w.ends("cancelled", cancelledRemoved, "")
	if !strings.Contains(r.Reason, "the wire is cut") {
		t.Errorf("reason %q", r.Reason)
	}
}

func TestBakeCancelledAndRemovalFails(t *testing.T) {
	w := newWorld(t, "latest")
	w.faults["RemoveImage"] = refuses(activities.ErrForbidden)
	w.cancelAt("AwaitImage")
	w.ends("cancelled", "Cancelled. "+bakedName+" may be left in 111111111111/us-east-1, remove it by hand: no: Forbidden", "image ami-us-east-1")
}
