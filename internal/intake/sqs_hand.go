package intake

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// held is a message in hand. What is not fixed is the poller's to lock.
type held struct {
	id      string
	sent    time.Time
	lost    chan struct{} // closed when SQS no longer lets us have it
	receipt string
	until   time.Time // when others see it again
}

// hold takes a message in hand. One that is in hand already is the same with a new receipt.
func (p *Poller) hold(m types.Message) (h *held, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := aws.ToString(m.MessageId)
	h, ok := p.hand[id]
	if !ok {
		h = &held{id: id, sent: time.Now(), lost: make(chan struct{})}
		if millis, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
			h.sent = time.UnixMilli(millis)
		}
		p.hand[id] = h
	}
	h.receipt, h.until = aws.ToString(m.ReceiptHandle), time.Now().Add(visibility)
	return h, !ok
}

// drop lets go of a message.
func (p *Poller) drop(h *held) {
	p.mu.Lock()
	mine := p.hand[h.id] == h
	if mine {
		delete(p.hand, h.id)
		close(h.lost)
	}
	p.mu.Unlock()
	if mine {
		p.slots.Release(1)
	}
}

// held are messages in hand for which the condition holds, the oldest first.
func (p *Poller) held(condition func(*held) bool) []*held {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*held
	for h := range maps.Values(p.hand) {
		if condition(h) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *held) int { return cmp.Or(a.sent.Compare(b.sent), cmp.Compare(a.id, b.id)) })
	return out
}

// oldest is the age of the oldest message in hand, in seconds.
func (p *Poller) oldest() float64 {
	all := p.held(func(*held) bool { return true })
	if len(all) == 0 {
		return 0
	}
	return time.Since(all[0].sent).Seconds()
}

// keep extends the messages in hand, so that nobody else gets them and no receive counts against them. SQS ends this twelve
// hours after it gave a message out.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
func (p *Poller) keep(ctx context.Context) {
	ticker := time.NewTicker(visibility / 8)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			soon := time.Now().Add(visibility / 2)
			p.changeVisibility(ctx, p.held(func(h *held) bool { return h.until.Before(soon) }), visibility)
		}
	}
}

// giveBack lets others have what is still in hand, at once.
func (p *Poller) giveBack(ctx context.Context) {
	all := p.held(func(*held) bool { return true })
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	p.changeVisibility(ctx, all, 0)
	p.Log.Info("gave messages back to the queue", "messages", len(all))
}

func (p *Poller) changeVisibility(ctx context.Context, all []*held, span time.Duration) {
	for batch := range slices.Chunk(all, perCall) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &p.Queue.URL}
		for i, receipt := range p.receipts(batch) {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt, VisibilityTimeout: int32(span.Seconds()),
			})
		}
		until := time.Now().Add(span)
		out, err := p.API.ChangeMessageVisibilityBatch(ctx, in)
		if p.reached(ctx, "ChangeMessageVisibilityBatch", err); err != nil {
			continue
		}
		p.mu.Lock()
		for _, s := range out.Successful {
			if h := entry(batch, s.Id); h != nil {
				h.until = until
			}
		}
		p.mu.Unlock()
		p.forget(batch, out.Failed)
	}
}

func (p *Poller) receipts(batch []*held) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]string, 0, len(batch))
	for _, h := range batch {
		out = append(out, h.receipt)
	}
	return out
}

// entry finds the message of a batch by the id that its entry was given.
func entry(batch []*held, id *string) *held {
	i, err := strconv.Atoi(aws.ToString(id))
	if err != nil || i < 0 || i >= len(batch) {
		return nil
	}
	return batch[i]
}
