"""How an image comes to be: invisible, then pending, then available or failed.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html (the states)
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html (why it is not found at first)

The state is a function of the clock, computed whenever it is read: no timers, nothing to wait for at a reset.
"""

import time

from strict.settings import SETTINGS

FAILED = ("Client.InternalError", "Client.InternalError: Client error on launch")


class Lifecycle:
    def __init__(self):
        now = time.monotonic()
        self.started = now
        self.visible_at = now + SETTINGS["image_invisible_seconds"]
        self.ready_at = now + max(SETTINGS["image_pending_seconds"], 0)
        self.failure = FAILED if SETTINGS.take("image_fail") else None

    @property
    def visible(self):
        return time.monotonic() >= self.visible_at

    @property
    def pending(self):
        return time.monotonic() < self.ready_at

    @property
    def progress(self):
        """Percent of the snapshots done, linear in time."""
        if not self.pending:
            return 100
        whole = self.ready_at - self.started
        return min(99, int(100 * (time.monotonic() - self.started) / whole))

    def image_state(self):
        if self.pending:
            return "pending"
        return "failed" if self.failure else "available"

    def snapshot_state(self):
        if self.pending:
            return "pending"
        return "error" if self.failure else "completed"

    def state_reason(self):
        if self.pending or not self.failure:
            return None
        code, message = self.failure
        return {"Code": code, "Message": message}

    def settle(self, failed, reason):
        now = time.monotonic()
        self.visible_at, self.ready_at = min(self.visible_at, now), min(self.ready_at, now)
        if failed:
            self.failure = (FAILED[0], reason or FAILED[1])
        else:
            self.failure = None


def settle(image_id, failed, reason):
    """Ends the pending state of an image at once, in whichever account and Region it is."""
    from moto.ec2.models import ec2_backends

    for _account, _region, backend in list(ec2_backends.iter_backends()):
        image = backend.amis.get(image_id)
        if image is not None and getattr(image, "lifecycle", None):
            image.lifecycle.settle(failed, reason)
            return True
    return False
