"""CreateImage, CopyImage, RegisterImage and DeregisterImage."""

import re

from moto.core.responses import ActionResult
from moto.ec2.models.amis import Ami
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.utils import random_ami_id

from strict.ec2 import params, state
from strict.ec2.lifecycle import Lifecycle
from strict.ec2.snapshots import new_snapshot, users_of

# Exactly what the API page of CreateImage allows.
NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


class StrictAmi(Ami):
    """An image whose state follows its lifecycle, with a snapshot per volume of its source."""

    def __init__(self, backend, image_id, lifecycle=None, **fields):
        # Without a lifecycle (RegisterImage) the image is available at once: its snapshots exist already.
        self.lifecycle = lifecycle
        self.devices = []
        self.source_image_id = None
        self.source_image_region = None
        super().__init__(backend, image_id, **fields)
        # moto's made-up snapshot of 15 GiB; ours are made from the real devices.
        self.ec2_backend.snapshots.pop(self.ebs_snapshot.id)
        # What moto says of instances whose image it does not know; AWS has not made such images for years.
        if self.virtualization_type == "paravirtual":
            self.virtualization_type, self.kernel_id = "hvm", None

    @property
    def state(self):
        return self.lifecycle.image_state() if self.lifecycle else self._state

    @state.setter
    def state(self, value):
        self._state = value

    @property
    def state_reason(self):
        return self.lifecycle.state_reason() if self.lifecycle else None

    @property
    def visible(self):
        return self.lifecycle is None or self.lifecycle.visible

    @property
    def block_device_mappings(self):
        return self.devices

    @property
    def snapshot_ids(self):
        found = [device.get("Ebs", {}).get("SnapshotId") for device in self.devices]
        return [snapshot_id for snapshot_id in found if snapshot_id]

    def get_filter_value(self, filter_name, method_name=None):
        if filter_name == "block-device-mapping.snapshot-id":
            return self.snapshot_ids
        if filter_name == "block-device-mapping.device-name":
            return [device["DeviceName"] for device in self.devices]
        if filter_name in ("source-image-id", "source-image-region"):
            return getattr(self, filter_name.replace("-", "_"))
        return super().get_filter_value(filter_name, method_name)


def check_name(backend, name):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidAMIName.Malformed and
    InvalidAMIName.Duplicate (a name is unique among the registered images of an account and Region)."""
    if not NAME.fullmatch(name or ""):
        raise state.error(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            "'(', ')', '.', '-', '/' and '_'",
        )
    for image in backend.amis.values():
        if image.name == name:
            raise state.error("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")


def usable_instance(backend, instance_id):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidInstanceID.Malformed,
    InvalidInstanceID.NotFound; an instance that is gone is no source (InvalidParameterValue)."""
    params.check_id(instance_id, "i", "InvalidInstanceID.Malformed")
    instance = backend.get_instance(instance_id)
    if instance.state not in ("running", "stopping", "stopped"):
        raise state.error(
            "InvalidParameterValue",
            f"Invalid value '{instance_id}' for instanceId. "
            "Instance is not in state 'running' or 'stopping' or 'stopped'",
        )
    return instance


