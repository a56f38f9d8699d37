package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func digest(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// image is the nth image that a run deletes, a minute after the one before.
func image(n int, tags ...string) Entry {
	r := policy.Repository{Account: "123456789012", Region: "us-east-1", Name: "shop/web"}
	return Entry{
		ID: EntryID("run", r.ImageName(digest(n))), Kind: ECRImage, Resource: r.ImageName(digest(n)),
		Account: r.Account, Region: r.Region, Repository: r.Name, Digest: digest(n), Tags: tags,
		Reason: "pushed 412 days ago, not used", Policy: "shop", Plan: "abc", WorkflowID: "prune-images/shop", RunID: "run",
		Approver: "Ann in Slack", Intent: noon.Add(time.Duration(n) * time.Minute),
		PutBack: PutBack{Manifest: fmt.Sprintf(`{"schemaVersion": 2, "n": %d, "x": "<&>"}`+"\n", n), MediaType: "application/vnd.oci.image.manifest.v1+json"},
	}
}

func definition(revision int) Entry {
	arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task-definition/shop-web:%d", revision)
	return Entry{
		ID: EntryID("run", arn), Kind: ECSTaskDefinition, Resource: arn, Account: "123456789012", Region: "us-east-1",
		Intent: noon, PutBack: PutBack{Definition: `{"family": "shop-web"}`},
	}
}

func intend(t *testing.T, table Table, entries ...Entry) []Entry {
	t.Helper()
	stored, err := table.Intend(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// one is the entry as it is stored.
func one(t *testing.T, table Table, id string) Entry {
	t.Helper()
	got, err := table.Entries(t.Context(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return got[id]
}

func TestEntryID(t *testing.T) {
	a := EntryID("run", "x")
	if a != EntryID("run", "x") || a == EntryID("run", "y") || a == EntryID("ru", "nx") {
		t.Error("an id is not of its run and resource alone")
	}
	if want := "p4ccw6yu5w56pq6plopb"; len(a) != len(want) || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%q is not short and safe", a)
	}
}

func TestIntendAndRead(t *testing.T) {
	_, table := newFake()
	want := image(1, "v1", "latest")
	local := want
	local.Intent = want.Intent.In(time.FixedZone("", 3600))
	for _, stored := range [][]Entry{intend(t, table, local, definition(7)), {one(t, table, want.ID), one(t, table, definition(7).ID)}} {
		if diff := cmp.Diff([]Entry{want, definition(7)}, stored); diff != "" {
			t.Error(diff)
		}
	}
	if got, err := table.Entries(t.Context(), []string{"unknown"}); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := table.Entries(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// The second try of a batch learns what the first one wrote.
func TestIntendTwice(t *testing.T) {
	fake, table := newFake()
	first := image(1, "v1")
	intend(t, table, first)
	done := first
	done.Outcome, done.Ended = Deleted, noon
	if err := table.Conclude(t.Context(), []Entry{done}); err != nil {
		t.Fatal(err)
	}
	before := len(fake.items)
	again := image(1, "v1", "v2")
	again.Intent, again.Reason = noon.Add(time.Hour), "another"
	if diff := cmp.Diff([]Entry{done, image(2)}, intend(t, table, again, image(2))); diff != "" {
		t.Error(diff)
	}
	// Entry and digest of the second image, and nothing new for the first.
	if got := len(fake.items) - before; got != 2 {
		t.Errorf("%d new items", got)
	}
}

func TestLostAnswers(t *testing.T) {
	fake, table := newFake()
	want := []Entry{image(1, "v1"), image(2, "v2")}
	for _, operation := range []string{"PutItem", "BatchWriteItem"} {
		fake.lose[operation] = 1
		if _, err := table.Intend(t.Context(), want); !errors.Is(err, errLost) {
			t.Fatalf("%s: %v", operation, err)
		}
	}
	if diff := cmp.Diff(want, intend(t, table, want...)); diff != "" {
		t.Error(diff)
	}
	if got := len(fake.items); got != 2*(1+1+2) { // entry, digest, tag, repository:tag
		t.Errorf("%d items: %v", got, slices.Sorted(maps.Keys(fake.items)))
	}
	want[0].Outcome, want[0].Ended = Deleted, noon
	fake.lose["UpdateItem"] = 1
	if err := table.Conclude(t.Context(), want[:1]); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	later := want[0]
	later.Ended, later.Detail = noon.Add(time.Hour), "again"
	if err := table.Conclude(t.Context(), []Entry{later}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[0], one(t, table, want[0].ID)); diff != "" {
		t.Errorf("what was written first does not stay: %s", diff)
	}
}

func TestThrottledBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := newFake()
		entries := make([]Entry, 0, 130)
		ids := make([]string, 0, 131)
		for n := range 130 {
			entries = append(entries, image(n, "v1"))
			ids = append(ids, entries[n].ID)
		}
		fake.throttle = 40
		intend(t, table, entries...)
		if got := len(fake.items); got != 130*4 {
			t.Errorf("%d items", got)
		}
		fake.throttle = 200
		got, err := table.Entries(t.Context(), append(ids, ids[0]))
		if err != nil || len(got) != 130 {
			t.Errorf("%d entries, %v", len(got), err)
		}
	})
}

func TestNoCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := newFake()
		fake.stuck = true
		begun := time.Now()
		_, err := table.Intend(t.Context(), []Entry{image(1)})
		if want := "write 1 aliases in table epoxy-ledger: DynamoDB leaves 1 of them unprocessed, again and again: it is over the table's capacity"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if got := time.Since(begun); got < 10*time.Second || got > 15*time.Second {
			t.Errorf("gave up after %s", got)
		}
		if got := fake.calls["BatchWriteItem"]; got != maxWaits+1 {
			t.Errorf("%d tries", got)
		}
	})
}

