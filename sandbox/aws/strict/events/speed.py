"""Not strictness but speed: moto counts a queue's messages three times for each one sent, reading the clock for each."""

import time

from moto.sqs.models import Queue


def delayed(self):
    now = time.time() * 1000
    return sum(one.delayed_until > now for one in self._messages)


def not_visible(self):
    now = time.time() * 1000
    return sum(one.visible_at > now for one in self._messages)


def visible(self):
    now = time.time() * 1000
    return sum(one.visible_at <= now and one.delayed_until <= now for one in self._messages)


def apply():
    Queue.approximate_number_of_messages_delayed = property(delayed)
    Queue.approximate_number_of_messages_not_visible = property(not_visible)
    Queue.approximate_number_of_messages = property(visible)
