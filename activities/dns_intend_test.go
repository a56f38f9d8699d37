package activities

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

// twoAddresses is a record with two addresses of web-7, and what asks to delete it.
func (w *recordsWorld) twoAddresses() DeleteRecordsInput {
	w.t.Helper()
	w.route53.put(zoneID, "web-7.example.com. A 10.0.0.7 10.0.0.77")
	facts := factsOf(7)
	facts.Addresses = append(facts.Addresses, "10.0.0.77")
	found, err := w.dns.FindRecords(w.t.Context(), FindRecordsInput{Zones: []Zone{zone}, Facts: facts, Live: []Place{here, abroad}})
	if err != nil || len(found.Records) != 1 || len(found.Records[0].Drop) != 2 {
		w.t.Fatalf("found %+v, %v", found, err)
	}
	in := w.input(7, zone, found.Records)
	in.Facts = facts
	return in
}

// hold lets somebody alive have an address, or not any more.
func (w *recordsWorld) hold(address, state string) {
	w.ec2.run(instanceNumber(99), state, "new", address)
}

// Whoever holds what, and whenever: nothing goes that the ledger's entry does not name, and what went is there as deleted.
func TestTheLedgerNamesWhatGoes(t *testing.T) {
	const stays = "10.0.0.77 stays until a later look: when the deletion began somebody held it"
	for about, c := range map[string]struct {
		meanwhile func(w *recordsWorld, in DeleteRecordsInput)
		want      string
		left      string
	}{
		"free before the next attempt": {func(w *recordsWorld, in DeleteRecordsInput) {
			w.route53.failing("ChangeResourceRecordSets", 500, "InternalFailure", "")
			_, _ = w.dns.DeleteRecords(w.t.Context(), in)
			w.hold("10.0.0.77", "terminated")
		}, "deleted: " + stays, "10.0.0.77"},
		"free, and the answer was lost": {func(w *recordsWorld, in DeleteRecordsInput) {
			w.route53.lose["ChangeResourceRecordSets"]++
			_, _ = w.dns.DeleteRecords(w.t.Context(), in)
			w.hold("10.0.0.77", "terminated")
		}, "deleted: " + stays, "10.0.0.77"},
		"held still, and the answer was lost": {func(w *recordsWorld, in DeleteRecordsInput) {
			w.route53.lose["ChangeResourceRecordSets"]++
			_, _ = w.dns.DeleteRecords(w.t.Context(), in)
		}, "deleted: 10.0.0.77 is the address of " + instanceNumber(99) + " (new)", "10.0.0.77"},
		"the other is held instead": {func(w *recordsWorld, in DeleteRecordsInput) {
			w.route53.failing("ChangeResourceRecordSets", 500, "InternalFailure", "")
			_, _ = w.dns.DeleteRecords(w.t.Context(), in)
			w.hold("10.0.0.77", "terminated")
			w.ec2.run(instanceNumber(98), "running", "newer", "10.0.0.7")
		}, "kept: 10.0.0.7 is the address of " + instanceNumber(98) + " (newer); " + stays, "10.0.0.7 10.0.0.77"},
		"free before the next round": {func(w *recordsWorld, _ DeleteRecordsInput) {
			w.route53.arrives = func(operation string) {
				if operation == "ChangeResourceRecordSets" && w.route53.calls[operation] == 1 { // it is stale then
					w.route53.put(zoneID, "web-7.example.com. A 10.0.0.7 10.0.0.77 10.0.0.78")
					w.hold("10.0.0.77", "terminated")
				}
			}
		}, "deleted: " + stays, "10.0.0.77 10.0.0.78"},
		"another attempt is quicker": {func(w *recordsWorld, in DeleteRecordsInput) {
			w.route53.arrives = func(operation string) {
				if operation != "ListResourceRecordSets" {
					return
				}
				w.route53.arrives = nil
				slow := &DNS{Route53: nowhere[Route53API](errLost("Route 53", "ChangeResourceRecordSets")), EC2: w.dns.EC2, Ledger: w.dns.Ledger}
				d := must[*recordDeletion](w.t)(slow.openRecordDeletion(w.t.Context(), in))
				d.records[0].now, d.records[0].left = in.Records[0].RecordSet, []string{"10.0.0.7"}
				if err := d.intend(w.t.Context()); err != nil {
					w.t.Error(err)
				}
				w.hold("10.0.0.77", "terminated")
			}
		}, "deleted: " + stays, "10.0.0.77"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			in := w.twoAddresses()
			w.hold("10.0.0.77", "running")
			c.meanwhile(w, in)
			for range 2 {
				got := must[DeleteRecordsOutput](t)(w.dns.DeleteRecords(t.Context(), in)).Records[0]
				if text := got.Outcome + ": " + got.Detail; text != c.want {
					t.Errorf("%s: %s, want %s", about, text, c.want)
				}
				outcome, _, _ := strings.Cut(c.want, ":")
				e := w.ledger.entries[got.Entry]
				var said policy.OwnRecord
				if err := json.Unmarshal([]byte(e.PutBack.Definition), &said); err != nil || !cmp.Equal(said.Drop, []string{"10.0.0.7"}) || (e.Outcome == ledger.Deleted) != (outcome == DeletedDone) {
					t.Errorf("%s: the ledger has %s of %q, %v", about, e.Outcome, said.Drop, err)
				}
			}
			if left := w.route53.all(zoneID); !strings.Contains(strings.Join(left, "\n"), "web-7.example.com. A "+c.left+"\n") {
				t.Errorf("%s: left is %q", about, left)
			}
		})
	}
}

// A refusal is of the version that was refused: a record that others change ever since is tried again.
func TestAnOldRefusalIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7)[1:2])
		const key = "web.example.com. A "
		w.route53.refuses[key] = "words of Route 53"
		w.route53.arrives = func(operation string) {
			if n := w.route53.calls[operation]; operation == "ChangeResourceRecordSets" && n > 2 {
				delete(w.route53.refuses, key)
				w.route53.put(zoneID, key+"10.0.0.7 10.0.1."+string(rune('0'+n)))
			}
		}
		if out, err := w.dns.DeleteRecords(t.Context(), in); err == nil || !strings.Contains(err.Error(), "changed by others again and again") {
			t.Errorf("%+v, %v", out, err)
		}
		w.route53.arrives = nil
		if out, err := w.dns.DeleteRecords(t.Context(), in); err != nil || out.Records[0].Outcome != DeletedDone {
			t.Errorf("the next attempt: %+v, %v", out, err)
		}
	})
}
