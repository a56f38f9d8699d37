"""ListImageReferrers: signatures, attestations and bills of materials of an image."""

from strict.ecr import identity, paging, service, state
from strict.ecr.refusals import check_length, invalid


def list_image_referrers(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html: 20 a page, at most 50; only
    ACTIVE ones unless told otherwise.
    """
    store = state.store(registry, asked)
    subject = (asked.get("subjectId") or {}).get("imageDigest") or ""
    if not identity.well_formed(subject):
        raise invalid("subjectId.imageDigest", f"must satisfy regular expression '{identity.PATTERN}'")
    limit = paging.limit(asked, 20, 50)
    types, status = _filters(asked)
    query = ["ListImageReferrers", registry.account_id, store.repository.name, subject, types, status]
    seen = paging.last(asked, query) or 0
    found = sorted(store.referrers.get(subject, {}).values(), key=lambda image: image.serial)
    found = [image for image in found if image.serial > seen and _wanted(image, types, status)]
    page = found[:limit]
    following = paging.token(query, page[-1].serial) if len(found) > limit else None
    return paging.answer("referrers", [_referrer(image) for image in page], following)


def _filters(asked):
    chosen = asked.get("filter") or {}
    types = chosen.get("artifactTypes") or []
    if types:
        check_length("filter.artifactTypes", types, 5)
    return types, chosen.get("artifactStatus", "ACTIVE")


def _wanted(image, types, status):
    return status in ("ACTIVE", "ANY") and (not types or image.manifest.artifact_type in types)


def _referrer(image):
    shown = {
        "digest": image.digest,
        "mediaType": image.manifest.media_type,
        "artifactType": image.manifest.artifact_type,
        "size": len(image.manifest.text.encode()),
        "annotations": image.manifest.annotations(),
        "artifactStatus": "ACTIVE",
    }
    return {name: value for name, value in shown.items() if value}


def apply():
    service.OPERATIONS["ListImageReferrers"] = list_image_referrers
