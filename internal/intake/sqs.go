package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/semaphore"

	"epoxy/internal/policy"
)

// SQSAPI is what a poller needs of SQS.
type SQSAPI interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Queue is where events wait.
type Queue struct {
	URL string
	ARN string // whose account and Region an event has that names none
	// Topics are those from which SNS's envelopes are taken; none: from any that may send to the queue.
	Topics []string
}

// Poller brings the messages of a queue to Accept. A message is deleted when it was accepted or is none of our business, and
// only then. While Accept cannot take it, it is kept and stays invisible, so that an outage neither loses messages nor counts
// them into the dead letter queue; how many are kept is bounded, so the queue is then read no further. What is refused is left
// alone: the queue's redrive policy moves it to the dead letter queue, where people see it.
type Poller struct {
	API       SQSAPI
	Queue     Queue
	Accept    Accept
	Receivers int // receive calls at a time; 0: 2
	InHand    int // messages that are being worked on at most; 0: 50 for each receiver
	Counters  *Counters
	Log       *slog.Logger

	setup    sync.Once
	slots    *semaphore.Weighted // one for each message in hand
	handling sync.WaitGroup
	accepted chan *held // to be deleted
	down     atomic.Bool

	mu      sync.Mutex
	hand    map[string]*held    // by message id
	refused map[string]struct{} // ids that were counted and logged
	failing map[string]trouble  // by call
}

type trouble struct {
	since time.Time
	err   error
}

const (
	perCall    = 10 // messages: SQS's limit of every batch
	longPoll   = 20 * time.Second
	visibility = 2 * time.Minute  // of a message in hand, from when it was received or extended last
	takeWithin = 10 * time.Second // one call of Accept
	unhealthy  = time.Minute
	// grace is what calls under way get when the process stops, and then again what deleting and giving back get.
	grace = 5 * time.Second
)

func (p *Poller) init() {
	p.setup.Do(func() {
		if p.Receivers == 0 {
			p.Receivers = 2
		}
		if p.InHand == 0 {
			p.InHand = 50 * p.Receivers
		}
		if p.Log == nil {
			p.Log = slog.Default()
		}
		p.Log = p.Log.With("queue", p.Queue.URL)
		p.slots = semaphore.NewWeighted(int64(max(p.InHand, perCall)))
		p.accepted = make(chan *held, max(p.InHand, perCall))
		p.hand, p.refused, p.failing = map[string]*held{}, map[string]struct{}{}, map[string]trouble{}
	})
}

// Run polls until the context ends; then what was accepted is deleted, and what was not is given back to the queue.
func (p *Poller) Run(ctx context.Context) error {
	p.init()
	if err := p.Counters.oldest(p.Queue.URL, p.oldest); err != nil {
		return fmt.Errorf("two pollers of one queue: %w", err)
	}
	p.checkRedrive(ctx)
	// What is under way when the context ends is finished, each within its grace.
	accepting, endAccepting := context.WithCancel(context.WithoutCancel(ctx))
	defer endAccepting()
	keeping, endKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer endKeeping()
	var receivers, deleters, keeper sync.WaitGroup
	for range p.Receivers {
		receivers.Go(func() { p.receive(ctx, accepting) })
		deleters.Go(func() { p.deleteAccepted(keeping) })
	}
	keeper.Go(func() { p.keep(keeping) })

	receivers.Wait()
	defer time.AfterFunc(grace, endAccepting).Stop()
	p.handling.Wait()
	close(p.accepted)
	defer time.AfterFunc(grace, endKeeping).Stop()
	deleters.Wait()
	endKeeping()
	keeper.Wait()
	p.giveBack(ctx)
	return nil
}

// checkRedrive says once that what is refused goes nowhere: it would come again until the queue forgets it.
func (p *Poller) checkRedrive(ctx context.Context) {
	out, err := p.API.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &p.Queue.URL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy},
	})
	if p.reached(ctx, "GetQueueAttributes", err); err == nil && out.Attributes[string(types.QueueAttributeNameRedrivePolicy)] == "" {
		p.Log.Warn("the queue has no dead letter queue: messages that are refused come again until they expire; give it a redrive policy")
	}
}

// receive takes messages as long as there is room for them.
func (p *Poller) receive(ctx, accepting context.Context) {
	patient := p.patient()
	for failures := 0; p.slots.Acquire(ctx, perCall) == nil; {
		out, err := p.API.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &p.Queue.URL, MaxNumberOfMessages: perCall, WaitTimeSeconds: int32(longPoll.Seconds()),
			VisibilityTimeout:           int32(visibility.Seconds()),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		}, patient)
		if p.reached(ctx, "ReceiveMessage", err); err != nil {
			p.slots.Release(perCall)
			failures++
			pause(ctx, failures)
			continue
		}
		failures = 0
		p.slots.Release(int64(perCall - len(out.Messages)))
		for _, m := range out.Messages {
			p.take(ctx, accepting, m)
		}
		if p.down.Load() { // go easy on what does not answer
			pause(ctx, 1)
		}
	}
}

