"""Staging by the control API: images as if they had been pushed long ago, thousands at once."""

import gc
import json
import re
from datetime import datetime, timezone

from strict.ecr import manifests, service, state
from strict.ecr.refusals import Refused

TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
FIELDS = {"tags", "pushed", "pulled", "bytes", "manifest", "media_type", "children", "subject", "artifact_type"}
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARTIFACT = "application/vnd.example"
MANY = 1000


def add_images(body, _query):
    """{"account", "region", "repository", "images": [{"tags": [], "pushed": when, "pulled": when, "bytes": 0, "manifest":
    text or object, "media_type", "children": [places], "subject": place, "artifact_type"}]} -> {"digests": [...]}

    `when` is RFC 3339 or epoch seconds; places count from 0 in this list.  Without a manifest a new one is made, with a
    layer of `bytes`.  Takes all images or none.
    """
    with service.LOCK:
        made = Batch(_store(body), body.get("images"))
        digests = made.add()
    if len(digests) >= MANY:
        # Now, rather than in the middle of a page of somebody who measures.
        gc.collect()
    return {"digests": digests}


def set_pulled(body, _query):
    """{"account", "region", "repository", "digests": [...], "pulled": when, or null for never} -> {"images": how many}"""
    if "pulled" not in body:
        raise ValueError('"pulled" is missing: RFC 3339, epoch seconds, or null for never')
    pulled, digests = _when(body["pulled"]), body.get("digests") or []
    with service.LOCK:
        images = _store(body).images
        unknown = [digest for digest in digests if digest not in images]
        if unknown or not digests:
            raise ValueError(f"no image {unknown[0]} in {body.get('repository')}" if unknown else '"digests" is empty')
        for digest in digests:
            images[digest].pulled = pulled
    return {"images": len(digests)}


class Batch:
    """The images of one request."""

    def __init__(self, store, wanted):
        if not isinstance(wanted, list):
            raise ValueError('"images" must be a list')
        self.store = store
        self.serial = store.serial
        self.wanted = [_checked(place, one, len(wanted)) for place, one in enumerate(wanted)]
        self.manifests = [None] * len(wanted)
        self.order = []

    def add(self):
        for place in range(len(self.wanted)):
            self._make(place, ())
        for place in self.order:
            self._add(self.manifests[place], self.wanted[place])
        return [manifest.digest for manifest in self.manifests]

    def _make(self, place, waiting):
        """Its children and its subject first: their digests are in its manifest."""
        if self.manifests[place] is not None:
            return self.manifests[place]
        if place in waiting:
            raise ValueError(f"image {place} is among its own children or subjects")
        wanted = self.wanted[place]
        children = [self._make(one, (*waiting, place)) for one in wanted.get("children") or []]
        subject = wanted.get("subject")
        subject = None if subject is None else self._make(subject, (*waiting, place))
        given = wanted.get("manifest")
        try:
            text = self._text(place, wanted, children, subject) if given is None else _given(given)
            self.manifests[place] = manifests.read(text, wanted.get("media_type"))
        except Refused as refused:
            raise ValueError(f"image {place}: {refused}") from None
        self.order.append(place)
        return self.manifests[place]

    def _text(self, place, wanted, children, subject):
        repository = self.store.repository
        # A serial number of the repository: no two manifests are the same, in the next run they are the same again.
        name = f"{repository.arn}/{self.serial + place + 1}"
        size = wanted.get("bytes") or 0
        text = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX if children else manifests.OCI}
        if children:
            text["manifests"] = [_descriptor(child) for child in children]
        else:
            text["config"] = {"mediaType": CONFIG, "digest": manifests.digest_of("config " + name), "size": 1500}
            text["layers"] = [{"mediaType": LAYER, "digest": manifests.digest_of("layer " + name), "size": size}]
        if subject is not None:
            text["subject"] = _descriptor(subject)
        if subject is not None or wanted.get("artifact_type"):
            text["artifactType"] = wanted.get("artifact_type") or ARTIFACT
        text["annotations"] = {"org.opencontainers.image.title": name}
        return json.dumps(text)

    def _add(self, manifest, wanted):
        image = self.store.images.get(manifest.digest)
        if image is None:
            image = self.store.add(manifest, wanted["pushed"], wanted.get("bytes"))
        image.pulled = wanted["pulled"]
        for tag in wanted.get("tags") or []:
            self.store.tag(image, tag)


def _checked(place, wanted, count):
    unknown = set(wanted) - FIELDS
    if unknown:
        raise ValueError(f"image {place}: unknown field {sorted(unknown)[0]!r}; known: {', '.join(sorted(FIELDS))}")
    subject = wanted.get("subject")
    for other in [*(wanted.get("children") or []), *([] if subject is None else [subject])]:
        if not isinstance(other, int) or not 0 <= other < count:
            raise ValueError(f"image {place}: {other!r} is no place in the list of {count} images")
    return {**wanted, "pushed": _when(wanted.get("pushed")), "pulled": _when(wanted.get("pulled"))}


def _given(manifest):
    return manifest if isinstance(manifest, str) else json.dumps(manifest)


def _descriptor(manifest):
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.text.encode())}


def _when(value):
    """Epoch seconds."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"a time must be RFC 3339 or epoch seconds, not {value!r}")
    seconds, fraction, zone = found.groups()
    zone = "+00:00" if zone in "Zz" else zone
    moment = datetime.fromisoformat(seconds.upper() + zone)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() + float(fraction or 0)


def _store(body):
    from moto.ecr.models import ecr_backends

    account, region = str(body.get("account", "123456789012")), body.get("region", "us-east-1")
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f"account must be 12 digits, not {account!r}")
    try:
        repository = ecr_backends[account][region].repositories.get(body.get("repository"))
    except KeyError:
        raise ValueError(f"there is no Region {region!r}") from None
    if repository is None:
        raise ValueError(f"there is no repository {body.get('repository')!r} in {account} {region}: create it first")
    return state.store_of(repository)
