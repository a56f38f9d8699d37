package activities

import (
	"slices"
	"testing"
	"testing/synctest"

	"epoxy/internal/ledger"
)

const (
	ownResource    = "route53/Z1/web-7.example.com./A"
	sharedResource = "route53/Z1/web.example.com./A"
)

// mopped is the world after web-7's records of the zone are gone.
func mopped(t testing.TB) *recordsWorld {
	t.Helper()
	w := newRecordsWorld(t)
	w.putWeb7("10.0.0.7")
	if _, err := w.dns.DeleteRecords(t.Context(), w.input(7, zone, w.found(7))); err != nil {
		t.Fatal(err)
	}
	return w
}

// putWeb7 writes the record of web-7 with a TTL that no other has.
func (w *recordsWorld) putWeb7(value string) {
	w.route53.put(zoneID, "web-7.example.com. A "+value)
	*w.route53.zones[zoneID]["web-7.example.com. A "].TTL = 123
}

// onceBeforeChange has somebody else write a record just before the next change arrives.
func (w *recordsWorld) onceBeforeChange(record string) func(string) {
	return func(operation string) {
		if operation == "ChangeResourceRecordSets" && record != "" {
			w.route53.put(zoneID, record)
			record = ""
		}
	}
}

func (w *recordsWorld) restore(resource string) (RestoreOutput, error) {
	r := &Restorer{DNS: w.dns, Ledger: w.ledger.open}
	return attempt(w.t, r.Restore, RestoreInput{
		Place: here, Ledger: LedgerTable{Place: here, Table: "epoxy-ledger"}, Entry: ledger.EntryID("run-7", resource), By: "ann",
	})
}

func TestRestoreRecords(t *testing.T) {
	for about, c := range map[string]struct {
		resource string
		then     func(*recordsWorld)
		note     string
		left     string
	}{
		"its place is free":        {ownResource, nil, "as it was", "web-7.example.com. A 10.0.0.7"},
		"it is there":              {ownResource, func(w *recordsWorld) { w.putWeb7("10.0.0.7") }, "10.0.0.7 is there already", "web-7.example.com. A 10.0.0.7"},
		"its place among others":   {sharedResource, nil, "10.0.0.7, in a set of 3 values", "web.example.com. A 10.0.0.7 10.0.0.8 10.0.0.9"},
		"others came and went":     {sharedResource, func(w *recordsWorld) { w.route53.put(zoneID, "web.example.com. A 10.0.0.9 10.0.0.11") }, "10.0.0.7, in a set of 3 values", "web.example.com. A 10.0.0.11 10.0.0.7 10.0.0.9"},
		"it is there among others": {sharedResource, func(w *recordsWorld) { w.route53.put(zoneID, "web.example.com. A 10.0.0.7 10.0.0.8") }, "10.0.0.7 is there already", "web.example.com. A 10.0.0.7 10.0.0.8"},
		"the others are gone":      {sharedResource, func(w *recordsWorld) { delete(w.route53.zones[zoneID], "web.example.com. A ") }, "with 10.0.0.7 alone: its other values are gone since", "web.example.com. A 10.0.0.7"},
		"the answer is lost":       {ownResource, func(w *recordsWorld) { w.route53.lose["ChangeResourceRecordSets"]++ }, "10.0.0.7 is there already", "web-7.example.com. A 10.0.0.7"},
		"Route 53 is busy with it": {ownResource, func(w *recordsWorld) {
			w.route53.failing("ChangeResourceRecordSets", 400, "PriorRequestNotComplete", "")
		}, "as it was", "web-7.example.com. A 10.0.0.7"},
		"others change it meanwhile":  {sharedResource, func(w *recordsWorld) { w.route53.arrives = w.onceBeforeChange("web.example.com. A 10.0.0.8") }, "10.0.0.7, in a set of 2 values", "web.example.com. A 10.0.0.7 10.0.0.8"},
		"others leave just meanwhile": {sharedResource, func(w *recordsWorld) { w.route53.arrives = w.onceBeforeChange("web.example.com. A 10.0.0.9 10.0.0.8") }, "10.0.0.7, in a set of 3 values", "web.example.com. A 10.0.0.7 10.0.0.8 10.0.0.9"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := mopped(t)
			w.route53.gone = map[string]int{}
			if c.then != nil {
				c.then(w)
			}
			out, err := w.restore(c.resource)
			if about == "the answer is lost" {
				if err == nil {
					t.Errorf("%s: %+v", about, out)
				}
				out, err = w.restore(c.resource)
			}
			e := w.ledger.entries[ledger.EntryID("run-7", c.resource)]
			if err != nil || out.Note != c.note || out.Resource != c.resource || e.Outcome != ledger.Undone {
				t.Errorf("%s: %+v, %v; the ledger says %q", about, out, err, e.Outcome)
			}
			if got := w.route53.all(zoneID); !slices.Contains(got, c.left) {
				t.Errorf("%s: left is %q", about, got)
			}
			if r, there := w.route53.zones[zoneID]["web-7.example.com. A "]; there && *r.TTL != 123 {
				t.Errorf("%s: its TTL is %d", about, *r.TTL)
			}
		})
	}
}

func TestRestoreRefusesWhatIsSomebodyElses(t *testing.T) {
	for about, c := range map[string]struct {
		resource string
		then     func(*recordsWorld)
		says     string
	}{
		"a new node has the name":   {ownResource, func(w *recordsWorld) { w.putWeb7("10.0.0.99") }, "it points to 10.0.0.99"},
		"another TTL":               {ownResource, func(w *recordsWorld) { w.route53.put(zoneID, "web-7.example.com. A 10.0.0.7") }, `something else by now…"TTL":60`},
		"an alias":                  {sharedResource, func(w *recordsWorld) { w.route53.put(zoneID, "web.example.com. A") }, "it is an alias"},
		"none of the others":        {sharedResource, func(w *recordsWorld) { w.route53.put(zoneID, "web.example.com. A 10.0.0.77") }, "it points to 10.0.0.77"},
		"a CNAME stands in its way": {ownResource, func(w *recordsWorld) { w.route53.put(zoneID, "web-7.example.com. CNAME x.") }, "does not take web-7.example.com. A back: RRSet of type A"},
		"an entry of nothing": {ownResource, func(w *recordsWorld) {
			id := ledger.EntryID("run-7", ownResource)
			e := w.ledger.entries[id]
			e.PutBack.Definition = "{}"
			w.ledger.entries[id] = e
		}, "cannot be read"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := mopped(t)
			c.then(w)
			before := w.route53.all(zoneID)
			_, err := w.restore(c.resource)
			wantError(t, about, err, refused(ErrInvalid, c.says))
			if got := w.route53.all(zoneID); !slices.Equal(got, before) {
				t.Errorf("%s: left is %q", about, got)
			}
		})
	}
}
