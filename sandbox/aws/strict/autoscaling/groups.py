"""Groups that launch from a launch template version, and remember which."""

import random

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import ASG_NAME_TAG, FakeAutoScalingGroup, InstanceState
from moto.ec2.exceptions import EC2ClientError

from strict.autoscaling import notifications, termination
from strict.autoscaling.activities import Activity, now

_set_launch_configuration = FakeAutoScalingGroup._set_launch_configuration
_update = FakeAutoScalingGroup.update


class Source:
    """The launch template version that instances are launched from."""

    def __init__(self, template, asked):
        self.template = template
        # As configured: a number, `$Latest` or `$Default`, which resolve anew at every launch.
        self.asked = str(asked or "$Default")

    @property
    def version(self):
        return self.template.get_version(self.asked)

    def view(self):
        """As an instance shows it: always a number."""
        return {
            "LaunchTemplateId": self.template.id,
            "LaunchTemplateName": self.template.name,
            "Version": str(self.version.number),
        }

    def matches(self, instance):
        same = getattr(instance, "strict_template", None) == self.view()
        return same and instance.image_id == self.version.image_id


def source_of(group):
    if group.ec2_launch_template is None:
        return None
    return Source(group.ec2_launch_template, group.launch_template_version)


def source_from(backend, specification):
    """The source a LaunchTemplateSpecification names.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateSpecification.html: by id or by name,
    and the template, the version and its image must be there.
    """
    from strict.ec2 import templates

    try:
        template = templates.find(
            backend, specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")
        )
        source = Source(template, specification.get("Version"))
        check_image(backend, source.version.image_id)
    except EC2ClientError as problem:
        raise ValidationError(f"You must use a valid fully-formed launch template. {problem.message}") from None
    return source


def check_image(backend, image_id):
    """An image that was here and is gone, or is not ready, cannot be launched; unknown ids are let pass."""
    from strict.ec2 import state

    image = backend.amis.get(image_id)
    if image_id in backend.deleted_amis:
        raise state.error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if image is not None and image.state != "available":
        raise state.error("InvalidAMIID.Unavailable", f"AMI '{image_id}' is {image.state}, and cannot be run")


def set_launch_configuration(self, launch_config_name, launch_template, mixed_instances_policy):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html: an invalid launch
    template is a ValidationError of the caller, also when the version does not exist."""
    specification = launch_template
    if not specification and mixed_instances_policy:
        specification = mixed_instances_policy["LaunchTemplate"]["LaunchTemplateSpecification"]
    if specification:
        source_from(self.ec2_backend, specification)
        self.provided_launch_template_version = specification.get("Version")
    _set_launch_configuration(self, launch_config_name, launch_template, mixed_instances_policy)


def update(self, *args, **fields):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html: what the request does
    not name stays as it is (moto drops the mixed instances policy)."""
    if not fields.get("mixed_instances_policy") and not fields.get("launch_template"):
        policy = self.mixed_instances_policy
        _update(self, *args, **fields)
        self.mixed_instances_policy = policy
    else:
        _update(self, *args, **fields)


def launch(group, count, source):
    """Launches instances into the group; they are in service at once."""
    version = source.version if source else None
    tags = group.get_propagated_tags()
    tags[ASG_NAME_TAG] = group.name
    tags.update(version.instance_tags if version else {})
    reservation = group.autoscaling_backend.ec2_backend.run_instances(
        version.image_id if version else group.image_id,
        count,
        version.user_data if version else group.user_data,
        version.security_groups if version else group.security_groups,
        instance_type=version.instance_type if version else group.instance_type,
        tags={"instance": tags},
        placement=random.choice(group.availability_zones),
        launch_config=None if version else group.launch_config,
        launch_template=_arguments(source) if version else None,
        is_instance_type_default=False,
        associate_public_ip=None if version else group.launch_config.associate_public_ip_address,
        subnet_id=group.vpc_zone_identifier.split(",")[0] if group.vpc_zone_identifier else None,
    )
    before = len(group.instance_states)
    cause = f"At {now()} an instance was started in response to a difference between desired and actual capacity, "
    cause += f"increasing the capacity from {before} to {before + count}."
    for instance in reservation.instances:
        instance.autoscaling_group = group
        instance.strict_template = source.view() if source else None
        protected = group.new_instances_protected_from_scale_in
        group.instance_states.append(InstanceState(instance, protected_from_scale_in=protected))
        activity = Activity(group, instance, f"Launching a new EC2 instance: {instance.id}", cause)
        activity.end()
        notifications.tell(activity, "LAUNCH")
    return reservation.instances


def _arguments(source):
    return {"LaunchTemplateId": source.template.id, "Version": str(source.version.number)}


def replace_autoscaling_group_instances(self, count_needed, propagated_tags):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-launch-template.html: instances are launched from
    the version the group names (moto takes the image from it, but the rest from the default version).

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html: scaling out during an instance
    refresh launches its desired configuration.
    """
    from strict.autoscaling import refresh

    running = refresh.active_of(self)
    rolling_out = running and running.desired and running.status != "RollbackInProgress"
    launch(self, count_needed, running.desired if rolling_out else source_of(self))


def instance_launch_template(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Instance.html: the version the instance was
    launched from (moto shows the template's default version)."""
    return getattr(self.instance, "strict_template", None)


def swap(group, old, source):
    """Replaces one instance of the group."""
    backend = group.autoscaling_backend
    (new,) = launch(group, 1, source)
    states = [one for one in termination.present(group) if one.instance is old]
    termination.retire(group, states, f"At {now()} {termination.REFRESH}")
    backend.update_attached_elbs(group.name)
    backend.update_attached_target_groups(group.name)
    return new


def apply():
    FakeAutoScalingGroup._set_launch_configuration = set_launch_configuration
    FakeAutoScalingGroup.update = update
    FakeAutoScalingGroup.replace_autoscaling_group_instances = replace_autoscaling_group_instances
    InstanceState.launch_template = property(instance_launch_template)
