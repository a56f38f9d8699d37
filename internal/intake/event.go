package intake

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"epoxy/internal/policy"
)

// Origin is what the transport knows of an event.
type Origin struct {
	QueueARN string    // the queue it was received from
	Topics   []string  // from which SNS's envelopes are taken; none: from any that may send to the queue
	ID       string    // of the message
	Received time.Time // a time later than this is not believed; zero: any time is

	topic, published string         // of SNS's envelope
	bus              policy.Subject // account and Region of EventBridge's
}

// Ignored is an event that is well formed and none of our business: it is taken, counted, and nothing follows.
type Ignored struct{ Code, Text string }

func (i Ignored) Error() string { return i.Text }

func ignored(code, format string, v ...any) error {
	return Ignored{Code: code, Text: fmt.Sprintf(format, v...)}
}

// Bounds of an event. SQS and SNS carry 256 kB at most; real events have 1 to 3 kB.
const (
	maxEvent  = 256 << 10
	maxLevels = 3 // JSON in a string of JSON: a queue's body, SNS's Message in it, and an event in that
)

// ParseEvent reads what a queue or topic delivers. It is an announcement, or it is Ignored, or the error is a Refusal: what is
// malformed, and what nobody honest sends. An announcement's subject passes its Check, and the text of an event is never
// searched for ids: Cause and Description may name other instances.
//
// The formats are those of Auto Scaling and EC2 (event_aws.go) and of our own bootstrap (event_bootstrap.go), each as it is,
// in SNS's envelope, or, from AWS, in EventBridge's.
func ParseEvent(body []byte, from Origin) (policy.Announcement, error) {
	a, err := from.open(body, 1)
	if err != nil {
		return policy.Announcement{}, err
	}
	if err := a.Subject.Check(); err != nil {
		return policy.Announcement{}, refused("bad_subject", "%v", err)
	}
	return a, nil
}

// open reads JSON, which may stand in a string.
func (o Origin) open(text []byte, level int) (policy.Announcement, error) {
	if level > maxLevels {
		return policy.Announcement{}, refused("too_deep", "JSON stands in strings of JSON %d levels deep: %d are read", level, maxLevels)
	}
	value, err := readJSON(text)
	if err != nil {
		return policy.Announcement{}, err
	}
	switch v := value.(type) {
	case string:
		return o.open([]byte(v), level+1)
	case document:
		return o.event(v, level)
	}
	return policy.Announcement{}, refused("bad_shape", "an event is a JSON object")
}

// event tells the formats apart by what only they have.
func (o Origin) event(d document, level int) (policy.Announcement, error) {
	switch {
	case d.has("TopicArn") && d.has("Message"):
		return o.envelope(d, level)
	case d.has("detail-type"):
		return o.eventBridge(d)
	case d.has("LifecycleTransition"):
		return o.lifecycleAction(d)
	}
	name, err := d.eventName()
	switch {
	case err != nil:
		return policy.Announcement{}, err
	case isBootstrapFailure(name):
		return o.bootstrapFailure(d)
	case name != "":
		return o.notification(d, name)
	}
	return policy.Announcement{}, refused("unknown_event", "it is no event that Epoxy knows: it has neither Event nor detail-type nor LifecycleTransition")
}

// envelope opens what SNS puts around a message unless raw delivery is on.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
func (o Origin) envelope(d document, level int) (policy.Announcement, error) {
	f := fields{of: d}
	kind, topic, message := f.text("Type"), f.text("TopicArn"), f.text("Message")
	o.ID, o.published = f.identifier("MessageId"), f.text("Timestamp")
	if f.err != nil {
		return policy.Announcement{}, f.err
	}
	switch kind {
	case snsNotification:
	case snsSubscribe, snsUnsubscribe:
		return policy.Announcement{}, ignored("subscription", "%s is for whoever subscribes, not an event", kind)
	default:
		return policy.Announcement{}, refused("unknown_event", "%.60q is no type of an SNS message", kind)
	}
	if parsed, err := arn.Parse(topic); err != nil || parsed.Service != "sns" {
		return policy.Announcement{}, refused("bad_shape", "%.60q is no ARN of an SNS topic", topic)
	}
	if len(o.Topics) > 0 && !slices.Contains(o.Topics, topic) {
		return policy.Announcement{}, refused("unexpected_topic", "%.120q is none of the topics whose messages are taken", topic)
	}
	o.topic = topic
	return o.open([]byte(message), level+1)
}

// transport is how people read what an event came through.
func (o Origin) transport() string {
	switch {
	case o.bus.Account != "":
		return "eventbridge"
	case o.topic != "":
		return "sns"
	}
	return "raw"
}

// place completes where a subject is: what an event does not say is where EventBridge took it, or where its topic is, or else
// its queue. Auto Scaling notifies targets of its own Region only, and a bootstrap publishes where its instance is, unless it
// says more.
func (o Origin) place(s policy.Subject) policy.Subject {
	from := arn.ARN{AccountID: o.bus.Account, Region: o.bus.Region}
	for _, text := range []string{o.topic, o.QueueARN} {
		if parsed, err := arn.Parse(text); err == nil && from.AccountID == "" {
			from = parsed
		}
	}
	s.Account, s.Region = cmp.Or(s.Account, from.AccountID), cmp.Or(s.Region, from.Region)
	return s
}

// The day on which EC2 began; nothing can have been terminated before.
var firstDay = time.Date(2006, 8, 25, 0, 0, 0, 0, time.UTC)

// skew is how far two honest clocks differ.
const skew = 5 * time.Minute

var errTime = errors.New("no time such as 2026-01-31T12:00:00Z")

// when reads a time. One that cannot be true is forgotten, not refused: an instance that fails early may not have set its clock
// yet, and ours may be slow. Nothing is decided by the time that an event gives; the death is true all the same.
func (o Origin) when(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, refused("bad_time", "%.40q is %v", text, errTime)
	}
	if at = at.UTC(); at.Before(firstDay) || !o.Received.IsZero() && at.After(o.Received.Add(skew)) {
		return time.Time{}, nil
	}
	return at, nil
}
