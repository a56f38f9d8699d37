package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRefreshPhaseOf(t *testing.T) {
	for status, want := range map[string]RefreshPhase{
		"Pending": RefreshRunning, "InProgress": RefreshRunning, "Cancelling": RefreshRunning, "Baking": RefreshRunning,
		"RollbackInProgress": RefreshRunning, "": RefreshRunning, "a status of next year": RefreshRunning,
		"Successful": RefreshDone,
		"Failed":     RefreshEnded, "Cancelled": RefreshEnded, "RollbackSuccessful": RefreshEnded, "RollbackFailed": RefreshEnded,
	} {
		if got := RefreshPhaseOf(status); got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}

func TestOwnRefresh(t *testing.T) {
	since := begun.Add(700 * time.Millisecond)
	at := func(seconds int) time.Time {
		return since.Truncate(time.Second).Add(time.Duration(seconds) * time.Second)
	}
	refresh := func(id, status string, started time.Time) Refresh {
		return Refresh{ID: id, Status: status, Started: started}
	}
	for name, c := range map[string]struct {
		all       []Refresh
		ignore    []string
		own, busy string
	}{
		"none":                              {nil, nil, "", ""},
		"an older one that is over":         {[]Refresh{refresh("old", "Successful", at(-1))}, nil, "", ""},
		"an older one that runs":            {[]Refresh{refresh("old", "InProgress", at(-1))}, nil, "", "old"},
		"one of the same second":            {[]Refresh{refresh("own", "InProgress", at(0))}, nil, "own", ""}, // AWS may cut the fraction off
		"one that runs":                     {[]Refresh{refresh("own", "InProgress", at(1))}, nil, "own", ""},
		"one that failed":                   {[]Refresh{refresh("own", "Failed", at(1))}, nil, "own", ""},
		"pending, without a start":          {[]Refresh{refresh("own", "Pending", time.Time{})}, nil, "own", ""},
		"cancelled before it began":         {[]Refresh{refresh("x", "Cancelled", time.Time{})}, nil, "", ""},
		"own beside an older one":           {[]Refresh{refresh("own", "Successful", at(1)), refresh("old", "Failed", at(-9))}, nil, "own", ""},
		"the rollback after the failed one": {[]Refresh{refresh("second", "InProgress", at(9)), refresh("first", "Failed", at(1))}, []string{"first"}, "second", ""},
		"no rollback yet":                   {[]Refresh{refresh("first", "Failed", at(1))}, []string{"first"}, "", ""},
		"the failed one still cancelling":   {[]Refresh{refresh("first", "Cancelling", at(1))}, []string{"first"}, "", "first"},
		"pending after one that ended":      {[]Refresh{refresh("second", "Pending", time.Time{}), refresh("first", "Failed", at(1))}, nil, "second", ""},
		"the same in the other order":       {[]Refresh{refresh("first", "Failed", at(1)), refresh("second", "Pending", time.Time{})}, nil, "second", ""},
	} {
		own, busy := OwnRefresh(c.all, since, c.ignore)
		if idOf(own) != c.own || idOf(busy) != c.busy {
			t.Errorf("%s: own %q, busy %q; want %q, %q", name, idOf(own), idOf(busy), c.own, c.busy)
		}
	}
}

func idOf(r *Refresh) string {
	if r == nil {
		return ""
	}
	return r.ID
}

// anyRefresh starts around since, in fractions of a second; one that is pending has no start.
func anyRefresh(since time.Time) *rapid.Generator[Refresh] {
	return rapid.Custom(func(t *rapid.T) Refresh {
		r := Refresh{ID: fmt.Sprint("r", rapid.IntRange(1, 6).Draw(t, "id"))}
		r.Status = rapid.SampledFrom([]string{"Pending", "InProgress", "Cancelling", "Successful", "Failed", "Cancelled", "RollbackFailed"}).Draw(t, "status")
		if r.Status != "Pending" {
			r.Started = since.Add(time.Duration(rapid.IntRange(-40, 40).Draw(t, "tenths")) * 100 * time.Millisecond)
		}
		return r
	})
}

func TestOwnRefreshOfAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		since := begun.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond)
		all := rapid.SliceOfNDistinct(anyRefresh(since), 0, 6, func(r Refresh) string { return r.ID }).Draw(t, "all")
		ignore := rapid.SliceOf(rapid.SampledFrom([]string{"r1", "r2", "r3"})).Draw(t, "ignore")
		own, busy := OwnRefresh(all, since, ignore)
		if own != nil {
			if slices.Contains(ignore, own.ID) {
				t.Fatalf("%s is to be ignored", own.ID)
			}
			if !own.Started.IsZero() && own.Started.Before(since.Truncate(time.Second)) {
				t.Fatalf("%s began at %s, before %s", own.ID, own.Started, since)
			}
			if own.Started.IsZero() && RefreshPhaseOf(own.Status) != RefreshRunning {
				t.Fatalf("%s never began and is over", own.ID)
			}
		}
		if busy != nil && (RefreshPhaseOf(busy.Status) != RefreshRunning || idOf(own) == busy.ID) {
			t.Fatalf("busy with %s (%s), own is %s", busy.ID, busy.Status, idOf(own))
		}
		for _, r := range all { // one that began after the publishing is never overlooked
			if own == nil && !slices.Contains(ignore, r.ID) && r.Started.After(since) {
				t.Fatalf("%s began after %s and is not own", r.ID, since)
			}
		}
		shuffled := rapid.Permutation(all).Draw(t, "shuffled")
		own2, busy2 := OwnRefresh(shuffled, since, ignore)
		if idOf(own) != idOf(own2) || idOf(busy) != idOf(busy2) {
			t.Fatalf("in another order own is %q instead of %q, busy %q instead of %q", idOf(own2), idOf(own), idOf(busy2), idOf(busy))
		}
	})
}
