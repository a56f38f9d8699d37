"""ModifyImageAttribute and DescribeImageAttribute."""

from moto.core.responses import EmptyResult
from moto.ec2.responses.amis import AmisResponse

from strict.ec2 import params, state
from strict.ec2.image_describe import find

_describe = AmisResponse.describe_image_attribute


def usable(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidAMIID.Unavailable for an
    image that is deregistered, or not in a state in which attributes can be modified."""
    backend, image_id = self.ec2_backend, self._get_param("ImageId")
    params.check_id(image_id, "ami", "InvalidAMIID.Malformed")
    if image_id in backend.deleted_amis:
        raise state.error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
    return find(backend, image_id, own=True)


def modify_image_attribute(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html: a pending image cannot be
    shared yet."""
    image = usable(self)
    if image.state != "available":
        raise state.error(
            "InvalidAMIID.Unavailable",
            f"The AMI ID '{image.id}' is currently {image.state} and may not be used for this operation",
        )
    add, remove = _permissions(self)
    image.ec2_backend.validate_permission_targets(add + remove)
    self.error_on_dryrun()
    description = self._get_param("Description")
    if isinstance(description, dict):
        image.description = description.get("Value", "")
    kept = [permission for permission in image.launch_permissions if permission not in remove]
    image.launch_permissions = kept + [permission for permission in add if permission not in kept]
    return EmptyResult()


def _permissions(self):
    """Both ways to say it: the LaunchPermission structure, or OperationType with lists."""
    structure = self._get_param("LaunchPermission", {}) or {}
    add, remove = list(structure.get("Add", [])), list(structure.get("Remove", []))
    listed = [{"UserId": user} for user in self._get_param("UserIds", [])]
    listed += [{"Group": group} for group in self._get_param("UserGroups", [])]
    listed += [{"OrganizationArn": arn} for arn in self._get_param("OrganizationArns", [])]
    listed += [{"OrganizationalUnitArn": arn} for arn in self._get_param("OrganizationalUnitArns", [])]
    operation = self._get_param("OperationType")
    if operation == "add":
        add += listed
    elif operation == "remove":
        remove += listed
    return [dict(entry) for entry in add], [dict(entry) for entry in remove]


def describe_image_attribute(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageAttribute.html: an unknown image is an
    error of the caller, not of the server."""
    usable(self)
    return _describe(self)


def apply():
    AmisResponse.modify_image_attribute = modify_image_attribute
    AmisResponse.describe_image_attribute = describe_image_attribute
