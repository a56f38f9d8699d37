"""Layers: uploaded before the image that has them, and kept for a while after it is gone.

Layers alone are looked at: a config that was never uploaded is let pass, which is laxer than AWS.
"""

import base64
import hashlib
import uuid

from strict.ecr import identity, service, state
from strict.ecr.refusals import Refused, check_length, where


def check(store, manifest):
    """LayersNotFoundException: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html"""
    missing = [layer for layer in manifest.layers if layer not in store.layers]
    if missing:
        raise Refused(
            "LayersNotFoundException",
            f"Layers with digests '[{', '.join(missing)}]' required for pushing image into repository with name "
            f"'{store.repository.name}' in the registry with id '{store.repository.registry_id}' do not exist",
        )


def initiate_layer_upload(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html"""
    store = state.store(registry, asked)
    upload = str(uuid.uuid4())
    store.uploads[upload] = b""
    return {"uploadId": upload, "partSize": 20 << 20}


def upload_layer_part(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_UploadLayerPart.html: parts follow one another."""
    store, upload = _upload(registry, asked)
    there, blob = len(store.uploads[upload]), base64.b64decode(asked["layerPartBlob"])
    first, end = asked["partFirstByte"], asked["partLastByte"]
    if first != there or end != first + len(blob) - 1:
        raise Refused("InvalidLayerPartException", f"The part must begin with byte {there} and be as long as it says")
    store.uploads[upload] += blob
    return {**_named(store, upload), "lastByteReceived": end}


def complete_layer_upload(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CompleteLayerUpload.html"""
    store, upload = _upload(registry, asked)
    check_length("layerDigests", asked.get("layerDigests"))
    digest = "sha256:" + hashlib.sha256(store.uploads[upload]).hexdigest()
    if not store.uploads[upload]:
        raise Refused("EmptyUploadException", "The layer upload has no layer parts")
    if digest not in asked["layerDigests"]:
        raise Refused("InvalidLayerException", f"The layer's digest is '{digest}', which is not what was given")
    if digest in store.layers:
        raise Refused("LayerAlreadyExistsException", f"The layer '{digest}' already exists {where(store.repository)}")
    del store.uploads[upload]
    store.layers[digest] = 0
    return {**_named(store, upload), "layerDigest": digest}


def batch_check_layer_availability(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchCheckLayerAvailability.html"""
    store = state.store(registry, asked)
    check_length("layerDigests", asked.get("layerDigests"))
    answer = {"layers": [], "failures": []}
    for digest in asked["layerDigests"]:
        if not identity.well_formed(digest):
            failure = {"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": "Invalid digest"}
            answer["failures"].append(failure)
            continue
        known = "AVAILABLE" if digest in store.layers else "UNAVAILABLE"
        answer["layers"].append({"layerDigest": digest, "layerAvailability": known})
    return answer


def _upload(registry, asked):
    store, upload = state.store(registry, asked), asked.get("uploadId")
    if upload not in store.uploads:
        raise Refused("UploadNotFoundException", f"Upload with id '{upload}' was not found {where(store.repository)}")
    return store, upload


def _named(store, upload):
    repository = store.repository
    return {"registryId": repository.registry_id, "repositoryName": repository.name, "uploadId": upload}


def apply():
    service.OPERATIONS["InitiateLayerUpload"] = initiate_layer_upload
    service.OPERATIONS["UploadLayerPart"] = upload_layer_part
    service.OPERATIONS["CompleteLayerUpload"] = complete_layer_upload
    service.OPERATIONS["BatchCheckLayerAvailability"] = batch_check_layer_availability
