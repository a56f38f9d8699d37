"""Launch templates and their versions."""

import unittest

from harness import Case, client, strictness, tagged

UNKNOWN = "lt-0123456789abcdef0"
VERSION = "template_versions.create_launch_template_version"
DELETE = "template_versions.delete_launch_template_versions"
CREATE = "templates.create_launch_template"
DATA = {
    "ImageId": "ami-0123456789abcdef0",
    "InstanceType": "t3.micro",
    "UserData": "aGVsbG8=",
    "IamInstanceProfile": {"Name": "web"},
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1", "sg-2"], "AssociatePublicIpAddress": True}],
    "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3"}}],
    "TagSpecifications": [tagged("instance", app="shop"), tagged("volume", app="shop")],
}
NEW = {"ImageId": "ami-0123456789abcdef1"}


class TemplateCase(Case):
    def setUp(self):
        super().setUp()
        self.template = self.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=DATA)[
            "LaunchTemplate"
        ]["LaunchTemplateId"]

    def add(self, data=None, **fields):
        fields.setdefault("SourceVersion", "1")
        answer = self.ec2.create_launch_template_version(
            LaunchTemplateId=self.template, LaunchTemplateData=data or NEW, **fields
        )
        return answer["LaunchTemplateVersion"]

    def versions(self, **fields):
        answer = self.ec2.describe_launch_template_versions(LaunchTemplateId=self.template, **fields)
        return answer["LaunchTemplateVersions"]

    def numbers(self, **fields):
        return [version["VersionNumber"] for version in self.versions(**fields)]


class Create(TemplateCase):
    @strictness(CREATE)
    def test_client_token(self):
        asked = {"LaunchTemplateName": "app", "LaunchTemplateData": DATA, "ClientToken": "t1"}
        first = self.ec2.create_launch_template(**asked)["LaunchTemplate"]
        self.assertEqual(first, self.ec2.create_launch_template(**asked)["LaunchTemplate"])
        asked["LaunchTemplateData"] = NEW
        self.refused("IdempotentParameterMismatch", self.ec2.create_launch_template, **asked)

    @strictness(CREATE)
    def test_tags_of_the_template_are_not_in_its_data(self):
        tags = [tagged("launch-template", team="a")]
        made = self.ec2.create_launch_template(
            LaunchTemplateName="app", LaunchTemplateData=NEW, TagSpecifications=tags
        )["LaunchTemplate"]
        self.assertEqual([{"Key": "team", "Value": "a"}], made["Tags"])
        version = self.ec2.describe_launch_template_versions(LaunchTemplateId=made["LaunchTemplateId"])
        self.assertEqual(NEW, version["LaunchTemplateVersions"][0]["LaunchTemplateData"])

    @strictness(CREATE)
    def test_data_and_name_are_needed(self):
        empty = {"LaunchTemplateName": "app", "LaunchTemplateData": {}}
        self.refused("MissingParameter", self.ec2.create_launch_template, **empty)
        bad = {"LaunchTemplateName": "a b c", "LaunchTemplateData": NEW}
        self.refused("InvalidLaunchTemplateName.MalformedException", self.ec2.create_launch_template, **bad)

    def test_name_is_unique(self):
        again = {"LaunchTemplateName": "web", "LaunchTemplateData": NEW}
        self.refused("InvalidLaunchTemplateName.AlreadyExistsException", self.ec2.create_launch_template, **again)


