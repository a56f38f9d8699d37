"""CreateImage."""

import time
import unittest

from harness import Case, control, strictness, tagged

CREATE = "images.create_image"


class CreateImage(Case):
    def state(self, image_id):
        return self.describe(image_id)["State"]

    @strictness(CREATE)
    def test_is_pending_and_then_available(self):
        image_id = self.image(finish=False)
        self.assertEqual("pending", self.state(image_id))
        self.settings(image_pending_seconds=0.2)
        image_id = self.image("app-2", finish=False)
        self.eventually(lambda: self.state(image_id), "available")

    @strictness(CREATE, "image_describe.describe_images")
    def test_is_not_found_at_first(self):
        self.settings(image_invisible_seconds=1)
        image_id = self.image(finish=False)
        message = self.refused("InvalidAMIID.NotFound", self.describe, image_id)
        self.assertEqual(f"The image id '[{image_id}]' does not exist", message)
        by_name = [{"Name": "name", "Values": ["app-1"]}]
        self.assertEqual([], self.ec2.describe_images(Filters=by_name)["Images"])
        self.assertEqual([], self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"])

        def found():
            return [one["ImageId"] for one in self.ec2.describe_images(Filters=by_name)["Images"]]

        self.eventually(found, [image_id])

    @strictness(CREATE)
    def test_snapshot_progresses_with_the_image(self):
        self.settings(image_pending_seconds=1.5)
        image_id = self.image(finish=False)
        (snapshot_id,) = self.snapshots_of(image_id)

        def snapshot():
            return self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]

        first = snapshot()
        self.assertEqual("pending", first["State"])
        time.sleep(0.2)
        before, after = int(first["Progress"].rstrip("%")), int(snapshot()["Progress"].rstrip("%"))
        self.assertLess(before, after)
        self.eventually(lambda: (snapshot()["State"], snapshot()["Progress"]), ("completed", "100%"))

    @strictness(CREATE)
    def test_can_fail_with_a_reason(self):
        self.settings(image_fail=1, image_pending_seconds=0.2)
        image_id = self.image(finish=False)
        self.eventually(lambda: self.state(image_id), "failed")
        self.assertEqual("Client.InternalError", self.describe(image_id)["StateReason"]["Code"])
        (snapshot_id,) = self.snapshots_of(image_id)
        self.assertEqual("error", self.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]["State"])
        self.assertEqual("available", self.state(self.image("app-2")))

    @strictness(CREATE)
    def test_name_is_unique_while_registered(self):
        first = self.image()
        message = self.refused("InvalidAMIName.Duplicate", self.image)
        self.assertEqual(f"AMI name app-1 is already in use by AMI {first}", message)
        self.ec2.deregister_image(ImageId=first)
        self.image()

    @strictness(CREATE)
    def test_name_is_taken_even_before_the_image_is_visible(self):
        self.settings(image_invisible_seconds=5)
        self.image(finish=False)
        self.refused("InvalidAMIName.Duplicate", self.image)

    @strictness(CREATE)
    def test_malformed_names(self):
        instance = self.instance()
        for name in ("a" * 129, "semi;colon", "new\nline"):
            self.refused("InvalidAMIName.Malformed", self.ec2.create_image, InstanceId=instance, Name=name)
        for name in ("app [1] (x) it's@home_/.-", "abc"):
            self.ec2.create_image(InstanceId=instance, Name=name)

    @strictness(CREATE)
    def test_tags_go_to_the_image_and_to_its_snapshots(self):
        tags = [tagged("image", run="r1"), tagged("snapshot", run="r2")]
        image_id = self.image(TagSpecifications=tags)
        self.assertEqual([{"Key": "run", "Value": "r1"}], self.describe(image_id)["Tags"])
        found = self.ec2.describe_snapshots(Filters=[{"Name": "tag:run", "Values": ["r2"]}])["Snapshots"]
        self.assertEqual(self.snapshots_of(image_id), [one["SnapshotId"] for one in found])

    @strictness(CREATE)
    def test_tag_limits(self):
        many = tagged("image", **{f"k{number}": "v" for number in range(51)})
        self.refused("TagLimitExceeded", self.image, TagSpecifications=[many])
        reserved = {"ResourceType": "image", "Tags": [{"Key": "aws:x", "Value": "v"}]}
        self.refused("InvalidParameterValue", self.image, TagSpecifications=[reserved])

    def test_other_things_cannot_be_tagged(self):
        self.refused("InvalidParameterValue", self.image, TagSpecifications=[tagged("instance", run="r1")])

    def test_unknown_instance(self):
        missing = {"InstanceId": "i-0123456789abcdef0", "Name": "app-1"}
        self.refused("InvalidInstanceID.NotFound", self.ec2.create_image, **missing)

    @strictness(CREATE)
    def test_malformed_instance(self):
        self.refused("InvalidInstanceID.Malformed", self.ec2.create_image, InstanceId="i-xyz", Name="app-1")

    @strictness(CREATE)
    def test_terminated_instance(self):
        instance = self.instance()
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.refused("InvalidParameterValue", self.ec2.create_image, InstanceId=instance, Name="app-1")

    @strictness(CREATE)
    def test_every_volume_gets_a_snapshot(self):
        data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": True}}
        root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 10}}
        instance = self.instance(BlockDeviceMappings=[root, data])
        whole = self.ec2.create_image(InstanceId=instance, Name="whole")["ImageId"]
        sizes = {one["DeviceName"]: one["Ebs"]["VolumeSize"] for one in self.describe(whole)["BlockDeviceMappings"]}
        self.assertEqual({"/dev/sda1": 10, "/dev/sdf": 20}, sizes)
        without = [{"DeviceName": "/dev/sdf", "NoDevice": ""}]
        part = self.ec2.create_image(InstanceId=instance, Name="part", BlockDeviceMappings=without)["ImageId"]
        self.assertEqual(["/dev/sda1"], [one["DeviceName"] for one in self.describe(part)["BlockDeviceMappings"]])

    @strictness("instances.run_instances")
    def test_cannot_be_run_before_it_is_available(self):
        image_id = self.image(finish=False)
        self.refused("InvalidAMIID.Unavailable", self.instance, ImageId=image_id)
        control("POST", f"/images/{image_id}/finish")
        self.instance(ImageId=image_id)

    @strictness("tags.create_tags")
    def test_cannot_be_tagged_before_it_is_visible(self):
        self.settings(image_invisible_seconds=5)
        tags = [{"Key": "a", "Value": "b"}]
        image_id = self.image(finish=False)
        self.refused("InvalidAMIID.NotFound", self.ec2.create_tags, Resources=[image_id], Tags=tags)
        control("POST", f"/images/{image_id}/finish")
        self.ec2.create_tags(Resources=[image_id], Tags=tags)
        self.assertEqual(tags, self.describe(image_id)["Tags"])

    @strictness(CREATE)
    def test_can_be_made_to_fail_by_hand(self):
        self.settings(image_pending_seconds=60, image_invisible_seconds=60)
        image_id = self.image(finish=False)
        control("POST", f"/images/{image_id}/fail", {"reason": "disk full"})
        image = self.describe(image_id)
        self.assertEqual(("failed", "disk full"), (image["State"], image["StateReason"]["Message"]))

    @strictness("instances.add_block_device")
    def test_device_without_size_takes_the_image_s(self):
        template = self.ec2.create_launch_template(
            LaunchTemplateName="devices",
            LaunchTemplateData={
                "ImageId": "ami-0123456789abcdef0",
                "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeType": "gp3"}}],
            },
        )["LaunchTemplate"]
        chosen = {"LaunchTemplateId": template["LaunchTemplateId"]}
        self.ec2.run_instances(LaunchTemplate=chosen, MinCount=1, MaxCount=1)


if __name__ == "__main__":
    unittest.main()
