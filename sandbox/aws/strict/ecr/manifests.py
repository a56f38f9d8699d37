"""What ECR reads off an image's manifest."""

import hashlib
import json
from typing import NamedTuple, Optional, Tuple

from strict.ecr.refusals import Refused, invalid

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
IMAGES, INDEXES = {DOCKER, OCI}, {DOCKER_LIST, OCI_INDEX}


class Manifest(NamedTuple):
    """Tuples of texts: the garbage collector, which would hold up a page among 100,000 images, leaves them alone."""

    text: str
    digest: str
    media_type: str
    layers: Tuple[str, ...]
    layer_bytes: int
    children: Tuple[str, ...]
    subject: Optional[str]
    artifact_type: Optional[str]

    def annotations(self):
        return json.loads(self.text).get("annotations")


def digest_of(text):
    """https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests: of the bytes as they are."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read(text, media_type=None):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html: a manifest without a media type needs one
    in the call.
    """
    try:
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            raise ValueError
    except ValueError:
        raise invalid("imageManifest", "Invalid JSON syntax") from None
    try:
        return _read(text, parsed, media_type)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise invalid("imageManifest", "Invalid image manifest") from None


def _read(text, parsed, asked):
    own = parsed.get("mediaType")
    if own and asked and own != asked:
        raise invalid("imageManifestMediaType", f"Media type '{asked}' is not the manifest's own '{own}'")
    media_type = own or asked
    if media_type is None:
        raise invalid("imageManifestMediaType", "Member must not be null for a manifest without 'mediaType'")
    if media_type not in IMAGES | INDEXES:
        raise Refused("InvalidParameterException", f"Manifest media type '{media_type}' is not supported")
    listed = parsed["manifests"] if media_type in INDEXES else []
    layers = parsed["layers"] if media_type in IMAGES else []
    return Manifest(
        text=text,
        digest=digest_of(text),
        media_type=media_type,
        layers=tuple(layer["digest"] for layer in layers),
        layer_bytes=sum(int(layer.get("size", 0)) for layer in layers),
        children=tuple(child["digest"] for child in listed),
        subject=(parsed.get("subject") or {}).get("digest"),
        artifact_type=parsed.get("artifactType") or (parsed.get("config") or {}).get("mediaType"),
    )
