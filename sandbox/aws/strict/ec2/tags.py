"""CreateTags on resources that do not exist (yet)."""

from moto.ec2.responses.tags import TagResponse

from strict.ec2 import image_describe, params, snapshots, state

_create = TagResponse.create_tags


def create_tags(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html: the resource must exist, at most 50
    tags, none in `aws:`; a resource that was just created may not be found yet."""
    for resource_id in self._get_param("Resources", []):
        if resource_id.startswith("ami-"):
            image_describe.find(self.ec2_backend, resource_id)
        elif resource_id.startswith("snap-"):
            snapshots.find(self.ec2_backend, resource_id)
        elif resource_id.startswith("lt-") and resource_id not in self.ec2_backend.launch_templates:
            raise state.error(
                "InvalidLaunchTemplateId.NotFound",
                f"The specified launch template, with template ID {resource_id}, does not exist.",
            )
    for tag in self._get_param("Tags", []):
        params.check_tag(tag.get("Key"), tag.get("Value"))
    return _create(self)


def apply():
    TagResponse.create_tags = create_tags
