package activities

import (
	"fmt"
	"testing"

	"epoxy/internal/ledger"
	"epoxy/internal/policy"
)

const (
	zoneID    = "Z1"
	reverseID = "Z2"
)

// recordsWorld has a zone and a reverse zone, in which web-7 has died; web-8 and others live.
type recordsWorld struct {
	t       testing.TB
	route53 *fakeRecords
	ec2     *fakeHolders
	ledger  *fakeLedger
	dns     *DNS
}

func newRecordsWorld(t testing.TB) *recordsWorld {
	t.Helper()
	w := &recordsWorld{t: t, ledger: newLedger(), ec2: newHolders()}
	w.route53 = newRecords(t, w.ledger)
	w.route53.put(zoneID, "example.com. SOA ns.", "example.com. NS ns.", "web.example.com. A 10.0.0.7 10.0.0.8 10.0.0.9",
		"web-7.example.com. A 10.0.0.7", "web-8.example.com. A 10.0.0.8", "db.example.com. A/blue 10.0.0.7", "www.example.com. CNAME web-7.example.com.")
	w.route53.put(reverseID, "7.0.0.10.in-addr.arpa. PTR web-7.example.com.", "8.0.0.10.in-addr.arpa. PTR web-8.example.com.")
	w.ec2.run(instanceNumber(8), "running", "web-8", "10.0.0.8")
	w.restart()
	return w
}

// restart is a new worker.
func (w *recordsWorld) restart() {
	w.dns = &DNS{Route53: to[Route53API](w.route53), EC2: to[HoldersAPI](w.ec2), Ledger: w.ledger.open}
}

func instanceNumber(n int) string { return fmt.Sprintf("i-%017x", n) }

var (
	zone    = Zone{Place: here, ID: zoneID, Name: "example.com."}
	reverse = Zone{Place: here, ID: reverseID, Name: "0.0.10.in-addr.arpa."}
)

// factsOf are those of web-n, which had the address 10.0.x.n.
func factsOf(n int) policy.Facts {
	return policy.Facts{
		Subject:   policy.Subject{Account: here.Account, Region: here.Region, Instance: instanceNumber(n), Node: fmt.Sprintf("web-%d", n)},
		Addresses: []string{fmt.Sprintf("10.0.%d.%d", n/250, n%250)}, Names: []string{fmt.Sprintf("web-%d", n)},
	}
}

func (w *recordsWorld) find(n int) (FindRecordsOutput, error) {
	return w.dns.FindRecords(w.t.Context(), FindRecordsInput{
		Zones: []Zone{zone, reverse}, Facts: factsOf(n), Rules: policy.MopRules{SharedNames: []string{"web.example.com"}}, Live: []Place{here, abroad},
	})
}

func (w *recordsWorld) input(n int, in Zone, records []policy.OwnRecord) DeleteRecordsInput {
	out := DeleteRecordsInput{
		MopAct: MopAct{
			Ledger: LedgerTable{Place: here, Table: "epoxy-ledger"}, Subject: factsOf(n).Subject, Environment: "prod", Reason: "it is terminated",
			Approver: "the breaker", WorkflowID: fmt.Sprintf("mop/%d", n), RunID: fmt.Sprintf("run-%d", n),
		},
		Zone: in, Facts: factsOf(n), Live: []Place{here, abroad},
	}
	for _, r := range records {
		if r.Zone == in.ID {
			out.Records = append(out.Records, r)
		}
	}
	return out
}

// outcomesOf are those of answers by "name type".
func outcomesOf(all []Deleted) map[string]string {
	out := map[string]string{}
	for _, d := range all {
		out[d.What] = d.Outcome
	}
	return out
}

// entries are the outcomes in the ledger, by resource.
func (w *recordsWorld) entries() map[string]string {
	out := map[string]string{}
	for _, e := range w.ledger.entries {
		if e.Kind == ledger.RecordSet {
			out[e.Resource] = e.Outcome
		}
	}
	return out
}
