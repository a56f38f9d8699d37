"""Queues, topics and rules for the tests of what AWS's services tell others."""

import json

from harness import PLAIN, client
from test_groups import GroupCase


class HearingCase(GroupCase):
    def setUp(self):
        super().setUp()
        self.sqs, self.sns, self.events = client("sqs"), client("sns"), client("events")

    def queue(self, name="heard", **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, queue):
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def topic(self, queue, name="told", raw=True):
        topic = self.sns.create_topic(Name=name)["TopicArn"]
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn(queue), Attributes=attributes)
        return topic

    def rule(self, queue, name="all", **pattern):
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": self.arn(queue)}])

    def receive(self, queue, wait=3, **fields):
        wait = 0 if PLAIN else wait
        return self.sqs.receive_message(
            QueueUrl=queue, WaitTimeSeconds=wait, MaxNumberOfMessages=10, **fields
        ).get("Messages", [])

    def heard(self, queue, count):
        """The next messages' bodies, as many as are expected and no more."""
        found = []
        while len(found) < count:
            messages = self.receive(queue)
            self.assertTrue(messages, f"{len(found)} of {count} messages came: {found}")
            for message in messages:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        self.assertEqual(count, len(found), found)
        return found

    def ids(self):
        return [one["InstanceId"] for one in self.group()["Instances"]]

    def states(self):
        return sorted(one["LifecycleState"] for one in self.group()["Instances"])

    def instance_of(self, instance_id):
        found = self.ec2.describe_instances(InstanceIds=[instance_id])
        return found["Reservations"][0]["Instances"][0]

    def state_of(self, instance_id):
        return self.instance_of(instance_id)["State"]["Name"]
