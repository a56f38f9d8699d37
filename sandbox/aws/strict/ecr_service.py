"""ECR's images, answered by `strict` itself; repositories and policies stay moto's.

Each image is a moto Image, so that ECS and Lambda find it (`ecs.registry`).  A repository's index by digest makes every
call linear in what it asks for.
"""

import hashlib
import json
import time

from moto.ecr.models import Image, ecr_backends
from moto.iam import models as iam

from strict import answers, gate

INDEXES = {
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
}
OCI = "application/vnd.oci.image.manifest.v1+json"
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html: 1 to 100 items.
MOST = 100


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def answer(call):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html; None leaves a call to moto."""
    handler = HANDLERS.get(call.name)
    if handler is None:
        return None
    asked = json.loads(call.body or b"{}")
    account = iam.get_account_id_from(call.access_key)
    try:
        return answers.as_json(200, handler(repository_of(account, call.region, asked), asked))
    except Refused as why:
        return answers.error(call, 400, why.code, str(why))


def repository_of(account, region, asked):
    owner, name = asked.get("registryId") or account, asked.get("repositoryName", "")
    found = ecr_backends[owner][region].repositories.get(name)
    if found is None:
        raise Refused(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{owner}'",
        )
    return found


def images(repository):
    """digest -> image, in the order of pushing."""
    index = repository.__dict__.setdefault("strict_images", {})
    if len(index) != len(repository.images):
        index.clear()
        index.update((image.get_image_digest(), image) for image in repository.images)
    return index


def tags(repository):
    return {tag: image for image in repository.images for tag in image.image_tags}


def put(repository, manifest, tag=None, media_type=None, pushed=None, size=None, digest=None):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html"""
    parsed = json.loads(manifest)
    actual = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    if digest and digest != actual:
        raise Refused("ImageDigestDoesNotMatchException", f"The image digest '{digest}' does not match the manifest's")
    media_type = media_type or parsed.get("mediaType") or OCI
    index = images(repository)
    children = [entry["digest"] for entry in parsed.get("manifests", [])]
    missing = [child for child in children if child not in index]
    if media_type in INDEXES and missing:
        raise Refused("ReferencedImagesNotFoundException", f"Images with digests '{missing}' required for pushing image do not exist")
    layers = [layer["digest"] for layer in parsed.get("layers", [])]
    gone = [layer for layer in layers if layer not in repository.__dict__.setdefault("strict_layers", set())]
    if gone:
        raise Refused("LayersNotFoundException", f"Layers with digests '{gone}' required for pushing image do not exist")
    holder = tags(repository).get(tag) if tag else None
    image = index.get(actual)
    if image is not None and (tag is None or holder is image):
        raise Refused("ImageAlreadyExistsException", f"Image with digest '{actual}' and tag '{tag}' already exists")
    if holder is not None:
        if repository.image_tag_mutability == "IMMUTABLE":
            raise Refused("ImageTagAlreadyExistsException", f"The image tag '{tag}' already exists and cannot be overwritten because the tag is immutable.")
        holder.image_tags.remove(tag)
    if image is None:
        image = Image(repository.registry_id, None, manifest, repository.name, media_type, actual)
        image.image_pushed_at = int(pushed or time.time())
        image.strict_size = size if size is not None else sum(layer.get("size", 0) for layer in parsed.get("layers", []))
        image.strict_pulled = None
        image.strict_children = children
        image.strict_subject = (parsed.get("subject") or {}).get("digest")
        image.strict_artifact = parsed.get("artifactType") or (parsed.get("config") or {}).get("mediaType")
        repository.images.append(image)
        index[actual] = image
    if tag:
        image.update_tag(tag)
    return image


def _put_image(repository, asked):
    image = put(
        repository, asked["imageManifest"], asked.get("imageTag"), asked.get("imageManifestMediaType"), digest=asked.get("imageDigest")
    )
    return {"image": _manifest(repository, image, asked.get("imageTag"))}


def _manifest(repository, image, tag=None):
    identity = {"imageDigest": image.get_image_digest()}
    if tag:
        identity["imageTag"] = tag
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageId": identity,
        "imageManifest": image.image_manifest,
        "imageManifestMediaType": image.image_manifest_media_type,
    }


def _ids(asked):
    ids = asked.get("imageIds") or []
    if len(ids) > MOST:
        raise Refused("InvalidParameterException", f"Invalid parameter at 'imageIds' failed to satisfy constraint: 'Member must have length less than or equal to {MOST}'")
    return ids


def _find(repository, identity, by_tag):
    """(image, failure code, reason): https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html"""
    digest, tag = identity.get("imageDigest"), identity.get("imageTag")
    if not digest and not tag:
        return None, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
    if digest and not (digest.startswith("sha256:") and len(digest) == 71):
        return None, "InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
    image = images(repository).get(digest) if digest else by_tag.get(tag)
    if image is None:
        return None, "ImageNotFound", "Requested image not found"
    if digest and tag and tag not in image.image_tags:
        return None, "ImageTagDoesNotMatchDigest", "Requested image tag does not match digest"
    return image, None, None


