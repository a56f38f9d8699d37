"""RunInstances with images that cannot be run."""

from moto.ec2.models.instances import Instance, InstanceBackend

from strict.ec2 import ending, state

_run = InstanceBackend.run_instances
_add_device = Instance.add_block_device


def run_instances(self, image_id, count, user_data, security_group_names, **options):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidAMIID.Unavailable for an
    image that is pending, failed or deregistered.

    An id that was never an image here is let pass: the sandbox has no public images, and needs none.  New instances
    tell their states: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
    """
    wanted = image_id
    if not wanted and options.get("launch_template"):
        wanted = self._get_template_from_args(options["launch_template"]).image_id
    image = self.amis.get(wanted)
    if wanted in self.deleted_amis:
        raise state.error("InvalidAMIID.Unavailable", f"The image ID '{wanted}' is no longer available")
    if image is not None and image.state != "available":
        raise state.error("InvalidAMIID.Unavailable", f"AMI '{wanted}' is {image.state}, and cannot be run")
    reservation = _run(self, image_id, count, user_data, security_group_names, **options)
    ending.launched(reservation)
    return reservation


def add_block_device(self, size, device_path, snapshot_id, encrypted, delete_on_termination, kms_key_id, volume_type):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html: without a size the volume is as
    large as the snapshot of the image (moto refuses a mapping without size and snapshot)."""
    if size is None and not snapshot_id:
        size = 8
    _add_device(self, size, device_path, snapshot_id, encrypted, delete_on_termination, kms_key_id, volume_type)


def apply():
    Instance.add_block_device = add_block_device
    InstanceBackend.run_instances = run_instances
