"""ECR: describing, listing and pulling images."""

import time
import unittest

from harness import strictness
from test_ecr_push import DOCKER, OCI, OCI_INDEX, UNKNOWN, EcrCase, digest_of, image_of, index_of

SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"


class Describe(EcrCase):
    def digests(self, **fields):
        pages = self.ecr.get_paginator("describe_images").paginate(repositoryName=self.name, **fields)
        return [one["imageDigest"] for page in pages for one in page["imageDetails"]]

    @strictness("describe.describe_images")
    def test_pages(self):
        digests = self.stage(*({} for _ in range(1050)))
        first = self.describe()
        self.assertEqual(digests[:100], [one["imageDigest"] for one in first["imageDetails"]])
        rest = self.describe(maxResults=1000, nextToken=first["nextToken"])
        self.assertEqual(digests[100:], [one["imageDigest"] for one in rest["imageDetails"]])
        self.assertNotIn("nextToken", rest)
        self.assertEqual(digests, self.digests(PaginationConfig={"PageSize": 7}))

    @strictness("describe.describe_images")
    def test_a_page_is_full_and_the_last_one_says_so(self):
        self.stage(*({} for _ in range(4)))
        first = self.describe(maxResults=2)
        last = self.describe(maxResults=2, nextToken=first["nextToken"])
        self.assertEqual((2, 2, None), (len(first["imageDetails"]), len(last["imageDetails"]), last.get("nextToken")))

    @strictness("describe.describe_images", "deleting.batch_delete_image")
    def test_deleting_between_two_pages_hides_nothing(self):
        digests = self.stage(*({} for _ in range(6)))
        first = self.describe(maxResults=3)
        self.delete(*digests[:3])
        rest = self.describe(nextToken=first["nextToken"])
        self.assertEqual(digests[3:], [one["imageDigest"] for one in rest["imageDetails"]])

    @strictness("describe.describe_images")
    def test_a_token_belongs_to_its_query(self):
        self.stage({"tags": ["a"]}, {"tags": ["b"]})
        token = self.describe(maxResults=1)["nextToken"]
        self.refused("InvalidParameterException", self.describe, nextToken=token, filter={"tagStatus": "TAGGED"})
        self.refused("InvalidParameterException", self.ecr.list_images, repositoryName=self.name, nextToken=token)
        self.refused("InvalidParameterException", self.describe, nextToken="nonsense")
        self.ecr.create_repository(repositoryName="other")
        self.refused("InvalidParameterException", self.ecr.describe_images, repositoryName="other", nextToken=token)

    @strictness("describe.describe_images")
    def test_limits(self):
        ids = [{"imageTag": "v1"}]
        wrong = [{"maxResults": 1001}, {"imageIds": ids * 101}, {"imageIds": ids, "maxResults": 5},
                 {"imageIds": ids, "nextToken": "x"}, {"imageIds": [{"imageDigest": "nonsense"}]}, {"imageIds": [{}]}]
        self.stage({"tags": ["v1"]})
        for fields in wrong:
            self.refused("InvalidParameterException", self.describe, **fields)
        self.assertEqual(1, len(self.describe(imageIds=ids * 100)["imageDetails"]))
        self.assertEqual(1, len(self.describe(maxResults=1000)["imageDetails"]))

    def test_one_unknown_image_fails_the_call(self):
        known = self.stage({"tags": ["v1"]})[0]
        for unknown in ({"imageDigest": UNKNOWN}, {"imageTag": "v2"}, {"imageDigest": known, "imageTag": "v2"}):
            ids = [{"imageDigest": known}, unknown]
            self.refused("ImageNotFoundException", self.describe, imageIds=ids)

    @strictness("describe.describe_images", "describe.list_images")
    def test_filters(self):
        tagged, bare = self.stage({"tags": ["a", "b"]}, {})
        for status, digests in (("TAGGED", [tagged]), ("UNTAGGED", [bare]), ("ANY", [tagged, bare])):
            self.assertEqual(digests, self.digests(filter={"tagStatus": status}))
        self.assertEqual([tagged, bare], self.digests(filter={"imageStatus": "ACTIVE"}))
        self.assertEqual([], self.digests(filter={"imageStatus": "ARCHIVED"}))
        self.refused("InvalidParameterException", self.describe, filter={"tagStatus": "SOME"})
        listed = self.ecr.list_images(repositoryName=self.name, filter={"tagStatus": "TAGGED"})["imageIds"]
        self.assertEqual([{"imageDigest": tagged, "imageTag": tag} for tag in ("a", "b")], listed)

    @strictness("describe.describe_images")
    def test_fields(self):
        before = int(time.time())
        digest = self.push("one", "v1")
        detail = self.detail(digest)
        self.assertGreaterEqual(detail.pop("imagePushedAt").timestamp(), before)
        wanted = {
            "registryId": "123456789012",
            "repositoryName": self.name,
            "imageDigest": digest,
            "imageTags": ["v1"],
            "imageSizeInBytes": 3,
            "imageManifestMediaType": DOCKER,
            "artifactMediaType": "application/vnd.docker.container.image.v1+json",
            "imageStatus": "ACTIVE",
        }
        self.assertEqual(wanted, detail)

    @strictness("describe.list_images")
    def test_list_pages(self):
        self.stage(*({"tags": [f"v{number}"]} for number in range(120)))
        first = self.ecr.list_images(repositoryName=self.name)
        rest = self.ecr.list_images(repositoryName=self.name, nextToken=first["nextToken"])
        listed = [one["imageTag"] for one in first["imageIds"] + rest["imageIds"]]
        self.assertEqual((100, [f"v{number}" for number in range(120)]), (len(first["imageIds"]), listed))
        self.refused("InvalidParameterException", self.ecr.list_images, repositoryName=self.name, maxResults=1001)


