"""DescribeImages and ListImages: images in the order of their pushing, a page at a time."""

from strict.ecr import identity, paging, service, state
from strict.ecr.refusals import Refused, check_length, invalid

FILTERS = {
    "tagStatus": ("TAGGED", "UNTAGGED", "ANY"),
    # No image is ever archived here.
    "imageStatus": ("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"),
}


def describe_images(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html"""
    store = state.store(registry, asked)
    if "imageIds" in asked:
        paging.refuse_beside(asked, "imageIds")
        check_length("imageIds", asked["imageIds"])
        found = [_must_find(store, one) for one in asked["imageIds"]]
        return {"imageDetails": [_detail(image) for image in dict.fromkeys(found)]}
    images, following = _page(store, asked, "DescribeImages")
    return paging.answer("imageDetails", [_detail(image) for image in images], following)


def list_images(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImages.html: an id for each tag."""
    images, following = _page(state.store(registry, asked), asked, "ListImages")
    ids = [identity.of(image, tag) for image in images for tag in image.image_tags or [None]]
    return paging.answer("imageIds", ids, following)


def _must_find(store, asked):
    """One that is not there fails the whole call."""
    image, code, reason = identity.find(store, asked)
    if image is not None:
        return image
    if code in ("MissingDigestAndTag", "InvalidImageDigest"):
        raise Refused("InvalidParameterException", reason)
    shown = f"{{imageDigest:'{asked.get('imageDigest', 'null')}', imageTag:'{asked.get('imageTag', 'null')}'}}"
    raise Refused(
        "ImageNotFoundException",
        f"The image with imageId {shown} does not exist within the repository with name '{store.repository.name}' "
        f"in the registry with id '{store.repository.registry_id}'",
    )


def _page(store, asked, operation):
    limit = paging.limit(asked)
    wanted = {name: _filter(asked, name) for name in FILTERS}
    repository = store.repository
    query = [operation, repository.registry_id, repository.name, *wanted.values()]
    seen = paging.last(asked, query)
    images = []
    if wanted["imageStatus"] not in ("ACTIVE", "ANY"):
        return images, None
    begin = 0 if seen is None else store.after(seen)
    for position in range(begin, len(repository.images)):
        image = repository.images[position]
        if wanted["tagStatus"] != "ANY" and (wanted["tagStatus"] == "TAGGED") != bool(image.image_tags):
            continue
        if len(images) == limit:
            return images, paging.token(query, images[-1].serial)
        images.append(image)
    return images, None


def _filter(asked, name):
    value = (asked.get("filter") or {}).get(name, "ANY")
    if value not in FILTERS[name]:
        raise invalid(f"filter.{name}", f"Member must satisfy enum value set: [{', '.join(FILTERS[name])}]")
    return value


def _detail(image):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html"""
    detail = {
        "registryId": image.registry_id,
        "repositoryName": image.repository_name,
        "imageDigest": image.digest,
        "imageSizeInBytes": image.size,
        "imagePushedAt": image.image_pushed_at,
        "imageManifestMediaType": image.manifest.media_type,
        "imageStatus": "ACTIVE",
    }
    if image.image_tags:
        detail["imageTags"] = image.image_tags
    if image.manifest.artifact_type:
        detail["artifactMediaType"] = image.manifest.artifact_type
    if image.manifest.subject:
        detail["subjectManifestDigest"] = image.manifest.subject
    if image.pulled is not None:
        detail["lastRecordedPullTime"] = image.pulled
    return detail


def apply():
    service.OPERATIONS["DescribeImages"] = describe_images
    service.OPERATIONS["ListImages"] = list_images
