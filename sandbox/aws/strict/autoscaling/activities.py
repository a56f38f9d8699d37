"""Scaling activities: what a group did, and why."""

import json
import uuid
from collections import deque

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from strict.ec2 import params

KEEP = 10_000
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html
LONGEST_CAUSE = 1023


class Activity:
    def __init__(self, group, instance, description, cause):
        self.id = str(uuid.uuid4())
        self.group, self.instance = group, instance
        self.description, self.cause = description, cause[:LONGEST_CAUSE]
        self.start_time, self.end_time = utcnow(), None
        self.status, self.progress = "InProgress", 0
        # An instance that EC2 terminated may have no subnet any more.
        subnet = instance.subnet_id or getattr(instance, "strict_subnet", None)
        self.details = {"Subnet ID": subnet, "Availability Zone": instance.placement.zone}
        of(group.autoscaling_backend).append(self)

    def end(self):
        self.end_time, self.status, self.progress = utcnow(), "Successful", 100

    def view(self):
        shown = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group.name,
            "AutoScalingGroupARN": self.group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.start_time,
            "EndTime": self.end_time,
            "StatusCode": self.status,
            "Progress": self.progress,
            "Details": json.dumps(self.details),
        }
        return {name: value for name, value in shown.items() if value is not None}


def of(backend):
    """All activities of an account and Region, oldest first."""
    return backend.__dict__.setdefault("strict_activities", deque(maxlen=KEEP))


def now():
    """As a cause writes the time."""
    return f"{utcnow():%Y-%m-%dT%H:%M:%SZ}"


def describe_scaling_activities(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html: newest first, at most
    100 a page."""
    name, ids = self._get_param("AutoScalingGroupName"), self._get_param("ActivityIds", [])
    found = [one for one in reversed(of(self.autoscaling_backend)) if name in (None, one.group.name)]
    if ids:
        found = [one for one in found if one.id in ids]
    page, token = paged(self, found, lambda one: one.id, 100)
    return ActionResult({"Activities": [one.view() for one in page], "NextToken": token})


def paged(response, things, identify, most):
    limit = response._get_int_param("MaxRecords", most)
    if not 1 <= limit <= 100:
        raise ValidationError(
            f"1 validation error detected: Value '{limit}' at 'maxRecords' failed to satisfy constraint: "
            "Member must have value less than or equal to 100"
        )
    return params.page(things, identify, limit, response._get_param("NextToken"))


def apply():
    AutoScalingResponse.describe_scaling_activities = describe_scaling_activities
