"""PutImage: the last step of a push, and what puts an image back."""

import fnmatch

from strict.ecr import identity, layers, manifests, service, state
from strict.ecr.refusals import Refused, invalid, where


def put_image(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html"""
    store = state.store(registry, asked)
    tag = asked.get("imageTag")
    if tag is not None and not 1 <= len(tag) <= 300:
        raise invalid("imageTag", "Member must have length between 1 and 300")
    manifest = manifests.read(asked.get("imageManifest") or "", asked.get("imageManifestMediaType"))
    _check_digest(asked.get("imageDigest"), manifest)
    image = store.images.get(manifest.digest)
    _check_new(store, image, manifest, tag)
    if tag is not None:
        check_mutable(store, tag)
    if image is None:
        layers.check(store, manifest)
        _check_children(store, manifest)
        image = store.add(manifest)
    if tag is not None:
        store.tag(image, tag)
    return {"image": shown(store.repository, image, tag)}


def shown(repository, image, tag=None):
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageId": identity.of(image, tag),
        "imageManifest": image.manifest.text,
        "imageManifestMediaType": image.manifest.media_type,
    }


def _check_digest(digest, manifest):
    if digest and not identity.well_formed(digest):
        raise invalid("imageDigest", f"must satisfy regular expression '{identity.PATTERN}'")
    if digest and digest != manifest.digest:
        raise Refused(
            "ImageDigestDoesNotMatchException",
            f"Image digest '{digest}' does not match the digest '{manifest.digest}' of the image manifest",
        )


def _check_new(store, image, manifest, tag):
    if image is None or (tag is not None and store.holders.get(tag) is not image):
        return
    raise Refused(
        "ImageAlreadyExistsException",
        f"Image with digest '{manifest.digest}' and tag '{tag or 'null'}' already exists {where(store.repository)}",
    )


def check_mutable(store, tag):
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html: the filters name the exceptions."""
    repository = store.repository
    filters = repository.image_tag_mutability_exclusion_filters or []
    excepted = any(fnmatch.fnmatchcase(tag, one["filter"]) for one in filters)
    if tag in store.holders and repository.is_tag_immutable() != excepted:
        raise Refused(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
            "because the tag is immutable.",
        )


def _check_children(store, manifest):
    missing = [child for child in manifest.children if child not in store.images]
    if missing:
        raise Refused(
            "ReferencedImagesNotFoundException",
            f"Images with digests '[{', '.join(missing)}]' required for pushing image into repository with name "
            f"'{store.repository.name}' in the registry with id '{store.repository.registry_id}' do not exist",
        )


def apply():
    service.OPERATIONS["PutImage"] = put_image