def _describe(repository, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html"""
    limit, token = asked.get("maxResults"), asked.get("nextToken")
    if "imageIds" in asked:
        if limit is not None or token is not None:
            raise Refused("InvalidParameterException", "maxResults and nextToken cannot be used with imageIds")
        by_tag = tags(repository) if any(i.get("imageTag") for i in asked["imageIds"]) else {}
        found = []
        for identity in _ids(asked):
            image, code, _ = _find(repository, identity, by_tag)
            if code:
                shown = "{imageDigest:'%s', imageTag:'%s'}" % (identity.get("imageDigest", "null"), identity.get("imageTag", "null"))
                raise Refused("ImageNotFoundException", f"The image with imageId {shown} does not exist within the repository with name '{repository.name}' in the registry with id '{repository.registry_id}'")
            found.append(image)
        return {"imageDetails": [_detail(repository, image) for image in dict.fromkeys(found)]}
    page, following = _page(repository, asked, 100)
    out = {"imageDetails": [_detail(repository, image) for image in page]}
    return {**out, "nextToken": following} if following else out


def _page(repository, asked, usual):
    limit = asked.get("maxResults", usual)
    if not 1 <= limit <= 1000:
        raise Refused("InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value between 1 and 1000'")
    status = (asked.get("filter") or {}).get("tagStatus", "ANY")
    every = [image for image in images(repository).values() if status == "ANY" or (status == "TAGGED") == bool(image.image_tags)]
    token = asked.get("nextToken")
    begin = 0
    if token:
        scope, _, position = token.rpartition("/")
        if scope != f"{repository.name}/{status}" or not position.isdigit():
            raise Refused("InvalidParameterException", "Invalid parameter at 'nextToken'")
        begin = int(position)
    page = every[begin : begin + limit]
    more = begin + limit < len(every)
    return page, f"{repository.name}/{status}/{begin + limit}" if more else None


def _detail(repository, image):
    detail = {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageDigest": image.get_image_digest(),
        "imageSizeInBytes": image.strict_size,
        "imagePushedAt": image.image_pushed_at,
        "imageManifestMediaType": image.image_manifest_media_type,
    }
    if image.image_tags:
        detail["imageTags"] = list(image.image_tags)
    if image.strict_artifact:
        detail["artifactMediaType"] = image.strict_artifact
    if image.strict_subject:
        detail["subjectManifestDigest"] = image.strict_subject
    if image.strict_pulled:
        detail["lastRecordedPullTime"] = image.strict_pulled
    return detail


def _list(repository, asked):
    page, following = _page(repository, asked, 100)
    ids = []
    for image in page:
        digest = image.get_image_digest()
        ids += [{"imageDigest": digest, "imageTag": tag} for tag in image.image_tags] or [{"imageDigest": digest}]
    return {"imageIds": ids, **({"nextToken": following} if following else {})}


def _get(repository, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html; it is what a pull begins with."""
    by_tag, out = tags(repository), {"images": [], "failures": []}
    for identity in _ids(asked):
        image, code, reason = _find(repository, identity, by_tag)
        if code:
            out["failures"].append({"imageId": identity, "failureCode": code, "failureReason": reason})
            continue
        image.strict_pulled = time.time()
        out["images"].append(_manifest(repository, image, identity.get("imageTag")))
    return out


def _delete(repository, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html"""
    index, by_tag = images(repository), tags(repository)
    parents = {}
    for image in index.values():
        for child in image.strict_children:
            parents.setdefault(child, []).append(image.get_image_digest())
    out = {"imageIds": [], "failures": []}
    for identity in _ids(asked):
        image, code, reason = _find(repository, identity, by_tag)
        if not code and identity.get("imageTag") and len(image.image_tags) > 1 and not identity.get("imageDigest"):
            image.image_tags.remove(identity["imageTag"])
            out["imageIds"].append({"imageDigest": image.get_image_digest(), "imageTag": identity["imageTag"]})
            continue
        if not code and parents.get(image.get_image_digest()):
            code = "ImageReferencedByManifestList"
            reason = f"Requested image referenced by manifest list: {parents[image.get_image_digest()]}"
        if code:
            out["failures"].append({"imageId": identity, "failureCode": code, "failureReason": reason})
            continue
        digest = image.get_image_digest()
        out["imageIds"] += [{"imageDigest": digest, "imageTag": tag} for tag in image.image_tags] or [{"imageDigest": digest}]
        del index[digest]
        repository.images[:] = list(index.values())
    return out


HANDLERS = {
    "PutImage": _put_image,
    "DescribeImages": _describe,
    "ListImages": _list,
    "BatchGetImage": _get,
    "BatchDeleteImage": _delete,
}


def apply():
    gate.SERVICES["ecr"] = answer
