"""How instances leave their groups."""

import unittest

from harness import client, strictness
from hearing import HearingCase

TERMINATE = "termination.terminate_instance_in_auto_scaling_group"


class Termination(HearingCase):
    def terminate(self, instance_id, decrement=True):
        return self.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
        )

    def desired(self, count):
        self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)

    @strictness(TERMINATE, "ending.terminate")
    def test_is_shown_until_it_is_gone(self):
        self.settings(instance_shutdown_seconds=600)
        self.create(count=2)
        gone, stays = self.ids()
        activity = self.terminate(gone)["Activity"]
        self.assertEqual(("InProgress", 0), (activity["StatusCode"], activity["Progress"]))
        self.assertEqual(["InService", "Terminating:Proceed"], self.states())
        self.assertEqual("shutting-down", self.state_of(gone))
        self.refused("ScalingActivityInProgress", self.terminate, gone)
        self.assertEqual("running", self.state_of(stays))

    @strictness(TERMINATE)
    def test_is_checked(self):
        self.create(count=1)
        message = self.refused("ValidationError", self.terminate, "i-0123456789abcdef0")
        self.assertEqual("Instance Id not found - No managed instance found for instance ID: i-0123456789abcdef0", message)
        self.update(MinSize=1)
        (one,) = self.ids()
        self.assertIn("desiredSize equals minSize (1)", self.refused("ValidationError", self.terminate, one))
        self.assertEqual([one], self.ids())

    @strictness(TERMINATE)
    def test_without_decrement_it_is_replaced(self):
        self.settings(instance_shutdown_seconds=600)
        self.create(count=1)
        (one,) = self.ids()
        self.terminate(one, decrement=False)
        self.assertEqual((["InService", "Terminating:Proceed"], 1), (self.states(), self.group()["DesiredCapacity"]))

    @strictness("termination.set_desired_capacity")
    def test_scaling_in_passes_through_the_states(self):
        self.settings(instance_shutdown_seconds=600)
        self.create(count=3)
        kept = self.ids()[0]
        self.scaling.set_instance_protection(
            AutoScalingGroupName="web", InstanceIds=[kept], ProtectedFromScaleIn=True
        )
        self.desired(1)
        self.assertEqual(["InService", "Terminating:Proceed", "Terminating:Proceed"], self.states())
        self.assertEqual("running", self.state_of(kept))
        # Those that leave are not chosen again, and do not count.
        self.desired(2)
        self.assertEqual(2, self.states().count("InService"))

    @strictness("termination.set_desired_capacity_request")
    def test_capacity_has_bounds(self):
        self.create(count=1)
        self.update(MinSize=1, MaxSize=2)
        self.assertIn("below min value 1", self.refused("ValidationError", self.desired, 0))
        self.assertIn("above max value 2", self.refused("ValidationError", self.desired, 3))

    @strictness("termination.delete_auto_scaling_group")
    def test_deletion_by_force_terminates_all(self):
        self.create(count=2)
        protected, other = self.ids()
        self.scaling.set_instance_protection(
            AutoScalingGroupName="web", InstanceIds=[protected], ProtectedFromScaleIn=True
        )
        self.scaling.put_lifecycle_hook(
            AutoScalingGroupName="web", LifecycleHookName="mop",
            LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        )
        self.terminate(other)
        self.scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
        self.assertEqual(["terminated"] * 2, [self.state_of(protected), self.state_of(other)])

    @strictness("termination.update_attached_target_groups")
    def test_what_leaves_gets_no_requests(self):
        self.settings(instance_shutdown_seconds=600)
        balancers = client("elbv2")
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = balancers.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        self.create(count=2)
        self.scaling.attach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[arn])
        gone, stays = self.ids()
        self.terminate(gone)
        health = balancers.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        self.assertEqual([stays], [one["Target"]["Id"] for one in health])


if __name__ == "__main__":
    unittest.main()
