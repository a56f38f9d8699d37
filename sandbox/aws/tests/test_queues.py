"""SQS: visibility, dead letters, long polls; SNS in front of it."""

import base64
import json
import socket
import threading
import time
import unittest
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from harness import PLAIN, control, strictness, url
from hearing import HearingCase

RECEIVE, DELETE = "queues.receive_message", "queues.delete_message"
CHANGE = "queues.change_message_visibility"


class Queues(HearingCase):
    def send(self, queue, text="hello"):
        self.sqs.send_message(QueueUrl=queue, MessageBody=text)

    def change(self, queue, handle, seconds):
        self.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def depth(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        shown = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return tuple(int(shown[name]) for name in names)

    @strictness(DELETE, RECEIVE)
    def test_only_the_latest_handle_deletes(self):
        queue = self.queue(VisibilityTimeout="0")
        self.send(queue)
        old, new = (self.receive(queue)[0]["ReceiptHandle"] for _ in range(2))
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=old)
        self.assertEqual((1, 0), self.depth(queue))
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=new)
        self.assertEqual((0, 0), self.depth(queue))
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=new)
        self.refused("ReceiptHandleIsInvalid", self.sqs.delete_message, QueueUrl=queue, ReceiptHandle="nonsense")

    def test_an_expired_handle_still_deletes(self):
        queue = self.queue()
        self.send(queue)
        handle = self.receive(queue)[0]["ReceiptHandle"]
        self.assertEqual((0, 1), self.depth(queue))
        self.change(queue, handle, 0)
        self.assertEqual((1, 0), self.depth(queue))
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
        self.assertEqual((0, 0), self.depth(queue))

    @strictness(CHANGE)
    def test_visibility_is_extended_only_in_flight(self):
        queue = self.queue()
        self.send(queue)
        handle = self.receive(queue)[0]["ReceiptHandle"]
        self.change(queue, handle, 60)
        self.assertEqual([], self.receive(queue, wait=0))
        self.change(queue, handle, 0)
        self.refused("AWS.SimpleQueueService.MessageNotInflight", self.change, queue, handle, 60)
        again = self.receive(queue)[0]["ReceiptHandle"]
        self.refused("InvalidParameterValue", self.change, queue, handle, 60)
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=again)
        self.refused("InvalidParameterValue", self.change, queue, again, 60)

    @strictness(CHANGE, "queues.change_message_visibility_batch")
    def test_a_batch_tells_each_entry_s_fate(self):
        queue = self.queue()
        self.send(queue)
        handle = self.receive(queue)[0]["ReceiptHandle"]
        self.change(queue, handle, 0)
        new = self.receive(queue)[0]["ReceiptHandle"]
        entries = [
            {"Id": name, "ReceiptHandle": one, "VisibilityTimeout": 60} for name, one in (("old", handle), ("new", new))
        ]
        answer = self.sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
        self.assertEqual(["new"], [one["Id"] for one in answer["Successful"]])
        self.assertEqual([("old", "InvalidParameterValue")], [(one["Id"], one["Code"]) for one in answer["Failed"]])

    def test_dead_letters(self):
        dead = self.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": 2})
        queue = self.queue(RedrivePolicy=policy, VisibilityTimeout="0")
        self.send(queue)
        for count in ("1", "2"):
            (one,) = self.receive(queue, AttributeNames=["ApproximateReceiveCount"])
            self.assertEqual(count, one["Attributes"]["ApproximateReceiveCount"])
        self.assertEqual([], self.receive(queue, wait=0))
        self.assertEqual(((0, 0), (1, 0)), (self.depth(queue), self.depth(dead)))
        self.assertEqual("hello", self.receive(dead)[0]["Body"])

    @strictness("queues.purge_queue")
    def test_a_purge_takes_what_is_in_flight(self):
        queue = self.queue()
        self.send(queue)
        handle = self.receive(queue)[0]["ReceiptHandle"]
        self.sqs.purge_queue(QueueUrl=queue)
        self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
        self.refused("InvalidParameterValue", self.change, queue, handle, 60)

    def test_a_long_poll_holds_nobody_up_and_ends_with_the_first_message(self):
        queue, other = self.queue(), self.queue("other")
        got = []
        poll = threading.Thread(target=lambda: got.extend(self.receive_for(queue, 10)))
        poll.start()
        self.eventually(lambda: control("GET", "/calls").get("sqs.ReceiveMessage"), 1, within=5)
        began = time.monotonic()
        self.send(other)
        self.send(queue)
        poll.join()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(["hello"], [one["Body"] for one in got])

    def receive_for(self, queue, seconds):
        return self.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=seconds).get("Messages", [])

    @unittest.skipIf(PLAIN, "about a client that is gone")
    def test_a_client_that_went_away_takes_no_message(self):
        queue = self.queue()
        body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
        where = urlsplit(url())
        connection = socket.create_connection((where.hostname, where.port))
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
            b"Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00/20260101/us-east-1/sqs/aws4_request\r\n"
            b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        self.eventually(lambda: control("GET", "/calls").get("sqs.ReceiveMessage"), 1)
        connection.close()
        self.send(queue)
        self.assertEqual("hello", self.receive(queue)[0]["Body"])


