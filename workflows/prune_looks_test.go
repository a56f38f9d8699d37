package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"epoxy/activities"
	"epoxy/internal/policy"
)

// An account that is a consumer in another Region, and let in at home, is surveyed in both.
func TestAConsumerElsewhereIsSurveyedAtHome(t *testing.T) {
	w := newPruneWorld(t)
	w.in.Consumers = []activities.Place{{Account: consumer, Region: "us-west-2"}}
	if out, err := w.prune(); err != nil || out.Deleted != 254 {
		t.Fatalf("%+v (%v)", out, err)
	}
	for _, place := range []string{owner + "/" + home, consumer + "/" + home, consumer + "/us-west-2"} {
		if !slices.Contains(w.looked, place) {
			t.Errorf("%s was not surveyed: %q", place, w.looked)
		}
	}
}

// A repository that is open to principals of no known account may be used by whoever was surveyed: all are looked at again.
func TestAnOpenRepositoryIsLookedAtEverywhereAgain(t *testing.T) {
	w := newPruneWorld(t)
	w.repos["shop/web"].access.Principals, w.in.IgnorePrincipals = []string{"*"}, []string{"*"}
	if out, err := w.prune(); err != nil || out.Deleted != 254 {
		t.Fatalf("%+v (%v)", out, err)
	}
	for _, b := range w.batches {
		if !slices.ContainsFunc(b.Again, func(s activities.SurveyUsesInput) bool { return s.Place.Account == consumer }) {
			t.Errorf("%s: the other account is not looked at again", b.Part.Name)
		}
	}
}

// What stands in the input of every batch and child is small: nothing of a second look is stored.
func TestTheSecondLookNamesNoStore(t *testing.T) {
	w := newPruneWorld(t)
	w.in.InUse = []string{"x"}
	if _, err := w.prune(); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.batches {
		for _, look := range b.Again {
			if look.Store != (activities.Store{}) {
				t.Errorf("%+v", look)
			}
		}
		if b.Listed.Store != (activities.Store{}) || len(b.Listed.Listed) != 1 || b.Store.Bucket == "" {
			t.Errorf("%+v", b)
		}
	}
}

// 18 events for each of three plans, and 6 for its deletion, in a history of 10,000.
func TestRepositoriesAreBounded(t *testing.T) {
	w := newPruneWorld(t)
	if _, err := w.prune(); err != nil {
		t.Fatal(err)
	}
	if w.most != maxRepositories || w.most*(3*18+6) >= 10_000 {
		t.Errorf("asked for at most %d repositories", w.most)
	}
}

// Nothing is blocked where nothing would go.
func TestAccessThatChangesWhereNothingGoes(t *testing.T) {
	w := newPruneWorld(t)
	w.repos["shop/data"].going = nil
	w.hooks["WritePlan"] = func() { w.repos["shop/data"].access.Accounts = []string{consumer, stranger} }
	if out, err := w.prune(); err != nil || out.Outcome != activities.OutcomeDone || out.Deleted != 4 {
		t.Errorf("%+v (%v)", out, err)
	}
}

// The second plan cannot be made: the report does not tell of the first as if it were that one.
func TestNothingIsLeftOfAPlanBefore(t *testing.T) {
	w := newPruneWorld(t)
	w.in.Approval.Mode = policy.ApproveAsk
	w.env.RegisterDelayedCallback(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failing["SurveyUses"] = activities.Refuse(activities.ErrForbidden, "the role cannot be assumed")
	}, time.Hour)
	if _, err := w.prune(); err == nil {
		t.Fatal("it succeeds")
	}
	for _, f := range w.report().Facts {
		t.Errorf("the report says %+v", f)
	}
	if id := w.report().RunID; w.attached[id] > 0 {
		t.Error("the report has a plan attached")
	}
}

// What is in the message's thread is not brought again when the question is settled.
func TestAPlanIsBroughtOnce(t *testing.T) {
	w := newPruneWorld(t)
	w.in.Approval.Mode = policy.ApproveAsk
	var said string
	w.decideAfter(time.Hour, "click-1", &said, w.approve)
	if _, err := w.prune(); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.messages {
		if n := w.attached[m.report.RunID]; n != 1 {
			t.Errorf("message %s: attached %d times", m.report.RunID, n)
		}
	}
}

// A batch that fails in the end may have deleted: it is counted as far as it is known, and said where it is not.
func TestABatchThatFailsIsCounted(t *testing.T) {
	stopped := func(so ...any) error {
		return temporal.NewApplicationErrorWithOptions("ecr:BatchDeleteImage is not allowed", activities.ErrForbidden,
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: so})
	}
	for name, c := range map[string]struct {
		err     error
		deleted int
		says    string
	}{
		"it tells all":     {stopped(activities.DeletionSoFar{Deleted: 60, Bytes: 60 << 20, Kept: 1, Failed: 2}), 64, "64 images deleted, 64.0 MiB freed; 1 blocked; 2 refused by AWS"},
		"some are open":    {stopped(activities.DeletionSoFar{Deleted: 60, Bytes: 60 << 20, Open: 3}), 64, "at least 64 images deleted, 64.0 MiB freed; 1 blocked"},
		"it tells nothing": {stopped(), 4, "at least 4 images deleted, 4.0 MiB freed; 1 blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPruneWorld(t)
			w.failing["DeleteImages:shop/data"] = c.err
			out, err := w.prune()
			if err != nil || out.Deleted != c.deleted || out.AtLeast != strings.HasPrefix(c.says, "at least") {
				t.Errorf("%+v (%v)", out, err)
			}
			if r := w.report(); r.Headline != c.says {
				t.Errorf("the report says %q, want %q", r.Headline, c.says)
			}
		})
	}
}

// A run that is cancelled while it plans does not say of every repository that it could not be planned.
func TestPruneCancelledWhilePlanning(t *testing.T) {
	w := newPruneWorld(t)
	for i := range partsAtOnce + 4 {
		name := fmt.Sprintf("shop/more-%02d", i)
		w.repos[name] = &fakeRepo{access: activities.FoundRepository{Name: name}, going: []int{1}}
	}
	w.env.OnActivity("TakeInventory", mock.Anything, mock.Anything).After(time.Hour).Return((&pruneFakes{w}).TakeInventory)
	w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Minute)
	_, err := w.prune()
	if _, ok := errors.AsType[*temporal.CanceledError](err); !ok || len(w.deleted) > 0 {
		t.Errorf("ended with %v, deleted %q", err, w.did())
	}
	if r := w.report(); r.Outcome != activities.OutcomeCancelled || len(r.Lists) > 0 {
		t.Errorf("report %s: %+v", r.Outcome, r.Lists)
	}
}
