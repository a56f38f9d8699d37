package intake

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"epoxy/internal/policy"
)

const (
	deadInstance = "i-0123456789abcdef0"
	ourTopic     = "arn:aws:sns:eu-west-1:111111111111:terminations"
	ourQueue     = "arn:aws:sqs:us-east-1:222222222222:epoxy"
	groupARN     = "arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:f3a1b2c4-1111-2222-3333-444455556666:autoScalingGroupName/shop-web"
	hookToken    = "71514b9d-6a40-4b26-8523-05e7eEXAMPLE"

	eventNotification = `{
  "Origin": "AutoScalingGroup", "Destination": "EC2", "Progress": 50, "AccountId": "111111111111",
  "Description": "Terminating EC2 instance: i-0123456789abcdef0", "RequestId": "63d5d4c6-1111", "EndTime": "2026-01-31T12:00:05.120Z",
  "AutoScalingGroupARN": "` + groupARN + `", "ActivityId": "63d5d4c6-aaaa", "StartTime": "2026-01-31T11:59:00.000Z", "Service": "AWS Auto Scaling",
  "Time": "2026-01-31T12:00:05.120Z", "EC2InstanceId": "i-0123456789abcdef0", "StatusCode": "InProgress", "StatusMessage": "",
  "Details": {"Subnet ID": "subnet-1", "Availability Zone": "eu-west-1a"}, "AutoScalingGroupName": "shop-web",
  "Cause": "At 2026-01-31T11:59:00Z instance i-0fedcba9876543210 was selected for termination.", "Event": "autoscaling:EC2_INSTANCE_TERMINATE"
}`
	eventHook = `{
  "Origin": "AutoScalingGroup", "LifecycleHookName": "epoxy-mop", "Destination": "EC2", "AccountId": "111111111111", "RequestId": "6ba5-1111",
  "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "AutoScalingGroupName": "shop-web", "Service": "AWS Auto Scaling",
  "Time": "2026-01-31T12:00:05.120Z", "EC2InstanceId": "i-0123456789abcdef0", "LifecycleActionToken": "` + hookToken + `"
}`
	eventBridged = `{
  "version": "0", "id": "12345678-1234-1234-1234-123456789012", "detail-type": "EC2 Instance Terminate Successful", "source": "aws.autoscaling",
  "account": "111111111111", "time": "2026-01-31T12:00:05Z", "region": "eu-west-1", "resources": ["` + groupARN + `"],
  "detail": {"StatusCode": "InProgress", "AutoScalingGroupName": "shop-web", "ActivityId": "63d5d4c6-aaaa", "EC2InstanceId": "i-0123456789abcdef0",
    "Cause": "i-0fedcba9876543210", "Origin": "AutoScalingGroup", "Destination": "EC2", "Details": {"Availability Zone": "eu-west-1b"}}
}`
	eventBridgedHook = `{
  "version": "0", "id": "12345678-1234-1234-1234-123456789012", "detail-type": "EC2 Instance-terminate Lifecycle Action", "source": "aws.autoscaling",
  "account": "111111111111", "time": "2026-01-31T12:00:05Z", "region": "eu-west-1", "resources": ["` + groupARN + `"],
  "detail": {"LifecycleActionToken": "` + hookToken + `", "AutoScalingGroupName": "shop-web", "LifecycleHookName": "epoxy-mop",
    "EC2InstanceId": "i-0123456789abcdef0", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "Origin": "AutoScalingGroup", "Destination": "EC2"}
}`
	eventState = `{
  "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
  "account": "111111111111", "time": "2026-01-31T12:00:05Z", "region": "eu-west-1",
  "resources": ["arn:aws:ec2:eu-west-1:111111111111:instance/i-0123456789abcdef0"], "detail": {"instance-id": "i-0123456789abcdef0", "state": "terminated"}
}`
	eventBootstrap    = `{"Event": "epoxy:DELETE", "node": "web-1", "ip": "10.0.0.7", "instance_id": "i-0123456789abcdef0", "account_id": "111111111111", "region": "eu-west-1", "time": "2026-01-31T12:00:05Z"}`
	eventOldBootstrap = `{"type": "lambda_mop:DELETE", "Chef-Node-Name": "web-1", "IPAddress": "10.0.0.7", "cause": "i-0fedcba9876543210"}`
)

