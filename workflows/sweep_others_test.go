package workflows

import (
	"slices"
	"strings"
	"testing"

	"epoxy/activities"
)

// Environments that share a Chef server are looked at, and told of to the mops; what is there is nobody's to mop.
func TestSweepLooksAtOthers(t *testing.T) {
	for about, denied := range map[string]bool{"seen": false, "not seen": true} {
		w := newSweepWorld(t)
		w.in.Others = []activities.Place{{Account: "222222222222", Region: "ap-south-1"}}
		if denied {
			w.failing["ListInstances:ap-south-1"] = activities.Refuse(activities.ErrForbidden, "not allowed")
		}
		out, err := w.sweep()
		asked := w.asked[0]
		if err != nil || len(asked.Places) != 2 || len(asked.Others) != 1 || asked.Others[0].Place != w.in.Others[0] {
			t.Fatalf("%s: %+v (%v), asked %+v", about, out, err, asked)
		}
		outcome, told, found, failed := activities.OutcomeDone, "", "ap-south-1", ""
		if denied {
			outcome, told, found, failed = activities.OutcomePartial, "EC2 in 222222222222/ap-south-1: not allowed", "", "not allowed"
		}
		if out.Outcome != outcome || w.told("Could not be looked at") != told || asked.Others[0].Found.Key != found || asked.Others[0].Failed != failed {
			t.Errorf("%s: %+v, told %q, asked %+v", about, out, w.told("Could not be looked at"), asked.Others)
		}
		if len(w.mops) != 2 || !slices.Equal(w.mops[0].Others, w.in.Others) {
			t.Errorf("%s: the mops were asked %+v", about, w.mops)
		}
	}
}

// A place that shows nothing keeps nothing else from being mopped, and people are told.
func TestSweepTellsOfAnEmptyPlace(t *testing.T) {
	w := newSweepWorld(t)
	w.plan.Empty = []string{"EC2 shows not one instance in 111111111111/eu-west-1, and Chef knows 1 nodes there"}
	out, err := w.sweep()
	if err != nil || out.Outcome != activities.OutcomePartial || out.Mopped != 2 {
		t.Errorf("%+v (%v)", out, err)
	}
	if r := w.report(); !strings.Contains(r.Headline, "1 place looked like the wrong one") || w.told("Looks like the wrong place") != w.plan.Empty[0] {
		t.Errorf("%+v", r)
	}
}
