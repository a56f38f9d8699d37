// Package intaketest has an SQS queue in memory, for tests and benchmarks.
package intaketest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// SQS's limits.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	maxBatch      = 10
	maxWait       = 20 * time.Second
	maxVisibility = 12 * time.Hour
)

// Queue is an SQS queue in memory: messages become visible again, receipts grow old, batches are bounded, and what was
// received too often goes to the dead letter queue.
type Queue struct {
	MaxReceives int // 0: there is no dead letter queue

	mu       sync.Mutex
	changed  chan struct{} // closed when a receive may find something new
	messages []*message
	number   int
	dead     []string
	calls    map[string]int
	faults   map[string]error
	hiccups  map[string]int
}

type message struct {
	id, body          string
	sent, first, free time.Time // first received; visible from
	receives          int
}

func (m *message) receipt() string { return m.id + "#" + strconv.Itoa(m.receives) }

func (q *Queue) lock() func() {
	q.mu.Lock()
	if q.changed == nil {
		q.changed = make(chan struct{})
		q.calls, q.faults, q.hiccups = map[string]int{}, map[string]error{}, map[string]int{}
	}
	return q.mu.Unlock
}

func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Send puts messages into the queue.
func (q *Queue) Send(bodies ...string) {
	defer q.lock()()
	for _, body := range bodies {
		q.number++
		q.messages = append(q.messages, &message{id: fmt.Sprintf("message-%d", q.number), body: body, sent: time.Now(), free: time.Now()})
	}
	q.wake()
}

// Break lets a call fail until it is mended with nil.
func (q *Queue) Break(call string, with error) {
	defer q.lock()()
	q.faults[call] = with
	q.wake()
}

// Hiccup lets so many entries of a batch call fail, each once.
func (q *Queue) Hiccup(call string, entries int) {
	defer q.lock()()
	q.hiccups[call] += entries
}

// Calls tells how often something was called.
func (q *Queue) Calls(call string) int {
	defer q.lock()()
	return q.calls[call]
}

// Len is how many messages are in the queue, and how many of them nobody has in hand.
func (q *Queue) Len() (all, visible int) {
	defer q.lock()()
	for _, m := range q.messages {
		if !m.free.After(time.Now()) {
			visible++
		}
	}
	return len(q.messages), visible
}

// Dead are the bodies in the dead letter queue.
func (q *Queue) Dead() []string {
	defer q.lock()()
	return slices.Clone(q.dead)
}

// Receives is the largest number of times that a message in the queue was received.
func (q *Queue) Receives() (most int) {
	defer q.lock()()
	for _, m := range q.messages {
		most = max(most, m.receives)
	}
	return most
}

// called counts a call, and fails it when it is broken.
func (q *Queue) called(call string) error {
	q.calls[call]++
	return q.faults[call]
}

// GetQueueAttributes tells whether there is a dead letter queue.
func (q *Queue) GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	defer q.lock()()
	if err := q.called("GetQueueAttributes"); err != nil {
		return nil, err
	}
	out := &sqs.GetQueueAttributesOutput{Attributes: map[string]string{}}
	if q.MaxReceives > 0 {
		out.Attributes["RedrivePolicy"] = fmt.Sprintf(`{"maxReceiveCount":%d}`, q.MaxReceives)
	}
	return out, nil
}

// ReceiveMessage waits for messages as long as it may.
func (q *Queue) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	wait, visibility := time.Duration(in.WaitTimeSeconds)*time.Second, time.Duration(in.VisibilityTimeout)*time.Second
	if in.MaxNumberOfMessages < 1 || in.MaxNumberOfMessages > maxBatch || wait > maxWait || visibility <= 0 || visibility > maxVisibility {
		return nil, fmt.Errorf("InvalidParameterValue: %d messages, wait %s, visibility %s", in.MaxNumberOfMessages, wait, visibility)
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		found, next, changed, err := q.receive(int(in.MaxNumberOfMessages), visibility)
		if err != nil || len(found) > 0 {
			return &sqs.ReceiveMessageOutput{Messages: found}, err
		}
		soon := time.NewTimer(next)
		select {
		case <-changed:
		case <-soon.C:
		case <-late.C:
			soon.Stop()
			return &sqs.ReceiveMessageOutput{}, nil
		case <-ctx.Done():
			soon.Stop()
			return nil, ctx.Err()
		}
		soon.Stop()
	}
}

