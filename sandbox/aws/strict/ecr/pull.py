"""BatchGetImage: the manifest, with which every pull begins."""

import time

from strict.ecr import identity, push, service, state
from strict.ecr.refusals import check_length


def batch_get_image(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html: what cannot be given is among the
    failures.  The pull's time is kept: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
    (lastRecordedPullTime)
    """
    store = state.store(registry, asked)
    check_length("imageIds", asked.get("imageIds"))
    accepted = asked.get("acceptedMediaTypes")
    if accepted is not None:
        check_length("acceptedMediaTypes", accepted)
    answer = {"images": [], "failures": []}
    for one in asked["imageIds"]:
        image, code, reason = identity.find(store, one)
        if image is not None and accepted and image.manifest.media_type not in accepted:
            # AWS may convert it; whoever gets another manifest than was pushed gets another digest, too.
            code, reason = "ImageNotFound", "Requested image not found"
        if code:
            answer["failures"].append(identity.failure(one, code, reason))
            continue
        image.pulled = time.time()
        answer["images"].append(push.shown(store.repository, image, one.get("imageTag")))
    return answer


def apply():
    service.OPERATIONS["BatchGetImage"] = batch_get_image