class CreateVersion(TemplateCase):
    @strictness(VERSION)
    def test_inherits_from_its_source(self):
        made = self.add(VersionDescription="run r1")
        self.assertEqual({**DATA, **NEW}, made["LaunchTemplateData"])
        (read,) = self.versions(Versions=["2"])
        self.assertEqual(made, read)
        self.assertEqual((2, "run r1"), (read["VersionNumber"], read["VersionDescription"]))
        self.assertFalse(read["DefaultVersion"])
        self.assertTrue(read["CreatedBy"].startswith("arn:aws:"))

    def test_without_a_source_holds_only_what_is_passed(self):
        made = self.ec2.create_launch_template_version(LaunchTemplateId=self.template, LaunchTemplateData=NEW)
        self.assertEqual(NEW, made["LaunchTemplateVersion"]["LaunchTemplateData"])

    @strictness(VERSION)
    def test_source_may_be_latest_or_default(self):
        self.add({"InstanceType": "m5.large"})
        self.assertEqual("m5.large", self.add(SourceVersion="$Latest")["LaunchTemplateData"]["InstanceType"])
        self.assertEqual("t3.micro", self.add(SourceVersion="$Default")["LaunchTemplateData"]["InstanceType"])

    @strictness(VERSION)
    def test_source_must_exist(self):
        asked = {"LaunchTemplateId": self.template, "SourceVersion": "7", "LaunchTemplateData": NEW}
        self.refused("InvalidLaunchTemplateId.VersionNotFound", self.ec2.create_launch_template_version, **asked)

    @strictness(VERSION)
    def test_inherited_snapshots_are_ignored(self):
        ebs = {"SnapshotId": "snap-0123456789abcdef0", "VolumeSize": 9}
        self.add({"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": ebs}]})
        (device,) = self.add(SourceVersion="2")["LaunchTemplateData"]["BlockDeviceMappings"]
        self.assertEqual({"VolumeSize": 9}, device["Ebs"])

    @strictness(VERSION)
    def test_client_token(self):
        first = self.add(ClientToken="t1")
        self.assertEqual(first["VersionNumber"], self.add(ClientToken="t1")["VersionNumber"])
        other = {"LaunchTemplateId": self.template, "LaunchTemplateData": DATA, "ClientToken": "t1"}
        self.refused("IdempotentParameterMismatch", self.ec2.create_launch_template_version, **other)
        self.assertEqual([2, 1], self.numbers())

    @strictness(VERSION)
    def test_quota(self):
        self.settings(template_version_quota=2)
        self.add()
        asked = {"LaunchTemplateId": self.template, "LaunchTemplateData": NEW}
        self.refused("MaxTemplateVersionLimitExceeded", self.ec2.create_launch_template_version, **asked)

    @strictness(VERSION, "templates.image_id")
    def test_image_by_parameter(self):
        ssm = client("ssm")
        ssm.put_parameter(Name="/ami", Value="ami-0123456789abcdef5", Type="String", DataType="aws:ec2:image")
        made = self.add({"ImageId": "resolve:ssm:/ami"})
        self.assertEqual("resolve:ssm:/ami", made["LaunchTemplateData"]["ImageId"])
        (resolved,) = self.versions(Versions=["2"], ResolveAlias=True)
        self.assertEqual("ami-0123456789abcdef5", resolved["LaunchTemplateData"]["ImageId"])
        chosen = {"LaunchTemplateId": self.template, "Version": "2"}
        launched = self.ec2.run_instances(LaunchTemplate=chosen, MinCount=1, MaxCount=1, SubnetId=self.subnet())
        self.assertEqual("ami-0123456789abcdef5", launched["Instances"][0]["ImageId"])

    def subnet(self):
        return self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]


class Delete(TemplateCase):
    @strictness(DELETE, "templates.create_version", "templates.get_version")
    def test_versions(self):
        for _ in range(3):
            self.add()
        answer = self.ec2.delete_launch_template_versions(LaunchTemplateId=self.template, Versions=["1", "2", "4", "9"])
        done = [one["VersionNumber"] for one in answer["SuccessfullyDeletedLaunchTemplateVersions"]]
        failed = {
            one["VersionNumber"]: one["ResponseError"]["Code"]
            for one in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
        }
        self.assertEqual([2, 4], done)
        self.assertEqual({1: "unexpectedError", 9: "launchTemplateVersionDoesNotExist"}, failed)
        self.assertEqual([3, 1], self.numbers())
        self.assertEqual([3], self.numbers(Versions=["$Latest"]))
        self.refused("InvalidLaunchTemplateId.VersionNotFound", self.numbers, Versions=["2"])
        # A number is never given twice.
        self.assertEqual(5, self.add()["VersionNumber"])

    @strictness(DELETE)
    def test_at_most_200(self):
        numbers = [str(number) for number in range(201)]
        asked = {"LaunchTemplateId": self.template, "Versions": numbers}
        self.refused("InvalidParameterValue", self.ec2.delete_launch_template_versions, **asked)

    @strictness("templates.delete_launch_template")
    def test_template(self):
        self.refused("InvalidLaunchTemplateId.NotFound", self.ec2.delete_launch_template, LaunchTemplateId=UNKNOWN)
        self.ec2.delete_launch_template(LaunchTemplateId=self.template)
        self.refused("InvalidLaunchTemplateId.NotFound", self.versions)


