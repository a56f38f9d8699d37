"""Not strictness: moto scans all tags for those of a thing, and all instances for one, which makes N things N² work."""

from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from strict.ec2 import state


def get_tags(self):
    tags = self.ec2_backend.tags.get(self.id) if self.id else None
    if not tags:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()
    ]


def get_instance(self, instance_id):
    found = state.of(self).instances.get(instance_id)
    if found is None:
        raise InvalidInstanceIdError(instance_id)
    return found


def apply():
    InstanceBackend.get_instance = get_instance
    TaggedEC2Resource.get_tags = get_tags