class Topics(HearingCase):
    def test_raw_delivery_keeps_the_attributes(self):
        queue = self.queue()
        attributes = {"kind": {"DataType": "String", "StringValue": "mop"}}
        self.sns.publish(TopicArn=self.topic(queue), Message="hello", Subject="x", MessageAttributes=attributes)
        (one,) = self.receive(queue, MessageAttributeNames=["All"])
        self.assertEqual(("hello", "mop"), (one["Body"], one["MessageAttributes"]["kind"]["StringValue"]))

    def test_false_is_not_raw(self):
        queue = self.queue()
        topic = self.topic(queue)
        (one,) = self.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.sns.set_subscription_attributes(
            SubscriptionArn=one["SubscriptionArn"], AttributeName="RawMessageDelivery", AttributeValue="false"
        )
        self.sns.publish(TopicArn=topic, Message="hello")
        (envelope,) = self.heard(queue, 1)
        self.assertEqual("hello", envelope["Message"])

    @strictness("notices.publish")
    def test_a_queue_that_is_gone_fails_nobody(self):
        gone, queue = self.queue("gone"), self.queue()
        topic = self.topic(gone)
        self.topic(queue)
        self.sqs.delete_queue(QueueUrl=gone)
        self.sns.publish(TopicArn=topic, Message='"hello"')
        self.assertEqual(["hello"], self.heard(queue, 1))

    @strictness("notices.get_post_data")
    def test_an_envelope_is_signed_with_its_subject(self):
        queue = self.queue()
        topic = self.topic(queue, raw=False)
        kinds = {"1": hashes.SHA1(), "2": hashes.SHA256()}
        for version in ("1", "2"):
            self.sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
            attributes = {"kind": {"DataType": "String", "StringValue": "mop"}}
            self.sns.publish(TopicArn=topic, Message="hello", Subject="a subject", MessageAttributes=attributes)
            (envelope,) = self.heard(queue, 1)
            self.assertEqual((version, "a subject"), (envelope["SignatureVersion"], envelope["Subject"]))
            self.assertEqual({"kind": {"Type": "String", "Value": "mop"}}, envelope["MessageAttributes"])
            signed = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
            text = "".join(f"{name}\n{envelope[name]}\n" for name in signed)
            key = self.certificate(envelope["SigningCertURL"]).public_key()
            signature = base64.b64decode(envelope["Signature"])
            key.verify(signature, text.encode(), padding.PKCS1v15(), kinds[version])

    def certificate(self, where):
        self.assertRegex(where, r"^https://sns\.us-east-1\.amazonaws\.com/SimpleNotificationService-[0-9a-f]{32}\.pem$")
        return x509.load_pem_x509_certificate(control("GET", "/sns/certificate")["pem"].encode())

    def test_faults_reach_every_service(self):
        calls = {
            "autoscaling.DescribeLifecycleHooks": lambda: self.scaling.describe_lifecycle_hooks(AutoScalingGroupName="x"),
            "sqs.ListQueues": self.sqs.list_queues,
            "sns.ListTopics": self.sns.list_topics,
            "events.PutEvents": lambda: self.events.put_events(Entries=[{"Source": "x"}]),
        }
        for operation, call in calls.items():
            service = operation.partition(".")[0]
            control("POST", "/faults", {"operation": f"{service}.*", "kind": "throttle"})
            code = "Throttling" if service in ("autoscaling", "sns") else "ThrottlingException"
            self.refused(code, call)
            self.assertEqual(1, control("GET", "/calls").get(operation), operation)


if __name__ == "__main__":
    unittest.main()