// receive takes what is visible, or tells when something may be.
func (q *Queue) receive(most int, visibility time.Duration) (found []types.Message, next time.Duration, changed <-chan struct{}, err error) {
	defer q.lock()()
	if err := q.called("ReceiveMessage"); err != nil {
		return nil, 0, nil, err
	}
	now := time.Now()
	next = maxWait
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool {
		gone := q.MaxReceives > 0 && m.receives >= q.MaxReceives && !m.free.After(now)
		if gone {
			q.dead = append(q.dead, m.body)
		}
		return gone
	})
	for _, m := range q.messages {
		if m.free.After(now) {
			next = min(next, m.free.Sub(now))
			continue
		}
		if len(found) == most {
			break
		}
		m.receives++
		m.first, m.free = now, now.Add(visibility)
		found = append(found, types.Message{
			MessageId: &m.id, Body: &m.body, ReceiptHandle: aws.String(m.receipt()),
			Attributes: map[string]string{"SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10)},
		})
	}
	return found, next, q.changed, nil
}

// DeleteMessageBatch deletes what is named by its newest receipt.
func (q *Queue) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	defer q.lock()()
	entries := map[string]string{}
	for _, e := range in.Entries {
		entries[*e.Id] = *e.ReceiptHandle
	}
	if err := q.batch("DeleteMessageBatch", len(in.Entries), entries); err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for id, receipt := range entries {
		m, failed := q.named("DeleteMessageBatch", id, receipt)
		if failed != nil {
			out.Failed = append(out.Failed, *failed)
			continue
		}
		q.messages = slices.DeleteFunc(q.messages, func(one *message) bool { return one == m })
		out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: aws.String(id)})
	}
	return out, nil
}

// ChangeMessageVisibilityBatch extends or gives back what is in flight.
func (q *Queue) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	defer q.lock()()
	entries, spans := map[string]string{}, map[string]time.Duration{}
	for _, e := range in.Entries {
		entries[*e.Id], spans[*e.Id] = *e.ReceiptHandle, time.Duration(e.VisibilityTimeout)*time.Second
	}
	if err := q.batch("ChangeMessageVisibilityBatch", len(in.Entries), entries); err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for id, receipt := range entries {
		m, failed := q.named("ChangeMessageVisibilityBatch", id, receipt)
		if failed == nil {
			failed = m.show(id, spans[id])
		}
		if failed != nil {
			out.Failed = append(out.Failed, *failed)
			continue
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: aws.String(id)})
	}
	q.wake()
	return out, nil
}

// show makes a message visible after a while, counted from now.
func (m *message) show(id string, after time.Duration) *types.BatchResultErrorEntry {
	now := time.Now()
	switch {
	case !m.free.After(now):
		return failure(id, "MessageNotInflight", true)
	case now.Add(after).Sub(m.first) > maxVisibility:
		return failure(id, "InvalidParameterValue", true)
	}
	m.free = now.Add(after)
	return nil
}

func (q *Queue) batch(call string, size int, entries map[string]string) error {
	switch err := q.called(call); {
	case err != nil:
		return err
	case size == 0:
		return errors.New("EmptyBatchRequest")
	case size > maxBatch:
		return errors.New("TooManyEntriesInBatchRequest")
	case len(entries) < size:
		return errors.New("BatchEntryIdsNotDistinct")
	}
	return nil
}

// named finds a message by its newest receipt.
func (q *Queue) named(call, id, receipt string) (*message, *types.BatchResultErrorEntry) {
	if q.hiccups[call] > 0 {
		q.hiccups[call]--
		return nil, failure(id, "InternalError", false)
	}
	for _, m := range q.messages {
		if strings.HasPrefix(receipt, m.id+"#") && receipt == m.receipt() {
			return m, nil
		}
	}
	return nil, failure(id, "ReceiptHandleIsInvalid", true)
}

func failure(id, code string, sender bool) *types.BatchResultErrorEntry {
	return &types.BatchResultErrorEntry{Id: aws.String(id), Code: aws.String(code), SenderFault: sender}
}
