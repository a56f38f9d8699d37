"""DescribeImages."""

from moto.core.responses import ActionResult
from moto.ec2.responses.amis import AmisResponse

from strict.ec2 import params, state


def visible_to(backend, own=False):
    """The images an account sees in a Region: its own, those shared with it, and public ones."""
    from moto.ec2.models import ec2_backends

    images = [image for image in backend.amis.values() if image.visible]
    if own:
        return images
    for account, region, other in list(ec2_backends.iter_backends()):
        if region == backend.region_name and account != backend.account_id:
            images += [image for image in other.amis.values() if image.visible and _shared(image, backend.account_id)]
    return images


def _shared(image, account):
    return image.is_public or {"UserId": account} in image.launch_permissions


def find(backend, image_id, own=False):
    """https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html: a new image is not found at first,
    by whichever call."""
    for image in visible_to(backend, own):
        if image.id == image_id:
            return image
    raise state.error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")


def describe_images(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html: every id must exist, filters
    apply to ids too, MaxResults (5 to 1000) pages and cannot be combined with ids."""
    self.error_on_dryrun()
    backend, ids = self.ec2_backend, self._get_param("ImageIds", [])
    limit = params.max_results(self._get_param("MaxResults"), 5, 1000)
    if ids and limit:
        raise state.error(
            "InvalidParameterCombination", "The parameter imageIds cannot be used with the parameter maxResults"
        )
    filters = self._filters_from_querystring()
    params.check_filters(filters)
    images = visible_to(backend)
    if ids:
        images = _by_id(backend, images, ids)
    images = _owned(backend, images, self._get_param("Owners", []))
    images = _executable(backend, images, self._get_param("ExecutableUsers", []))
    images = params.filtered(filters, images)
    images, token = params.page(images, lambda image: image.id, limit, self._get_param("NextToken"))
    return ActionResult({"Images": images, "NextToken": token})


def _by_id(backend, images, ids):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html: a deregistered id gives an empty
    result while instances still reference it, later the error that it cannot be found."""
    for image_id in ids:
        params.check_id(image_id, "ami", "InvalidAMIID.Malformed")
    found = [image for image in images if image.id in ids]
    known = {image.id for image in found} | _referenced(backend)
    missing = [image_id for image_id in dict.fromkeys(ids) if image_id not in known]
    if missing:
        words = ("ids", "do not exist") if len(missing) > 1 else ("id", "does not exist")
        raise state.error("InvalidAMIID.NotFound", f"The image {words[0]} '[{', '.join(missing)}]' {words[1]}")
    return found


def _referenced(backend):
    gone = set(backend.deleted_amis)
    if not gone:
        return set()
    alive = (instance for instance in backend.all_instances() if instance.state != "terminated")
    return {instance.image_id for instance in alive} & gone


def _owned(backend, images, owners):
    if not owners:
        return images
    wanted = {backend.account_id if owner == "self" else owner for owner in owners}
    return [image for image in images if image.owner_id in wanted or image.owner_alias in wanted]


def _executable(backend, images, users):
    for user in users:
        if user == "all":
            images = [image for image in images if image.is_public]
        else:
            account = backend.account_id if user == "self" else user
            images = [image for image in images if {"UserId": account} in image.launch_permissions]
    return images


def apply():
    AmisResponse.describe_images = describe_images
