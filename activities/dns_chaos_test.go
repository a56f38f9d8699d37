package activities

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"epoxy/internal/ledger"
)

// recordSteps are the calls that a deletion makes, and whose fakes they go to.
func recordSteps(w *recordsWorld) map[string]*wire {
	return map[string]*wire{
		"ListResourceRecordSets": w.route53.wire, "ChangeResourceRecordSets": w.route53.wire,
		"DescribeInstances": w.ec2.wire, "DescribeNetworkInterfaces": w.ec2.wire,
		"Entries": w.ledger.wire, "Undos": w.ledger.wire, "Intend": w.ledger.wire, "Conclude": w.ledger.wire,
	}
}

// Whatever call fails or loses its answer, the first of its kind or the second, and with a new worker or the same: the next
// attempt ends it, each value goes once, and all say the same.
func TestRecordDeletionSurvivesAnything(t *testing.T) {
	harms := map[string]func(w *wire, operation string){
		"is throttled":     func(w *wire, operation string) { w.failing(operation, 400, "Throttling", "Rate exceeded") },
		"breaks":           func(w *wire, operation string) { w.failing(operation, 500, "InternalFailure", "") },
		"loses its answer": func(w *wire, operation string) { w.lose[operation]++ },
		"breaks the second time": func(w *wire, operation string) {
			w.fail[operation] = []error{nil, awsError(w.service, operation, 500, "InternalFailure", "")}
		},
	}
	for operation := range recordSteps(&recordsWorld{route53: &fakeRecords{}, ec2: &fakeHolders{}, ledger: &fakeLedger{}}) {
		for how, harm := range harms {
			for _, restarted := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := newRecordsWorld(t)
					in := w.input(7, zone, w.found(7))
					harm(recordSteps(w)[operation], operation)
					var out DeleteRecordsOutput
					var err error
					for range 3 { // the last one when all is done already
						if out, err = w.dns.DeleteRecords(t.Context(), in); err != nil {
							if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.NonRetryable() {
								t.Fatalf("%s %s: %v", operation, how, err)
							}
						}
						if restarted {
							w.restart()
						}
					}
					w.wantEnded(operation+" "+how, out, err)
				})
			}
		}
	}
}

func (w *recordsWorld) wantEnded(about string, out DeleteRecordsOutput, err error) {
	w.t.Helper()
	want := map[string]string{"route53/Z1/web-7.example.com./A": ledger.Deleted, "route53/Z1/web.example.com./A": ledger.Deleted}
	if err != nil || !cmp.Equal(outcomesOf(out.Records), want) || !cmp.Equal(w.entries(), want) {
		w.t.Errorf("%s: ends with %+v, %v; the ledger: %v", about, out, err, w.entries())
	}
	gone := map[string]int{"web-7.example.com. A 10.0.0.7": 1, "web.example.com. A 10.0.0.7": 1}
	if !cmp.Equal(w.route53.gone, gone) {
		w.t.Errorf("%s: what went: %v", about, w.route53.gone)
	}
}

// The worker is stopped while the change is under way: nothing can be concluded any more, and the change is made all the same.
func TestRecordDeletionIsStoppedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7))
		ctx, stop := context.WithCancel(t.Context())
		w.route53.arrives = func(operation string) {
			if operation == "ChangeResourceRecordSets" {
				stop()
			}
		}
		if _, err := w.dns.DeleteRecords(ctx, in); !errors.Is(err, context.Canceled) {
			t.Fatalf("the first attempt: %v", err)
		}
		w.restart()
		out, err := w.dns.DeleteRecords(t.Context(), in)
		w.wantEnded("the second attempt", out, err)
	})
}

// An attempt that was given up for dead is at work still, and quicker.
func TestARecordThatTwoAttemptsDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7))
		first := w.dns
		w.restart()
		done := make(chan struct{})
		go func() {
			defer close(done)
			out, err := first.DeleteRecords(t.Context(), in)
			w.wantEnded("the first", out, err)
		}()
		out, err := w.dns.DeleteRecords(t.Context(), in)
		<-done
		w.wantEnded("the second", out, err)
	})
}

// The change went through and no answer came; then somebody alive takes the name: it is not touched.
func TestANameThatIsTakenAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7))
		w.route53.lose["ChangeResourceRecordSets"]++
		if _, err := w.dns.DeleteRecords(t.Context(), in); err == nil {
			t.Fatal("the first attempt succeeds")
		}
		w.route53.put(zoneID, "web-7.example.com. A 10.0.0.99")
		w.ec2.run(instanceNumber(99), "running", "web-7", "10.0.0.99")
		out, err := w.dns.DeleteRecords(t.Context(), in)
		w.wantEnded("the second", out, err)
		if got := w.route53.all(zoneID); !slices.Contains(got, "web-7.example.com. A 10.0.0.99") {
			t.Errorf("left is %q", got)
		}
	})
}
