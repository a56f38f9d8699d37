package activities

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A run deleted a node in two looks, and a person put back what the first of them deleted: the next run leaves it alone.
func TestAnOlderEntryThatWasPutBackStaysForTheNextRun(t *testing.T) {
	w := newChefWorld(t)
	look := w.looking(w.chef())
	in := w.deletion("web-1")
	first := look(in)
	w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
	look(in)
	w.register("web-1", deadInstance, "10.0.0.1", died.Add(-time.Minute))
	if err := w.ledger.putBack(t.Context(), first.Node.Entry); err != nil {
		t.Fatal(err)
	}
	in.RunID = "another run"
	if out := look(in); out.Node.Outcome != DeletedKept || out.Node.Detail != "put back by ann" {
		t.Errorf("%+v", out)
	}
}

// A record of a machine that was announced by its name is put back. It is known again when its instance's id is announced, but
// not when it is another machine's, or long ago.
func TestARecordOfANameThatWasPutBack(t *testing.T) {
	for about, c := range map[string]struct {
		id    bool
		value string
		later time.Duration
		want  string
	}{
		"by its name again": {value: "10.0.0.7", later: time.Hour, want: DeletedKept},
		"by its instance":   {id: true, value: "10.0.0.7", later: time.Hour, want: DeletedKept},
		"another address":   {value: "10.0.0.55", later: time.Hour, want: DeletedDone},
		"months later":      {value: "10.0.0.7", later: 2 * undoHolds, want: DeletedDone},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			w.ec2.instances, w.ec2.nics = nil, nil
			in := w.input(7, zone, w.found(7)[:1])
			id := in.Subject.Instance
			in.Subject.Instance, in.Facts.Subject.Instance = "", ""
			first := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), in)).Records[0]
			if err := w.ledger.putBack(t.Context(), first.Entry); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.later)
			w.route53.put(zoneID, "web-7.example.com. A "+c.value)
			facts := factsOf(7)
			facts.Addresses = []string{c.value}
			found, err := w.dns.FindRecords(t.Context(), FindRecordsInput{Zones: []Zone{zone}, Facts: facts, Live: []Place{here, abroad}})
			if err != nil || len(found.Records) == 0 {
				t.Fatalf("%s: %+v, %v", about, found, err)
			}
			next := w.input(7, zone, found.Records[:1])
			next.Subject.Instance, next.Facts, next.RunID = "", facts, "another run"
			if c.id {
				next.Subject.Instance = id
			}
			got := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), next)).Records[0]
			if got.Outcome != c.want || slices.Contains(w.route53.all(zoneID), "web-7.example.com. A "+c.value) != (c.want == DeletedKept) {
				t.Errorf("%s: %+v", about, got)
			}
		})
	}
}