// enveloped is a message as SNS wraps it for a queue.
func enveloped(message string) string {
	text, _ := json.Marshal(map[string]string{
		"Type": "Notification", "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162", "TopicArn": ourTopic, "Message": message,
		"Subject": "Auto Scaling: termination for group \"shop-web\"", "Timestamp": "2026-01-31T12:00:06.000Z", "SignatureVersion": "1", "Signature": "x",
		"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem", "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?x",
	})
	return string(text)
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

var (
	happened  = time.Date(2026, 1, 31, 12, 0, 5, 0, time.UTC)
	fromQueue = Origin{QueueARN: ourQueue, ID: "message-1", Received: happened.Add(time.Minute)}
	subject   = policy.Subject{Account: "111111111111", Region: "eu-west-1", Instance: deadInstance}
)

func TestEveryFormatIsRead(t *testing.T) {
	notification := policy.Announcement{
		Kind: policy.AnnouncedTerminated, Format: "raw notification", ID: "63d5d4c6-aaaa", Subject: subject, Group: "shop-web", At: happened.Add(120 * time.Millisecond),
	}
	hook := policy.Announcement{
		Kind: policy.AnnouncedTerminating, Format: "raw lifecycle hook", ID: hookToken, Group: "shop-web", At: happened.Add(120 * time.Millisecond),
		Subject: policy.Subject{Account: "111111111111", Region: "us-east-1", Instance: deadInstance}, // the queue's Region: the hook names none
		Hook:    &policy.LifecycleHook{Name: "epoxy-mop", Group: "shop-web", Token: hookToken},
	}
	bridged := policy.Announcement{
		Kind: policy.AnnouncedTerminated, Format: "eventbridge notification", ID: "12345678-1234-1234-1234-123456789012", Subject: subject, Group: "shop-web", At: happened,
	}
	state := policy.Announcement{
		Kind: policy.AnnouncedTerminated, Format: "eventbridge state change", ID: "7bf73129-1428-4cd3-a780-95db273d1602", Subject: subject, At: happened,
	}
	failed := policy.Announcement{
		Kind: policy.AnnouncedFailed, Format: "raw bootstrap failure", ID: "message-1", At: happened,
		Subject: policy.Subject{Account: "111111111111", Region: "eu-west-1", Instance: deadInstance, Node: "web-1", Address: "10.0.0.7"},
	}
	old := policy.Announcement{
		Kind: policy.AnnouncedFailed, Format: "raw bootstrap failure", ID: "message-1",
		Subject: policy.Subject{Account: "222222222222", Region: "us-east-1", Node: "web-1", Address: "10.0.0.7"},
	}
	with := func(a policy.Announcement, change func(*policy.Announcement)) policy.Announcement {
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		body string
		want policy.Announcement
	}{
		"notification":      {eventNotification, notification},
		"in SNS's envelope": {enveloped(eventNotification), with(notification, func(a *policy.Announcement) { a.Format = "sns notification" })},
		"in a string":       {quoted(eventNotification), notification},
		"hook":              {eventHook, hook},
		"hook through SNS": {enveloped(eventHook), with(hook, func(a *policy.Announcement) {
			a.Format, a.Subject.Region = "sns lifecycle hook", "eu-west-1" // the topic's
		})},
		"EventBridge":             {eventBridged, bridged},
		"EventBridge through SNS": {enveloped(eventBridged), bridged},
		"hook by EventBridge": {eventBridgedHook, with(bridged, func(a *policy.Announcement) {
			a.Kind, a.Format, a.Hook = policy.AnnouncedTerminating, "eventbridge lifecycle hook", hook.Hook
		})},
		"terminated":     {eventState, state},
		"shutting down":  {strings.Replace(eventState, `"terminated"`, `"shutting-down"`, 1), state},
		"bootstrap":      {eventBootstrap, failed},
		"bootstrap, old": {eventOldBootstrap, old},
		"bootstrap, in string": {enveloped(quoted(eventBootstrap)), with(failed, func(a *policy.Announcement) {
			a.Format, a.ID = "sns bootstrap failure", "dc1e94d9-56c5-5e96-808d-cc7f68faa162"
		})},
		"bootstrap through SNS": {enveloped(eventOldBootstrap), with(old, func(a *policy.Announcement) {
			a.Format, a.ID, a.At = "sns bootstrap failure", "dc1e94d9-56c5-5e96-808d-cc7f68faa162", happened.Add(time.Second)
			a.Subject.Account, a.Subject.Region = "111111111111", "eu-west-1"
		})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEvent([]byte(c.body), fromQueue)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// One subject, whichever format it comes in: all lead to one run.
func TestFormatsAgreeOnTheSubject(t *testing.T) {
	keys := map[string]bool{}
	for _, body := range []string{eventNotification, enveloped(eventNotification), eventBridged, eventState, enveloped(eventHook), eventBridgedHook, eventBootstrap} {
		a, err := ParseEvent([]byte(body), fromQueue)
		if err != nil {
			t.Fatal(err)
		}
		keys[a.Subject.Key()] = true
	}
	if len(keys) != 1 {
		t.Errorf("subjects %v", keys)
	}
}

func TestNoneOfOurBusinessIsIgnored(t *testing.T) {
	change := func(body, from, to string) string {
		if !strings.Contains(body, from) {
			t.Fatalf("no %s in %s", from, body)
		}
		return strings.Replace(body, from, to, 1)
	}
	for name, c := range map[string]struct{ body, code string }{
		"launch":              {change(eventNotification, "EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_LAUNCH"), "launch"},
		"launch error":        {change(eventNotification, "EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_LAUNCH_ERROR"), "launch_error"},
		"terminate error":     {change(eventNotification, "EC2_INSTANCE_TERMINATE", "EC2_INSTANCE_TERMINATE_ERROR"), "terminate_error"},
		"test":                {`{"AccountId":"111111111111","Event":"autoscaling:TEST_NOTIFICATION","AutoScalingGroupName":"shop-web","Service":"AWS Auto Scaling"}`, "test_notification"},
		"another one":         {change(eventNotification, "EC2_INSTANCE_TERMINATE", "SOMETHING_NEW"), "other_event"},
		"launching hook":      {change(eventHook, "EC2_INSTANCE_TERMINATING", "EC2_INSTANCE_LAUNCHING"), "launch"},
		"warm pool":           {change(eventBridgedHook, `"Destination": "EC2"`, `"Destination": "WarmPool"`), "warm_pool"},
		"warm pool, hook":     {change(eventHook, `"Destination": "EC2"`, `"Destination": "WarmPool"`), "warm_pool"},
		"warm pool, event":    {change(eventBridged, `"Destination": "EC2"`, `"Destination": "WarmPool"`), "warm_pool"},
		"stopped":             {change(eventState, `"terminated"`, `"stopped"`), "alive"},
		"other detail type":   {change(eventBridged, "Terminate Successful", "Launch Successful"), "other_detail_type"},
		"another source":      {`{"detail-type": "Object Created", "source": "aws.s3", "detail": {}}`, "other_detail_type"},
		"confirmation":        {change(enveloped("You have chosen"), `"Notification"`, `"SubscriptionConfirmation"`), "subscription"},
		"confirmation of end": {change(enveloped("You have chosen"), `"Notification"`, `"UnsubscribeConfirmation"`), "subscription"},
	} {
		_, err := ParseEvent([]byte(c.body), fromQueue)
		if got, ok := errors.AsType[Ignored](err); !ok || got.Code != c.code || got.Text == "" {
			t.Errorf("%s: %v (%q)", name, err, got.Code)
		}
	}
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1)
	for name, c := range map[string]struct{ body, code string }{
		"nothing":                {"", "not_json"},
		"text":                   {"terminate i-0123456789abcdef0", "not_json"},
		"two objects":            {eventState + eventState, "not_json"},
		"no UTF-8":               {"{\"Event\": \"\xff\"}", "not_json"},
		"a list":                 {"[" + eventState + "]", "bad_shape"},
		"null":                   {"null", "bad_shape"},
		"no event":               {"{}", "unknown_event"},
		"unknown":                {`{"Event": "aws:RemovalOfEverything", "EC2InstanceId": "i-0123456789abcdef0"}`, "unknown_event"},
		"a key twice":            {strings.Replace(eventNotification, `"Progress": 50`, `"EC2InstanceId": "i-0fedcba9876543210"`, 1), "duplicate_key"},
		"a key twice, within":    {`{"detail-type": "x", "detail": {"state": "a", "state": "b"}}`, "duplicate_key"},
		"too large":              {`{"a": "` + strings.Repeat("x", maxEvent) + `"}`, "too_large"},
		"too deep":               {deep, "too_deep"},
		"strings in strings":     {quoted(quoted(quoted(eventState))), "too_deep"},
		"wildcard":               {strings.Replace(eventNotification, deadInstance, "*", 2), "bad_subject"},
		"wildcard, second":       {strings.ReplaceAll(eventNotification, deadInstance, "*"), "bad_subject"},
		"path":                   {strings.ReplaceAll(eventState, deadInstance, "../clients/web-2"), "bad_subject"},
		"no instance":            {strings.Replace(eventNotification, `"EC2InstanceId"`, `"x"`, 1), "bad_subject"},
		"instance is a list":     {strings.Replace(eventNotification, `"EC2InstanceId": "i-0123456789abcdef0"`, `"EC2InstanceId": ["i-0123456789abcdef0"]`, 1), "bad_shape"},
		"no group":               {strings.Replace(eventNotification, `"AutoScalingGroupName"`, `"x"`, 1), "bad_group"},
		"group with a newline":   {strings.Replace(eventHook, `"shop-web"`, `"shop\nweb"`, 1), "bad_group"},
		"group of 256":           {strings.Replace(eventHook, `"shop-web"`, `"`+strings.Repeat("g", 256)+`"`, 1), "bad_group"},
		"ARN of another group":   {strings.Replace(eventNotification, "autoScalingGroupName/shop-web", "autoScalingGroupName/shop-db", 1), "contradiction"},
		"ARN of another account": {strings.Replace(eventNotification, `"AccountId": "111111111111"`, `"AccountId": "333333333333"`, 1), "contradiction"},
		"ARN of another thing":   {strings.Replace(eventNotification, groupARN, ourQueue, 1), "bad_group"},
		"no ARN":                 {strings.Replace(eventNotification, groupARN, "shop-web", 1), "bad_group"},
		"account of 11":          {strings.Replace(eventBootstrap, "111111111111", "11111111111", 1), "bad_subject"},
		"odd Region":             {strings.Replace(eventBootstrap, "eu-west-1", "eu-west-1/../..", 1), "bad_subject"},
		"no time":                {strings.Replace(eventState, "2026-01-31T12:00:05Z", "yesterday", 1), "bad_time"},
		"hook's name":            {strings.Replace(eventHook, "epoxy-mop", "epoxy mop?", 1), "bad_hook"},
		"hook's token":           {strings.Replace(eventHook, hookToken, hookToken+"0", 1), "bad_hook"},
		"transition":             {strings.Replace(eventHook, "EC2_INSTANCE_TERMINATING", "EC2_INSTANCE_ODD", 1), "unknown_event"},
		"state":                  {strings.Replace(eventState, `"terminated"`, `"dead"`, 1), "unknown_event"},
		"forged source":          {strings.Replace(eventState, `"aws.ec2"`, `"my.app"`, 1), "forged"},
		"source of another":      {strings.Replace(eventBridged, `"aws.autoscaling"`, `"aws.ec2"`, 1), "forged"},
		"no detail":              {strings.Replace(eventState, `"detail"`, `"x"`, 1), "bad_shape"},
		"no account":             {strings.Replace(eventState, `"account"`, `"x"`, 1), "bad_subject"},
		"detail elsewhere":       {strings.Replace(eventBridged, `"detail": {`, `"detail": {"AccountId": "333333333333", `, 1), "contradiction"},
		"node with a slash":      {strings.Replace(eventBootstrap, "web-1", "../clients/web-1", 1), "bad_subject"},
		"node with a wildcard":   {strings.Replace(eventBootstrap, "web-1", "web-*", 1), "bad_subject"},
		"node with a search":     {strings.Replace(eventBootstrap, "web-1", "web-1 OR name:web-2", 1), "bad_subject"},
		"node with quotes":       {strings.Replace(eventBootstrap, "web-1", `web\"1`, 1), "bad_subject"},
		"node of 10 kB":          {strings.Replace(eventBootstrap, "web-1", strings.Repeat("w", 10_000), 1), "bad_subject"},
		"node is an object":      {strings.Replace(eventBootstrap, `"web-1"`, `{"name": "web-1"}`, 1), "bad_shape"},
		"two nodes":              {strings.Replace(eventBootstrap, `"node"`, `"Node": "web-2", "node"`, 1), "ambiguous"},
		"loopback":               {strings.Replace(eventBootstrap, "10.0.0.7", "127.0.0.1", 1), "bad_subject"},
		"a network":              {strings.Replace(eventBootstrap, "10.0.0.7", "10.0.0.0/8", 1), "bad_subject"},
		"names nobody":           {`{"Event": "epoxy:DELETE", "node": "", "ip": null}`, "bad_subject"},
		"envelope's type":        {strings.Replace(enveloped(eventState), `"Notification"`, `"Anything"`, 1), "unknown_event"},
		"envelope's topic":       {strings.Replace(enveloped(eventState), ourTopic, "arn:aws:sqs:eu-west-1:111111111111:x", 1), "bad_shape"},
		"mail":                   {enveloped("Hello!"), "not_json"},
	} {
		a, err := ParseEvent([]byte(c.body), fromQueue)
		got, ok := errors.AsType[Refusal](err)
		if !ok || got.Code != c.code {
			t.Errorf("%s: %+v, %v (%q)", name, a, err, got.Code)
		}
		if len(got.Text) > 400 {
			t.Errorf("%s: a reason of %d bytes", name, len(got.Text))
		}
	}
}

func TestOnlyExpectedTopics(t *testing.T) {
	from := fromQueue
	from.Topics = []string{"arn:aws:sns:eu-west-1:111111111111:other"}
	if _, err := ParseEvent([]byte(enveloped(eventState)), from); result(Accepted{}, err) != "unexpected_topic" {
		t.Error(err)
	}
	from.Topics = append(from.Topics, ourTopic)
	if _, err := ParseEvent([]byte(enveloped(eventState)), from); err != nil {
		t.Error(err)
	}
}

// What an event says in words may be about others: no id is ever taken from there.
func TestWordsAreNotRead(t *testing.T) {
	for _, body := range []string{eventNotification, eventBridged, eventOldBootstrap} {
		a, err := ParseEvent([]byte(body), fromQueue)
		if text, _ := json.Marshal(a); err != nil || strings.Contains(string(text), "i-0fedcba9876543210") {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// A clock that is wrong, the instance's or our own, makes no death untrue: the time is forgotten, and the event taken.
func TestUnbelievableTimes(t *testing.T) {
	ours := fromQueue.Received
	for _, event := range []string{eventBootstrap, eventState} {
		for name, c := range map[string]struct {
			at   string
			want time.Time
		}{
			"no clock yet": {"1970-01-01T00:00:42Z", time.Time{}},
			"six ahead":    {ours.Add(6 * time.Minute).Format(time.RFC3339), time.Time{}},
			"next year":    {"2027-01-31T12:00:05Z", time.Time{}},
			"within skew":  {ours.Add(4 * time.Minute).Format(time.RFC3339), ours.Add(4 * time.Minute)},
			"believable":   {"2026-01-31T12:00:05Z", happened},
		} {
			a, err := ParseEvent([]byte(strings.Replace(event, "2026-01-31T12:00:05Z", c.at, 1)), fromQueue)
			if err != nil || !a.At.Equal(c.want) || a.Subject.Instance != deadInstance {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
	}
}
