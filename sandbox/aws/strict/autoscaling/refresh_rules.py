"""What StartInstanceRefresh and RollbackInstanceRefresh refuse."""

from moto.autoscaling.exceptions import ValidationError

LONGEST = 172_800
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html
DEFAULTS = {
    "MinHealthyPercentage": 90,
    "SkipMatching": False,
    "AutoRollback": False,
    "ScaleInProtectedInstances": "Wait",
    "StandbyInstances": "Wait",
    "BakeTime": 0,
}
RANGES = {
    "MinHealthyPercentage": (0, 100),
    "MaxHealthyPercentage": (100, 200),
    "InstanceWarmup": (0, None),
    "CheckpointDelay": (0, LONGEST),
    "BakeTime": (0, LONGEST),
}
CHOICES = {
    "ScaleInProtectedInstances": ("Refresh", "Ignore", "Wait"),
    "StandbyInstances": ("Terminate", "Ignore", "Wait"),
}


def preferences(asked):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html: the ranges, what belongs
    together, and the defaults."""
    asked = dict(asked or {})
    for name, (least, most) in RANGES.items():
        _in_range(name, asked.get(name), least, most)
    for name, known in CHOICES.items():
        if asked.get(name) is not None and asked[name] not in known:
            _refuse(name, asked[name], f"Member must satisfy enum value set: [{', '.join(known)}]")
    _healthy(asked)
    _checkpoints(asked)
    alarms = (asked.get("AlarmSpecification") or {}).get("Alarms") or []
    if len(alarms) > 10:
        raise ValidationError("You can specify up to 10 alarms in the AlarmSpecification.")
    merged = {**DEFAULTS, **asked}
    if merged.get("CheckpointPercentages") and merged.get("CheckpointDelay") is None:
        merged["CheckpointDelay"] = 3600
    return merged


def _in_range(name, value, least, most):
    if value is None:
        return
    if value < least:
        _refuse(name, value, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        _refuse(name, value, f"Member must have value less than or equal to {most}")


def _refuse(name, value, constraint):
    field = name[0].lower() + name[1:]
    raise ValidationError(
        f"1 validation error detected: Value '{value}' at 'preferences.{field}' failed to satisfy constraint: "
        f"{constraint}"
    )


def _healthy(asked):
    least, most = asked.get("MinHealthyPercentage"), asked.get("MaxHealthyPercentage")
    if most is None:
        return
    if least is None:
        raise ValidationError("If you specify MaxHealthyPercentage, you must also specify MinHealthyPercentage.")
    if most - least > 100:
        raise ValidationError(
            "The difference between MaxHealthyPercentage and MinHealthyPercentage cannot be greater than 100."
        )


def _checkpoints(asked):
    points = asked.get("CheckpointPercentages")
    if not points:
        if asked.get("CheckpointDelay") is not None:
            raise ValidationError("If you specify CheckpointDelay, you must also specify CheckpointPercentages.")
        return
    if any(not 1 <= point <= 100 for point in points) or sorted(set(points)) != list(points):
        raise ValidationError(
            "CheckpointPercentages must be unique numbers between 1 and 100, in ascending order."
        )


def auto_rollback(current, desired):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html: only with a desired
    configuration, and neither with `$Latest` or `$Default` nor with an SSM parameter for the image."""
    if desired is None:
        raise ValidationError(
            "The request isn't valid. The AutoRollback parameter cannot be set to true when the DesiredConfiguration "
            "parameter is empty. Set AutoRollback to false or specify a desired configuration and try again."
        )
    reason = irreversible(current, desired)
    if reason:
        raise ValidationError(f"The request isn't valid. The AutoRollback parameter cannot be set to true: {reason}")


def irreversible(current, desired):
    """Why a refresh cannot be rolled back, or nothing."""
    if desired is None:
        return "the instance refresh has no desired configuration."
    if current is None:
        return "the Auto Scaling group does not use a launch template."
    for source in (current, desired):
        if source.asked.startswith("$"):
            return f"the launch template uses the version {source.asked} instead of a specific version."
        if source.version.data.get("ImageId", "").startswith("resolve:ssm:"):
            return "the launch template uses an AWS Systems Manager parameter instead of an AMI ID."
    return None
