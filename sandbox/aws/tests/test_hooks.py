"""Lifecycle hooks: what they hold, whom they tell, and when they let go."""

import json
import unittest

from harness import ACCOUNT, PLAIN, strictness
from hearing import HearingCase

TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
PUT, COMPLETE = "hooks_api.put_lifecycle_hook", "hooks_api.complete_lifecycle_action"
TERMINATE = "termination.terminate_instance_in_auto_scaling_group"


class Hooks(HearingCase):
    def put(self, name="mop", **fields):
        wanted = {"LifecycleTransition": TERMINATING, **fields}
        self.scaling.put_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName=name, **wanted)

    def held(self, *names, count=1):
        """A group of which one instance is held by these hooks."""
        self.create(count=count)
        for name in names:
            self.put(name)
        one = self.ids()[0]
        self.scaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)
        return one

    def complete(self, hook="mop", result="CONTINUE", **fields):
        self.scaling.complete_lifecycle_action(
            AutoScalingGroupName="web", LifecycleHookName=hook, LifecycleActionResult=result, **fields
        )

    def lifecycle(self, instance_id):
        found = self.scaling.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
        return found[0]["LifecycleState"] if found else None

    @strictness(PUT, "hooks_api.describe_lifecycle_hooks")
    def test_is_kept_as_it_was_put(self):
        self.create(count=0)
        self.put(HeartbeatTimeout=60, NotificationMetadata="note")
        # What is not named stays.
        self.scaling.put_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="mop", DefaultResult="CONTINUE")
        (shown,) = self.scaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
        wanted = {
            "LifecycleHookName": "mop",
            "AutoScalingGroupName": "web",
            "LifecycleTransition": TERMINATING,
            "NotificationMetadata": "note",
            "HeartbeatTimeout": 60,
            "GlobalTimeout": 6000,
            "DefaultResult": "CONTINUE",
        }
        self.assertEqual(wanted, shown)

    @strictness(PUT)
    def test_is_checked(self):
        self.create(count=0)
        self.refused("ValidationError", self.put, HeartbeatTimeout=7201)
        self.refused("ValidationError", self.put, DefaultResult="MAYBE")
        self.refused("ValidationError", self.put, "a b")
        self.refused("ValidationError", self.put, NotificationTargetARN=f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere")
        self.refused("ValidationError", self.put, NotificationTargetARN=f"arn:aws:sns:us-east-1:{ACCOUNT}:nowhere")
        call = self.scaling.put_lifecycle_hook
        self.refused("ValidationError", call, AutoScalingGroupName="web", LifecycleHookName="new")

    @strictness(TERMINATE, COMPLETE)
    def test_holds_the_instance_until_it_is_completed(self):
        one = self.held("mop")
        self.assertEqual("Terminating:Wait", self.lifecycle(one))
        self.assertEqual("running", self.state_of(one))
        self.assertEqual(0, self.group()["DesiredCapacity"])
        self.complete(InstanceId=one)
        self.assertEqual("terminated", self.state_of(one))
        self.assertIsNone(self.lifecycle(one))
        message = self.refused("ValidationError", self.complete, InstanceId=one)
        self.assertEqual(f"No active Lifecycle Action found with instance ID {one}", message)

    @strictness(TERMINATE, COMPLETE)
    def test_proceeds_while_the_instance_shuts_down(self):
        self.settings(instance_shutdown_seconds=600)
        one = self.held("mop")
        self.complete(InstanceId=one)
        self.assertEqual(("Terminating:Proceed", "shutting-down"), (self.lifecycle(one), self.state_of(one)))

    @strictness(TERMINATE, COMPLETE)
    def test_all_hooks_must_let_go(self):
        one = self.held("drain", "mop")
        self.complete("drain", InstanceId=one)
        self.refused("ValidationError", self.complete, "drain", InstanceId=one)
        self.assertEqual("Terminating:Wait", self.lifecycle(one))
        self.complete("mop", InstanceId=one)
        self.assertEqual("terminated", self.state_of(one))

    @strictness(TERMINATE, COMPLETE)
    def test_abandon_ends_the_other_hooks(self):
        one = self.held("drain", "mop")
        self.complete("drain", "ABANDON", InstanceId=one)
        self.assertEqual("terminated", self.state_of(one))

    @strictness(PUT, COMPLETE)
    def test_tells_a_queue_and_is_completed_by_token(self):
        self.create(count=1)
        queue = self.queue()
        self.put(NotificationTargetARN=self.arn(queue), NotificationMetadata="note")
        (test,) = self.heard(queue, 1)
        self.assertEqual("autoscaling:TEST_NOTIFICATION", test["Event"])
        (one,) = self.ids()
        self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
        (message,) = self.heard(queue, 1)
        token = message.pop("LifecycleActionToken")
        self.assertTrue(message.pop("RequestId") and message.pop("Time"))
        wanted = {
            "Service": "AWS Auto Scaling",
            "AccountId": ACCOUNT,
            "AutoScalingGroupName": "web",
            "LifecycleHookName": "mop",
            "EC2InstanceId": one,
            "LifecycleTransition": TERMINATING,
            "NotificationMetadata": "note",
            "Origin": "AutoScalingGroup",
            "Destination": "EC2",
        }
        self.assertEqual(wanted, message)
        wrong = "00000000-0000-0000-0000-000000000000"
        said = self.refused("ValidationError", self.complete, LifecycleActionToken=wrong)
        self.assertIn("No active Lifecycle Action found with token", said)
        self.complete(LifecycleActionToken=token)
        self.assertEqual("terminated", self.state_of(one))

    @strictness(PUT, TERMINATE)
    def test_tells_a_topic(self):
        queue = self.queue()
        topic = self.topic(queue, raw=False)
        self.create(count=1)
        self.put(NotificationTargetARN=topic)
        self.heard(queue, 1)
        (one,) = self.ids()
        self.scaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)
        (envelope,) = self.heard(queue, 1)
        self.assertIn(one, envelope["Subject"])
        self.assertEqual("mop", json.loads(envelope["Message"])["LifecycleHookName"])

    @strictness("bus.send_to_targets", TERMINATE)
    def test_tells_eventbridge(self):
        queue = self.queue()
        self.rule(queue, source=["aws.autoscaling"], **{"detail-type": ["EC2 Instance-terminate Lifecycle Action"]})
        one = self.held("mop")
        (event,) = self.heard(queue, 1)
        self.assertEqual([self.group()["AutoScalingGroupARN"]], event["resources"])
        detail = event["detail"]
        self.assertEqual(
            (one, "mop", "EC2"), (detail["EC2InstanceId"], detail["LifecycleHookName"], detail["Destination"])
        )
        self.complete(LifecycleActionToken=event["detail"]["LifecycleActionToken"])

    @strictness(PUT, TERMINATE)
    def test_lets_go_when_its_time_is_up(self):
        self.settings(hook_second=0.01)
        self.create(count=1)
        self.put(HeartbeatTimeout=30)
        (one,) = self.ids()
        self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
        self.assertEqual("Terminating:Wait", self.lifecycle(one))
        self.eventually(lambda: self.state_of(one), "terminated")

    @strictness("hooks_api.record_lifecycle_action_heartbeat")
    def test_a_heartbeat_extends_it(self):
        one = self.held("mop")
        self.scaling.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="web", LifecycleHookName="mop", InstanceId=one
        )
        self.complete(InstanceId=one)
        said = self.refused(
            "ValidationError", self.scaling.record_lifecycle_action_heartbeat, AutoScalingGroupName="web",
            LifecycleHookName="mop", InstanceId=one,
        )
        self.assertIn("No active Lifecycle Action found", said)

    @strictness("hooks_api.delete_lifecycle_hook")
    def test_deleting_it_lets_go(self):
        one = self.held("mop")
        self.scaling.delete_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="mop")
        self.assertEqual("terminated", self.state_of(one))
        self.refused(
            "ValidationError", self.scaling.delete_lifecycle_hook, AutoScalingGroupName="web", LifecycleHookName="mop"
        )


@unittest.skipIf(PLAIN, "about the limits of a hook")
class Limits(unittest.TestCase):
    def test_heartbeats_end_at_the_limit(self):
        from strict.autoscaling import hooks

        hook = hooks.Hook(None, "mop")
        hook.timeout = 30
        self.assertEqual(3000, hook.longest)
        hook.timeout = 7200
        self.assertEqual(172800, hook.longest)
        action = hooks.Action(hook, None, None)
        action.last = action.until
        action.heartbeat()
        self.assertEqual(action.last, action.until)


if __name__ == "__main__":
    unittest.main()
