"""SQS: who gets a message, for how long, and what its receipt handle is worth then.

Calls that wait for messages must not hold the service's lock, and topics send while others receive, so each queue's
messages are changed only under its own lock.
"""

import copy
import time

from moto.sqs.exceptions import InvalidParameterValue, QueueDoesNotExist, ReceiptHandleIsInvalid, SQSException
from moto.sqs.models import Queue, SQSBackend, _filter_message_attributes

from strict import caller

# Waiting calls look up that often whether their queue and their client are still there.
LOOK_UP = 1.0


def _handles(queue):
    """Every receipt handle that was given out, and its message."""
    return queue.__dict__.setdefault("strict_handles", {})


def receive_message(self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html: a
    long poll ends with the first message, holds nobody else up, and a client that went away takes no message along.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html: a message
    that was received `maxReceiveCount` times goes to the dead-letter queue instead.
    """
    queue, until = self.get_queue(queue_name), time.monotonic() + wait_seconds_timeout
    with queue._messages_lock:
        while True:
            if caller.gone():
                return []
            taken = _take(queue, count, visibility_timeout)
            left = until - time.monotonic()
            if taken or left <= 0:
                break
            queue._messages_lock.wait(min(left, _next_visible(queue), LOOK_UP))
            if self.queues.get(queue_name) is not queue:
                raise QueueDoesNotExist()
    for message in taken:
        _filter_message_attributes(message, message_attribute_names or [])
    return taken


def _take(queue, count, visibility_timeout):
    now, taken, dead = time.time() * 1000, [], []
    in_flight = {one.group_id for one in queue._messages if one.visible_at > now} if queue.fifo_queue else ()
    for message in queue._messages:
        if len(taken) >= count:
            break
        if message.visible_at > now or message.delayed_until > now or message.group_id in in_flight:
            continue
        if _spent(queue, message):
            dead.append(message)
            continue
        message.mark_received(visibility_timeout)
        _handles(queue)[message.receipt_handle] = message
        # A copy: what the caller is shown of it must not change with the next receive.
        taken.append(copy.copy(message))
    for message in dead:
        queue._messages.remove(message)
        queue.dead_letter_queue.add_message(message)
    return taken


def _spent(queue, message):
    most = queue.redrive_policy["maxReceiveCount"] if queue.redrive_policy else None
    return queue.dead_letter_queue is not None and most and message.approximate_receive_count >= most


def _next_visible(queue):
    """Seconds until a message becomes visible by itself."""
    soonest = min((max(one.visible_at, one.delayed_until) for one in queue._messages), default=None)
    return LOOK_UP if soonest is None else max(soonest / 1000 - time.time(), 0.001)


def delete_message(self, receipt_handle):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html: only the handle of
    the latest receive deletes; with an older one the request succeeds, and the message stays."""
    with self._messages_lock:
        message = _handles(self).get(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid()
        if message.receipt_handle == receipt_handle and message in self._messages:
            self._messages.remove(message)


def change_message_visibility(self, queue_name, receipt_handle, visibility_timeout):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html: of a
    message that is in flight, by its latest handle, and for 12 hours at most from its receive."""
    queue = self.get_queue(queue_name)
    with queue._messages_lock:
        message = _handles(queue).get(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid()
        if message.receipt_handle != receipt_handle or message not in queue._messages:
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is "
                "not available for visibility timeout change."
            )
        if message.visible:
            raise SQSException("MessageNotInflight", "The specified message isn't in flight.")
        message.change_visibility(int(visibility_timeout))
        queue._messages_lock.notify_all()


def change_message_visibility_batch(self, queue_name, entries):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html: each
    entry succeeds or fails by itself."""
    done, failed = [], []
    for entry in entries:
        try:
            self.change_message_visibility(queue_name, entry["ReceiptHandle"], int(entry["VisibilityTimeout"]))
            done.append(entry["Id"])
        except SQSException as problem:
            failed.append(
                {"Id": entry["Id"], "SenderFault": True, "Code": problem.code, "Message": problem.message}
            )
    return done, failed


def purge_queue(self, queue_name):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html: what is in flight goes
    too, and its handles delete nothing any more."""
    queue = self.get_queue(queue_name)
    with queue._messages_lock:
        queue._messages.clear()


def apply():
    SQSBackend.receive_message = receive_message
    Queue.delete_message = delete_message
    SQSBackend.change_message_visibility = change_message_visibility
    SQSBackend.change_message_visibility_batch = change_message_visibility_batch
    SQSBackend.purge_queue = purge_queue
