package workflows

import (
	"strings"
	"testing"
	"time"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// What a failed bake says first.
const (
	nothing = "Failed. Nothing was made"
	removed = "Failed. Image and snapshots are removed"
	stays   = "Failed. ami-us-east-1 stays published"
	used    = "Failed. ami-us-east-1 stays: version 8 of " + template + " uses it"
)

// failure is a bake that does not end well: what goes wrong, and how it ends.
type failure struct {
	mode     string // latest when empty
	change   func(*world)
	headline string
	reason   string // a part of it
	state    string
}

func runFailures(t *testing.T, table map[string]failure) {
	t.Helper()
	for name, f := range table {
		t.Run(name, func(t *testing.T) {
			if f.mode == "" {
				f.mode = "latest"
			}
			w := newWorld(t, f.mode)
			f.change(w)
			r := w.ends("failed", f.headline, f.state)
			if f.reason == "" || !strings.Contains(r.Reason, f.reason) {
				t.Errorf("reason %q has no %q", r.Reason, f.reason)
			}
			if f.headline == nothing && w.calls["CreateImage"]+w.calls["RemoveImage"] > 0 {
				t.Errorf("called %v", w.calls)
			}
		})
	}
}

// with is the world with one fault.
func with(activity string, f fault) func(*world) {
	return func(w *world) { w.faults[activity] = f }
}

func TestBakeRefusesBeforeItMakesAnything(t *testing.T) {
	table := map[string]failure{
		"no instance":         {change: func(w *world) { w.survey.InstanceState = "" }, reason: "does not exist"},
		"terminated":          {change: func(w *world) { w.survey.InstanceState = "terminated" }, reason: "is terminated"},
		"another's instance":  {change: func(w *world) { w.survey.InstanceOwner = partner }, reason: "belongs to account " + partner},
		"instance store":      {change: func(w *world) { w.survey.RootDeviceType = "instance-store" }, reason: "EBS-backed"},
		"quota of versions":   {change: func(w *world) { w.survey.Latest = policy.VersionQuota }, reason: "quota"},
		"no such source":      {change: func(w *world) { w.in.Source = "99" }, reason: `no version "99"`},
		"group does not look": {mode: "default", change: func(w *world) { w.in.Publish = "latest" }, reason: "set publish: default"},
		"alias":               {mode: "ssm", change: func(w *world) { w.in.Publish = "latest" }, reason: "set publish: ssm"},
		"another's parameter": {mode: "ssm", change: func(w *world) { w.in.Parameter = "/else" }, reason: "nothing would change"},
		"no parameter":        {mode: "ssm, literal AMI", change: func(w *world) { w.in.Parameter = "" }, reason: "needs ssm_parameter"},
		"refresh of literal":  {mode: "ssm, literal AMI", change: func(w *world) { w.withRefresh() }, reason: "would not follow the parameter"},
		"forbidden":           {change: with("SurveyBake", refuses(activities.ErrForbidden)), reason: "no: Forbidden"},
		"no answer":           {change: with("SurveyBake", silent(false)), reason: "the wire is cut (gave up: ScheduleToClose timeout)"},
		"invalid input":       {change: func(w *world) { w.in.Poll = 0 }, reason: "poll must be above zero"},
	}
	for name, f := range table {
		f.headline = nothing
		table[name] = f
	}
	runFailures(t, table)
}

func TestBakeWithoutAnImageLeavesNothing(t *testing.T) {
	runFailures(t, map[string]failure{
		"create refused":              {change: with("CreateImage", refuses(activities.ErrInvalid)), headline: removed, reason: "no: Invalid"},
		"no answer":                   {change: with("CreateImage", silent(false)), headline: removed, reason: "the wire is cut"},
		"no answer, but carried out":  {change: with("CreateImage", silent(true)), headline: removed, reason: "the wire is cut"},
		"the same, and visible later": {change: hidden, headline: removed, reason: "the wire is cut"},
		"image failed":                {change: func(w *world) { w.fates[home] = "failed" }, headline: removed, reason: "ended as failed"},
		"wait timed out": {change: func(w *world) {
			w.fates[home], w.in.ImageTimeout = "pending", time.Minute
		}, headline: removed, reason: "still pending after 1m0s"},
		"image is gone": {change: func(w *world) {
			w.env.RegisterDelayedCallback(func() { w.images = nil }, 20*time.Second)
		}, headline: removed, reason: "is gone"},
		"name taken": {change: func(w *world) {
			w.images = append(w.images, &image{CreateImageInput: activities.CreateImageInput{Place: w.in.Place, Name: bakedName, Run: "another"}, id: "ami-other"})
		}, headline: removed, reason: "is taken", state: "image ami-other"},
	})
}

// Where a stranger holds the name, no image can turn up, and nobody waits for it; any other refusal may have come after an
// attempt that was carried out without an answer.
func TestRefusedImageIsNotWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		fault       fault
		least, most time.Duration
	}{
		"name taken": {refuses(activities.ErrNameTaken), 0, 0},
		"refused":    {refuses(activities.ErrInvalid), removalSettles, removalSettles + time.Minute},
		"no answer":  {silent(false), removalSettles, removalSettles + time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "latest")
			w.faults["CreateImage"] = c.fault
			w.ends("failed", removed, "")
			if w.rec.took < c.least || w.rec.took > c.most {
				t.Errorf("took %s", w.rec.took)
			}
		})
	}
}

