package activities

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/testsuite"

	"epoxy/internal/ledger"
)

// looking gives what a later look of the same run answers: another activity, with another id.
func (w *recordsWorld) looking(in DeleteRecordsInput) func() Deleted {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet)
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(w.dns.DeleteRecords)
	return func() Deleted {
		w.t.Helper()
		answer, err := env.ExecuteActivity(w.dns.DeleteRecords, in)
		if err != nil {
			w.t.Fatal(err)
		}
		var out DeleteRecordsOutput
		if err := answer.Get(&out); err != nil {
			w.t.Fatal(err)
		}
		return out.Records[0]
	}
}

// A run looks again later, and finds that its record was registered anew; until a person puts one of them back.
func TestWhatComesBackIsDeletedAgain(t *testing.T) {
	const own, times = "web-7.example.com. A 10.0.0.7", 5
	for undone := range times {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			look := w.looking(w.input(7, zone, w.found(7)[:1]))
			var ids []string
			for n := range times {
				w.route53.put(zoneID, own)
				calls := w.ledger.calls["Entries"]
				if d := look(); d.Outcome != DeletedDone {
					t.Fatalf("look %d: %+v", n, d)
				} else {
					ids = append(ids, d.Entry)
				}
				if n == 0 && w.ledger.calls["Entries"] != calls+1 {
					t.Errorf("the first look reads %d times", w.ledger.calls["Entries"]-calls)
				}
			}
			if n := w.route53.gone[own]; n != times || len(w.ledger.entries) != times {
				t.Errorf("it went %d times, and the ledger has %d entries", n, len(w.ledger.entries))
			}
			w.route53.put(zoneID, own)
			if err := w.ledger.putBack(t.Context(), ids[undone]); err != nil {
				t.Fatal(err)
			}
			if d := look(); d.Outcome != DeletedKept || d.Detail != "put back by ann" || w.route53.gone[own] != times {
				t.Errorf("%d was put back: %+v", undone, d)
			}
		})
	}
}

// Somebody puts a record back while its deletion is tried again: it stays.
func TestARecordThatWasPutBackStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7)[:1])
		out := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), in))
		w.route53.put(zoneID, "web-7.example.com. A 10.0.0.7")
		if err := w.ledger.putBack(t.Context(), out.Records[0].Entry); err != nil {
			t.Fatal(err)
		}
		out, err := w.dns.DeleteRecords(t.Context(), in)
		if err != nil || out.Records[0].Outcome != DeletedKept || out.Records[0].Detail != "put back by ann" || w.route53.gone["web-7.example.com. A 10.0.0.7"] != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

// The next event begins another run, which knows nothing of an undo but what the ledger says.
func TestARecordThatWasPutBackStaysForTheNextRun(t *testing.T) {
	const shared = "web.example.com. A 10.0.0.7 10.0.0.8 10.0.0.9"
	byAddress := func(in *DeleteRecordsInput) { // as a sweep does
		in.Subject.Instance, in.Subject.Node, in.Subject.Address = "", "", "10.0.0.7"
	}
	for about, c := range map[string]struct {
		undo bool
		next func(*DeleteRecordsInput)
		want Deleted
	}{
		"put back":             {true, nil, Deleted{Outcome: DeletedKept, Detail: "put back by ann"}},
		"not put back":         {false, nil, Deleted{Outcome: DeletedDone}},
		"a person mops":        {true, func(in *DeleteRecordsInput) { in.Again = true }, Deleted{Outcome: DeletedDone}},
		"a sweep":              {true, byAddress, Deleted{Outcome: DeletedKept, Detail: "put back by ann"}},
		"a sweep, not undone":  {false, byAddress, Deleted{Outcome: DeletedDone}},
		"mopped by name":       {true, func(in *DeleteRecordsInput) { in.Subject.Instance = "" }, Deleted{Outcome: DeletedKept, Detail: "put back by ann"}},
		"another of that name": {true, func(in *DeleteRecordsInput) { in.Subject.Instance = instanceNumber(77) }, Deleted{Outcome: DeletedDone}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			w.ec2.instances, w.ec2.nics = nil, nil
			in, other := w.input(7, zone, w.found(7)[1:2]), w.input(9, zone, w.found(9)[:1])
			first := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), in)).Records[0]
			if c.undo {
				if err := w.ledger.putBack(t.Context(), first.Entry); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			// Somebody else's value of the same set, later: that says nothing of ours.
			if out, err := w.dns.DeleteRecords(t.Context(), other); err != nil || out.Records[0].What != first.What || out.Records[0].Outcome != DeletedDone {
				t.Fatalf("%s: web-9: %+v, %v", about, out, err)
			}
			w.route53.put(zoneID, shared)
			in.RunID = "another run"
			if c.next != nil {
				c.next(&in)
			}
			got := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), in)).Records[0]
			if c.want.What, c.want.Entry = got.What, got.Entry; got != c.want {
				t.Errorf("%s: %+v, want %+v", about, got, c.want)
			}
			if left := slices.Contains(w.route53.all(zoneID), shared); left != (c.want.Outcome == DeletedKept) {
				t.Errorf("%s: left is %q", about, w.route53.all(zoneID))
			}
		})
	}
}

// What the ledger calls failed was kept by right, as every further attempt says, too.
func TestARecordThatIsTakenBetweenTwoAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7)[:1])
		w.route53.failing("ChangeResourceRecordSets", 500, "InternalFailure", "")
		if _, err := w.dns.DeleteRecords(t.Context(), in); err == nil {
			t.Fatal("the first attempt succeeds")
		}
		w.ec2.run(instanceNumber(99), "running", "new", "10.0.0.7")
		for range 2 {
			out, err := w.dns.DeleteRecords(t.Context(), in)
			if err != nil || out.Records[0].Outcome != DeletedKept || w.entries()[out.Records[0].What] != ledger.Failed {
				t.Errorf("%+v, %v; the ledger: %v", out, err, w.entries())
			}
		}
	})
}
