"""Brings events to topics, queues and rules, one after another, in a thread that ends when nothing is left.

Never while a service's lock is held: a topic's subscriber may call back.
"""

import threading
import traceback
from collections import deque

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.utilities.arns import parse_arn

# Seconds that a reset waits for a subscriber that does not answer.
PATIENCE = 5

_waiting = deque()
_changed = threading.Lock()
# Held while one is brought, so that a reset waits for it.
_bringing = threading.Lock()
_thread = None


def later(bring, *arguments):
    global _thread
    with _changed:
        _waiting.append((bring, arguments))
        if _thread is None:
            _thread = threading.Thread(target=_work, name="strict-courier", daemon=True)
            _thread.start()


def reset():
    """Drops what was not brought yet: it belongs to a world that is gone."""
    with _changed:
        _waiting.clear()
    if _bringing.acquire(timeout=PATIENCE):
        _bringing.release()


def _work():
    global _thread
    while True:
        with _bringing:
            with _changed:
                if not _waiting:
                    _thread = None
                    return
                bring, arguments = _waiting.popleft()
            try:
                bring(*arguments)
            except (ServiceException, JsonRESTError):
                pass  # The topic or queue is gone, or does not take it: AWS drops the event too.
            except Exception:
                traceback.print_exc()


def to_topic(arn, message, subject=None):
    topic = topic_of(arn)
    if topic is not None:
        topic.publish(message, subject=subject)


def to_queue(arn, body, group_id=None):
    from moto.sqs.models import sqs_backends

    found = parse_arn(arn)
    sqs_backends[found.account][found.region].send_message(found.resource_id, body, group_id=group_id)


def topic_of(arn):
    from moto.sns.models import sns_backends

    found = parse_arn(arn)
    return sns_backends[found.account][found.region].topics.get(arn)


def queue_of(arn):
    from moto.sqs.models import sqs_backends

    found = parse_arn(arn)
    return sqs_backends[found.account][found.region].queues.get(found.resource_id)
