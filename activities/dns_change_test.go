package activities

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/google/go-cmp/cmp"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// manyRecords adds web-100 and so on, n of them, and says what is their own.
func (w *recordsWorld) manyRecords(n int) map[int][]policy.OwnRecord {
	w.t.Helper()
	var records []string
	for i := 100; i < 100+n; i++ {
		records = append(records, fmt.Sprintf("web-%d.example.com. A 10.0.%d.%d", i, i/250, i%250))
	}
	w.route53.put(zoneID, records...)
	found := map[int][]policy.OwnRecord{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := 100; i < 100+n; i++ {
		all.Go(func() {
			own := w.found(i)
			mu.Lock()
			defer mu.Unlock()
			found[i] = own
		})
	}
	all.Wait()
	return found
}

// deleteAll deletes for all at the same time, and tells of every outcome that is not wanted.
func (w *recordsWorld) deleteAll(found map[int][]policy.OwnRecord, want func(n int) string) {
	w.t.Helper()
	var all sync.WaitGroup
	for n, records := range found {
		all.Go(func() {
			out, err := w.dns.DeleteRecords(w.t.Context(), w.input(n, zone, records))
			for _, d := range out.Records {
				if got := strings.TrimSpace(d.Outcome + " " + d.Detail); got != want(n) {
					w.t.Errorf("web-%d: %s is %q, want %q", n, d.What, got, want(n))
				}
			}
			if err != nil || len(out.Records) == 0 {
				w.t.Errorf("web-%d: %+v, %v", n, out, err)
			}
		})
	}
	all.Wait()
}

func deletedAlways(int) string { return ledger.Deleted }

func TestAThousandRecordsAreFewChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		before := w.route53.all(zoneID)
		w.deleteAll(w.manyRecords(1000), deletedAlways)
		if n := w.route53.calls["ChangeResourceRecordSets"]; n > 20 {
			t.Errorf("%d changes for 1,000 records of one zone", n)
		}
		if n := w.route53.calls["ListResourceRecordSets"]; n > 20 {
			t.Errorf("%d pages were read", n)
		}
		if diff := cmp.Diff(before, w.route53.all(zoneID)); diff != "" {
			t.Errorf("others' records are changed: %s", diff)
		}
	})
}

// One that is bad harms no other, and is told what is said of it.
func TestOneBadRecordHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		found := w.manyRecords(200)
		w.route53.refuses["web-123.example.com. A "] = "the 123rd is bad"
		w.route53.refuses["web-277.example.com. A "] = "the 277th is bad"
		w.deleteAll(found, func(n int) string {
			switch n {
			case 123:
				return "failed Route 53 refused: the 123rd is bad"
			case 277:
				return "failed Route 53 refused: the 277th is bad"
			}
			return ledger.Deleted
		})
		if n := w.route53.calls["ChangeResourceRecordSets"]; n > 60 {
			t.Errorf("%d changes to find two bad ones of 200", n)
		}
	})
}

// triesAgain is what the SDK does after a lost answer.
type triesAgain struct {
	*fakeRecords
	once *bool
}

func (c triesAgain) ChangeResourceRecordSets(ctx context.Context, in *route53.ChangeResourceRecordSetsInput, options ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	out, err := c.fakeRecords.ChangeResourceRecordSets(ctx, in, options...)
	if *c.once {
		*c.once = false
		return c.fakeRecords.ChangeResourceRecordSets(ctx, in, options...)
	}
	return out, err
}

// The answer to a whole batch is lost, and the SDK or another attempt makes the change again: nobody is told of a refusal, and
// the batch is not taken apart.
func TestALostAnswerToAManifoldChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		found := w.manyRecords(300)
		once := true
		w.dns.door(zone).connect = func(context.Context, Place) (Route53API, error) {
			return triesAgain{w.route53, &once}, nil
		}
		w.deleteAll(found, deletedAlways)
		if n := w.route53.calls["ChangeResourceRecordSets"]; n > 3 {
			t.Errorf("%d changes", n)
		}
	})
}

