package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

func TestConclude(t *testing.T) {
	_, table := newFake()
	a, b, c := image(1), image(2), image(3)
	intend(t, table, a, b, c)
	a.Outcome, a.Ended = Deleted, noon.Add(time.Second)
	b.Outcome, b.Detail, b.Ended = Failed, "ImageReferencedByManifestList: sha256:…", noon
	c.Outcome, c.Ended = Gone, noon
	if err := table.Conclude(t.Context(), []Entry{a, b, c}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Entry{a, b, c} {
		if diff := cmp.Diff(want, one(t, table, want.ID)); diff != "" {
			t.Error(diff)
		}
	}
}

// One that ended otherwise is reported, and stays; the others are concluded all the same.
func TestConcludeConflicts(t *testing.T) {
	_, table := newFake()
	a, b, unknown := image(1), image(2), image(3)
	intend(t, table, a, b)
	a.Outcome, a.Ended = Deleted, noon
	if err := table.Conclude(t.Context(), []Entry{a}); err != nil {
		t.Fatal(err)
	}
	other := a
	other.Outcome = Gone
	b.Outcome, b.Ended, unknown.Outcome = Deleted, noon, Deleted
	err := table.Conclude(t.Context(), []Entry{other, unknown, b})
	var conflict *ConflictError
	if !errors.As(err, &conflict) ||
		!strings.Contains(err.Error(), "is concluded as deleted, so it cannot become gone") ||
		!strings.Contains(err.Error(), "ledger entry "+unknown.ID+" is not in table epoxy-ledger: an outcome needs an intent first") {
		t.Errorf("got %v", err)
	}
	for _, want := range []Entry{a, b} {
		if diff := cmp.Diff(want, one(t, table, want.ID)); diff != "" {
			t.Error(diff)
		}
	}
	for _, outcome := range []string{"", Undone, "removed"} {
		b.Outcome = outcome
		if err := table.Conclude(t.Context(), []Entry{b}); err == nil {
			t.Errorf("concluded with outcome %q", outcome)
		}
	}
}

// A time that nobody gave is now.
func TestConcludeWithoutTime(t *testing.T) {
	_, table := newFake()
	e := image(1)
	intend(t, table, e)
	e.Outcome = Deleted
	if err := table.Conclude(t.Context(), []Entry{e}); err != nil {
		t.Fatal(err)
	}
	if got := one(t, table, e.ID).Ended; time.Since(got) > time.Minute || time.Since(got) < 0 {
		t.Errorf("ended %s", got)
	}
}

func TestUndone(t *testing.T) {
	_, table := newFake()
	deleted, open := image(1), image(2) // of the second nobody knows whether it happened
	intend(t, table, deleted, open)
	deleted.Outcome, deleted.Ended = Deleted, noon
	if err := table.Conclude(t.Context(), []Entry{deleted}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{deleted, open} {
		for _, by := range []string{"ann@ci", "bob@ci"} { // the second comes too late
			if err := table.Undone(t.Context(), e.ID, by, "under the tags v1"); err != nil {
				t.Fatal(err)
			}
		}
		e.Outcome, e.UndoneBy, e.Detail = Undone, "ann@ci", "under the tags v1"
		if diff := cmp.Diff(e, one(t, table, e.ID)); diff != "" {
			t.Error(diff)
		}
	}
	if err := table.Undone(t.Context(), "unknown", "ann@ci", ""); err == nil || !strings.Contains(err.Error(), "ledger entry unknown is not in table") {
		t.Error(err)
	}
	// A worker that comes back late does not turn it into a deletion again.
	var conflict *ConflictError
	if err := table.Conclude(t.Context(), []Entry{deleted}); !errors.As(err, &conflict) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	fake, table := newFake()
	first, second, third := image(1, "v1", "latest"), image(2, "latest"), image(3, "latest")
	elsewhere := image(4, "latest")
	elsewhere.Repository, elsewhere.Account = "web", "222222222222"
	elsewhere.Resource = policy.Repository{Account: "222222222222", Region: "us-east-1", Name: "web"}.ImageName(digest(4))
	samePush := image(1) // the same digest, in another Region
	samePush.Region, samePush.Resource = "eu-west-1", policy.Repository{Account: "123456789012", Region: "eu-west-1", Name: "shop/web"}.ImageName(digest(1))
	samePush.ID = EntryID("run", samePush.Resource)
	task := definition(7)
	intend(t, table, third, first, elsewhere, samePush, second, task)
	const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"
	sameTime := []string{first.ID, samePush.ID}
	if sameTime[0] > sameTime[1] {
		sameTime[0], sameTime[1] = sameTime[1], sameTime[0]
	}
	for resource, want := range map[string][]string{
		digest(1):                           sameTime,
		"latest":                            {elsewhere.ID, third.ID, second.ID, first.ID},
		" v1\n":                             {first.ID},
		"shop/web:latest":                   {third.ID, second.ID, first.ID},
		"web:latest":                        {elsewhere.ID},
		"shop/web@" + digest(1):             sameTime,
		"web@" + digest(1):                  nil,
		first.Resource:                      {first.ID},
		samePush.Resource:                   {samePush.ID},
		"222222222222/us-east-1/web:latest": {elsewhere.ID},
		host + "shop/web:latest":            {third.ID, second.ID, first.ID},
		host + "shop/web":                   {third.ID, second.ID, first.ID},
		host + "web:latest":                 nil, // of another account
		"https://" + host + "shop/web:x@" + digest(1): {first.ID},
		task.Resource: {task.ID},
		"shop-web:7":  {task.ID},
		"shop-web":    nil,
		digest(9):     nil,
	} {
		got, err := table.Find(t.Context(), resource)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range got {
			ids = append(ids, e.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s: %s", resource, diff)
		}
	}
	for _, resource := range []string{"", " ", "shop/web@", host + "shop/web@sha256:12"} {
		if got, err := table.Find(t.Context(), resource); err == nil {
			t.Errorf("%q is %v", resource, got)
		}
	}
	fake.lose["Query"] = 1
	if _, err := table.Find(t.Context(), "latest"); !errors.Is(err, errLost) {
		t.Error(err)
	}
}
