"""CopyImage, and sharing with other accounts."""

import unittest

from harness import ACCOUNT, REGION, Case, client, control, in_account, strictness, tagged

OTHER = "222222222222"
COPY = "images.copy_image"


class CopyImage(Case):
    def setUp(self):
        super().setUp()
        self.west = client("ec2", "us-west-2")

    def copy(self, image_id, name="copy", ec2=None, **fields):
        source = {"SourceImageId": image_id, "SourceRegion": REGION}
        return (ec2 or self.west).copy_image(Name=name, **source, **fields)["ImageId"]

    @strictness(COPY)
    def test_is_pending_with_snapshots_of_its_own(self):
        image_id = self.image()
        copied = self.copy(image_id, TagSpecifications=[tagged("image", a="1"), tagged("snapshot", b="2")])
        seen = self.describe(copied, self.west)
        self.assertEqual(("pending", image_id), (seen["State"], seen["SourceImageId"]))
        self.assertEqual(REGION, seen["SourceImageRegion"])
        self.assertEqual([{"Key": "a", "Value": "1"}], seen["Tags"])
        found = self.west.describe_snapshots(Filters=[{"Name": "tag:b", "Values": ["2"]}])["Snapshots"]
        self.assertEqual(self.snapshots_of(copied, self.west), [one["SnapshotId"] for one in found])
        self.assertNotEqual(self.snapshots_of(image_id), self.snapshots_of(copied, self.west))
        control("POST", f"/images/{copied}/finish")
        self.assertEqual("available", self.describe(copied, self.west)["State"])

    @strictness(COPY)
    def test_client_token(self):
        image_id = self.image()
        first = self.copy(image_id, ClientToken="t1")
        self.assertEqual(first, self.copy(image_id, ClientToken="t1"))
        other = {"SourceImageId": image_id, "SourceRegion": REGION, "Name": "other", "ClientToken": "t1"}
        self.refused("IdempotentParameterMismatch", self.west.copy_image, **other)
        self.assertEqual(1, len(self.west.describe_images(Owners=["self"])["Images"]))

    @strictness(COPY)
    def test_name_is_unique(self):
        image_id = self.image()
        self.copy(image_id)
        again = {"SourceImageId": image_id, "SourceRegion": REGION, "Name": "copy"}
        self.refused("InvalidAMIName.Duplicate", self.west.copy_image, **again)

    @strictness(COPY)
    def test_source_must_be_available(self):
        source = {"SourceImageId": self.image(finish=False), "SourceRegion": REGION, "Name": "copy"}
        self.refused("InvalidRequest", self.west.copy_image, **source)
        unknown = {**source, "SourceImageId": "ami-0123456789abcdef0"}
        self.refused("InvalidAMIID.NotFound", self.west.copy_image, **unknown)

    @strictness(COPY)
    def test_copies_tags_only_when_asked(self):
        image_id = self.image(TagSpecifications=[tagged("image", app="shop")])
        self.assertNotIn("Tags", {key for key, value in self.describe(self.copy(image_id), self.west).items() if value})
        second = self.copy(image_id, "second", CopyImageTags=True)
        self.assertEqual([{"Key": "app", "Value": "shop"}], self.describe(second, self.west)["Tags"])


class Share(Case):
    def setUp(self):
        super().setUp()
        self.other = client("ec2", credentials=in_account(OTHER))

    def share(self, image_id):
        permission = {"Add": [{"UserId": OTHER}]}
        self.ec2.modify_image_attribute(ImageId=image_id, LaunchPermission=permission)

    @strictness("image_share.modify_image_attribute")
    def test_pending_image_cannot_be_shared(self):
        image_id = self.image(finish=False)
        wanted = {"ImageId": image_id, "LaunchPermission": {"Add": [{"UserId": OTHER}]}}
        message = self.refused("InvalidAMIID.Unavailable", self.ec2.modify_image_attribute, **wanted)
        self.assertIn(f"The AMI ID '{image_id}' is currently pending and may not be used", message)

    @strictness("image_describe.describe_images", "image_share.modify_image_attribute")
    def test_shared_image_is_seen_by_the_other_account(self):
        image_id = self.image()
        self.refused("InvalidAMIID.NotFound", self.describe, image_id, self.other)
        self.share(image_id)
        self.assertEqual(ACCOUNT, self.describe(image_id, self.other)["OwnerId"])
        seen = self.ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
        self.assertEqual([{"UserId": OTHER}], seen["LaunchPermissions"])
        self.ec2.modify_image_attribute(
            ImageId=image_id, Attribute="launchPermission", OperationType="remove", UserIds=[OTHER]
        )
        self.refused("InvalidAMIID.NotFound", self.describe, image_id, self.other)

    @strictness("image_share.describe_image_attribute")
    def test_attribute_of_an_unknown_image(self):
        unknown = {"ImageId": "ami-0123456789abcdef0", "Attribute": "launchPermission"}
        self.refused("InvalidAMIID.NotFound", self.ec2.describe_image_attribute, **unknown)

    @strictness("snapshots.modify_snapshot_attribute", COPY)
    def test_copy_of_a_shared_image_needs_its_snapshots_shared_too(self):
        image_id = self.image()
        self.share(image_id)
        (snapshot_id,) = self.snapshots_of(image_id)
        source = {"SourceImageId": image_id, "SourceRegion": REGION, "Name": "mine"}
        self.refused("InvalidRequest", self.other.copy_image, **source)
        self.ec2.modify_snapshot_attribute(
            SnapshotId=snapshot_id, CreateVolumePermission={"Add": [{"UserId": OTHER}]}
        )
        seen = self.ec2.describe_snapshot_attribute(SnapshotId=snapshot_id, Attribute="createVolumePermission")
        self.assertEqual([{"UserId": OTHER}], seen["CreateVolumePermissions"])
        mine = self.other.copy_image(**source)["ImageId"]
        control("POST", f"/images/{mine}/finish")
        self.assertEqual(OTHER, self.describe(mine, self.other)["OwnerId"])


if __name__ == "__main__":
    unittest.main()