// Entries with big manifests do not fit into one answer.
func TestBigEntries(t *testing.T) {
	_, table := newFake()
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf("%0128d", i)
	}
	biggest := image(0, tags...)
	biggest.Reason = strings.Repeat("r", 4<<10)
	biggest.PutBack.Manifest = strings.Repeat(`"`, MaxPutBack)
	intend(t, table, biggest)
	if diff := cmp.Diff(biggest, one(t, table, biggest.ID)); diff != "" {
		t.Error("the biggest entry is read otherwise than written")
	}
	ids := make([]string, 0, 100)
	for n := range 100 {
		e := image(n + 1)
		e.PutBack.Manifest = biggest.PutBack.Manifest
		intend(t, table, e)
		ids = append(ids, e.ID)
	}
	synctest.Test(t, func(t *testing.T) {
		if got, err := table.Entries(t.Context(), ids); err != nil || len(got) != 100 {
			t.Errorf("%d entries, %v", len(got), err)
		}
	})
	biggest.PutBack.Manifest += "x"
	_, err := table.Intend(t.Context(), []Entry{biggest})
	if err == nil || !strings.Contains(err.Error(), "has 229377 bytes, but a ledger entry holds 229376: write it to the artifact bucket and name its key") {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	fake, table := newFake()
	intend(t, table, image(1))
	before := len(fake.items)
	ended, stranger, nameless := image(2), image(3), image(4)
	ended.Outcome = Deleted
	stranger.ID = image(1).ID
	nameless.ID = ""
	for want, e := range map[string]Entry{
		"has the outcome deleted already, but an intent has none": ended,
		"is for " + image(1).Resource + ", not for ":              stranger,
		"has no id, kind, resource or time of intent":             nameless,
	} {
		if _, err := table.Intend(t.Context(), []Entry{e}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if len(fake.items) != before {
		t.Error("something was written for what was refused")
	}
	_, err := Table{API: fake, Name: "other"}.Intend(t.Context(), []Entry{image(1)})
	if err == nil || !strings.Contains(err.Error(), "in table other: there is no such table: run `epoxy setup`") {
		t.Error(err)
	}
}

// Calls run side by side, but not all at once.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := newFake()
		fake.hold = make(chan struct{})
		entries := make([]Entry, 0, 100)
		for n := range 100 {
			entries = append(entries, image(n))
		}
		done := make(chan error)
		go func() {
			_, err := table.Intend(t.Context(), entries)
			done <- err
		}()
		synctest.Wait()
		if fake.under != concurrency {
			t.Errorf("%d calls under way, want %d", fake.under, concurrency)
		}
		close(fake.hold)
		if err := <-done; err != nil || fake.most != concurrency {
			t.Errorf("%d calls at most, %v", fake.most, err)
		}
	})
}
