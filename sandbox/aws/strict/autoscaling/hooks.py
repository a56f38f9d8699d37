"""Lifecycle hooks: what holds an instance that is to be terminated, and for how long.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html

Hooks of launching instances are kept and shown, but hold nothing: instances are in service at once here.
"""

import json
import time
import uuid

from moto.core.utils import iso_8601_datetime_with_milliseconds as iso
from moto.core.utils import utcnow

from strict import clock
from strict.events import bus, courier
from strict.settings import SETTINGS

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LifecycleHook.html: "The maximum is 172800 seconds (48
# hours) or 100 times HeartbeatTimeout, whichever is smaller."
LONGEST, MOST_TIMES = 172800, 100


class Hook:
    def __init__(self, group, name):
        self.group, self.name = group, name
        self.transition = None
        self.timeout, self.result = 3600, "ABANDON"
        self.target = self.role = self.metadata = None

    @property
    def longest(self):
        return min(LONGEST, MOST_TIMES * self.timeout)

    def view(self):
        shown = {
            "LifecycleHookName": self.name,
            "AutoScalingGroupName": self.group.name,
            "LifecycleTransition": self.transition,
            "NotificationTargetARN": self.target,
            "RoleARN": self.role,
            "NotificationMetadata": self.metadata,
            "HeartbeatTimeout": self.timeout,
            "GlobalTimeout": self.longest,
            "DefaultResult": self.result,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def send(self, message, subject):
        if not self.target:
            return
        text = json.dumps(message, separators=(",", ":"))
        if ":sqs:" in self.target:
            courier.later(courier.to_queue, self.target, text)
        else:
            courier.later(courier.to_topic, self.target, text, subject)


class Action:
    """One hook that holds one instance."""

    def __init__(self, hook, instance, release):
        self.token = str(uuid.uuid4())
        self.hook, self.instance, self.release = hook, instance, release
        self.second = SETTINGS["hook_second"]
        now = time.monotonic()
        self.last = now + hook.longest * self.second
        self.until = now + hook.timeout * self.second

    def heartbeat(self):
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RecordLifecycleActionHeartbeat.html: extends by
        the hook's timeout from now, never beyond the limit."""
        self.until = min(time.monotonic() + self.hook.timeout * self.second, self.last)

    def watch(self):
        clock.after(max(self.until - time.monotonic(), 0), self._look)

    def _look(self):
        if self not in of(self.hook.group):
            return
        if time.monotonic() < self.until:
            self.watch()
        else:
            complete(self, self.hook.result)

    def detail(self):
        shown = {
            "LifecycleActionToken": self.token,
            "AutoScalingGroupName": self.hook.group.name,
            "LifecycleHookName": self.hook.name,
            "EC2InstanceId": self.instance.id,
            "LifecycleTransition": self.hook.transition,
            "NotificationMetadata": self.hook.metadata,
            "Origin": "AutoScalingGroup",
            "Destination": "EC2",
        }
        return {name: value for name, value in shown.items() if value is not None}

    def tell(self):
        """https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html
        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html"""
        group, now = self.hook.group, iso(utcnow())
        message = {
            "Service": "AWS Auto Scaling",
            "Time": now,
            "RequestId": str(uuid.uuid4()),
            "AccountId": group.account_id,
            **self.detail(),
        }
        subject = f"Auto Scaling:  Lifecycle action 'TERMINATING' for instance {self.instance.id} in progress."
        self.hook.send(message, subject)
        kind = "EC2 Instance-terminate Lifecycle Action"
        bus.emit(group.account_id, group.region, "aws.autoscaling", kind, [group.arn], self.detail())


def hooks_of(group):
    """Name -> hook."""
    return group.__dict__.setdefault("strict_hooks", {})


def of(group):
    """The active actions of a group, as keys in their order."""
    return group.__dict__.setdefault("strict_actions", {})


def hold(group, instance, release):
    """Whether hooks hold the instance; once none does any more, `release` is called."""
    held = [one for one in hooks_of(group).values() if one.transition == TERMINATING]
    for hook in held:
        action = Action(hook, instance, release)
        of(group)[action] = True
        action.tell()
        action.watch()
    return bool(held)


def complete(action, result):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html: ABANDON of a terminating
    instance ends its other hooks too, CONTINUE lets them complete; it is terminated either way."""
    active = of(action.hook.group)
    others = [one for one in active if one.instance is action.instance and one is not action]
    active.pop(action, None)
    if result == "ABANDON":
        for one in others:
            active.pop(one, None)
        others = []
    if not others:
        action.release()


def release_all(group, hook=None):
    """Ends the actions of a hook, or all of them, as if they had been completed."""
    for action in [one for one in of(group) if hook in (None, one.hook)]:
        if action in of(group):
            complete(action, "CONTINUE")