// Route 53 is busy with the zone, or with the account: the changes wait.
func TestChangesWaitForTheirTurn(t *testing.T) {
	for _, code := range []string{"PriorRequestNotComplete", "Throttling"} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			found := w.manyRecords(10)
			for range 3 {
				w.route53.failing("ChangeResourceRecordSets", 400, code, "Rate exceeded")
			}
			w.deleteAll(found, deletedAlways)
			if n := w.route53.calls["ChangeResourceRecordSets"]; n != 4 {
				t.Errorf("%s: %d changes", code, n)
			}
		})
	}
}

func TestChangesThatNeverGetTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7))
		for range 100 {
			w.route53.failing("ChangeResourceRecordSets", 400, "PriorRequestNotComplete", "")
		}
		began := time.Now()
		_, err := w.dns.DeleteRecords(t.Context(), in)
		wantError(t, "busy", err, what{kind: ErrThrottled, after: 5 * time.Second, upTo: 8 * time.Second, says: "PriorRequestNotComplete"})
		if time.Since(began) > 90*time.Second {
			t.Errorf("it took %s", time.Since(began))
		}
	})
}

// Within the limits, and never two versions of one record set.
func TestBatchesAreWithinLimits(t *testing.T) {
	group := func(name string, elements, characters int) *changeGroup {
		return &changeGroup{recordChange: recordChange{set: policy.RecordSet{Name: name}}, elements: elements, characters: characters}
	}
	for about, c := range map[string]struct {
		groups []*changeGroup
		want   []int
	}{
		"nothing":        {nil, []int{0}},
		"few":            {[]*changeGroup{group("a", 1, 9), group("b", 1, 9)}, []int{2}},
		"elements":       {[]*changeGroup{group("a", 600, 9), group("b", 400, 9), group("c", 1, 9)}, []int{2, 1}},
		"characters":     {[]*changeGroup{group("a", 1, 20_000), group("b", 1, 12_000), group("c", 1, 1)}, []int{2, 1}},
		"two versions":   {[]*changeGroup{group("a", 1, 9), group("a", 1, 9), group("b", 1, 9)}, []int{1, 2}},
		"one is too big": {[]*changeGroup{group("a", 2000, 9), group("b", 1, 9)}, []int{1, 1}},
	} {
		var got []int
		for _, batch := range cutChanges(c.groups) {
			got = append(got, len(batch))
		}
		if !cmp.Equal(got, c.want) {
			t.Errorf("%s: batches of %v, want %v", about, got, c.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		w.deleteAll(w.manyRecords(1500), deletedAlways)
		if n := w.route53.calls["ChangeResourceRecordSets"]; n > 4 {
			t.Errorf("%d changes of at most 1,000 for 1,500", n)
		}
	})
}

// An error that is no record's fault is everybody's, and what went before it counts.
func TestAFailureInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		found := w.manyRecords(1500)
		w.route53.fail["ChangeResourceRecordSets"] = []error{nil, awsError("Route 53", "ChangeResourceRecordSets", 403, "AccessDenied", "no more")}
		var all sync.WaitGroup
		var failed sync.Map
		for n, records := range found {
			all.Go(func() {
				if _, err := w.dns.DeleteRecords(t.Context(), w.input(n, zone, records)); err != nil {
					failed.Store(n, true)
				}
			})
		}
		all.Wait()
		for n := range found {
			e := w.ledger.entries[ledger.EntryID(fmt.Sprintf("run-%d", n), fmt.Sprintf("route53/Z1/web-%d.example.com./A", n))]
			gone := w.route53.gone[fmt.Sprintf("web-%d.example.com. A 10.0.%d.%d", n, n/250, n%250)] == 1
			want := ledger.Failed
			if gone {
				want = ledger.Deleted
			}
			if _, told := failed.Load(n); gone == told || e.Outcome != want {
				t.Errorf("web-%d: gone %v, told of a failure %v, the ledger says %q", n, gone, told, e.Outcome)
			}
		}
		if n := w.route53.calls["ChangeResourceRecordSets"]; n != 2 {
			t.Errorf("%d changes", n)
		}
	})
}
