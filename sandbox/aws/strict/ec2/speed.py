"""Not strictness: moto looks tags up by scanning all tags of the Region, which makes describing N things N² work."""

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix


def get_tags(self):
    tags = self.ec2_backend.tags.get(self.id) if self.id else None
    if not tags:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()
    ]


def apply():
    TaggedEC2Resource.get_tags = get_tags
