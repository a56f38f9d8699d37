package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// found is what FindRecords says of web-n.
func (w *recordsWorld) found(n int) []policy.OwnRecord {
	w.t.Helper()
	return must[FindRecordsOutput](w.t)(w.find(n)).Records
}

func TestDeleteRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		found := w.found(7)
		out, err := w.dns.DeleteRecords(t.Context(), w.input(7, zone, found))
		want := map[string]string{"route53/Z1/web-7.example.com./A": "deleted", "route53/Z1/web.example.com./A": "deleted"}
		if err != nil || !cmp.Equal(outcomesOf(out.Records), want) || !cmp.Equal(w.entries(), want) {
			t.Errorf("%+v, %v; the ledger: %v", out, err, w.entries())
		}
		if got := w.route53.all(zoneID); slices.Contains(got, "web-7.example.com. A 10.0.0.7") || !slices.Contains(got, "web.example.com. A 10.0.0.8 10.0.0.9") || len(got) != 6 {
			t.Errorf("left: %q", got)
		}
		if n := w.route53.calls["ChangeResourceRecordSets"]; n != 1 {
			t.Errorf("%d changes for two records of one zone", n)
		}
		e := w.ledger.entries[ledger.EntryID("run-7", "route53/Z1/web.example.com./A")]
		wantNames := []string{"10.0.0.7", instanceNumber(7), "web-7", "web.example.com", "web.example.com."}
		if !cmp.Equal(e.Names, wantNames) || e.Account != here.Account || e.Reason != "it is terminated: web.example.com is a shared name, 10.0.0.7 its address" || e.Approver == "" {
			t.Errorf("the ledger has %+v", e)
		}
		if _, err := w.dns.DeleteRecords(t.Context(), w.input(7, reverse, found)); err != nil || !cmp.Equal(w.route53.all(reverseID), []string{"8.0.0.10.in-addr.arpa. PTR web-8.example.com."}) {
			t.Errorf("left: %q, %v", w.route53.all(reverseID), err)
		}
	})
}

// What happens between the look and the deletion.
func TestDeleteRecordsLooksAgain(t *testing.T) {
	const own, shared = "route53/Z1/web-7.example.com./A", "route53/Z1/web.example.com./A"
	for about, c := range map[string]struct {
		then   func(*recordsWorld)
		own    Deleted
		shared string // outcome
		left   string // a record of the zone
	}{
		"somebody deletes it": {
			func(w *recordsWorld) { delete(w.route53.zones[zoneID], "web-7.example.com. A ") },
			Deleted{Outcome: ledger.Gone},
			ledger.Deleted, "web.example.com. A 10.0.0.8 10.0.0.9",
		},
		"a new node has its name": {
			func(w *recordsWorld) { w.route53.put(zoneID, "web-7.example.com. A 10.0.0.99") },
			Deleted{Outcome: ledger.Gone, Detail: "it points to 10.0.0.99 by now"},
			ledger.Deleted, "web-7.example.com. A 10.0.0.99",
		},
		"its TTL is changed": {
			func(w *recordsWorld) { *w.route53.zones[zoneID]["web-7.example.com. A "].TTL = 30 },
			Deleted{Outcome: DeletedKept, Detail: `it was changed since it was looked at, and is now {"Name":"web-7.example.com.","ResourceRecords":[{"Value":"10.0.0.7"}],"TTL":30,"Type":"A"}`},
			ledger.Deleted, "web-7.example.com. A 10.0.0.7",
		},
		"somebody alive gets the address": {
			func(w *recordsWorld) { w.ec2.run(instanceNumber(99), "pending", "new", "10.0.0.7") },
			Deleted{Outcome: DeletedKept, Detail: "10.0.0.7 is the address of i-00000000000000063 (new)"},
			DeletedKept, "web.example.com. A 10.0.0.7 10.0.0.8 10.0.0.9",
		},
		"somebody alive gets the name": {
			func(w *recordsWorld) { w.ec2.run(instanceNumber(99), "pending", "web-7", "10.0.0.99") },
			Deleted{Outcome: DeletedKept, Detail: "web-7.example.com is a name of i-00000000000000063 (web-7)"},
			ledger.Deleted, "web-7.example.com. A 10.0.0.7",
		},
		"others come and go": {
			func(w *recordsWorld) { w.route53.put(zoneID, "web.example.com. A 10.0.0.7 10.0.0.9 10.0.0.11") },
			Deleted{Outcome: ledger.Deleted},
			ledger.Deleted, "web.example.com. A 10.0.0.11 10.0.0.9",
		},
		"it is made an alias": {
			func(w *recordsWorld) { w.route53.put(zoneID, "web-7.example.com. A") },
			Deleted{Outcome: ledger.Gone, Detail: "it is an alias by now"},
			ledger.Deleted, "web-7.example.com. A",
		},
		"Route 53 refuses": {
			func(w *recordsWorld) { w.route53.refuses["web-7.example.com. A "] = "words of Route 53" },
			Deleted{Outcome: ledger.Failed, Detail: "Route 53 refused: words of Route 53"},
			ledger.Deleted, "web-7.example.com. A 10.0.0.7",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			in := w.input(7, zone, w.found(7))
			c.then(w)
			out, err := w.dns.DeleteRecords(t.Context(), in)
			if err != nil || len(out.Records) != 2 {
				t.Fatalf("%s: %+v, %v", about, out, err)
			}
			got := out.Records[0]
			got.Entry, c.own.What = "", own
			if got != c.own || out.Records[1].What != shared || out.Records[1].Outcome != c.shared {
				t.Errorf("%s: %+v", about, out.Records)
			}
			if !slices.Contains(w.route53.all(zoneID), c.left) {
				t.Errorf("%s: left is %q", about, w.route53.all(zoneID))
			}
			again, err := w.dns.DeleteRecords(t.Context(), in)
			if err != nil || !cmp.Equal(again, out) {
				t.Errorf("%s: the same again is %+v, %v", about, again, err)
			}
		})
	}
}

