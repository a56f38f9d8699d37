package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"epoxy/internal/policy"
)

func TestMessagesAreDeletedOnceTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.queue.Send(deaths(200)...)
		p.queue.Send(deaths(1)[0]) // one again
		p.queue.Send(`{"Event": "autoscaling:TEST_NOTIFICATION"}`)
		p.settle()
		if len(p.took) != 200 || p.counted(codeAccepted) != 200 || p.counted(codeDuplicate) != 1 || p.counted("test_notification") != 1 {
			t.Errorf("took %d, counted %v, %v, %v", len(p.took), p.counted(codeAccepted), p.counted(codeDuplicate), p.counted("test_notification"))
		}
		if p.most > 100 || p.most < 10 {
			t.Errorf("%d at a time", p.most)
		}
		if calls := p.queue.Calls("DeleteMessageBatch"); calls > 60 {
			t.Errorf("%d calls to delete 202 messages", calls)
		}
	})
}

func TestRefusedGoToTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.queue.Send("not JSON", strings.Replace(deaths(1)[0], "i-00000000000000000\", \"state", "*\", \"state", 1), deaths(1)[0])
		p.settle()
		p.wantTook(1)
		if dead := p.queue.Dead(); len(dead) != 2 {
			t.Errorf("dead letters %q", dead)
		}
		if p.counted("not_json") != 1 || p.counted("bad_subject") != 1 || strings.Count(p.log.String(), "was refused") != 2 {
			t.Errorf("counted or logged more than once:\n%s", p.log)
		}
	})
}

// A refusal of Temporal's is one, too: it holds up nobody else.
func TestPoisonDoesNotStopTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(p *polled) {
			p.Accept = func(ctx context.Context, a policy.Announcement) (Accepted, error) {
				if strings.HasSuffix(a.Subject.Instance, "7") {
					return Accepted{}, refused("not_startable", "no")
				}
				return p.accept(ctx, a)
			}
		})
		p.queue.Send(deaths(8)...)
		p.settle()
		p.wantTook(7)
		if len(p.queue.Dead()) != 1 {
			t.Errorf("dead letters %q", p.queue.Dead())
		}
	})
}

func TestOutageOfTemporalLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.temporal(errors.New("no connection"))
		p.queue.Send(deaths(500)...)
		time.Sleep(6 * time.Hour)
		if most := p.queue.Receives(); most != 1 || len(p.queue.Dead()) != 0 {
			t.Errorf("a message was received %d times; dead letters: %d", most, len(p.queue.Dead()))
		}
		if all, visible := p.queue.Len(); all != 500 || visible != 400 {
			t.Errorf("%d messages, %d of them not in hand", all, visible)
		}
		if age := p.counted("oldest"); age < 6*3600 || age > 6*3600+60 {
			t.Errorf("the oldest is %v s old", age)
		}
		if p.calls > 100*6*3600/15 {
			t.Errorf("asked Temporal %d times", p.calls)
		}
		if n := strings.Count(p.log.String(), "cannot be taken"); n != 1 {
			t.Errorf("told of the outage %d times", n)
		}
		p.temporal(nil)
		p.settle()
		p.wantTook(500)
		if !strings.Contains(p.log.String(), "taken again") || p.Health() != nil || p.counted("oldest") != 0 {
			t.Errorf("%v, oldest %v", p.Health(), p.counted("oldest"))
		}
	})
}

// SQS lets nobody have a message for more than twelve hours; it comes again, and waits on.
func TestOutageOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.temporal(errors.New("no connection"))
		p.queue.Send(deaths(5)...)
		time.Sleep(24 * time.Hour)
		if most := p.queue.Receives(); most > 3 {
			t.Errorf("received %d times", most)
		}
		p.temporal(nil)
		p.settle()
		p.wantTook(5)
	})
}