// patient lets a call last for a long poll: the other calls of the same client have shorter ones.
func (p *Poller) patient() func(*sqs.Options) {
	var once sync.Once
	var client sqs.HTTPClient
	return func(o *sqs.Options) {
		once.Do(func() {
			client = o.HTTPClient
			if own, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
				client = own.WithTimeout(longPoll + takeWithin)
			}
		})
		o.HTTPClient = client
	}
}

// take works on one message in the background; its slot is free again when it is out of hand.
func (p *Poller) take(ctx, accepting context.Context, m types.Message) {
	h, fresh := p.hold(m)
	if !fresh { // it became visible while SQS could not be reached, and its work goes on
		p.slots.Release(1)
		return
	}
	p.handling.Go(func() {
		a, err := ParseEvent([]byte(aws.ToString(m.Body)), Origin{QueueARN: p.Queue.ARN, Topics: p.Queue.Topics, ID: h.id, Received: time.Now()})
		var done Accepted
		if err == nil {
			done, err = p.insist(ctx, accepting, h, a)
		}
		code := result(done, err)
		_, isRefusal := errors.AsType[Refusal](err)
		switch {
		case isRefusal:
			p.refuse(h, code, err)
			return
		case code == codeUnavailable: // we stop, and Run gives it back; or it is lost
			return
		case err == nil:
			p.Log.Info("an event was taken", "result", code, "workflow", done.WorkflowID, "format", a.Format, "message", h.id)
		default:
			p.Log.Log(ctx, ignoredLevel(a), "an event was ignored", "result", code, "reason", err, "message", h.id)
		}
		p.Counters.event("sqs", code)
		p.accepted <- h
	})
}

// ignoredLevel: launches and tests are many and nobody's business; an instance's death that is dropped, because its group or
// hook is another team's, is told of, since a typo in the configuration looks the same.
func ignoredLevel(a policy.Announcement) slog.Level {
	if a.Kind == "" {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// insist tries until Accept says yes or no, the message is lost, or the poller stops.
func (p *Poller) insist(ctx, accepting context.Context, h *held, a policy.Announcement) (Accepted, error) {
	for attempt := 1; ; attempt++ {
		one, cancel := context.WithTimeout(accepting, takeWithin)
		done, err := p.Accept(one, a)
		cancel()
		if result(done, err) != codeUnavailable {
			if p.down.CompareAndSwap(true, false) {
				p.Log.Info("messages are taken again")
			}
			return done, err
		}
		p.Counters.event("sqs", codeUnavailable)
		if p.down.CompareAndSwap(false, true) {
			p.Log.Error("messages cannot be taken now; they are kept", "error", err, "message", h.id)
		}
		if !pauseUnless(ctx, h.lost, attempt) {
			return done, err
		}
	}
}

// maxRefused bounds the memory of ids; when it is full, some are logged again.
const maxRefused = 10_000

// refusedAgain is when a refused message comes again. To read it once more changes nothing, so it soon gets to where people
// look: the thirty receives of deploy/epoxy.yaml make two and a half minutes.
const refusedAgain = 5 * time.Second

// refuse leaves a message to the queue's redrive policy. It comes again a few times, and is told of once.
func (p *Poller) refuse(h *held, code string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), takeWithin)
	p.changeVisibility(ctx, []*held{h}, refusedAgain)
	cancel()
	p.drop(h)
	p.mu.Lock()
	_, known := p.refused[h.id]
	if len(p.refused) >= maxRefused {
		clear(p.refused)
	}
	p.refused[h.id] = struct{}{}
	p.mu.Unlock()
	if known {
		return
	}
	p.Counters.event("sqs", code)
	p.Log.Warn("a message was refused and is left for the dead letter queue", "code", code, "reason", clean(err.Error(), 300), "message", h.id)
}

// pause waits after so many failures: a second, two, four, up to half a minute, and never two at the same moment.
func pause(ctx context.Context, failures int) bool { return pauseUnless(ctx, nil, failures) }

func pauseUnless(ctx context.Context, lost <-chan struct{}, failures int) bool {
	span := min(time.Second<<min(failures-1, 5), 30*time.Second)
	timer := time.NewTimer(span/2 + rand.N(span/2)) //nolint:gosec // jitter, no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-lost:
	case <-ctx.Done():
	}
	return false
}
