"""Image ids: a digest, a tag, or both of them."""

import re

# https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
DIGEST = re.compile(r"[a-zA-Z0-9_+.-]+:[a-fA-F0-9]+")
SHA256 = re.compile(r"sha256:[a-f0-9]{64}")
PATTERN = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"


def well_formed(digest):
    if digest.startswith("sha256:"):
        return bool(SHA256.fullmatch(digest))
    return bool(DIGEST.fullmatch(digest))


def find(store, identity):
    """(image, failure code, reason).

    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html (the codes)
    """
    digest, tag = identity.get("imageDigest"), identity.get("imageTag")
    if not digest and not tag:
        return None, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
    if digest and not well_formed(digest):
        reason = f"Invalid request parameters: image digest should satisfy the regex '{PATTERN}'"
        return None, "InvalidImageDigest", reason
    image = store.images.get(digest) if digest else store.holders.get(tag)
    if image is None:
        return None, "ImageNotFound", "Requested image not found"
    if digest and tag and store.holders.get(tag) is not image:
        return None, "ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest"
    return image, None, None


def failure(identity, code, reason):
    return {"imageId": identity, "failureCode": code, "failureReason": reason}


def of(image, tag=None):
    return {"imageDigest": image.digest, "imageTag": tag} if tag else {"imageDigest": image.digest}
