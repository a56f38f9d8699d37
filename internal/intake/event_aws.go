package intake

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"epoxy/internal/policy"
)

// What AWS calls its events.
const (
	terminated      = "autoscaling:EC2_INSTANCE_TERMINATE"
	terminating     = "autoscaling:EC2_INSTANCE_TERMINATING"
	launching       = "autoscaling:EC2_INSTANCE_LAUNCHING"
	warmPool        = "WarmPool"
	terminatedEvent = "EC2 Instance Terminate Successful"
	lifecycleEvent  = "EC2 Instance-terminate Lifecycle Action"
	stateEvent      = "EC2 Instance State-change Notification"
)

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html
var (
	hookPattern  = regexp.MustCompile(`^[A-Za-z0-9_/-]{1,255}$`)
	tokenPattern = regexp.MustCompile(`^[0-9A-Za-z-]{36}$`)
)

const maxGroup = 255

// notification is what Auto Scaling tells a topic of a group's instances.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
func (o Origin) notification(d document, name string) (policy.Announcement, error) {
	switch {
	case name == terminated:
	case strings.HasPrefix(name, "autoscaling:"): // launches, errors and the test that a new subscription gets
		return policy.Announcement{}, ignored(eventCode(name), "%.80q is no termination", name)
	default:
		return policy.Announcement{}, refused("unknown_event", "%.80q is no event that Epoxy knows", name)
	}
	f := fields{of: d}
	return o.complete(policy.Announcement{Kind: policy.AnnouncedTerminated, Format: o.transport() + " notification", ID: f.identifier("ActivityId")}, &f)
}

var knownEvents = map[string]string{
	"autoscaling:EC2_INSTANCE_LAUNCH":          "launch",
	"autoscaling:EC2_INSTANCE_LAUNCH_ERROR":    "launch_error",
	"autoscaling:EC2_INSTANCE_TERMINATE_ERROR": "terminate_error",
	"autoscaling:TEST_NOTIFICATION":            "test_notification",
}

// eventCode is for counters, which need few and known values.
func eventCode(name string) string {
	if code, ok := knownEvents[name]; ok {
		return code
	}
	return "other_event"
}

// lifecycleAction is a hook that holds an instance, told to a queue or topic, or within EventBridge's envelope.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html
func (o Origin) lifecycleAction(d document) (policy.Announcement, error) {
	f := fields{of: d}
	switch transition := f.text("LifecycleTransition"); {
	case f.err != nil:
		return policy.Announcement{}, f.err
	case transition == launching:
		return policy.Announcement{}, ignored("launch", "the hook is one of a launch")
	case transition != terminating:
		return policy.Announcement{}, refused("unknown_event", "%.60q is no lifecycle transition", transition)
	}
	hook := &policy.LifecycleHook{Name: f.text("LifecycleHookName"), Group: f.group(), Token: f.text("LifecycleActionToken")}
	switch {
	case f.err != nil:
		return policy.Announcement{}, f.err
	case !hookPattern.MatchString(hook.Name):
		return policy.Announcement{}, refused("bad_hook", "%.40q is no name of a lifecycle hook", hook.Name)
	case !tokenPattern.MatchString(hook.Token):
		return policy.Announcement{}, refused("bad_hook", "the lifecycle action's token has not the form that AWS gives it")
	}
	return o.complete(policy.Announcement{
		Kind: policy.AnnouncedTerminating, Format: o.transport() + " lifecycle hook", ID: hook.Token, Hook: hook,
	}, &f)
}

// complete adds instance, group, place and time to an event of a group, and refuses one that contradicts itself.
func (o Origin) complete(a policy.Announcement, f *fields) (policy.Announcement, error) {
	a.Group = f.group()
	a.Subject = policy.Subject{Account: f.text("AccountId"), Instance: f.text("EC2InstanceId")}
	groupARN, destination, at := f.text("AutoScalingGroupARN"), f.text("Destination"), f.text("Time")
	switch {
	case f.err != nil:
		return a, f.err
	case destination == warmPool:
		// It is stopped or hibernated there, and comes again.
		// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
		return a, ignored("warm_pool", "%.40q is not dead: it goes to the warm pool", a.Subject.Instance)
	case a.Subject.Instance == "":
		return a, refused("bad_subject", "it names no instance")
	}
	var err error
	if a.Subject, err = agree(a.Subject, a.Group, groupARN); err != nil {
		return a, err
	}
	a.Subject = o.place(a.Subject)
	a.At, err = o.when(at)
	return a, err
}