// Nor does an outage of as long as the queue keeps messages make dead letters, with as many receives as deploy/epoxy.yaml allows.
func TestOutageOfTwoWeeks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(p *polled) { p.queue.MaxReceives = 30 })
		p.temporal(errors.New("no connection"))
		p.queue.Send(deaths(3)...)
		time.Sleep(14*24*time.Hour - time.Minute)
		p.temporal(nil)
		p.settle()
		p.wantTook(3)
		if dead := p.queue.Dead(); len(dead) > 0 {
			t.Errorf("dead letters %q", dead)
		}
	})
}

func TestStopGivesBackWhatIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.temporal(errors.New("no connection"))
		p.queue.Send(deaths(25)...)
		time.Sleep(time.Minute)
		begin := time.Now()
		p.stop()
		if all, visible := p.queue.Len(); all != 25 || visible != 25 {
			t.Errorf("%d messages, %d of them visible", all, visible)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(p *polled) { p.hold = make(chan struct{}) })
		p.queue.Send(deaths(5)...)
		synctest.Wait() // all in Accept
		time.AfterFunc(time.Second, func() { close(p.hold) })
		p.stop()
		if all, _ := p.queue.Len(); all != 0 {
			t.Errorf("%d messages are left", all)
		}
		p.wantTook(5)
	})
}

func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(p *polled) { p.hold = make(chan struct{}) })
		p.queue.Send(deaths(5)...)
		synctest.Wait()
		begin := time.Now()
		p.stop()
		if took := time.Since(begin); took > 3*grace {
			t.Errorf("stopped after %s", took)
		}
		if all, visible := p.queue.Len(); all != 5 || visible != 5 {
			t.Errorf("%d messages, %d of them visible", all, visible)
		}
	})
}

func TestDeletionIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		p.queue.Hiccup("DeleteMessageBatch", 7)
		p.queue.Break("DeleteMessageBatch", errors.New("500"))
		p.queue.Send(deaths(30)...)
		time.Sleep(10 * time.Minute) // longer than a message is invisible by itself
		if p.queue.Receives() != 1 {
			t.Errorf("an accepted message was received %d times", p.queue.Receives())
		}
		if err := p.Health(); err == nil || !strings.Contains(err.Error(), "DeleteMessageBatch") {
			t.Errorf("health: %v", err)
		}
		p.queue.Break("DeleteMessageBatch", nil)
		p.settle()
		p.wantTook(30)
	})
}

func TestOutageOfSQS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, nil)
		all := []string{"ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"}
		p.temporal(errors.New("no connection"))
		p.queue.Send(deaths(20)...)
		time.Sleep(time.Minute)
		for _, call := range all {
			p.queue.Break(call, errors.New("connection refused"))
		}
		time.Sleep(30 * time.Second)
		if err := p.Health(); err != nil {
			t.Errorf("after half a minute: %v", err)
		}
		time.Sleep(10 * time.Minute) // what was in hand is visible now
		if err := p.Health(); err == nil || !strings.Contains(err.Error(), p.Queue.URL) {
			t.Errorf("after ten minutes: %v", err)
		}
		before := p.queue.Calls("ReceiveMessage")
		time.Sleep(time.Hour)
		if calls := p.queue.Calls("ReceiveMessage") - before; calls > 2*3600/15 {
			t.Errorf("called SQS %d times in an hour", calls)
		}
		for _, call := range all {
			p.queue.Break(call, nil)
		}
		time.Sleep(2 * time.Minute) // received again while the first receipt's work goes on
		p.temporal(nil)
		p.settle()
		if len(p.took) != 20 || len(p.queue.Dead()) != 0 || p.Health() != nil {
			t.Errorf("took %d, dead letters %d, %v", len(p.took), len(p.queue.Dead()), p.Health())
		}
	})
}

func TestQueueWithoutDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poll(t, func(p *polled) { p.queue.MaxReceives = 0 })
		synctest.Wait()
		if !strings.Contains(p.log.String(), "redrive policy") {
			t.Errorf("nothing is said:\n%s", p.log)
		}
	})
}
