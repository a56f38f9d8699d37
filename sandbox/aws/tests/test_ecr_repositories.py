"""ECR: repositories, their policies, other accounts, throttling, and the control API."""

import json
import time
import unittest

from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, client, control, in_account, strictness
from test_ecr_push import OTHER, UNKNOWN, EcrCase, image_of, index_of


def statement(principal, *actions, effect="Allow", **fields):
    return {"Effect": effect, "Principal": principal, "Action": list(actions), **fields}


class Repositories(EcrCase):
    @strictness("repositories.describe_repositories")
    def test_pages(self):
        names = sorted([self.name, *(f"many/r{number:03}" for number in range(104))])
        for name in names:
            if name != self.name:
                self.ecr.create_repository(repositoryName=name)
        first = self.ecr.describe_repositories()
        rest = self.ecr.describe_repositories(nextToken=first["nextToken"], maxResults=1000)
        seen = [one["repositoryName"] for one in first["repositories"] + rest["repositories"]]
        self.assertEqual((100, names), (len(first["repositories"]), seen))
        self.assertNotIn("nextToken", rest)
        for wrong in ({"maxResults": 1001}, {"nextToken": "nonsense"}, {"repositoryNames": names[:101]},
                      {"repositoryNames": [self.name], "maxResults": 5}):
            self.refused("InvalidParameterException", self.ecr.describe_repositories, **wrong)

    @strictness("repositories.describe_repositories")
    def test_names(self):
        odd = "a1/b--c__d/e.f"
        arn = self.ecr.create_repository(repositoryName=odd)["repository"]["repositoryArn"]
        (shown,) = self.ecr.describe_repositories(repositoryNames=[odd])["repositories"]
        self.assertEqual(f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{odd}", arn)
        uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{odd}"
        self.assertEqual((arn, uri, "MUTABLE"), tuple(shown[key] for key in ("repositoryArn", "repositoryUri",
                                                                           "imageTagMutability")))
        self.assertLess(abs(time.time() - shown["createdAt"].timestamp()), 60)
        self.name = odd
        self.assertEqual({self.push("one", "v1"): ["v1"]}, self.tags())

    def test_unknown_and_impossible_names(self):
        names = [self.name, "none"]
        self.refused("RepositoryNotFoundException", self.ecr.describe_repositories, repositoryNames=names)
        for wrong in ("Upper/case", "a//b", "-a", "a" * 257):
            self.refused("InvalidParameterException", self.ecr.create_repository, repositoryName=wrong)

    def test_policies_that_are_not_there(self):
        asked = {"repositoryName": self.name}
        self.refused("RepositoryPolicyNotFoundException", self.ecr.get_repository_policy, **asked)
        self.refused("RepositoryNotFoundException", self.ecr.get_repository_policy, repositoryName="none")
        self.refused("RegistryPolicyNotFoundException", self.ecr.get_registry_policy)


class Sharing(EcrCase):
    """Another account reads a repository of this one."""

    def setUp(self):
        super().setUp()
        self.there = client("ecr", credentials=in_account(OTHER))
        self.digest = self.stage({"tags": ["v1"]})[0]
        self.asked = {"registryId": ACCOUNT, "repositoryName": self.name}

    def share(self, *statements):
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.ecr.set_repository_policy(repositoryName=self.name, policyText=text)

    def pull(self):
        return self.there.batch_get_image(imageIds=[{"imageTag": "v1"}], **self.asked)

    @strictness("service.answer")
    def test_nothing_without_a_policy(self):
        message = self.refused("AccessDeniedException", self.pull)
        self.assertIn(f"ecr:BatchGetImage on resource: arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{self.name}", message)
        self.refused("AccessDeniedException", self.there.describe_images, **self.asked)
        self.refused("AccessDeniedException", self.there.describe_repositories, registryId=ACCOUNT)
        self.asked["repositoryName"] = "none"
        self.refused("AccessDeniedException", self.pull)

    @strictness("service.answer", "repositories.get_repository_policy")
    def test_what_the_policy_allows(self):
        self.share(statement({"AWS": f"arn:aws:iam::{OTHER}:root"}, "ecr:BatchGetImage", "ecr:Get*"))
        self.assertEqual(self.digest, self.pull()["images"][0]["imageId"]["imageDigest"])
        self.assertIn("ecr:Get*", self.there.get_repository_policy(**self.asked)["policyText"])
        subject = {"subjectId": {"imageDigest": self.digest}}
        self.assertEqual([], self.there.list_image_referrers(**subject, **self.asked)["referrers"])
        put = {"imageManifest": image_of(), **self.asked}
        for call, fields in ((self.there.put_image, put), (self.there.describe_images, self.asked)):
            self.refused("AccessDeniedException", call, **fields)
        self.refused("AccessDeniedException", self.there.batch_delete_image, imageIds=[{"imageTag": "v1"}], **self.asked)
        self.assertEqual({self.digest: ["v1"]}, self.tags())

    @strictness("service.answer")
    def test_who_is_allowed(self):
        role = f"arn:aws:iam::{OTHER}:role/epoxy"
        for allowed in ("*", {"AWS": "*"}, {"AWS": [OTHER]}, {"AWS": ["arn:aws:iam::333333333333:root", role]}):
            self.share(statement(allowed, "ecr:*"))
            self.assertEqual(1, len(self.pull()["images"]), allowed)
        for denied in ({"AWS": "333333333333"}, {"AWS": f"{role}-2"}, {"Service": "lambda.amazonaws.com"}):
            self.share(statement(denied, "ecr:*"))
            self.refused("AccessDeniedException", self.pull)

    @strictness("service.answer")
    def test_denials_and_conditions(self):
        everybody = statement("*", "ecr:BatchGetImage")
        condition = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
        self.share({**everybody, **condition})
        self.refused("AccessDeniedException", self.pull)
        self.share(everybody, statement("*", "ecr:Batch*", effect="Deny", **condition))
        self.refused("AccessDeniedException", self.pull)
        self.share(everybody, statement("*", "ecr:PutImage", effect="Deny"))
        self.assertEqual(1, len(self.pull()["images"]))

    def test_a_registry_is_an_account(self):
        self.asked["registryId"] = "mars"
        self.refused("InvalidParameterException", self.pull)


class Buckets(EcrCase):
    def refusals(self, calls, call, **fields):
        count = 0
        for _ in range(calls):
            try:
                call(**fields)
            except ClientError as refused:
                count += refused.response["Error"]["Code"] == "ThrottlingException"
        return count

    def test_pushing_is_slow_and_pulling_is_not(self):
        self.stage({"tags": ["v1"]})
        self.settings(throttle_buckets=True)
        put = {"repositoryName": self.name, "imageManifest": image_of(), "imageTag": "v2"}
        started = time.monotonic()
        refused = self.refusals(60, self.ecr.put_image, **put)
        self.assertGreaterEqual(refused, 60 - 10 - 10 * (time.monotonic() - started) - 1)
        named = {"repositoryName": self.name, "imageIds": [{"imageTag": "v1"}]}
        self.assertEqual(0, self.refusals(60, self.ecr.batch_get_image, **named))
        self.assertEqual(0, self.refusals(60, self.ecr.describe_images, repositoryName=self.name))


class Control(EcrCase):
    def test_times(self):
        times = ("2020-09-13T12:26:40Z", "2020-09-13T14:26:40.5+02:00", "2020-09-13T12:26:40.123456789Z", 1_600_000_000.0)
        digests = self.stage(*({"pushed": when, "pulled": when} for when in times))
        for digest in digests:
            detail = self.detail(digest)
            self.assertEqual(1_600_000_000, detail["imagePushedAt"].timestamp())
            self.assertEqual(1_600_000_000, int(detail["lastRecordedPullTime"].timestamp()))

    @strictness("describe.describe_images", "deleting.batch_delete_image")
    def test_children_and_subjects_anywhere_in_the_list(self):
        index, child, signature = self.stage({"tags": ["m"], "children": [1], "bytes": 9}, {"bytes": 5}, {"subject": 0})
        self.assertEqual("ImageReferencedByManifestList", self.delete(child)["failures"][0]["failureCode"])
        self.assertEqual(index, self.detail(signature)["subjectManifestDigest"])
        self.assertEqual((9, 5), (self.detail(index)["imageSizeInBytes"], self.detail(child)["imageSizeInBytes"]))

    def test_given_manifests(self):
        layer = "sha256:" + "3" * 64
        image, index = self.stage({"manifest": image_of((layer, 8)), "tags": ["v1"]}, {"manifest": json.loads(index_of())})
        self.assertEqual({image: ["v1"], index: []}, self.tags())
        self.put(image_of((layer, 8), annotations={"a": "b"}))  # its layers are there now

    def test_pulled(self):
        digests = self.stage({}, {}, {"pulled": 5})
        asked = {"account": ACCOUNT, "region": REGION, "repository": self.name}
        pulled = {**asked, "digests": digests[:2], "pulled": "2020-09-13T12:26:40Z"}
        self.assertEqual({"images": 2}, control("POST", "/ecr/pulled", pulled))
        control("POST", "/ecr/pulled", {**asked, "digests": digests[2:], "pulled": None})
        self.assertNotIn("lastRecordedPullTime", self.detail(digests[2]))
        for digest in digests[:2]:
            self.assertEqual(1_600_000_000, self.detail(digest)["lastRecordedPullTime"].timestamp())
        for wrong in ({"digests": digests}, {"digests": [UNKNOWN], "pulled": 1}, {"digests": [], "pulled": 1},
                      {"digests": digests, "pulled": "yesterday"}):
            self.assertEqual(400, control("POST", "/ecr/pulled", {**asked, **wrong})["refused"], wrong)

    def test_all_or_none(self):
        asked = {"account": ACCOUNT, "region": REGION, "repository": self.name}
        wrong = [{"children": [1]}, {"subject": 1}, {"subject": 7}, {"pushed": "soon"}, {"tag": "v1"}, {"manifest": "{"}]
        for image in wrong:
            answer = control("POST", "/ecr/images", {**asked, "images": [{}, image]})
            self.assertEqual(400, answer["refused"], image)
        self.assertEqual(400, control("POST", "/ecr/images", {**asked, "images": {}})["refused"])
        for field, value in (("account", "12"), ("region", "mars"), ("repository", "none")):
            self.assertEqual(400, control("POST", "/ecr/images", {**asked, "images": [{}], field: value})["refused"])
        self.assertEqual({}, self.tags())

    def test_ten_thousand_at_once(self):
        digests = self.stage(*({"tags": [f"v{number}"], "pushed": number} for number in range(10_000)))
        self.assertEqual(10_000, len(set(digests)))
        self.assertEqual(["v9999"], self.detail(digests[-1])["imageTags"])

    def test_staging_again_makes_new_images(self):
        self.assertEqual(4, len({*self.stage({}, {}), *self.stage({}, {})}))
        self.assertEqual(4, len(self.tags()))


if __name__ == "__main__":
    unittest.main()