// hidden is an image that was made without an answer and is not described for a minute.
func hidden(w *world) { w.faults["CreateImage"], w.hidden = silent(true), time.Minute }

func TestBakeRemovesEveryCopy(t *testing.T) {
	table := map[string]failure{
		"copy refused in one Region":                  {change: with("CopyImage@"+abroad, refuses(activities.ErrForbidden)), reason: "no: Forbidden"},
		"copy failed in one Region":                   {change: func(w *world) { w.fates[abroad] = "failed" }, reason: "ami-eu-west-1 ended as failed"},
		"copy without an answer, but carried out":     {change: with("CopyImage@"+abroad, silent(true)), reason: "the wire is cut"},
		"copy without an answer, and not carried out": {change: with("CopyImage@"+abroad, silent(false)), reason: "the wire is cut"},
		"sharing refused at home":                     {change: with("ShareImage@"+home, refuses(activities.ErrInvalid)), reason: "no: Invalid"},
		"sharing a copy refused":                      {change: with("ShareImage@"+faraway, refuses(activities.ErrInvalid)), reason: "no: Invalid"},
	}
	for name, f := range table {
		change := f.change
		f.change, f.headline = func(w *world) { change(w.withCopies()) }, removed
		table[name] = f
	}
	runFailures(t, table)
}

func TestBakeWithoutAVersion(t *testing.T) {
	const left = "image ami-us-east-1; version 8 of ami-us-east-1"
	for _, mode := range []string{"latest", "default", "pinned", "ssm, literal AMI"} {
		t.Run(mode, func(t *testing.T) {
			runFailures(t, map[string]failure{
				"no source":                  {mode: mode, change: with("FindSource", refuses(activities.ErrInvalid)), headline: removed, reason: "no: Invalid"},
				"refused":                    {mode: mode, change: with("CreateLaunchTemplateVersion", refuses(activities.ErrNotAlone)), headline: removed, reason: "no: MoreThan"},
				"no answer":                  {mode: mode, change: with("CreateLaunchTemplateVersion", silent(false)), headline: removed, reason: "the wire is cut"},
				"no answer, but carried out": {mode: mode, change: with("CreateLaunchTemplateVersion", silent(true)), headline: used, reason: "the wire is cut", state: left},
			})
		})
	}
}

func TestBakeWithoutPublication(t *testing.T) {
	for mode, activity := range map[string]string{
		"default": "SetDefaultVersion", "pinned": "PinGroup", "ssm": "PutImageParameter", "ssm, literal AMI": "PutImageParameter",
	} {
		t.Run(mode, func(t *testing.T) {
			unpublished := "image ami-us-east-1; version 8 of ami-us-east-1"
			if mode == "ssm" {
				unpublished = "image ami-us-east-1"
			}
			runFailures(t, map[string]failure{
				"refused":                    {mode: mode, change: with(activity, refuses(activities.ErrForbidden)), headline: removed, reason: "no: Forbidden"},
				"no answer":                  {mode: mode, change: with(activity, silent(false)), headline: stays, reason: "the wire is cut", state: unpublished},
				"no answer, but carried out": {mode: mode, change: with(activity, silent(true)), headline: stays, reason: "the wire is cut", state: image1 + modes[mode].published},
			})
		})
	}
}

func TestRemovalThatFailsIsSaid(t *testing.T) {
	both := func(w *world) {
		w.withCopies()
		w.fates[faraway] = "failed"
	}
	runFailures(t, map[string]failure{
		"at home": {
			change: func(w *world) {
				w.fates[home], w.faults["RemoveImage"] = "failed", refuses(activities.ErrForbidden)
			},
			headline: "Failed. " + bakedName + " may be left in 111111111111/us-east-1, remove it by hand: no: Forbidden",
			reason:   "ended as failed", state: "image ami-us-east-1",
		},
		"of one copy": {
			change: func(w *world) {
				both(w)
				w.faults["RemoveImage@"+abroad] = refuses(activities.ErrForbidden)
			},
			headline: "Failed. " + bakedName + " may be left in 111111111111/eu-west-1, remove it by hand: no: Forbidden",
			reason:   "ami-ap-south-1 ended as failed", state: "image ami-eu-west-1 shared with " + partner,
		},
		"everywhere": {
			change: func(w *world) {
				both(w)
				w.faults["RemoveImage"] = silent(false)
			},
			headline: "Failed. " + leftIn(home) + "; " + leftIn(abroad) + "; " + leftIn(faraway),
			reason:   "ami-ap-south-1 ended as failed",
			state:    "image ami-ap-south-1; image ami-eu-west-1 shared with " + partner + "; image ami-us-east-1 shared with " + partner,
		},
	})
}

func leftIn(region string) string {
	return bakedName + " may be left in 111111111111/" + region + ", remove it by hand: the wire is cut (gave up: ScheduleToClose timeout)"
}

func TestFailedImageIsKeptWhenAsked(t *testing.T) {
	keep := func(w *world) { w.in.KeepFailedImage, w.fates[home] = true, "failed" }
	runFailures(t, map[string]failure{
		"failed": {
			change: keep, headline: "Failed. Image " + bakedName + " is kept, as asked (--keep-failed-image)",
			reason: "ended as failed", state: "image ami-us-east-1",
		},
		"nothing to keep": {
			change: func(w *world) {
				keep(w)
				w.faults["SurveyBake"] = refuses(activities.ErrForbidden)
			},
			headline: nothing, reason: "no: Forbidden",
		},
	})
}