class Modify(TemplateCase):
    @strictness("templates.modify_launch_template", "templates.default_version")
    def test_default_version(self):
        self.add()
        self.add()
        self.ec2.modify_launch_template(LaunchTemplateId=self.template, DefaultVersion="2")
        self.ec2.delete_launch_template_versions(LaunchTemplateId=self.template, Versions=["1"])
        (read,) = self.versions(Versions=["$Default"])
        self.assertEqual((2, True), (read["VersionNumber"], read["DefaultVersion"]))
        chosen = {"LaunchTemplateId": self.template}
        launched = self.ec2.run_instances(LaunchTemplate=chosen, MinCount=1, MaxCount=1)["Instances"][0]
        self.assertIn({"Key": "aws:ec2launchtemplate:version", "Value": "2"}, launched["Tags"])

    @strictness("templates.modify_launch_template")
    def test_unknown(self):
        asked = {"LaunchTemplateId": UNKNOWN, "DefaultVersion": "1"}
        self.refused("InvalidLaunchTemplateId.NotFound", self.ec2.modify_launch_template, **asked)
        asked = {"LaunchTemplateId": self.template, "DefaultVersion": "7"}
        self.refused("InvalidLaunchTemplateId.VersionNotFound", self.ec2.modify_launch_template, **asked)

    @strictness("templates.modify_launch_template")
    def test_client_token(self):
        self.add()
        asked = {"LaunchTemplateId": self.template, "DefaultVersion": "2", "ClientToken": "t1"}
        self.ec2.modify_launch_template(**asked)
        self.ec2.modify_launch_template(LaunchTemplateId=self.template, DefaultVersion="1")
        self.ec2.modify_launch_template(**asked)
        self.assertEqual([1], self.numbers(Versions=["$Default"]))
        self.refused("IdempotentParameterMismatch", self.ec2.modify_launch_template, **{**asked, "DefaultVersion": "1"})


class Describe(TemplateCase):
    @strictness("template_describe.describe_launch_templates")
    def test_templates_by_id(self):
        for unknown, code in ((UNKNOWN, "NotFound"), ("lt-xyz", "Malformed")):
            asked = {"LaunchTemplateIds": [self.template, unknown]}
            self.refused(f"InvalidLaunchTemplateId.{code}", self.ec2.describe_launch_templates, **asked)
        (read,) = self.ec2.describe_launch_templates(LaunchTemplateIds=[self.template])["LaunchTemplates"]
        self.assertEqual((1, 1), (read["DefaultVersionNumber"], read["LatestVersionNumber"]))

    @strictness("template_describe.describe_launch_templates")
    def test_template_pages(self):
        for number in range(20):
            self.ec2.create_launch_template(LaunchTemplateName=f"app-{number:02}", LaunchTemplateData=NEW)
        self.assertEqual(21, len(self.ec2.describe_launch_templates()["LaunchTemplates"]))
        pages = self.ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 8})
        self.assertEqual([8, 8, 5], [len(page["LaunchTemplates"]) for page in pages])

    @strictness("template_describe.describe_launch_template_versions")
    def test_versions_newest_first_and_in_pages(self):
        for _ in range(6):
            self.add()
        self.assertEqual([7, 6, 5, 4, 3, 2, 1], self.numbers())
        paginator = self.ec2.get_paginator("describe_launch_template_versions")
        pages = paginator.paginate(LaunchTemplateId=self.template, PaginationConfig={"PageSize": 3})
        numbers = [[one["VersionNumber"] for one in page["LaunchTemplateVersions"]] for page in pages]
        self.assertEqual([[7, 6, 5], [4, 3, 2], [1]], numbers)
        self.assertEqual([4, 3, 2], self.numbers(MinVersion="2", MaxVersion="4"))
        self.assertEqual([7, 1], self.numbers(Versions=["$Latest", "$Default"]))
        everywhere = self.ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
        self.assertEqual([7], [one["VersionNumber"] for one in everywhere])

    @strictness("template_describe.describe_launch_template_versions")
    def test_unknown_versions_and_templates(self):
        self.refused("InvalidLaunchTemplateId.VersionNotFound", self.versions, Versions=["0"])
        self.refused("InvalidLaunchTemplateId.VersionNotFound", self.versions, Versions=["8"])
        ask = self.ec2.describe_launch_template_versions
        self.refused("InvalidLaunchTemplateId.Malformed", ask, LaunchTemplateId="lt-xyz")
        self.refused("InvalidLaunchTemplateId.NotFound", ask, LaunchTemplateId=UNKNOWN)


if __name__ == "__main__":
    unittest.main()
