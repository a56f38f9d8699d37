"""Images as if they had been pushed long ago, by the thousand."""

import hashlib
import json
from datetime import datetime

from strict import ecr_service


def stage(body):
    """POST /epoxy/ecr/images: images as if they had been pushed long ago; the answer has their digests in order."""
    repository = ecr_service.repository_of(None, body["region"], {"registryId": body["account"], "repositoryName": body["repository"]})
    digests, layers = [], repository.__dict__.setdefault("strict_layers", set())
    serial = repository.__dict__.get("strict_serial", 0)
    for wanted in body["images"]:
        serial += 1
        name = f"{body['account']}/{body['repository']}/{serial}"
        manifest = {"schemaVersion": 2, "mediaType": ecr_service.OCI}
        if wanted.get("children"):
            manifest["mediaType"] = "application/vnd.oci.image.index.v1+json"
            manifest["manifests"] = [{"mediaType": ecr_service.OCI, "digest": digests[i], "size": 500} for i in wanted["children"]]
        else:
            layer = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
            layers.add(layer)
            config = "sha256:" + hashlib.sha256(b"config" + name.encode()).hexdigest()
            manifest["config"] = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1500}
            manifest["layers"] = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": wanted.get("bytes") or 1}]
        if wanted.get("subject") is not None:
            manifest["subject"] = {"mediaType": ecr_service.OCI, "digest": digests[wanted["subject"]], "size": 500}
            manifest["artifactType"] = wanted.get("artifact_type", "application/vnd.example")
        manifest["annotations"] = {"serial": name}
        text = json.dumps(manifest)
        wanted_tags = wanted.get("tags") or []
        image = ecr_service.put(repository, text, None, None, _epoch(wanted.get("pushed")), wanted.get("bytes") or 0)
        image.image_tags = list(wanted_tags)
        image.strict_pulled = _epoch(wanted.get("pulled"))
        digests.append(image.get_image_digest())
    repository.strict_serial = serial
    return {"digests": digests}


def _epoch(value):
    if isinstance(value, str):
        text = value.replace("Z", "+00:00")
        head, dot, rest = text.partition(".")
        if dot:  # nanoseconds are more than Python takes
            digits = len(rest) - len(rest.lstrip("0123456789"))
            text = head + rest[digits:]
        return datetime.fromisoformat(text).timestamp()
    return value
