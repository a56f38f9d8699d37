"""What is refused around instance refreshes, and how they are described."""

import unittest

from harness import client, strictness
from test_refresh import START, RefreshCase


class Rules(RefreshCase):
    def setUp(self):
        super().setUp()
        self.settings(refresh_seconds=60)
        self.create(count=2)

    @strictness(START)
    def test_preferences(self):
        for wrong in (
            {"MaxHealthyPercentage": 110},
            {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 151},
            {"MinHealthyPercentage": 101},
            {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 201},
            {"BakeTime": 172_801},
            {"CheckpointDelay": 10},
            {"CheckpointPercentages": [50, 20]},
            {"CheckpointPercentages": [50, 50]},
            {"CheckpointPercentages": [50, 101]},
            {"StandbyInstances": "Refresh"},
            {"AlarmSpecification": {"Alarms": [f"a{number}" for number in range(11)]}},
        ):
            with self.subTest(wrong):
                self.refused("ValidationError", self.start, "2", **wrong)
        self.start("2", MinHealthyPercentage=50, MaxHealthyPercentage=150, CheckpointPercentages=[20, 100])
        shown = self.newest()["Preferences"]
        defaults = (shown["CheckpointDelay"], shown["SkipMatching"], shown["StandbyInstances"])
        self.assertEqual((3600, False, "Wait"), defaults)

    @strictness(START)
    def test_auto_rollback(self):
        message = self.refused("ValidationError", self.start, AutoRollback=True)
        self.assertIn("when the DesiredConfiguration parameter is empty", message)
        for version in ("$Latest", "$Default"):
            self.refused("ValidationError", self.start, version, AutoRollback=True)
        client("ssm").put_parameter(Name="/ami", Value="ami-0123456789abcdef5", Type="String")
        by_parameter = self.version({"ImageId": "resolve:ssm:/ami", "InstanceType": "t3.micro"})
        self.refused("ValidationError", self.start, by_parameter, AutoRollback=True)
        self.update(LaunchTemplate=self.at("$Default"))
        self.refused("ValidationError", self.start, "2", AutoRollback=True)
        self.start("$Latest")

    @strictness(START)
    def test_one_at_a_time(self):
        self.start("2")
        message = self.refused("InstanceRefreshInProgress", self.start)
        self.assertEqual(
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.", message
        )

    @strictness(START)
    def test_unknown_group_and_version(self):
        self.refused("ValidationError", self.start, "9")
        other = {"AutoScalingGroupName": "other"}
        self.refused("ValidationError", self.scaling.start_instance_refresh, **other)
        self.refused("ValidationError", self.scaling.describe_instance_refreshes, **other)

    @strictness("refresh_api.update_auto_scaling_group")
    def test_launch_template_is_fixed_while_a_desired_configuration_rolls_out(self):
        self.start("2")
        message = self.refused("ValidationError", self.update, LaunchTemplate=self.at("1"))
        self.assertIn("An active instance refresh with a desired configuration exists.", message)
        self.update(MaxSize=9)

    @strictness("refresh_api.describe_instance_refreshes")
    def test_newest_first_in_pages(self):
        self.settings(refresh_seconds=0)
        ids = []
        for _ in range(3):
            ids.insert(0, self.start())
            self.follow()
        ask = self.scaling.describe_instance_refreshes
        first = ask(AutoScalingGroupName="web", MaxRecords=2)
        rest = ask(AutoScalingGroupName="web", MaxRecords=2, NextToken=first["NextToken"])
        pages = [[one["InstanceRefreshId"] for one in page["InstanceRefreshes"]] for page in (first, rest)]
        self.assertEqual([ids[:2], ids[2:]], pages)
        (one,) = ask(AutoScalingGroupName="web", InstanceRefreshIds=[ids[1]])["InstanceRefreshes"]
        self.assertEqual(ids[1], one["InstanceRefreshId"])
        self.refused("ValidationError", ask, AutoScalingGroupName="web", MaxRecords=101)
        self.refused("InvalidNextToken", ask, AutoScalingGroupName="web", NextToken="nonsense")

    @strictness("refresh_api.delete_auto_scaling_group")
    def test_deleted_group_takes_its_refreshes_along(self):
        self.start("2")
        self.refused("ResourceInUse", self.scaling.delete_auto_scaling_group, AutoScalingGroupName="web")
        self.scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
        self.create(count=1)
        found = self.scaling.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main()
