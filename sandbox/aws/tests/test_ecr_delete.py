"""ECR: deleting images."""

import unittest

from harness import client, strictness
from test_ecr_push import DOCKER_LIST, UNKNOWN, EcrCase, index_of


def codes(answer):
    return [one["failureCode"] for one in answer["failures"]]


class Delete(EcrCase):
    @strictness("deleting.batch_delete_image")
    def test_by_tag_and_by_digest(self):
        image, other = self.stage({"tags": ["a", "b", "c"]}, {"tags": ["d"]})
        self.assertEqual([{"imageDigest": image, "imageTag": "b"}], self.delete({"imageTag": "b"})["imageIds"])
        self.assertEqual({image: ["a", "c"], other: ["d"]}, self.tags())
        gone = self.delete(image)
        self.assertEqual([{"imageDigest": image, "imageTag": tag} for tag in ("a", "c")], gone["imageIds"])
        self.assertEqual([{"imageDigest": other, "imageTag": "d"}], self.delete({"imageTag": "d"})["imageIds"])
        self.assertEqual({}, self.tags())

    def test_several_tags_of_one_image(self):
        image = self.stage({"tags": ["a", "b"]})[0]
        answer = self.delete({"imageTag": "a"}, {"imageTag": "b"}, {"imageDigest": image})
        self.assertEqual(["a", "b"], [one["imageTag"] for one in answer["imageIds"]])
        self.assertEqual(["ImageNotFound"], codes(answer))

    @strictness("deleting.batch_delete_image")
    def test_failures(self):
        image = self.stage({"tags": ["a"]}, {"tags": ["b"]})[0]
        asked = [{"imageDigest": UNKNOWN}, {"imageTag": "z"}, {"imageDigest": "nonsense"}, {"imageDigest": "sha256:12"},
                 {"imageDigest": image, "imageTag": "b"}, {}]
        answer = self.delete(*asked)
        wanted = ["ImageNotFound", "ImageNotFound", "InvalidImageDigest", "InvalidImageDigest",
                  "ImageTagDoesNotMatchDigest", "MissingDigestAndTag"]
        self.assertEqual((wanted, []), (codes(answer), answer["imageIds"]))
        self.assertEqual(asked, [one["imageId"] for one in answer["failures"]])
        self.assertEqual(2, len(self.tags()))

    @strictness("deleting.batch_delete_image")
    def test_at_most_a_hundred(self):
        digests = self.stage(*({} for _ in range(101)))
        message = self.refused("InvalidParameterException", self.delete, *digests)
        self.assertIn("Member must have length less than or equal to 100", message)
        self.assertEqual(100, len(self.delete(*digests[1:])["imageIds"]))
        self.assertEqual({digests[0]: []}, self.tags())

    @strictness("deleting.batch_delete_image")
    def test_a_child_goes_after_its_indexes(self):
        child, other = self.push("one", "amd64"), self.push("two")
        first = self.put(index_of(child, other), "multi")["imageId"]["imageDigest"]
        second = self.put(index_of(child, media_type=DOCKER_LIST), "old")["imageId"]["imageDigest"]
        (failure,) = self.delete(child)["failures"]
        self.assertEqual("ImageReferencedByManifestList", failure["failureCode"])
        self.assertEqual(f"Requested image referenced by manifest list: [{first}, {second}]", failure["failureReason"])
        self.delete(first)
        self.assertEqual(["ImageReferencedByManifestList"], codes(self.delete(child)))
        self.assertEqual([], codes(self.delete(other)))
        self.delete(second)
        self.assertEqual([], codes(self.delete(child)))
        self.assertEqual({}, self.tags())

    @strictness("deleting.batch_delete_image")
    def test_not_in_one_call_with_its_index(self):
        child, index = self.stage({}, {"children": [0]})
        self.assertEqual(["ImageReferencedByManifestList"], codes(self.delete(index, child)))
        self.assertEqual({child: []}, self.tags())
        self.assertEqual([], codes(self.delete(child)))

    @strictness("deleting.batch_delete_image")
    def test_the_last_tag_of_a_child_stays(self):
        child = self.stage({"tags": ["a", "b"]}, {"children": [0]})[0]
        self.assertEqual([], codes(self.delete({"imageTag": "a"})))
        self.assertEqual(["ImageReferencedByManifestList"], codes(self.delete({"imageTag": "b"})))
        self.assertEqual(["b"], self.tags()[child])

    @strictness("deleting.batch_delete_image", "describe.describe_images")
    def test_a_subject_may_go_before_its_referrers(self):
        subject, referrer = self.stage({}, {"subject": 0})
        self.assertEqual([], codes(self.delete(subject)))
        self.assertEqual(subject, self.detail(referrer)["subjectManifestDigest"])

    def test_an_emptied_repository_may_go(self):
        digest = self.stage({"tags": ["a"]})[0]
        self.refused("RepositoryNotEmptyException", client("ecr").delete_repository, repositoryName=self.name)
        self.delete(digest)
        self.ecr.delete_repository(repositoryName=self.name)
        self.ecr.create_repository(repositoryName=self.name)
        self.assertEqual({}, self.tags())


if __name__ == "__main__":
    unittest.main()
