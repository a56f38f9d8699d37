"""What a group tells its topics and EventBridge about instances that come and go."""

import json
import unittest

from harness import ACCOUNT, REGION, strictness
from hearing import HearingCase

LAUNCH, TERMINATE = "autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"
TEST = "autoscaling:TEST_NOTIFICATION"
PUT, TELL = "notifications.put_notification_configuration", "termination.terminate_instance_in_auto_scaling_group"
DESCRIBE = "notifications.describe_notification_configurations"


class Notifications(HearingCase):
    def put(self, topic, *kinds):
        self.scaling.put_notification_configuration(
            AutoScalingGroupName="web", TopicARN=topic, NotificationTypes=list(kinds)
        )

    def configured(self, **fields):
        found = self.scaling.describe_notification_configurations(AutoScalingGroupNames=["web"], **fields)
        return found, [one["NotificationType"] for one in found["NotificationConfigurations"]]

    def terminate(self, instance_id, decrement=True):
        return self.scaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=decrement
        )["Activity"]

    @strictness(PUT)
    def test_putting_sends_a_test_notification(self):
        self.create(count=0)
        queue = self.queue()
        self.put(self.topic(queue, raw=False), TERMINATE)
        (envelope,) = self.heard(queue, 1)
        self.assertEqual('Auto Scaling: test notification for group "web"', envelope["Subject"])
        message = json.loads(envelope["Message"])
        self.assertEqual((TEST, "web", ACCOUNT), (message["Event"], message["AutoScalingGroupName"], message["AccountId"]))
        self.assertNotIn("EC2InstanceId", message)

    @strictness(PUT, DESCRIBE, "notifications.delete_notification_configuration")
    def test_configurations_are_replaced_shown_and_deleted(self):
        self.create(count=0)
        topic = self.topic(self.queue())
        self.put(topic, LAUNCH, TERMINATE)
        first, kinds = self.configured(MaxRecords=1)
        self.assertEqual([LAUNCH], kinds)
        self.assertEqual([TERMINATE], self.configured(NextToken=first["NextToken"])[1])
        self.put(topic, TERMINATE)
        self.assertEqual([TERMINATE], self.configured()[1])
        self.scaling.delete_notification_configuration(AutoScalingGroupName="web", TopicARN=topic)
        self.assertEqual([], self.configured()[1])

    @strictness(PUT)
    def test_group_topic_and_type_must_exist(self):
        topic = self.topic(self.queue())
        self.refused("ValidationError", self.put, topic, TERMINATE)
        self.create(count=0)
        self.refused("ValidationError", self.put, topic, "autoscaling:EVERYTHING")
        self.refused("ValidationError", self.put, topic + "2", TERMINATE)
        self.refused("ValidationError", self.put, "told", TERMINATE)

    @strictness("notifications.describe_auto_scaling_notification_types")
    def test_types(self):
        self.assertIn(TERMINATE, self.scaling.describe_auto_scaling_notification_types()["AutoScalingNotificationTypes"])

    @strictness(PUT, TELL)
    def test_a_termination_is_told(self):
        self.create(count=2)
        queue = self.queue()
        self.put(self.topic(queue, raw=False), TERMINATE)
        self.heard(queue, 1)
        gone = self.ids()[0]
        activity = self.terminate(gone)
        (envelope,) = self.heard(queue, 1)
        self.assertEqual('Auto Scaling: termination for group "web"', envelope["Subject"])
        message = json.loads(envelope["Message"])
        self.assertEqual(activity["ActivityId"], message["ActivityId"])
        self.assertIn("shrinking the capacity from 2 to 1.", message["Cause"])
        for key in ("RequestId", "StartTime", "EndTime", "Time"):
            self.assertTrue(message.pop(key), key)
        del message["ActivityId"], message["Cause"]
        subnet = message["Details"].pop("Subnet ID")
        self.assertTrue(subnet.startswith("subnet-"), subnet)
        arn = self.group()["AutoScalingGroupARN"]
        wanted = {
            "Progress": 50,
            "AccountId": ACCOUNT,
            "Description": f"Terminating EC2 instance: {gone}",
            "AutoScalingGroupARN": arn,
            "Service": "AWS Auto Scaling",
            "EC2InstanceId": gone,
            "StatusCode": "InProgress",
            "StatusMessage": "",
            "Details": {"Availability Zone": "us-east-1a"},
            "AutoScalingGroupName": "web",
            "Event": TERMINATE,
            "Origin": "AutoScalingGroup",
            "Destination": "EC2",
        }
        self.assertEqual(wanted, message)

    @strictness(PUT, "groups.replace_autoscaling_group_instances")
    def test_a_launch_is_told(self):
        self.create(count=0)
        queue = self.queue()
        self.put(self.topic(queue), LAUNCH)
        self.heard(queue, 1)
        self.update(DesiredCapacity=1)
        (message,) = self.heard(queue, 1)
        self.assertEqual((LAUNCH, self.ids()[0]), (message["Event"], message["EC2InstanceId"]))

    @strictness(PUT, "ending.terminate_instances", "termination.notify_terminate_instances")
    def test_an_instance_that_ec2_terminated_is_told_and_replaced(self):
        self.create(count=2)
        queue = self.queue()
        self.put(self.topic(queue), TERMINATE, LAUNCH)
        self.heard(queue, 1)
        gone, stays = self.ids()
        self.ec2.terminate_instances(InstanceIds=[gone])
        told = {one["Event"]: one for one in self.heard(queue, 2)}
        self.assertEqual(gone, told[TERMINATE]["EC2InstanceId"])
        self.assertIn("EC2 health check", told[TERMINATE]["Cause"])
        self.assertTrue(told[TERMINATE]["Details"]["Subnet ID"], "a dead instance's subnet")
        self.assertEqual({stays, told[LAUNCH]["EC2InstanceId"]}, set(self.ids()))

    @strictness(PUT, "termination.set_desired_capacity")
    def test_a_cause_names_all_that_were_selected(self):
        self.create(count=3)
        queue = self.queue()
        self.put(self.topic(queue), TERMINATE)
        self.heard(queue, 1)
        ids = self.ids()
        self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
        told = self.heard(queue, 3)
        self.assertEqual(set(ids), {one["EC2InstanceId"] for one in told})
        for one in told:
            self.assertTrue(all(each in one["Cause"] for each in ids), one["Cause"])

    @strictness("activities.describe_scaling_activities")
    def test_activities_are_shown_newest_first(self):
        self.create(count=1)
        gone = self.ids()[0]
        activity = self.terminate(gone)
        shown = self.scaling.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        self.assertEqual(activity["ActivityId"], shown[0]["ActivityId"])
        self.assertEqual(("Successful", 100), (shown[0]["StatusCode"], shown[0]["Progress"]))
        self.assertIn("Launching", shown[1]["Description"])

    @strictness("bus.send_to_targets", TELL)
    def test_eventbridge_is_told(self):
        queue = self.queue()
        self.rule(queue, source=["aws.autoscaling"], **{"detail-type": [{"prefix": "EC2 Instance"}]})
        self.create(count=1)
        (launched,) = self.heard(queue, 1)
        self.assertEqual("EC2 Instance Launch Successful", launched["detail-type"])
        gone = self.ids()[0]
        self.terminate(gone)
        (event,) = self.heard(queue, 1)
        self.assertEqual("EC2 Instance Terminate Successful", event["detail-type"])
        came_from = (event["version"], event["source"], event["account"], event["region"])
        self.assertEqual(("0", "aws.autoscaling", ACCOUNT, REGION), came_from)
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        arns = [self.group()["AutoScalingGroupARN"], f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{gone}"]
        self.assertEqual(arns, event["resources"])
        detail = event["detail"]
        self.assertEqual(
            (gone, "web", "InProgress"),
            (detail["EC2InstanceId"], detail["AutoScalingGroupName"], detail["StatusCode"]),
        )


if __name__ == "__main__":
    unittest.main()
