"""Which image a reference in a task definition, function or service means, as the registry of the sandbox knows it."""

import hashlib
import re

# account, Region, repository, tag, digest
ECR = re.compile(
    r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}$")


class NotFound(Exception):
    """The repository is here, the image is not: what is started from it fails."""


def digest_of(image):
    """The digest a pull of this reference gives now.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerImage.html: names and tags are resolved to
    digests.  A repository that is in this ECR must have the image; for one that is not (Docker Hub, another cloud) the
    digest is made from the name: the sandbox has no other registries, and needs none.
    """
    found = ECR.fullmatch(image or "")
    repository = _repository(*found.groups()[:3]) if found else None
    if repository is not None:
        return _in_repository(repository, image, found.group(4), found.group(5))
    named = DIGEST.search(image or "")
    return named.group(0) if named else "sha256:" + hashlib.sha256((image or "").encode()).hexdigest()


def by_digest(image, digest):
    """The same repository, this digest instead of the tag."""
    name = image.partition("@")[0]
    bare, colon, tag = name.rpartition(":")
    # A colon before the last slash belongs to the registry's port.
    return f"{bare if colon and '/' not in tag else name}@{digest}"


def _repository(account, region, name):
    from moto.ecr.models import ecr_backends

    try:
        return ecr_backends[account][region].repositories.get(name)
    except KeyError:
        return None


def _in_repository(repository, reference, tag, digest):
    tag = tag or "latest"
    for image in list(repository.images):
        if digest is None and tag in image.image_tags:
            return image.get_image_digest()
        if digest is not None and image.get_image_digest() == digest:
            return digest
    raise NotFound(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
        f"{reference}: {reference}: not found"
    )
