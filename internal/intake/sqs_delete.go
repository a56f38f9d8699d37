package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// gather is how long a batch of deletions waits to fill.
const gather = 20 * time.Millisecond

// deleteAccepted deletes in batches until nothing more is accepted. What cannot be deleted stays in hand, invisible, and is
// tried again: deleted late, it costs nothing; seen again, it is a duplicate.
func (p *Poller) deleteAccepted(ctx context.Context) {
	for first := range p.accepted {
		batch := p.batch(first)
		for failures := 1; p.deleteBatch(ctx, batch) && pause(ctx, failures); failures++ {
			tried := batch
			batch = p.held(func(h *held) bool { return slices.Contains(tried, h) })
		}
	}
}

// batch waits a moment for more, since ten cost what one does.
func (p *Poller) batch(first *held) []*held {
	out := []*held{first}
	late := time.NewTimer(gather)
	defer late.Stop()
	for len(out) < perCall {
		select {
		case h, ok := <-p.accepted:
			if !ok {
				return out
			}
			out = append(out, h)
		case <-late.C:
			return out
		}
	}
	return out
}

// deleteBatch tells whether some of the batch is still to be deleted.
func (p *Poller) deleteBatch(ctx context.Context, batch []*held) (left bool) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &p.Queue.URL}
	for i, receipt := range p.receipts(batch) {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt})
	}
	if len(in.Entries) == 0 {
		return false
	}
	out, err := p.API.DeleteMessageBatch(ctx, in)
	if p.reached(ctx, "DeleteMessageBatch", err); err != nil {
		return true
	}
	for _, s := range out.Successful {
		if h := entry(batch, s.Id); h != nil {
			p.drop(h)
		}
	}
	p.forget(batch, out.Failed)
	return slices.ContainsFunc(out.Failed, func(f types.BatchResultErrorEntry) bool { return !f.SenderFault })
}

// forget drops what SQS says is not ours any more: it comes again, to us or to another, and is found to be a duplicate if it
// was accepted. Other failures are tried again.
func (p *Poller) forget(batch []*held, failed []types.BatchResultErrorEntry) {
	for _, f := range failed {
		h := entry(batch, f.Id)
		if h == nil || !f.SenderFault {
			continue
		}
		p.Log.Warn("a message is no longer ours and will come again", "code", aws.ToString(f.Code), "message", h.id)
		p.drop(h)
	}
}

// reached notes whether a call came through, and says so when that changes.
func (p *Poller) reached(ctx context.Context, call string, err error) {
	if err != nil && ctx.Err() != nil {
		return // we stopped it
	}
	p.mu.Lock()
	was, failed := p.failing[call]
	switch {
	case err == nil:
		delete(p.failing, call)
	case !failed:
		p.failing[call] = trouble{since: time.Now(), err: err}
	default:
		p.failing[call] = trouble{since: was.since, err: err}
	}
	p.mu.Unlock()
	switch {
	case err != nil && !failed:
		p.Log.Error("SQS does not do what it is asked to; trying on", "call", call, "error", err)
	case err == nil && failed:
		p.Log.Info("SQS works again", "call", call, "after", time.Since(was.since).Round(time.Second).String())
	}
}

// Health is nil as long as the queue can be reached, give or take a minute.
func (p *Poller) Health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []error
	for _, call := range slices.Sorted(maps.Keys(p.failing)) {
		if t := p.failing[call]; time.Since(t.since) >= unhealthy {
			all = append(all, fmt.Errorf("queue %s: %s fails since %s: %w", p.Queue.URL, call, t.since.UTC().Format(time.RFC3339), t.err))
		}
	}
	return errors.Join(all...)
}
