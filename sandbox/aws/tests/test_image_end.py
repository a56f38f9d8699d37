"""DeregisterImage, DeleteSnapshot and RegisterImage."""

import unittest

from harness import Case, strictness

DEREGISTER = "images.deregister_image"


class Deregister(Case):
    def exists(self, snapshot_id):
        own = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return snapshot_id in [one["SnapshotId"] for one in own]

    @strictness(DEREGISTER)
    def test_takes_the_snapshots_along_when_asked(self):
        image_id = self.image()
        (snapshot_id,) = self.snapshots_of(image_id)
        answer = self.ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        results = [{"SnapshotId": snapshot_id, "ReturnCode": "success"}]
        self.assertEqual((True, results), (answer["Return"], answer["DeleteSnapshotResults"]))
        self.assertFalse(self.exists(snapshot_id))

    def test_leaves_the_snapshots_else(self):
        image_id = self.image()
        (snapshot_id,) = self.snapshots_of(image_id)
        self.assertNotIn("DeleteSnapshotResults", self.ec2.deregister_image(ImageId=image_id))
        self.assertTrue(self.exists(snapshot_id))
        self.ec2.delete_snapshot(SnapshotId=snapshot_id)
        self.assertFalse(self.exists(snapshot_id))

    @strictness(DEREGISTER, "images.register_image")
    def test_skips_a_snapshot_of_another_image(self):
        image_id = self.image()
        (snapshot_id,) = self.snapshots_of(image_id)
        device = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot_id}}
        fields = {"RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [device]}
        second = self.ec2.register_image(Name="second", **fields)["ImageId"]
        answer = self.ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        results = [{"SnapshotId": snapshot_id, "ReturnCode": "skipped"}]
        self.assertEqual(results, answer["DeleteSnapshotResults"])
        self.refused("InvalidSnapshot.InUse", self.ec2.delete_snapshot, SnapshotId=snapshot_id)
        answer = self.ec2.deregister_image(ImageId=second, DeleteAssociatedSnapshots=True)
        self.assertEqual("success", answer["DeleteSnapshotResults"][0]["ReturnCode"])

    @strictness("images.register_image")
    def test_registered_names_are_unique_too(self):
        self.image()
        self.refused("InvalidAMIName.Duplicate", self.ec2.register_image, Name="app-1")

    @strictness(DEREGISTER)
    def test_failed_and_pending_images_leave_nothing_behind(self):
        self.settings(image_fail=1)
        for image_id in (self.image("failed", finish=False), self.image("pending", finish=False)):
            self.ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        own = {"images": self.ec2.describe_images(Owners=["self"])["Images"]}
        own["snapshots"] = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        self.assertEqual({"images": [], "snapshots": []}, own)

    @strictness(DEREGISTER)
    def test_an_image_not_visible_yet_is_not_found(self):
        self.settings(image_invisible_seconds=5)
        image_id = self.image(finish=False)
        self.refused("InvalidAMIID.NotFound", self.ec2.deregister_image, ImageId=image_id)

    def test_twice(self):
        image_id = self.image()
        self.ec2.deregister_image(ImageId=image_id)
        self.refused("InvalidAMIID.Unavailable", self.ec2.deregister_image, ImageId=image_id)

    @strictness("image_describe.describe_images")
    def test_deregistered_is_empty_while_an_instance_runs_from_it_and_then_not_found(self):
        image_id = self.image()
        instance = self.instance(ImageId=image_id)
        self.ec2.deregister_image(ImageId=image_id)
        self.assertEqual([], self.ec2.describe_images(ImageIds=[image_id])["Images"])
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.refused("InvalidAMIID.NotFound", self.ec2.describe_images, ImageIds=[image_id])

    @strictness("snapshots.delete_snapshot")
    def test_snapshot_in_use_and_unknown(self):
        image_id = self.image()
        (snapshot_id,) = self.snapshots_of(image_id)
        message = self.refused("InvalidSnapshot.InUse", self.ec2.delete_snapshot, SnapshotId=snapshot_id)
        self.assertEqual(f"The snapshot {snapshot_id} is currently in use by {image_id}", message)
        self.refused("InvalidSnapshotID.Malformed", self.ec2.delete_snapshot, SnapshotId="snap-xyz")
        self.refused("InvalidSnapshot.NotFound", self.ec2.delete_snapshot, SnapshotId="snap-0123456789abcdef0")


if __name__ == "__main__":
    unittest.main()