// Three nodes of one name die at once. Whatever they read, each takes its own value, and no other.
func TestManyTakeValuesOutOfOneRecord(t *testing.T) {
	for _, nodes := range [][]int{{7, 9}, {7, 8, 9}, {9}} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			w.ec2.instances, w.ec2.nics = nil, nil
			found := map[int][]policy.OwnRecord{}
			for _, n := range nodes {
				found[n] = w.found(n)
			}
			var all sync.WaitGroup
			for _, n := range nodes {
				all.Go(func() {
					out, err := w.dns.DeleteRecords(t.Context(), w.input(n, zone, found[n]))
					if got := outcomesOf(out.Records)["route53/Z1/web.example.com./A"]; err != nil || got != ledger.Deleted {
						t.Errorf("web-%d of %v: %s, %v", n, nodes, got, err)
					}
				})
			}
			all.Wait()
			for _, n := range []int{7, 8, 9} {
				want := 0
				if slices.Contains(nodes, n) {
					want = 1
				}
				if got := w.route53.gone[fmt.Sprintf("web.example.com. A 10.0.0.%d", n)]; got != want {
					t.Errorf("%v died, and 10.0.0.%d went %d times", nodes, n, got)
				}
			}
			if n := w.route53.calls["ChangeResourceRecordSets"]; n != 1 {
				t.Errorf("%d changes for %v at the same time", n, nodes)
			}
		})
	}
}

// They die one after the other, and all were looked at before the first went.
func TestValuesGoOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		w.ec2.instances, w.ec2.nics = nil, nil
		found := map[int][]policy.OwnRecord{7: w.found(7), 8: w.found(8), 9: w.found(9)}
		for n, records := range found {
			if out, err := w.dns.DeleteRecords(t.Context(), w.input(n, zone, records)); err != nil || outcomesOf(out.Records)["route53/Z1/web.example.com./A"] != ledger.Deleted {
				t.Errorf("web-%d: %+v, %v", n, out, err)
			}
		}
		if got := strings.Join(w.route53.all(zoneID), "\n"); strings.Contains(got, "web.example.com.") {
			t.Errorf("left is %s", got)
		}
	})
}

func TestDeleteRecordsRefusesWhatItDidNotFind(t *testing.T) {
	for about, spoil := range map[string]func(*DeleteRecordsInput){
		"another zone's record": func(in *DeleteRecordsInput) { in.Records[0].Zone = "Z9" },
		"another zone's name":   func(in *DeleteRecordsInput) { in.Zone.Name = "example.org." },
		"a foreign value":       func(in *DeleteRecordsInput) { in.Records[0].Drop = []string{"10.0.0.8"} },
		"no such record":        func(in *DeleteRecordsInput) { in.Records[0].Exact = "{}" },
		"no instance":           func(in *DeleteRecordsInput) { in.Subject.Instance = "*" },
		"nowhere to look":       func(in *DeleteRecordsInput) { in.Live = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			in := w.input(7, zone, w.found(7))
			spoil(&in)
			_, err := w.dns.DeleteRecords(context.Background(), in)
			wantError(t, about, err, refused(ErrInvalid, "nothing is deleted"))
			if w.route53.calls["ChangeResourceRecordSets"] > 0 || len(w.ledger.entries) > 0 {
				t.Errorf("%s: something was changed", about)
			}
		})
	}
}
