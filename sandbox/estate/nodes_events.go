package estate

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is an SQS queue and its dead-letter queue.
type Queue struct {
	URL, ARN         string
	DeadURL, DeadARN string
}

// maxReceives is how often a message is received before it becomes a dead letter.
const maxReceives = 5

// SQS is the account's SQS.
func (e *Estate) SQS() *sqs.Client { return sqs.NewFromConfig(e.cfg) }

// SNS is the account's SNS.
func (e *Estate) SNS() *sns.Client { return sns.NewFromConfig(e.cfg) }

// EventBridge is the account's EventBridge.
func (e *Estate) EventBridge() *eventbridge.Client { return eventbridge.NewFromConfig(e.cfg) }

// NewQueue makes a queue that topics and rules may send to, and its dead-letter queue, <name>-dlq.
func (e *Estate) NewQueue(ctx context.Context, name string) (Queue, error) {
	var q Queue
	var err error
	if q.DeadURL, q.DeadARN, err = e.newQueue(ctx, name+"-dlq", nil); err != nil {
		return q, err
	}
	q.URL, q.ARN, err = e.newQueue(ctx, name, map[string]string{
		"RedrivePolicy": *document(map[string]any{"deadLetterTargetArn": q.DeadARN, "maxReceiveCount": maxReceives}),
	})
	return q, err
}

func (e *Estate) newQueue(ctx context.Context, name string, attributes map[string]string) (url, arn string, err error) {
	arn = fmt.Sprintf("arn:aws:sqs:%s:%s:%s", Region, Account, name)
	// https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html and
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
	policy := document(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": []string{"sns.amazonaws.com", "events.amazonaws.com"}},
		"Action": "sqs:SendMessage", "Resource": arn,
	}}})
	all := maps.Clone(attributes)
	if all == nil {
		all = map[string]string{}
	}
	all["Policy"] = *policy
	out, err := e.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: all})
	if err != nil {
		return "", "", fmt.Errorf("create queue %s: %w", name, err)
	}
	return aws.ToString(out.QueueUrl), arn, nil
}

// NewTopic makes a topic, and returns its ARN.
func (e *Estate) NewTopic(ctx context.Context, name string) (string, error) {
	out, err := e.SNS().CreateTopic(ctx, &sns.CreateTopicInput{Name: &name})
	if err != nil {
		return "", fmt.Errorf("create topic %s: %w", name, err)
	}
	return aws.ToString(out.TopicArn), nil
}

// Subscribe lets a topic send to a queue, in SNS's envelope or raw.
func (e *Estate) Subscribe(ctx context.Context, topicARN, queueARN string, raw bool) error {
	_, err := e.SNS().Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topicARN, Protocol: aws.String("sqs"), Endpoint: &queueARN, Attributes: map[string]string{"RawMessageDelivery": strconv.FormatBool(raw)},
	})
	if err != nil {
		return fmt.Errorf("subscribe %s to %s: %w", queueARN, topicARN, err)
	}
	return nil
}

// Notify lets a group tell a topic of launches and terminations, and of those that fail.
func (e *Estate) Notify(ctx context.Context, group, topicARN string) error {
	_, err := e.AutoScaling.PutNotificationConfiguration(ctx, &autoscaling.PutNotificationConfigurationInput{
		AutoScalingGroupName: &group, TopicARN: &topicARN,
		NotificationTypes: []string{
			"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
			"autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
		},
	})
	if err != nil {
		return fmt.Errorf("let group %s notify %s: %w", group, topicARN, err)
	}
	return nil
}

// NewHook holds the group's terminating instances until somebody completes the action, or an hour is over. The target
// may be a queue, a topic or, "", none: EventBridge is told anyway.
func (e *Estate) NewHook(ctx context.Context, group, name, targetARN string) error {
	in := autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: &group, LifecycleHookName: &name, LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_TERMINATING"),
		HeartbeatTimeout: aws.Int32(3600), DefaultResult: aws.String("CONTINUE"),
	}
	if targetARN != "" {
		in.NotificationTargetARN, in.RoleARN = &targetARN, aws.String(RoleARN(Account))
	}
	if _, err := e.AutoScaling.PutLifecycleHook(ctx, &in); err != nil {
		return fmt.Errorf("put hook %s on group %s: %w", name, group, err)
	}
	return nil
}

// Rule lets events that match a pattern (JSON) go to a queue.
func (e *Estate) Rule(ctx context.Context, name, pattern, queueARN string) error {
	events := e.EventBridge()
	if _, err := events.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventPattern: &pattern}); err != nil {
		return fmt.Errorf("put rule %s: %w", name, err)
	}
	out, err := events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, Targets: []ebtypes.Target{{Id: aws.String("queue"), Arn: &queueARN}}})
	if err != nil {
		return fmt.Errorf("put the target of rule %s: %w", name, err)
	}
	if len(out.FailedEntries) > 0 {
		return fmt.Errorf("put the target of rule %s: %s", name, aws.ToString(out.FailedEntries[0].ErrorMessage))
	}
	return nil
}

// Depth is how many messages a queue holds: visible, in flight and delayed.
func (e *Estate) Depth(ctx context.Context, queueURL string) (int, error) {
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := e.SQS().GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("count the messages of %s: %w", queueURL, err)
	}
	total := 0
	for _, text := range out.Attributes {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("count the messages of %s: %w", queueURL, err)
		}
		total += n
	}
	return total, nil
}
