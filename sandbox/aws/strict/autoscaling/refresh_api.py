"""StartInstanceRefresh, DescribeInstanceRefreshes, CancelInstanceRefresh and RollbackInstanceRefresh."""

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from strict.autoscaling import groups, refresh, refresh_rules
from strict.ec2 import params

_update_group = AutoScalingResponse.update_auto_scaling_group
_delete_group = AutoScalingResponse.delete_auto_scaling_group


def group_of(self):
    name = self._get_param("AutoScalingGroupName")
    group = self.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError("AutoScalingGroup name not found - null")
    return group


def start_instance_refresh(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html"""
    group = group_of(self)
    if self._get_param("Strategy", "Rolling") != "Rolling":
        raise ValidationError("Only the strategy Rolling is modelled here.")
    preferences = refresh_rules.preferences(self._get_param("Preferences"))
    configuration = self._get_param("DesiredConfiguration") or None
    desired = _desired(group, configuration)
    if preferences["AutoRollback"]:
        refresh_rules.auto_rollback(groups.source_of(group), desired)
    if refresh.active_of(group):
        raise AutoscalingClientError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    started = refresh.Refresh(group, preferences, desired, configuration)
    refresh.of(self.autoscaling_backend).append(started)
    return ActionResult({"InstanceRefreshId": started.id})


def _desired(group, configuration):
    if not configuration:
        return None
    specification = configuration.get("LaunchTemplate")
    policy = configuration.get("MixedInstancesPolicy")
    if bool(specification) == bool(policy):
        raise ValidationError("The desired configuration must contain either LaunchTemplate or MixedInstancesPolicy.")
    if policy:
        specification = policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification", {})
    return groups.source_from(group.ec2_backend, specification)


def describe_instance_refreshes(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeInstanceRefreshes.html: newest first, pages
    of 50, at most 100."""
    group, wanted = group_of(self), self._get_param("InstanceRefreshIds", [])
    limit = self._get_int_param("MaxRecords", 50)
    if not 1 <= limit <= 100:
        raise ValidationError(
            f"1 validation error detected: Value '{limit}' at 'maxRecords' failed to satisfy constraint: "
            "Member must have value less than or equal to 100"
        )
    found = [one for one in reversed(refresh.of(self.autoscaling_backend)) if one.group is group]
    if wanted:
        found = [one for one in found if one.id in wanted]
    try:
        found, token = params.page(found, lambda one: one.id, limit, self._get_param("NextToken"))
    except EC2ClientError:
        raise AutoscalingClientError("InvalidNextToken", "The NextToken value is not valid.") from None
    return ActionResult({"InstanceRefreshes": [one.view() for one in found], "NextToken": token})


def must_be_active(self):
    found = refresh.active_of(group_of(self))
    if found is None or found.status == "Cancelling":
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound",
            "No in progress or pending Instance Refresh found for Auto Scaling group "
            f"{self._get_param('AutoScalingGroupName')}",
        )
    return found


def cancel_instance_refresh(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CancelInstanceRefresh.html: what was replaced stays
    replaced."""
    found = must_be_active(self)
    found.cancel()
    return ActionResult({"InstanceRefreshId": found.id})


def rollback_instance_refresh(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RollbackInstanceRefresh.html: refused without a
    desired configuration, with `$Latest` or `$Default`, and with an SSM parameter (IrreversibleInstanceRefresh)."""
    found = must_be_active(self)
    if found.status == "RollbackInProgress":
        raise AutoscalingClientError(
            "ActiveInstanceRefreshNotFound", "The instance refresh is being rolled back already."
        )
    reason = refresh_rules.irreversible(found.before, found.desired)
    if reason:
        raise AutoscalingClientError(
            "IrreversibleInstanceRefresh", f"The instance refresh cannot be rolled back: {reason}"
        )
    found.roll_back("The instance refresh was rolled back by the user.")
    return ActionResult({"InstanceRefreshId": found.id})


def update_auto_scaling_group(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html: while a refresh with a
    desired configuration runs, the group's launch template cannot be changed."""
    changes = ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy")
    running = refresh.active_of(group_of(self))
    if running and running.desired and any(self._get_param(name) for name in changes):
        raise ValidationError(
            "An active instance refresh with a desired configuration exists. All configuration options derived from "
            "the desired configuration are not available for update while the instance refresh is active."
        )
    return _update_group(self)


def delete_auto_scaling_group(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html: a group with instances
    is deleted only with ForceDelete, and takes its refreshes along."""
    group = group_of(self)
    if group.instance_states and not self._get_param("ForceDelete", False):
        raise AutoscalingClientError(
            "ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances or pending Spot "
            "instance request(s) still in the group."
        )
    answer = _delete_group(self)
    refreshes = refresh.of(self.autoscaling_backend)
    refreshes[:] = [one for one in refreshes if one.group is not group]
    return answer


def apply():
    AutoScalingResponse.start_instance_refresh = start_instance_refresh
    AutoScalingResponse.describe_instance_refreshes = describe_instance_refreshes
    AutoScalingResponse.cancel_instance_refresh = cancel_instance_refresh
    AutoScalingResponse.rollback_instance_refresh = rollback_instance_refresh
    AutoScalingResponse.update_auto_scaling_group = update_auto_scaling_group
    AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group
