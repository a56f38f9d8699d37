"""ECR: what its tests share; pushing: digests, media types, tags, layers, and putting back."""

import hashlib
import json
import unittest

from harness import ACCOUNT, REGION, Case, client, control, in_account, strictness

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
UNKNOWN = "sha256:" + "1" * 64
OTHER = "210987654321"


def digest_of(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def image_of(*layers, media_type=DOCKER, **fields):
    """A manifest with layers of (digest, size)."""
    listed = [{"mediaType": "application/octet-stream", "digest": digest, "size": size} for digest, size in layers]
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": UNKNOWN, "size": 7}
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": listed, **fields})


def index_of(*digests, media_type=OCI_INDEX):
    listed = [{"mediaType": OCI, "digest": digest, "size": 500} for digest in digests]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": listed})


class EcrCase(Case):
    """A repository with a nested name, and a hand for everything in it."""

    name = "team/shop-web/api"

    def setUp(self):
        super().setUp()
        self.ecr = client("ecr")
        self.ecr.create_repository(repositoryName=self.name)

    def put(self, manifest, tag=None, **fields):
        tagged = {"imageTag": tag} if tag else {}
        return self.ecr.put_image(repositoryName=self.name, imageManifest=manifest, **tagged, **fields)["image"]

    def push(self, text, tag=None, **fields):
        """An image with a layer of its own, by the calls of a real push; its digest."""
        blob = text.encode()
        layer = "sha256:" + hashlib.sha256(blob).hexdigest()
        upload = self.ecr.initiate_layer_upload(repositoryName=self.name)["uploadId"]
        named = {"repositoryName": self.name, "uploadId": upload}
        self.ecr.upload_layer_part(partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob, **named)
        self.ecr.complete_layer_upload(layerDigests=[layer], **named)
        return self.put(image_of((layer, len(blob)), **fields), tag)["imageId"]["imageDigest"]

    def stage(self, *images, **fields):
        body = {"account": ACCOUNT, "region": REGION, "repository": self.name, "images": list(images), **fields}
        return control("POST", "/ecr/images", body)["digests"]

    def describe(self, **fields):
        return self.ecr.describe_images(repositoryName=self.name, **fields)

    def detail(self, digest):
        (detail,) = self.describe(imageIds=[{"imageDigest": digest}])["imageDetails"]
        return detail

    def tags(self):
        return {one["imageDigest"]: one.get("imageTags", []) for one in self.describe()["imageDetails"]}

    def get(self, *ids, **fields):
        return self.ecr.batch_get_image(repositoryName=self.name, imageIds=list(ids), **fields)

    def delete(self, *ids):
        ids = [{"imageDigest": one} if isinstance(one, str) else one for one in ids]
        return self.ecr.batch_delete_image(repositoryName=self.name, imageIds=ids)


class Push(EcrCase):
    @strictness("push.put_image")
    def test_the_digest_is_the_manifests(self):
        manifest = image_of()
        put = self.put(manifest, "v1")
        self.assertEqual({"imageDigest": digest_of(manifest), "imageTag": "v1"}, put["imageId"])
        self.assertEqual((manifest, DOCKER), (put["imageManifest"], put["imageManifestMediaType"]))
        other = image_of(annotations={"a": "b"})
        self.refused("ImageDigestDoesNotMatchException", self.put, other, "v2", imageDigest=digest_of(manifest))
        self.put(other, imageDigest=digest_of(other))
        self.assertEqual({digest_of(manifest): ["v1"], digest_of(other): []}, self.tags())

    @strictness("push.put_image")
    def test_the_same_again(self):
        digest = self.put(image_of(), "v1")["imageId"]["imageDigest"]
        self.refused("ImageAlreadyExistsException", self.put, image_of(), "v1")
        self.refused("ImageAlreadyExistsException", self.put, image_of())
        self.put(image_of(), "v2")
        self.assertEqual({digest: ["v1", "v2"]}, self.tags())

    @strictness("push.put_image")
    def test_a_tag_moves(self):
        first, second = self.push("one", "live"), self.push("two", "live")
        self.assertEqual({first: [], second: ["live"]}, self.tags())
        self.put(image_of(("sha256:" + hashlib.sha256(b"one").hexdigest(), 3)), "live")
        self.assertEqual({first: ["live"], second: []}, self.tags())

    @strictness("push.put_image")
    def test_immutable_tags(self):
        mutability = {"repositoryName": self.name, "imageTagMutability": "IMMUTABLE"}
        digest = self.push("one", "v1")
        self.ecr.put_image_tag_mutability(**mutability)
        message = self.refused("ImageTagAlreadyExistsException", self.put, image_of(), "v1")
        self.assertIn(f"The image tag 'v1' already exists in the '{self.name}' repository", message)
        self.assertEqual({digest: ["v1"]}, self.tags())
        self.put(image_of(), "v2")

    @strictness("push.put_image")
    def test_tags_excepted_from_immutability(self):
        excepted = [{"filterType": "WILDCARD", "filter": "dev-*"}]
        for mode, free, fixed in (("IMMUTABLE", "dev-1", "v1"), ("MUTABLE", "v1", "dev-1")):
            self.ecr.create_repository(repositoryName=mode.lower(), imageTagMutability=f"{mode}_WITH_EXCLUSION",
                                       imageTagMutabilityExclusionFilters=excepted)
            self.name = mode.lower()
            for tag in (free, fixed):
                self.put(image_of(), tag)
            other = image_of(annotations={"a": "b"})
            self.refused("ImageTagAlreadyExistsException", self.put, other, fixed)
            self.put(other, free)

    @strictness("push.put_image", "describe.describe_images")
    def test_media_types(self):
        child = self.push("child")
        by_type = {DOCKER: image_of(), OCI: image_of(media_type=OCI), OCI_INDEX: index_of(child),
                   DOCKER_LIST: index_of(child, media_type=DOCKER_LIST)}
        for media_type, manifest in by_type.items():
            digest = self.put(manifest)["imageId"]["imageDigest"]
            self.assertEqual(media_type, self.detail(digest)["imageManifestMediaType"])

    @strictness("push.put_image")
    def test_a_manifest_without_media_type_needs_one_in_the_call(self):
        bare = json.dumps({"schemaVersion": 2, "config": {"digest": UNKNOWN, "size": 1}, "layers": []})
        self.refused("InvalidParameterException", self.put, bare)
        digest = self.put(bare, imageManifestMediaType=OCI)["imageId"]["imageDigest"]
        self.assertEqual(OCI, self.detail(digest)["imageManifestMediaType"])
        wrong = [("{", {}), ("[]", {}), ('{"mediaType": "%s"}' % OCI, {}), (image_of(media_type="text/plain"), {}),
                 (image_of(), {"imageManifestMediaType": OCI}), (image_of(), {"imageDigest": "sha256:1"})]
        for manifest, fields in wrong:
            self.refused("InvalidParameterException", self.put, manifest, **fields)

    @strictness("push.put_image", "describe.describe_images")
    def test_sizes(self):
        small, large = self.push("small"), self.push("larger")
        index = self.put(index_of(small, large))["imageId"]["imageDigest"]
        sizes = [self.detail(digest)["imageSizeInBytes"] for digest in (small, large, index)]
        self.assertEqual([5, 6, 6], sizes)

    @strictness("push.put_image")
    def test_an_index_needs_its_children(self):
        child = self.push("child")
        message = self.refused("ReferencedImagesNotFoundException", self.put, index_of(child, UNKNOWN), "multi")
        self.assertIn(UNKNOWN, message)
        self.put(index_of(child), "multi")

    def test_unknown_repository(self):
        self.name = "team/none"
        self.refused("RepositoryNotFoundException", self.describe)


class Layers(EcrCase):
    @strictness("push.put_image")
    def test_layers_must_have_been_pushed_there(self):
        manifest = image_of((UNKNOWN, 5))
        self.assertIn(UNKNOWN, self.refused("LayersNotFoundException", self.put, manifest, "v1"))
        self.push("one", "v1")
        (pushed,) = self.get({"imageTag": "v1"})["images"]
        self.ecr.create_repository(repositoryName="elsewhere")
        self.name = "elsewhere"
        self.refused("LayersNotFoundException", self.put, pushed["imageManifest"], "v1")

    @strictness("layers.initiate_layer_upload", "layers.upload_layer_part", "layers.complete_layer_upload")
    def test_upload(self):
        named = {"repositoryName": self.name}
        named["uploadId"] = self.ecr.initiate_layer_upload(**named)["uploadId"]
        self.refused("EmptyUploadException", self.ecr.complete_layer_upload, layerDigests=[UNKNOWN], **named)
        upload = self.ecr.upload_layer_part
        self.assertEqual(2, upload(partFirstByte=0, partLastByte=2, layerPartBlob=b"abc", **named)["lastByteReceived"])
        self.refused("InvalidLayerPartException", upload, partFirstByte=0, partLastByte=2, layerPartBlob=b"abc", **named)
        upload(partFirstByte=3, partLastByte=4, layerPartBlob=b"de", **named)
        self.refused("InvalidLayerException", self.ecr.complete_layer_upload, layerDigests=[UNKNOWN], **named)
        layer = "sha256:" + hashlib.sha256(b"abcde").hexdigest()
        self.assertEqual(layer, self.ecr.complete_layer_upload(layerDigests=[layer], **named)["layerDigest"])
        self.refused("UploadNotFoundException", self.ecr.complete_layer_upload, layerDigests=[layer], **named)
        self.put(image_of((layer, 5)))

    @strictness("layers.batch_check_layer_availability", "layers.complete_layer_upload")
    def test_availability(self):
        self.push("one")
        known = "sha256:" + hashlib.sha256(b"one").hexdigest()
        asked = {"repositoryName": self.name, "layerDigests": [known, UNKNOWN, "no digest"]}
        answer = self.ecr.batch_check_layer_availability(**asked)
        seen = {one["layerDigest"]: one["layerAvailability"] for one in answer["layers"]}
        self.assertEqual({known: "AVAILABLE", UNKNOWN: "UNAVAILABLE"}, seen)
        self.assertEqual(["InvalidLayerDigest"], [one["failureCode"] for one in answer["failures"]])
        with self.assertRaises(self.ecr.exceptions.LayerAlreadyExistsException):
            self.push("one")

    @strictness("push.put_image", "deleting.batch_delete_image")
    def test_put_back_while_the_layers_last(self):
        digest, staged = self.push("one", "v1"), self.stage({"tags": ["v2"], "bytes": 20})[0]
        kept = {one["imageId"]["imageDigest"]: one for one in self.get({"imageTag": "v1"}, {"imageTag": "v2"})["images"]}
        for wanted, tag in ((digest, "v1"), (staged, "v2")):
            size = self.detail(wanted)["imageSizeInBytes"]
            self.assertEqual([], self.delete(wanted)["failures"])
            self.refused("ImageNotFoundException", self.detail, wanted)
            self.put(kept[wanted]["imageManifest"], tag, imageDigest=wanted)
            self.assertEqual((size, [tag]), (self.detail(wanted)["imageSizeInBytes"], self.detail(wanted)["imageTags"]))

    @strictness("push.put_image", "deleting.batch_delete_image")
    def test_layers_that_did_not_last(self):
        digest = self.push("one", "v1")
        shared = "sha256:" + hashlib.sha256(b"one").hexdigest()
        second = self.put(image_of((shared, 3), annotations={"a": "b"}))["imageId"]["imageDigest"]
        manifests = {one["imageId"]["imageDigest"]: one["imageManifest"]
                     for one in self.get({"imageDigest": digest}, {"imageDigest": second})["images"]}
        self.settings(ecr_layers_kept=False)
        self.delete(digest)
        self.put(manifests[digest])
        self.delete(digest, second)
        self.refused("LayersNotFoundException", self.put, manifests[second])


class Accounts(EcrCase):
    def test_each_account_and_region_has_its_own(self):
        self.push("one", "v1")
        for there in (client("ecr", credentials=in_account(OTHER)), client("ecr", region="eu-west-1")):
            self.refused("RepositoryNotFoundException", there.describe_images, repositoryName=self.name)
            self.assertEqual([], there.describe_repositories()["repositories"])


if __name__ == "__main__":
    unittest.main()
