"""How an instance leaves its group: Terminating, held by hooks, Terminating:Proceed, gone; and who hears of it.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
"""

import functools
import math

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from strict.autoscaling import hooks, notifications
from strict.autoscaling.activities import Activity, now
from strict.autoscaling.notifications import group_of
from strict.ec2 import ending

HEALTH = (
    "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or "
    "stopped."
)
REFRESH = "an instance was taken out of service in response to an instance refresh."


def present(group):
    """The instances that are not on their way out."""
    return [one for one in group.instance_states if not one.lifecycle_state.startswith("Terminating")]


def retire(group, states, cause, held=True):
    """Takes instances out of the group; returns their activities."""
    began = []
    for one in states:
        one.lifecycle_state = "Terminating"
        began.append(Activity(group, one.instance, f"Terminating EC2 instance: {one.instance.id}", cause))
    _leave_balancers(group, states)
    for one, activity in zip(states, began):
        proceed = functools.partial(_proceed, group, one, activity)
        if held and hooks.hold(group, one.instance, proceed):
            one.lifecycle_state = "Terminating:Wait"
            activity.status = "MidTerminatingLifecycleAction"
        else:
            proceed()
    return began


def _leave_balancers(group, states):
    backend = group.autoscaling_backend
    if group.name in backend.autoscaling_groups:
        backend.update_attached_elbs(group.name)
    for arn in group.target_group_arns:
        backend.elbv2_backend.deregister_targets(arn, [{"Id": one.instance.id} for one in states])


def _proceed(group, state, activity):
    state.lifecycle_state, activity.status = "Terminating:Proceed", "InProgress"
    ending.when_ended(state.instance, functools.partial(_gone, group, state, activity))
    state.instance.terminate()


def _gone(group, state, activity):
    if state in group.instance_states:
        group.instance_states.remove(state)
    activity.end()
    notifications.tell(activity, "TERMINATE")


def wanted(group):
    """Instances that make up the desired capacity.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups-instance-weighting.html
    """
    policy = group.mixed_instances_policy or {}
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or [{}]
    weight = str(overrides[0].get("WeightedCapacity", "1"))
    return math.ceil((group.desired_capacity or 0) / max(int(weight) if weight.isdigit() else 1, 1))


def set_desired_capacity(self, new_capacity):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html: scaling in passes through
    the terminating states (moto drops the instances), the oldest first, and none that is protected."""
    before = self.__dict__.get("desired_capacity") or 0
    self.desired_capacity = self.min_size if new_capacity is None else new_capacity
    active = self.active_instances()
    missing = wanted(self) - len(active)
    if missing > 0:
        self.replace_autoscaling_group_instances(missing, self.get_propagated_tags())
    elif missing < 0:
        chosen = [one for one in active if not one.protected_from_scale_in][:-missing]
        retire(self, chosen, _scaled_in(before, self.desired_capacity, len(active), chosen))
    if self.name in self.autoscaling_backend.autoscaling_groups:
        self.autoscaling_backend.update_attached_elbs(self.name)
        self.autoscaling_backend.update_attached_target_groups(self.name)


def _scaled_in(before, after, size, chosen):
    """A cause names all instances that were selected, not only its own."""
    when = now()
    selected = "".join(f"  At {when} instance {one.instance.id} was selected for termination." for one in chosen)
    return (
        f"At {when} a user request explicitly set group desired capacity changing the desired capacity from {before} "
        f"to {after}.  At {when} an instance was taken out of service in response to a difference between desired and "
        f"actual capacity, shrinking the capacity from {size} to {size - len(chosen)}.{selected}"
    )


def update_attached_target_groups(self, group_name):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html: instances that are being
    terminated are deregistered (moto registers them again)."""
    group = self.autoscaling_groups[group_name]
    ids = [one.instance.id for one in present(group)]
    for arn in group.target_group_arns:
        (found,) = self.elbv2_backend.describe_target_groups(None, [arn], None)
        self.elbv2_backend.register_targets(arn, [{"Id": one, "Port": found.port} for one in ids])


def set_desired_capacity_request(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetDesiredCapacity.html: between the minimum and the
    maximum size."""
    group, asked = group_of(self), self._get_int_param("DesiredCapacity")
    if not group.min_size <= asked <= group.max_size:
        wrong = f"below min value {group.min_size}" if asked < group.min_size else f"above max value {group.max_size}"
        raise ValidationError(f"New SetDesiredCapacity value {asked} is {wrong} for the AutoScalingGroup.")
    self.autoscaling_backend.set_desired_capacity(group.name, asked)
    return EmptyResult()


def terminate_instance_in_auto_scaling_group(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html: of any
    group of the Region; without decrement the instance is replaced."""
    one = self._get_param("InstanceId")
    decrement = self._get_bool_param("ShouldDecrementDesiredCapacity")
    if decrement is None:
        raise ValidationError("ShouldDecrementDesiredCapacity must be given.")
    found = self.autoscaling_backend.describe_auto_scaling_instances([one])
    if not found:
        raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {one}")
    (state,) = found
    group = state.auto_scaling_group
    size = group.desired_capacity
    if decrement and size - 1 < group.min_size:
        raise ValidationError(
            f"Currently, desiredSize equals minSize ({size}). Terminating instance without replacement will violate "
            "group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min "
            "size."
        )
    if state not in present(group):
        raise AutoscalingClientError("ScalingActivityInProgress", f"Activity for {one} is in progress.")
    cause = f"At {now()} instance {one} was taken out of service in response to a user request"
    if decrement:
        group.desired_capacity = size - 1
        cause += f", shrinking the capacity from {size} to {size - 1}"
    (activity,) = retire(group, [state], cause + ".")
    group.set_desired_capacity(group.desired_capacity)
    return ActionResult({"Activity": activity.view()})


def notify_terminate_instances(self, instance_ids):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html: an instance that EC2
    terminated is unhealthy, and is replaced."""
    dead = set(instance_ids)
    for group in list(self.autoscaling_groups.values()):
        states = [one for one in present(group) if one.instance.id in dead]
        if states:
            retire(group, states, f"At {now()} {HEALTH}")
            group.set_desired_capacity(group.desired_capacity)


def delete_auto_scaling_group(self, group_name):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html: by force with all its
    instances, protected ones too, and without its outstanding lifecycle actions."""
    group = self.autoscaling_groups.get(group_name)
    if group is None:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
    states, when = present(group), now()
    cause = (
        f"At {when} a user request force deleted AutoScalingGroup changing the desired capacity from "
        f"{group.desired_capacity} to 0.  At {when} an instance was taken out of service in response to a difference "
        f"between desired and actual capacity, shrinking the capacity from {len(states)} to 0."
    )
    group.desired_capacity = 0
    hooks.release_all(group)
    retire(group, states, cause, held=False)
    del self.autoscaling_groups[group_name]


def apply():
    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity
    AutoScalingBackend.update_attached_target_groups = update_attached_target_groups
    AutoScalingBackend.notify_terminate_instances = notify_terminate_instances
    AutoScalingBackend.delete_auto_scaling_group = delete_auto_scaling_group
    AutoScalingResponse.set_desired_capacity = set_desired_capacity_request
    AutoScalingResponse.terminate_instance_in_auto_scaling_group = terminate_instance_in_auto_scaling_group
