"""ECR's images: digests, paging, limits, what lists what, and pulls."""

import hashlib
import json
import time

from harness import ACCOUNT, REGION, Case, client, control, strictness

OCI = "application/vnd.oci.image.manifest.v1+json"


class Images(Case):
    def setUp(self):
        super().setUp()
        self.ecr = client("ecr")
        self.ecr.create_repository(repositoryName="team/shop-web")

    def stage(self, *images):
        body = {"account": ACCOUNT, "region": REGION, "repository": "team/shop-web", "images": list(images)}
        return control("POST", "/ecr/images", body).get("digests", ["sha256:" + "0" * 64] * len(images))

    def describe(self, **fields):
        return self.ecr.describe_images(repositoryName="team/shop-web", **fields)

    def delete(self, *digests):
        return self.ecr.batch_delete_image(repositoryName="team/shop-web", imageIds=[{"imageDigest": d} for d in digests])

    @strictness("ecr_service.answer")
    def test_pushed_long_ago_with_media_type_and_size(self):
        self.stage({"tags": ["v1"], "pushed": 1_600_000_000, "bytes": 1234})
        [image] = self.describe()["imageDetails"]
        self.assertEqual(1_600_000_000, int(image["imagePushedAt"].timestamp()))
        self.assertEqual((OCI, 1234), (image["imageManifestMediaType"], image["imageSizeInBytes"]))
        self.assertNotIn("lastRecordedPullTime", image)

    @strictness("ecr_service.answer")
    def test_pages(self):
        self.stage(*({"tags": [f"v{i}"]} for i in range(250)))
        first = self.describe()
        self.assertEqual(100, len(first["imageDetails"]))
        every = self.describe(maxResults=1000)
        self.assertEqual(250, len(every["imageDetails"]))
        self.assertNotIn("nextToken", every)
        self.refused("InvalidParameterException", self.describe, maxResults=10, imageIds=[{"imageTag": "v1"}])
        self.refused("InvalidParameterException", self.describe, nextToken="other/ANY/100")

    def test_an_unknown_image_fails_the_whole_description(self):
        [known] = self.stage({"tags": ["v1"]})
        ids = [{"imageDigest": known}, {"imageDigest": "sha256:" + "1" * 64}]
        self.refused("ImageNotFoundException", self.describe, imageIds=ids)
        self.assertEqual(known, self.describe(imageIds=ids[:1])["imageDetails"][0]["imageDigest"])

    @strictness("ecr_service.answer")
    def test_at_most_a_hundred_ids(self):
        ids = [f"sha256:{i:064x}" for i in range(101)]
        self.refused("InvalidParameterException", self.delete, *ids)

    @strictness("ecr_service.answer")
    def test_an_index_keeps_its_children(self):
        child, index = self.stage({}, {"tags": ["multi"], "children": [0]})
        [failure] = self.delete(child)["failures"]
        self.assertEqual("ImageReferencedByManifestList", failure["failureCode"])
        self.assertEqual([], self.delete(index)["failures"])
        self.assertEqual([], self.delete(child)["failures"])
        self.assertEqual([], self.describe()["imageDetails"])

    def test_several_in_one_call(self):
        digests = self.stage({"tags": ["a"]}, {"tags": ["b", "c"]}, {"tags": ["d"]})
        answer = self.delete(*digests[:2])
        self.assertEqual([], answer["failures"])
        self.assertEqual(3, len(answer["imageIds"]))
        self.assertEqual([digests[2]], [i["imageDigest"] for i in self.describe()["imageDetails"]])
        [gone] = self.delete(digests[0])["failures"]
        self.assertEqual("ImageNotFound", gone["failureCode"])

    @strictness("ecr_service.answer")
    def test_a_referrer_names_its_subject(self):
        image, signature = self.stage({"tags": ["v1"]}, {"subject": 0, "artifact_type": "application/vnd.sig"})
        by_digest = {i["imageDigest"]: i for i in self.describe()["imageDetails"]}
        self.assertEqual(image, by_digest[signature]["subjectManifestDigest"])
        self.assertEqual("application/vnd.sig", by_digest[signature]["artifactMediaType"])

    @strictness("ecr_service.answer")
    def test_reading_a_manifest_is_a_pull(self):
        [digest] = self.stage({"tags": ["v1"]})
        got = self.ecr.batch_get_image(repositoryName="team/shop-web", imageIds=[{"imageDigest": digest}])
        manifest = got["images"][0]["imageManifest"]
        self.assertEqual(digest, "sha256:" + hashlib.sha256(manifest.encode()).hexdigest())
        pulled = self.describe()["imageDetails"][0]["lastRecordedPullTime"].timestamp()
        self.assertLess(abs(time.time() - pulled), 5)

    @strictness("ecr_service.answer")
    def test_put_back_after_deletion(self):
        [digest] = self.stage({"tags": ["v1"]})
        got = self.ecr.batch_get_image(repositoryName="team/shop-web", imageIds=[{"imageDigest": digest}])["images"][0]
        self.delete(digest)
        put = {"repositoryName": "team/shop-web", "imageManifest": got["imageManifest"], "imageTag": "v1"}
        self.assertEqual(digest, self.ecr.put_image(**put)["image"]["imageId"]["imageDigest"])
        self.refused("ImageAlreadyExistsException", self.ecr.put_image, **put)

    @strictness("ecr_service.answer")
    def test_layers_and_children_must_be_there(self):
        layer = {"digest": "sha256:" + "2" * 64, "size": 1}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI, "layers": [layer]})
        self.refused("LayersNotFoundException", self.ecr.put_image, repositoryName="team/shop-web", imageManifest=manifest, imageTag="x")
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [layer]}
        self.refused(
            "ReferencedImagesNotFoundException",
            self.ecr.put_image,
            repositoryName="team/shop-web",
            imageManifest=json.dumps(index),
            imageTag="x",
        )

    @strictness("ecr_service.answer")
    def test_a_tag_moves_to_the_newest_push(self):
        first, second = self.stage({"tags": ["live"]}, {"tags": ["v2"]})
        text = self.ecr.batch_get_image(repositoryName="team/shop-web", imageIds=[{"imageDigest": second}])["images"][0]["imageManifest"]
        self.ecr.put_image(repositoryName="team/shop-web", imageManifest=text, imageTag="live")
        tags = {i["imageDigest"]: i.get("imageTags", []) for i in self.describe()["imageDetails"]}
        self.assertEqual({first: [], second: ["v2", "live"]}, tags)


class Buckets(Case):
    @strictness("bucket_policy.permission")
    def test_a_policy_against_plain_http_does_not_lock_everybody_out(self):
        s3 = client("s3")
        s3.create_bucket(Bucket="artifacts")
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        s3.put_bucket_policy(Bucket="artifacts", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        s3.put_object(Bucket="artifacts", Key="a", Body=b"x")
        self.assertEqual(b"x", s3.get_object(Bucket="artifacts", Key="a")["Body"].read())
