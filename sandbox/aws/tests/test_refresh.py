"""Instance refreshes: how they run and end."""

import time
import unittest

from harness import client, strictness
from test_groups import FIRST, SECOND, GroupCase

START = "refresh_api.start_instance_refresh"
ENDED = ("Successful", "Failed", "Cancelled", "RollbackSuccessful")


class RefreshCase(GroupCase):
    def start(self, version=None, **preferences):
        fields = {"Preferences": preferences} if preferences else {}
        if version:
            fields["DesiredConfiguration"] = {"LaunchTemplate": self.at(version)}
        return self.scaling.start_instance_refresh(AutoScalingGroupName="web", **fields)["InstanceRefreshId"]

    def newest(self):
        return self.scaling.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"][0]

    def follow(self, within=10.0):
        """Waits for the end; returns what the refresh looked like on the way."""
        seen, deadline = [], time.monotonic() + within
        while time.monotonic() < deadline:
            seen.append(self.newest())
            if seen[-1]["Status"] in ENDED:
                return seen
            time.sleep(0.02)
        self.fail(f"the refresh does not end: {seen[-1]}")


class Refresh(RefreshCase):
    @strictness(START, "refresh_api.describe_instance_refreshes")
    def test_replaces_all_instances_and_adopts_the_configuration(self):
        self.settings(refresh_seconds=1.5)
        self.create()
        before = {one["InstanceId"] for one in self.group()["Instances"]}
        refresh_id = self.start("2")
        self.assertEqual(36, len(refresh_id))
        seen = self.follow()
        self.assertEqual("Pending", seen[0]["Status"])
        self.assertIn("InProgress", [one["Status"] for one in seen])
        percent = [one["PercentageComplete"] for one in seen]
        self.assertEqual(sorted(percent), percent)
        last = seen[-1]
        self.assertEqual(("Successful", 100), (last["Status"], last["PercentageComplete"]))
        self.assertEqual(0, last["InstancesToUpdate"])
        self.assertEqual(refresh_id, last["InstanceRefreshId"])
        self.assertLessEqual(last["StartTime"], last["EndTime"])
        self.assertEqual("2", self.group()["LaunchTemplate"]["Version"])
        self.assertEqual((["2"] * 4, [SECOND] * 4), (self.versions(), self.images()))
        old = self.ec2.describe_instances(InstanceIds=list(before))["Reservations"]
        self.assertEqual({"terminated"}, {one["State"]["Name"] for each in old for one in each["Instances"]})

    @strictness(START)
    def test_without_a_configuration_uses_the_group_s(self):
        self.create()
        self.update(LaunchTemplate=self.at("$Latest"))
        self.start()
        self.follow()
        self.assertEqual((["2"] * 4, "$Latest"), (self.versions(), self.group()["LaunchTemplate"]["Version"]))

    @strictness(START)
    def test_skip_matching_keeps_what_is_right_already(self):
        self.create(count=2)
        self.update(LaunchTemplate=self.at("2"), DesiredCapacity=3)
        kept = [one["InstanceId"] for one in self.group()["Instances"] if one["LaunchTemplate"]["Version"] == "2"]
        self.start("2", SkipMatching=True)
        self.assertEqual(2, self.newest()["InstancesToUpdate"])
        self.follow()
        self.assertEqual(["2"] * 3, self.versions())
        self.assertIn(kept[0], [one["InstanceId"] for one in self.group()["Instances"]])

    @strictness(START)
    def test_checkpoints_and_bake_time_take_longer(self):
        self.create()
        started = time.monotonic()
        self.start("2", CheckpointPercentages=[50, 100], CheckpointDelay=1, BakeTime=1)
        seen = self.follow()
        self.assertGreaterEqual(time.monotonic() - started, 2)
        paused = [one for one in seen if one["Status"] == "InProgress" and one["PercentageComplete"] == 50]
        self.assertGreater(len(paused), 1)
        baking = [one for one in seen if one["Status"] == "Baking"]
        self.assertEqual({100}, {one["PercentageComplete"] for one in baking})

    @strictness(START)
    def test_last_checkpoint_below_100_replaces_only_so_many(self):
        self.create()
        self.update(LaunchTemplate=self.at("2"))
        self.start(CheckpointPercentages=[25, 50], CheckpointDelay=0)
        last = self.follow()[-1]
        self.assertEqual(("Successful", 50), (last["Status"], last["PercentageComplete"]))
        self.assertEqual(["1", "1", "2", "2"], self.versions())

    @strictness(START)
    def test_can_be_made_to_fail(self):
        self.create()
        self.settings(refresh_fail=1)
        self.start("2")
        last = self.follow()[-1]
        self.assertEqual("Failed", last["Status"])
        self.assertTrue(last["StatusReason"])
        self.assertEqual((["1", "1", "2", "2"], "1"), (self.versions(), self.group()["LaunchTemplate"]["Version"]))

    @strictness(START)
    def test_fails_when_an_alarm_goes_off(self):
        self.settings(refresh_seconds=60)
        self.create()
        alarms = client("cloudwatch")
        alarms.put_metric_alarm(
            AlarmName="errors",
            MetricName="Errors",
            Namespace="Shop",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        self.start("2", AlarmSpecification={"Alarms": ["errors"]})
        self.assertEqual("Pending", self.newest()["Status"])
        alarms.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
        last = self.newest()
        self.assertEqual("Failed", last["Status"])
        self.assertIn("errors", last["StatusReason"])

    @strictness("groups.replace_autoscaling_group_instances")
    def test_scaling_out_meanwhile_launches_the_new_configuration(self):
        self.settings(refresh_seconds=60)
        self.create(count=1)
        self.start("2")
        self.update(DesiredCapacity=2)
        self.assertEqual(["1", "2"], self.versions())

    @strictness(START)
    def test_waits_for_protected_instances_unless_told_otherwise(self):
        self.create(count=1)
        (one,) = self.group()["Instances"]
        protect = {"AutoScalingGroupName": "web", "InstanceIds": [one["InstanceId"]]}
        self.scaling.set_instance_protection(ProtectedFromScaleIn=True, **protect)
        self.start("2", ScaleInProtectedInstances="Ignore")
        self.assertEqual(0, self.follow()[-1]["InstancesToUpdate"])
        self.start("2")
        time.sleep(0.8)
        self.assertEqual("InProgress", self.newest()["Status"])
        self.scaling.set_instance_protection(ProtectedFromScaleIn=False, **protect)
        self.assertEqual("Successful", self.follow()[-1]["Status"])


class End(RefreshCase):
    def setUp(self):
        super().setUp()
        self.create()

    @strictness("refresh_api.cancel_instance_refresh")
    def test_cancel_keeps_what_was_replaced(self):
        self.settings(refresh_seconds=1.2)
        self.start("2")
        self.eventually(lambda: self.newest()["PercentageComplete"] > 0, True)
        self.scaling.cancel_instance_refresh(AutoScalingGroupName="web")
        self.assertEqual("Cancelling", self.newest()["Status"])
        self.assertEqual("Cancelled", self.follow()[-1]["Status"])
        self.assertEqual("1", self.group()["LaunchTemplate"]["Version"])
        self.assertIn("2", self.versions())

    @strictness("refresh_api.rollback_instance_refresh")
    def test_rollback_restores_what_was(self):
        self.settings(refresh_seconds=1.2)
        self.start("2")
        self.eventually(lambda: self.newest()["PercentageComplete"] > 0, True)
        self.scaling.rollback_instance_refresh(AutoScalingGroupName="web")
        self.assertEqual("RollbackInProgress", self.newest()["Status"])
        last = self.follow()[-1]
        self.assertEqual(("RollbackSuccessful", 0), (last["Status"], last["PercentageComplete"]))
        self.assertGreater(last["RollbackDetails"]["PercentageCompleteOnRollback"], 0)
        self.assertEqual((["1"] * 4, [FIRST] * 4), (self.versions(), self.images()))

    @strictness(START)
    def test_auto_rollback(self):
        self.settings(refresh_fail=1)
        self.start("2", AutoRollback=True)
        self.assertEqual("RollbackSuccessful", self.follow()[-1]["Status"])
        self.assertEqual((["1"] * 4, "1"), (self.versions(), self.group()["LaunchTemplate"]["Version"]))

    @strictness("refresh_api.rollback_instance_refresh")
    def test_rollback_is_refused(self):
        self.settings(refresh_seconds=60)
        self.start()
        back = {"AutoScalingGroupName": "web"}
        self.refused("IrreversibleInstanceRefresh", self.scaling.rollback_instance_refresh, **back)
        self.scaling.cancel_instance_refresh(**back)
        self.settings(refresh_seconds=0)
        self.scaling.delete_auto_scaling_group(ForceDelete=True, **back)
        self.create("$Latest")
        self.settings(refresh_seconds=60)
        self.start("2")
        self.refused("IrreversibleInstanceRefresh", self.scaling.rollback_instance_refresh, **back)

    @strictness("refresh_api.cancel_instance_refresh", "refresh_api.rollback_instance_refresh")
    def test_nothing_to_end(self):
        back = {"AutoScalingGroupName": "web"}
        self.refused("ActiveInstanceRefreshNotFound", self.scaling.cancel_instance_refresh, **back)
        self.refused("ActiveInstanceRefreshNotFound", self.scaling.rollback_instance_refresh, **back)


if __name__ == "__main__":
    unittest.main()
