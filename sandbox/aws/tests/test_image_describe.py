"""DescribeImages and DescribeSnapshots: ids, filters, owners, pages."""

import unittest

from harness import Case, strictness, tagged

IMAGES = "image_describe.describe_images"
SNAPSHOTS = "snapshots.describe_snapshots"
UNKNOWN = ["ami-0123456789abcdef0", "ami-0123456789abcdef1"]


class Describe(Case):
    def names(self, **fields):
        return [image["Name"] for image in self.ec2.describe_images(**fields)["Images"]]

    @strictness(IMAGES)
    def test_every_id_must_exist(self):
        image_id = self.image()
        message = self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=[image_id, UNKNOWN[0]])
        self.assertEqual(f"The image id '[{UNKNOWN[0]}]' does not exist", message)
        message = self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=UNKNOWN)
        self.assertEqual(f"The image ids '[{', '.join(UNKNOWN)}]' do not exist", message)

    @strictness(IMAGES)
    def test_malformed_id(self):
        self.refused("InvalidAMIID.Malformed", self.ec2.describe_images, ImageIds=["ami-xyz"])

    @strictness(IMAGES)
    def test_at_most_200_filter_values(self):
        many = [f"ami-{number:017x}" for number in range(201)]
        asked = {"Filters": [{"Name": "image-id", "Values": many}]}
        message = self.refused("FilterLimitExceeded", self.ec2.describe_images, **asked)
        self.assertEqual("The maximum number of filter values specified on a single call is 200", message)
        asked["Filters"][0]["Values"] = many[:200]
        self.assertEqual([], self.names(**asked))

    @strictness(IMAGES)
    def test_filters(self):
        self.image("app-[1]", TagSpecifications=[tagged("image", run="r1")])
        self.image("app-2", TagSpecifications=[tagged("image", run="r2")])
        pending = self.image("web-1", finish=False)

        def by(name, *values, **fields):
            return self.names(Filters=[{"Name": name, "Values": list(values)}], **fields)

        self.assertEqual(["app-[1]"], by("name", "app-[1]"))
        self.assertEqual(["app-[1]", "app-2"], by("name", "app-*"))
        self.assertEqual(["app-2"], by("tag:run", "r2", "r3"))
        self.assertEqual(["app-[1]", "app-2"], by("tag-key", "run"))
        self.assertEqual(["web-1"], by("state", "pending"))
        self.assertEqual(["web-1"], by("image-id", pending, Owners=["self"]))
        self.assertEqual([], by("state", "available", ImageIds=[pending]))
        self.assertEqual([], self.names(Owners=["amazon"]))
        self.refused("InvalidParameterValue", by, "colour", "red")

    @strictness(IMAGES)
    def test_pages(self):
        for number in range(7):
            self.image(f"app-{number}")
        pages = self.ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 5})
        names = [[image["Name"] for image in page["Images"]] for page in pages]
        self.assertEqual([5, 2], [len(page) for page in names])
        self.assertEqual([f"app-{number}" for number in range(7)], names[0] + names[1])

    @strictness(IMAGES)
    def test_page_sizes(self):
        for size in (4, 1001):
            self.refused("InvalidParameterValue", self.ec2.describe_images, MaxResults=size)
        image_id = self.image()
        self.refused("InvalidParameterCombination", self.ec2.describe_images, ImageIds=[image_id], MaxResults=5)
        self.refused("InvalidPaginationToken", self.ec2.describe_images, MaxResults=5, NextToken="nonsense")

    @strictness(SNAPSHOTS)
    def test_snapshot_pages_and_limits(self):
        for number in range(6):
            self.image(f"app-{number}")
        page = self.ec2.describe_snapshots(OwnerIds=["self"], MaxResults=5)
        self.assertEqual(5, len(page["Snapshots"]))
        rest = self.ec2.describe_snapshots(OwnerIds=["self"], MaxResults=5, NextToken=page["NextToken"])
        self.assertEqual((1, None), (len(rest["Snapshots"]), rest.get("NextToken")))
        self.refused("InvalidParameterValue", self.ec2.describe_snapshots, MaxResults=4)

    @strictness(SNAPSHOTS)
    def test_snapshot_owner_and_description(self):
        image_id = self.image()
        wanted = {"Name": "description", "Values": [f"*for {image_id}*"]}
        found = self.ec2.describe_snapshots(Filters=[wanted])["Snapshots"]
        self.assertEqual(self.snapshots_of(image_id), [one["SnapshotId"] for one in found])
        self.assertEqual([], self.ec2.describe_snapshots(OwnerIds=["222222222222"])["Snapshots"])

    @strictness(SNAPSHOTS)
    def test_unknown_snapshot_is_named(self):
        unknown = "snap-0123456789abcdef0"
        message = self.refused("InvalidSnapshot.NotFound", self.ec2.describe_snapshots, SnapshotIds=[unknown])
        self.assertEqual(f"The snapshot '{unknown}' does not exist.", message)


if __name__ == "__main__":
    unittest.main()