class Referrers(EcrCase):
    def list(self, subject, **fields):
        return self.ecr.list_image_referrers(repositoryName=self.name, subjectId={"imageDigest": subject}, **fields)

    @strictness("describe.describe_images", "push.put_image")
    def test_described_with_their_subject(self):
        subject = self.push("one", "v1")
        descriptor = {"mediaType": DOCKER, "digest": subject, "size": 1}
        manifest = image_of(media_type=OCI, subject=descriptor, artifactType=SIGNATURE)
        detail = self.detail(self.put(manifest)["imageId"]["imageDigest"])
        self.assertEqual((subject, SIGNATURE), (detail["subjectManifestDigest"], detail["artifactMediaType"]))
        self.assertNotIn("subjectManifestDigest", self.detail(subject))

    @strictness("referrers.list_image_referrers")
    def test_list(self):
        subject, first, _, third = self.stage(
            {}, *({"subject": 0, "artifact_type": kind} for kind in (SIGNATURE, "application/sbom", SIGNATURE)))
        self.assertEqual(3, len(self.list(subject)["referrers"]))
        only = {"artifactTypes": [SIGNATURE]}
        page = self.list(subject, filter=only, maxResults=1)
        rest = self.list(subject, filter=only, maxResults=1, nextToken=page["nextToken"])
        self.assertEqual([first, third], [one["referrers"][0]["digest"] for one in (page, rest)])
        self.assertNotIn("nextToken", rest)
        (shown,) = page["referrers"]
        self.assertEqual((OCI, SIGNATURE, "ACTIVE"), (shown["mediaType"], shown["artifactType"], shown["artifactStatus"]))
        manifest = self.get({"imageDigest": first})["images"][0]["imageManifest"]
        self.assertEqual(len(manifest), shown["size"])
        self.delete(first)
        self.assertEqual([third], [one["digest"] for one in self.list(subject, filter=only)["referrers"]])
        self.assertEqual([], self.list(UNKNOWN)["referrers"])

    @strictness("referrers.list_image_referrers")
    def test_limits(self):
        subject = self.stage({}, *({"subject": 0} for _ in range(21)))[0]
        self.assertEqual(20, len(self.list(subject)["referrers"]))
        self.assertEqual(21, len(self.list(subject, maxResults=50)["referrers"]))
        self.refused("InvalidParameterException", self.list, subject, maxResults=51)
        self.refused("InvalidParameterException", self.list, "nonsense")


class Pull(EcrCase):
    @strictness("pull.batch_get_image")
    def test_manifests_and_failures(self):
        one, two = self.stage({"tags": ["a", "b"]}, {"tags": ["c"]})
        answer = self.get({"imageTag": "a"}, {"imageTag": "b"}, {"imageDigest": two}, {"imageDigest": one, "imageTag": "c"},
                          {"imageTag": "d"}, {"imageDigest": "nonsense"}, {})
        ids = [image["imageId"] for image in answer["images"]]
        self.assertEqual([{"imageDigest": one, "imageTag": "a"}, {"imageDigest": one, "imageTag": "b"},
                          {"imageDigest": two}], ids)
        for image in answer["images"]:
            self.assertEqual(image["imageId"]["imageDigest"], digest_of(image["imageManifest"]))
            self.assertEqual(OCI, image["imageManifestMediaType"])
        codes = ["ImageTagDoesNotMatchDigest", "ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag"]
        self.assertEqual(codes, [one["failureCode"] for one in answer["failures"]])
        self.assertEqual({"imageDigest": one, "imageTag": "c"}, answer["failures"][0]["imageId"])

    @strictness("pull.batch_get_image")
    def test_accepted_media_types(self):
        child = self.push("child", media_type=OCI)
        self.put(index_of(child), "multi")
        wanted = [{"imageTag": "multi"}, {"imageDigest": child}]
        answer = self.get(*wanted, acceptedMediaTypes=[OCI])
        self.assertEqual(["ImageNotFound"], [one["failureCode"] for one in answer["failures"]])
        self.assertEqual([child], [one["imageId"]["imageDigest"] for one in answer["images"]])
        self.assertEqual(2, len(self.get(*wanted, acceptedMediaTypes=[OCI, OCI_INDEX])["images"]))

    @strictness("pull.batch_get_image")
    def test_at_most_a_hundred(self):
        self.stage({"tags": ["v1"]})
        self.assertEqual(100, len(self.get(*[{"imageTag": "v1"}] * 100)["images"]))
        message = self.refused("InvalidParameterException", self.get, *[{"imageTag": "v1"}] * 101)
        self.assertIn("Member must have length less than or equal to 100", message)

    @strictness("pull.batch_get_image", "describe.describe_images")
    def test_a_pull_is_recorded(self):
        pulled, other = self.stage({"pulled": 1_600_000_000}, {})
        self.assertEqual(1_600_000_000, self.detail(pulled)["lastRecordedPullTime"].timestamp())
        before = int(time.time())
        self.get({"imageDigest": pulled})
        self.assertGreaterEqual(self.detail(pulled)["lastRecordedPullTime"].timestamp(), before)
        self.assertNotIn("lastRecordedPullTime", self.detail(other))


if __name__ == "__main__":
    unittest.main()