// agree takes account and Region from a group's ARN, which must fit what else the event says.
func agree(s policy.Subject, group, groupARN string) (policy.Subject, error) {
	if groupARN == "" {
		return s, nil
	}
	parsed, err := arn.Parse(groupARN)
	_, name, found := strings.Cut(parsed.Resource, ":autoScalingGroupName/")
	switch {
	case err != nil || parsed.Service != "autoscaling" || !found:
		return s, refused("bad_group", "%.80q is no ARN of an Auto Scaling group", groupARN)
	case s.Account != "" && s.Account != parsed.AccountID, group != name:
		return s, refused("contradiction", "%.120q is not the ARN of the group %.40q in account %.12q", groupARN, group, s.Account)
	}
	s.Account, s.Region = parsed.AccountID, parsed.Region
	return s, nil
}

// eventBridge opens an event of AWS's own bus. Only AWS can send one whose source begins with aws.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func (o Origin) eventBridge(d document) (policy.Announcement, error) {
	f := fields{of: d}
	kind, source, id, at := f.text("detail-type"), f.text("source"), f.identifier("id"), f.text("time")
	o.bus = policy.Subject{Account: f.text("account"), Region: f.text("region")}
	detail, ok := d["detail"].(document)
	switch {
	case f.err != nil:
		return policy.Announcement{}, f.err
	case kind != terminatedEvent && kind != lifecycleEvent && kind != stateEvent:
		return policy.Announcement{}, ignored("other_detail_type", "%.80q is no termination", kind)
	case kind == stateEvent && source != "aws.ec2", kind != stateEvent && source != "aws.autoscaling":
		return policy.Announcement{}, refused("forged", "%s does not come from %.40q", kind, source)
	case !ok:
		return policy.Announcement{}, refused("bad_shape", "it has no detail")
	case o.bus.Account == "" || o.bus.Region == "": // never the queue's: a bus gathers from many accounts
		return policy.Announcement{}, refused("bad_subject", "it names no account or no Region")
	}
	a, err := o.detail(detail, kind)
	if err != nil {
		return a, err
	}
	if a.Subject.Account != o.bus.Account || a.Subject.Region != o.bus.Region {
		return a, refused("contradiction", "the event is of %.40q, its detail of another account or Region", o.bus.Account+"/"+o.bus.Region)
	}
	a.ID = id
	a.At, err = o.when(at)
	return a, err
}

func (o Origin) detail(d document, kind string) (policy.Announcement, error) {
	switch kind {
	case lifecycleEvent:
		return o.lifecycleAction(d)
	case terminatedEvent:
		return o.complete(policy.Announcement{Kind: policy.AnnouncedTerminated, Format: "eventbridge notification"}, &fields{of: d})
	}
	f := fields{of: d}
	a := policy.Announcement{Kind: policy.AnnouncedTerminated, Format: "eventbridge state change", Subject: o.bus}
	a.Subject.Instance = f.text("instance-id")
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
	switch state := f.text("state"); {
	case f.err != nil:
		return a, f.err
	case a.Subject.Instance == "":
		return a, refused("bad_subject", "it names no instance")
	case state == "shutting-down" || state == "terminated":
		return a, nil
	case slices.Contains(alive, state):
		return a, ignored("alive", "%.40q is %s, which is not dead", a.Subject.Instance, state)
	default:
		return a, refused("unknown_event", "%.40q is no state of an instance", state)
	}
}

var alive = []string{"pending", "running", "stopping", "stopped"}

// group is the name of an Auto Scaling group, which may have any characters that can be printed.
func (f *fields) group() string {
	name := f.text("AutoScalingGroupName")
	if (name == "" || len(name) > maxGroup || !printable(name)) && f.err == nil {
		f.err = refused("bad_group", "%.40q is no name of an Auto Scaling group", name)
	}
	return name
}