def create_image(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html: the image starts `pending`, each
    volume gets a snapshot, tags go to the image and to the snapshots, and there is no client token."""
    backend = self.ec2_backend
    instance = usable_instance(backend, self._get_param("InstanceId"))
    name = self._get_param("Name")
    check_name(backend, name)
    tags = params.tag_specifications(self._get_param("TagSpecifications", []), ("image", "snapshot"))
    self.error_on_dryrun()

    image = StrictAmi(
        backend,
        random_ami_id(),
        lifecycle=Lifecycle(),
        instance=instance,
        name=name,
        description=self._get_param("Description", ""),
        root_device_type="ebs",
        root_device_name=instance.root_device_name,
        image_location=f"{backend.account_id}/{name}",
    )
    overrides = {device["DeviceName"]: device for device in self._get_param("BlockDeviceMappings", [])}
    note = f"Created by CreateImage({instance.id}) for {image.id}"
    for device_name, device in instance.block_device_mapping.items():
        override = overrides.pop(device_name, {})
        if "NoDevice" not in override:
            volume = backend.get_volume(device.volume_id)
            snapshot = new_snapshot(backend, volume, note, image, tags.get("snapshot", {}))
            _add_device(image, device_name, snapshot, volume, device.delete_on_termination, override)
    image.devices.extend(dict(device) for device in overrides.values() if "NoDevice" not in device)
    return _register(backend, image, tags)


def _add_device(image, device_name, snapshot, volume, delete_on_termination, override):
    ebs = {
        "SnapshotId": snapshot.id,
        "VolumeSize": int(volume.size),
        "VolumeType": volume.volume_type or "standard",
        "DeleteOnTermination": bool(delete_on_termination),
        "Encrypted": bool(volume.encrypted),
    }
    changeable = {"DeleteOnTermination", "VolumeType", "Iops", "Throughput"}
    ebs.update({key: value for key, value in override.get("Ebs", {}).items() if key in changeable})
    image.devices.append({"DeviceName": device_name, "Ebs": ebs})


def _register(backend, image, tags):
    backend.amis[image.id] = image
    image.add_tags(tags.get("image", {}))
    return ActionResult({"ImageId": image.id})


def copy_image(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html: the copy is pending in this Region
    with its own snapshots; ClientToken makes it idempotent; tags are copied only with CopyImageTags."""
    backend, wanted = self.ec2_backend, dict(self._get_params())
    tags = params.tag_specifications(wanted.get("TagSpecifications", []), ("image", "snapshot"))
    self.error_on_dryrun()
    return state.once(
        backend, "CopyImage", wanted.get("ClientToken"), wanted, lambda: _copy(backend, wanted, tags)
    )


def _copy(backend, wanted, tags):
    source = _copy_source(backend, wanted["SourceImageId"], wanted["SourceRegion"])
    check_name(backend, wanted.get("Name"))
    image = StrictAmi(
        backend,
        random_ami_id(),
        lifecycle=Lifecycle(),
        source_ami=source,
        name=wanted["Name"],
        description=wanted.get("Description", ""),
        root_device_type=source.root_device_type,
        root_device_name=source.root_device_name,
        image_location=f"{backend.account_id}/{wanted['Name']}",
    )
    image.source_image_id, image.source_image_region = source.id, wanted["SourceRegion"]
    for device in source.devices:
        image.devices.append(_copy_device(backend, source, image, device, wanted, tags.get("snapshot", {})))
    if wanted.get("CopyImageTags") and source.owner_id == backend.account_id:
        own = {tag["key"]: tag["value"] for tag in source.get_tags() if not tag["key"].startswith("aws:")}
        tags = {**tags, "image": {**own, **tags.get("image", {})}}
    return _register(backend, image, tags)


def _copy_source(backend, image_id, region):
    from moto.ec2.models import ec2_backends

    from strict.ec2.image_describe import find

    params.check_id(image_id, "ami", "InvalidAMIID.Malformed")
    source = find(ec2_backends[backend.account_id][region], image_id)
    if source.state != "available":
        raise state.error("InvalidRequest", "The storage for the ami is not available in the source Region.")
    for snapshot_id in source.snapshot_ids:
        snapshot = source.ec2_backend.snapshots.get(snapshot_id)
        if snapshot is None:
            raise state.error("InvalidRequest", "The storage for the ami is not available in the source Region.")
        if not snapshot.readable_by(backend.account_id):
            raise state.error("InvalidRequest", "You do not have permission to access the storage of this ami")
    return source


def _copy_device(backend, source, image, device, wanted, tags):
    copied = {**device, "Ebs": dict(device["Ebs"])} if "Ebs" in device else dict(device)
    original = source.ec2_backend.snapshots.get(device.get("Ebs", {}).get("SnapshotId"))
    if original is not None:
        note = f"Copied for DestinationAmi {image.id} from SourceAmi {source.id} for SourceSnapshot {original.id}."
        snapshot = new_snapshot(backend, original.volume, note, image, tags)
        snapshot.encrypted = original.encrypted or bool(wanted.get("Encrypted"))
        copied["Ebs"].update(SnapshotId=snapshot.id, Encrypted=snapshot.encrypted)
    return copied


def register_image(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html: names are unique, and snapshots
    are shared: one snapshot may back several images."""
    backend = self.ec2_backend
    name = self._get_param("Name")
    check_name(backend, name)
    devices = [dict(device) for device in self._get_param("BlockDeviceMappings", [])]
    for device in devices:
        snapshot_id = device.get("Ebs", {}).get("SnapshotId")
        if snapshot_id and snapshot_id not in backend.snapshots:
            raise state.error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    tags = params.tag_specifications(self._get_param("TagSpecifications", []), ("image", "snapshot"))
    self.error_on_dryrun()
    image = StrictAmi(
        backend,
        random_ami_id(),
        name=name,
        description=self._get_param("Description", ""),
        architecture=self._get_param("Architecture", "x86_64"),
        virtualization_type=self._get_param("VirtualizationType", "hvm"),
        root_device_type="ebs",
        root_device_name=self._get_param("RootDeviceName", "/dev/sda1"),
        image_location=f"{backend.account_id}/{name}",
    )
    image.devices = devices
    return _register(backend, image, tags)


def deregister_image(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html: snapshots stay, unless
    DeleteAssociatedSnapshots is set; one that backs another image is skipped even then."""
    from strict.ec2.image_describe import find

    backend, image_id = self.ec2_backend, self._get_param("ImageId")
    params.check_id(image_id, "ami", "InvalidAMIID.Malformed")
    if image_id in backend.deleted_amis:
        raise state.error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
    image = find(backend, image_id, own=True)
    self.error_on_dryrun()
    del backend.amis[image_id]
    backend.deleted_amis.append(image_id)
    answer = {"Return": True}
    if self._get_param("DeleteAssociatedSnapshots", False):
        answer["DeleteSnapshotResults"] = [_drop(backend, snapshot_id) for snapshot_id in image.snapshot_ids]
    return ActionResult(answer)


def _drop(backend, snapshot_id):
    if users_of(backend, snapshot_id):
        return {"SnapshotId": snapshot_id, "ReturnCode": "skipped"}
    gone = backend.snapshots.pop(snapshot_id, None)
    return {"SnapshotId": snapshot_id, "ReturnCode": "success" if gone else "client-error"}


def apply():
    AmisResponse.create_image = create_image
    AmisResponse.copy_image = copy_image
    AmisResponse.register_image = register_image
    AmisResponse.deregister_image = deregister_image
