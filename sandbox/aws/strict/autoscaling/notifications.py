"""Whom a group tells that an instance came or went: its topics, and EventBridge."""

import json
import uuid

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import iso_8601_datetime_with_milliseconds as iso
from moto.core.utils import utcnow

from strict.autoscaling import activities
from strict.events import bus, courier

TYPES = (
    "autoscaling:EC2_INSTANCE_LAUNCH",
    "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
    "autoscaling:EC2_INSTANCE_TERMINATE",
    "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
    "autoscaling:TEST_NOTIFICATION",
)
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MOST_TOPICS = 10
SUBJECTS = {"LAUNCH": "launch", "TERMINATE": "termination"}
EVENTS = {"LAUNCH": "EC2 Instance Launch Successful", "TERMINATE": "EC2 Instance Terminate Successful"}


def of(group):
    """Topic -> notification types."""
    return group.__dict__.setdefault("strict_notifications", {})


def as_json(message):
    return json.dumps(message, separators=(",", ":"))


def test_message(group):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html (what it says)"""
    return {
        "AccountId": group.account_id,
        "RequestId": str(uuid.uuid4()),
        "AutoScalingGroupARN": group.arn,
        "AutoScalingGroupName": group.name,
        "Service": "AWS Auto Scaling",
        "Event": "autoscaling:TEST_NOTIFICATION",
        "Time": iso(utcnow()),
    }


def put_notification_configuration(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutNotificationConfiguration.html: the topic is
    told so at once; what it was told before is replaced."""
    group, topic = group_of(self), self._get_param("TopicARN")
    kinds = self._get_param("NotificationTypes", [])
    unknown = [one for one in kinds if one not in TYPES]
    if unknown or not kinds:
        raise ValidationError(f'"{unknown[0] if unknown else ""}" is not a valid Notification Type.')
    if not known_topic(topic):
        raise ValidationError(f"Unable to publish to notification target {topic}: the topic does not exist")
    if topic not in of(group) and len(of(group)) >= MOST_TOPICS:
        raise AutoscalingClientError("LimitExceeded", f"You may have at most {MOST_TOPICS} topics per group.")
    of(group)[topic] = list(dict.fromkeys(kinds))
    subject = f'Auto Scaling: test notification for group "{group.name}"'
    courier.later(courier.to_topic, topic, as_json(test_message(group)), subject)
    return EmptyResult()


def describe_notification_configurations(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeNotificationConfigurations.html: one entry
    for each topic and type, 50 a page."""
    names = self._get_param("AutoScalingGroupNames", [])
    found = [
        {"AutoScalingGroupName": group.name, "TopicARN": topic, "NotificationType": kind}
        for group in self.autoscaling_backend.autoscaling_groups.values()
        if not names or group.name in names
        for topic, kinds in of(group).items()
        for kind in kinds
    ]
    page, token = activities.paged(self, found, lambda one: "|".join(one.values()), 50)
    return ActionResult({"NotificationConfigurations": page, "NextToken": token})


def delete_notification_configuration(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteNotificationConfiguration.html"""
    of(group_of(self)).pop(self._get_param("TopicARN"), None)
    return EmptyResult()


def describe_auto_scaling_notification_types(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingNotificationTypes.html"""
    return ActionResult({"AutoScalingNotificationTypes": list(TYPES)})


def group_of(response):
    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError("AutoScalingGroup name not found - null")
    return group


def known_topic(arn):
    try:
        return courier.topic_of(arn or "") is not None
    except (ValueError, KeyError, IndexError):
        return False


def tell(activity, change):
    """Tells all that an activity, LAUNCH or TERMINATE, has happened.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    """
    group, instance = activity.group, activity.instance
    ways = ("EC2", "AutoScalingGroup") if change == "LAUNCH" else ("AutoScalingGroup", "EC2")
    detail = {
        "Origin": ways[0],
        "Destination": ways[1],
        "Description": activity.description,
        "RequestId": activity.id,
        "EndTime": iso(activity.end_time),
        "ActivityId": activity.id,
        "StartTime": iso(activity.start_time),
        "EC2InstanceId": instance.id,
        "StatusCode": "InProgress",
        "StatusMessage": "",
        "Details": activity.details,
        "AutoScalingGroupName": group.name,
        "Cause": activity.cause,
    }
    message = {
        **detail,
        "Progress": 50,
        "AccountId": group.account_id,
        "AutoScalingGroupARN": group.arn,
        "Service": "AWS Auto Scaling",
        "Time": iso(activity.end_time),
        "Event": f"autoscaling:EC2_INSTANCE_{change}",
    }
    subject = f'Auto Scaling: {SUBJECTS[change]} for group "{group.name}"'
    for topic, kinds in of(group).items():
        if message["Event"] in kinds:
            courier.later(courier.to_topic, topic, as_json(message), subject)
    instance_arn = f"arn:aws:ec2:{group.region}:{group.account_id}:instance/{instance.id}"
    resources = [group.arn, instance_arn]
    bus.emit(group.account_id, group.region, "aws.autoscaling", EVENTS[change], resources, detail)


def apply():
    AutoScalingResponse.put_notification_configuration = put_notification_configuration
    AutoScalingResponse.describe_notification_configurations = describe_notification_configurations
    AutoScalingResponse.delete_notification_configuration = delete_notification_configuration
    AutoScalingResponse.describe_auto_scaling_notification_types = describe_auto_scaling_notification_types
