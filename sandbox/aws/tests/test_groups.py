"""Auto Scaling groups on launch template versions."""

import unittest

from harness import Case, client, control, strictness

FIRST, SECOND = "ami-0123456789abcdef1", "ami-0123456789abcdef2"


class GroupCase(Case):
    def setUp(self):
        super().setUp()
        self.scaling = client("autoscaling")
        made = self.ec2.create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData={"ImageId": FIRST, "InstanceType": "t3.micro"}
        )
        self.template = made["LaunchTemplate"]["LaunchTemplateId"]
        # Complete, not inherited: these tests are about groups.
        self.version({"ImageId": SECOND, "InstanceType": "t3.micro"})

    def version(self, data):
        made = self.ec2.create_launch_template_version(LaunchTemplateId=self.template, LaunchTemplateData=data)
        return str(made["LaunchTemplateVersion"]["VersionNumber"])

    def at(self, version):
        return {"LaunchTemplateId": self.template, "Version": version}

    def create(self, version="1", count=4, **fields):
        fields = fields or {"LaunchTemplate": self.at(version)}
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            MinSize=0,
            MaxSize=10,
            DesiredCapacity=count,
            AvailabilityZones=["us-east-1a"],
            **fields,
        )

    def update(self, **fields):
        self.scaling.update_auto_scaling_group(AutoScalingGroupName="web", **fields)

    def group(self):
        (found,) = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
        return found

    def versions(self):
        return sorted(one["LaunchTemplate"]["Version"] for one in self.group()["Instances"])

    def images(self):
        ids = [one["InstanceId"] for one in self.group()["Instances"]]
        found = self.ec2.describe_instances(InstanceIds=ids)["Reservations"]
        return sorted(one["ImageId"] for reservation in found for one in reservation["Instances"])


class Groups(GroupCase):
    @strictness("groups.instance_launch_template", "groups.replace_autoscaling_group_instances")
    def test_instances_show_the_version_they_were_launched_from(self):
        self.create("2", 1)
        self.assertEqual(["2"], self.versions())
        self.update(LaunchTemplate=self.at("1"), DesiredCapacity=2)
        self.assertEqual(["1", "2"], self.versions())
        self.assertEqual([FIRST, SECOND], self.images())

    @strictness("groups.instance_launch_template", "groups.replace_autoscaling_group_instances")
    def test_latest_is_resolved_at_every_launch(self):
        self.create("$Latest", 1)
        self.version({"ImageId": FIRST, "InstanceType": "t3.micro"})
        self.update(DesiredCapacity=2)
        self.assertEqual("$Latest", self.group()["LaunchTemplate"]["Version"])
        self.assertEqual(["2", "3"], self.versions())

    @strictness("groups.set_launch_configuration")
    def test_launch_template_must_be_valid(self):
        self.create(count=0)
        message = self.refused("ValidationError", self.update, LaunchTemplate=self.at("9"))
        self.assertIn("You must use a valid fully-formed launch template.", message)
        unknown = {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "1"}
        self.refused("ValidationError", self.update, LaunchTemplate=unknown)

    @strictness("groups.set_launch_configuration")
    def test_image_must_be_available(self):
        image_id = self.image(finish=False)
        number = self.version({"ImageId": image_id, "InstanceType": "t3.micro"})
        self.create(count=0)
        self.refused("ValidationError", self.update, LaunchTemplate=self.at(number))
        control("POST", f"/images/{image_id}/finish")
        self.update(LaunchTemplate=self.at(number))
        self.assertEqual(number, self.group()["LaunchTemplate"]["Version"])

    @strictness("groups.update")
    def test_mixed_instances_policy_survives_an_update(self):
        policy = {"LaunchTemplate": {"LaunchTemplateSpecification": self.at("1")}}
        self.create(MixedInstancesPolicy=policy, count=0)
        self.update(MaxSize=9)
        kept = self.group()["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
        self.assertEqual("1", kept["Version"])


if __name__ == "__main__":
    unittest.main()
