package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"

	"epoxy/internal/policy"
)

// A zone is read whole for as long as its pages come, and not for longer than an activity lasts.
func TestBigZonesTakeTheirTime(t *testing.T) {
	for about, c := range map[string]struct {
		page  time.Duration
		after time.Duration // it is given up
	}{
		"slow":     {page: time.Second},
		"too slow": {page: 20 * time.Second, after: readTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecordsWorld(t)
			w.route53.pages = 1
			for n := range 100 {
				w.route53.put(zoneID, fmt.Sprintf("x-%d.example.com. A 10.1.1.1", n))
			}
			w.route53.arrives = func(string) { time.Sleep(c.page) }
			began := time.Now()
			sets, err := w.dns.door(zone).reads.ask(t.Context(), policy.WantedRecords{Patterns: []string{"web-*.example.com"}, Addresses: []string{"10.0.0.7"}})
			switch took := time.Since(began); {
			case c.after == 0 && (err != nil || len(sets) != 1 || took < 100*c.page):
				t.Errorf("%s: %v, %v after %s", about, sets, err, took)
			case c.after > 0 && (!errors.Is(err, context.DeadlineExceeded) || took < c.after || took > c.after+c.page+time.Second):
				t.Errorf("%s: %v after %s", about, err, took)
			}
		})
	}
}

type hangingRecords struct{ Route53API }

func (hangingRecords) ListResourceRecordSets(ctx context.Context, _ *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAPageThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns, began := &DNS{Route53: to[Route53API](hangingRecords{})}, time.Now()
		_, err := dns.door(zone).reads.ask(t.Context(), policy.WantedRecords{Names: []string{"web-7.example.com."}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != readMoment+zoneTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// A change that was refused is looked at again at once, also while somebody reads a big zone.
func TestAChangeDoesNotWaitForReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecordsWorld(t)
		in := w.input(7, zone, w.found(7))
		w.route53.refuses["web-7.example.com. A "] = "words of Route 53"
		door := w.dns.door(zone)
		done := make(chan struct{})
		var busy sync.WaitGroup
		w.dns.zones[door.zone].reads = newGatherer(gatherOptions{}, func(ctx context.Context, asked []policy.WantedRecords) ([][]policy.RecordSet, error) {
			if w.route53.calls["ChangeResourceRecordSets"] == 0 {
				return door.read(ctx, asked)
			}
			<-done
			return nil, errors.New("stopped")
		})
		busy.Go(func() { _, _ = w.dns.DeleteRecords(t.Context(), in) })
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.route53.calls["ChangeResourceRecordSets"]; n != 4 {
			t.Errorf("%d changes", n)
		}
		close(done)
		busy.Wait()
	})
}
