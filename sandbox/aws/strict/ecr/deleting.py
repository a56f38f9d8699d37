"""BatchDeleteImage: by digest all of an image goes, by tag the tag, and with the last tag the image."""

from strict.ecr import identity, service, state
from strict.ecr.refusals import check_length
from strict.settings import SETTINGS


def batch_delete_image(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html: 1 to 100 ids; an answer for each
    tag that went, and the failures.
    """
    store = state.store(registry, asked)
    check_length("imageIds", asked.get("imageIds"))
    answer, gone = {"imageIds": [], "failures": []}, {}
    for one in asked["imageIds"]:
        image, code, reason = identity.find(store, one)
        if image is not None and image.digest in gone:
            code, reason = "ImageNotFound", "Requested image not found"
        if not code and _tag_only(image, one):
            store.untag(one["imageTag"])
            answer["imageIds"].append(identity.of(image, one["imageTag"]))
            continue
        if not code and image.digest in store.parents:
            code, reason = _referenced(store, image)
        if code:
            answer["failures"].append(identity.failure(one, code, reason))
            continue
        gone[image.digest] = image
        answer["imageIds"] += [identity.of(image, tag) for tag in image.image_tags or [None]]
    # Only now: an index that goes in the same call still holds its children, wherever it stands in the call.
    store.remove(gone.values(), keep_layers=SETTINGS["ecr_layers_kept"])
    return answer


def _tag_only(image, asked):
    return not asked.get("imageDigest") and len(image.image_tags) > 1


def _referenced(store, image):
    """Also by its last tag: https://github.com/aws/containers-roadmap/issues/1567"""
    parents = ", ".join(store.parents[image.digest])
    return "ImageReferencedByManifestList", f"Requested image referenced by manifest list: [{parents}]"


def apply():
    service.OPERATIONS["BatchDeleteImage"] = batch_delete_image
