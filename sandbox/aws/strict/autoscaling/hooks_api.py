"""The operations on lifecycle hooks and their actions."""

import re

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from strict.autoscaling import hooks
from strict.autoscaling.notifications import group_of, known_topic, test_message
from strict.events import courier

NAME = re.compile(r"[A-Za-z0-9\-_/]{1,255}")
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MOST_HOOKS = 50
RESULTS = ("CONTINUE", "ABANDON")


def put_lifecycle_hook(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html: a new hook needs its
    transition, an existing one keeps what is not named; a target must be there, and gets a test message."""
    group, name = group_of(self), self._get_param("LifecycleHookName")
    known = hooks.hooks_of(group)
    _check(self, group, name)
    hook = known.get(name) or hooks.Hook(group, name)
    hook.transition = self._get_param("LifecycleTransition") or hook.transition
    hook.timeout = self._get_int_param("HeartbeatTimeout") or hook.timeout
    hook.result = self._get_param("DefaultResult") or hook.result
    hook.role = self._get_param("RoleARN") or hook.role
    hook.metadata = self._get_param("NotificationMetadata") or hook.metadata
    target = self._get_param("NotificationTargetARN")
    if target is not None:
        # An empty one takes the target away.
        hook.target = target or None
        subject = f'Auto Scaling: test notification for group "{group.name}"'
        hook.send(test_message(group), subject)
    known[name] = hook
    return EmptyResult()


def _check(response, group, name):
    known, transition = hooks.hooks_of(group), response._get_param("LifecycleTransition")
    if not NAME.fullmatch(name or ""):
        raise ValidationError(f"Lifecycle hook name {name} is not valid.")
    if transition not in (None, hooks.LAUNCHING, hooks.TERMINATING) or (name not in known and not transition):
        raise ValidationError("Lifecycle Transition is a required field, and must be one that AWS knows.")
    if response._get_param("DefaultResult") not in (None, *RESULTS):
        raise ValidationError("Default Result must be either CONTINUE or ABANDON.")
    timeout = response._get_int_param("HeartbeatTimeout")
    if timeout is not None and not 30 <= timeout <= 7200:
        raise ValidationError("Heartbeat timeout must be between 30 and 7200 seconds.")
    target = response._get_param("NotificationTargetARN")
    if target and not _reachable(target):
        raise ValidationError(
            f"Unable to publish test message to notification target {target} using IAM role "
            f"{response._get_param('RoleARN')}. Please check your target and role configuration and try to put "
            "lifecycle hook again."
        )
    if name not in known and len(known) >= MOST_HOOKS:
        raise AutoscalingClientError("LimitExceeded", f"You may have at most {MOST_HOOKS} lifecycle hooks per group.")


def _reachable(target):
    if ":sqs:" not in target:
        return known_topic(target)
    try:
        return courier.queue_of(target) is not None
    except (ValueError, KeyError, IndexError):
        return False


def describe_lifecycle_hooks(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLifecycleHooks.html (moto shows a target and
    a role that nobody gave)"""
    names = self._get_param("LifecycleHookNames", [])
    found = hooks.hooks_of(group_of(self)).values()
    return ActionResult({"LifecycleHooks": [one.view() for one in found if not names or one.name in names]})


def delete_lifecycle_hook(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteLifecycleHook.html: outstanding actions are
    completed first, CONTINUE for terminating instances."""
    group, name = group_of(self), self._get_param("LifecycleHookName")
    hook = hooks.hooks_of(group).pop(name, None)
    if hook is None:
        raise ValidationError(f"No Lifecycle Hook found with name: {name}")
    hooks.release_all(group, hook)
    return EmptyResult()


def record_lifecycle_action_heartbeat(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RecordLifecycleActionHeartbeat.html"""
    _active(self).heartbeat()
    return EmptyResult()


def complete_lifecycle_action(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html: by token or instance
    id, once."""
    result = self._get_param("LifecycleActionResult")
    if result not in RESULTS:
        raise ValidationError("Lifecycle Action Result must be either CONTINUE or ABANDON.")
    hooks.complete(_active(self), result)
    return EmptyResult()


def _active(response):
    group, name = group_of(response), response._get_param("LifecycleHookName")
    token, instance = response._get_param("LifecycleActionToken"), response._get_param("InstanceId")
    if not token and not instance:
        raise ValidationError("Either LifecycleActionToken or InstanceId must be given.")
    for action in hooks.of(group):
        if action.hook.name == name and token in (None, action.token) and instance in (None, action.instance.id):
            return action
    said = f"token {token}" if token else f"instance ID {instance}"
    raise ValidationError(f"No active Lifecycle Action found with {said}")


def apply():
    AutoScalingResponse.put_lifecycle_hook = put_lifecycle_hook
    AutoScalingResponse.describe_lifecycle_hooks = describe_lifecycle_hooks
    AutoScalingResponse.delete_lifecycle_hook = delete_lifecycle_hook
    AutoScalingResponse.record_lifecycle_action_heartbeat = record_lifecycle_action_heartbeat
    AutoScalingResponse.complete_lifecycle_action = complete_lifecycle_action
