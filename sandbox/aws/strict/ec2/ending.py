"""How an instance starts, stops and ends, and who hears of it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

import copy
import time
from collections import deque

from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, StateReason
from moto.ec2.responses.instances import InstanceResponse

from strict import clock
from strict.ec2 import addresses, params, state
from strict.events import bus
from strict.settings import SETTINGS

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
ENDED = ("shutting-down", "terminated")
# (when, instance) of what has ended, the oldest first.
_ended = deque()

_terminate = Instance.terminate
_start = Instance.start
_stop = Instance.stop


def changed(instance, name):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html"""
    backend = instance.ec2_backend
    arn = f"arn:aws:ec2:{backend.region_name}:{backend.account_id}:instance/{instance.id}"
    detail = {"instance-id": instance.id, "state": name}
    kind = "EC2 Instance State-change Notification"
    bus.emit(backend.account_id, backend.region_name, "aws.ec2", kind, [arn], detail)


def launched(reservation):
    for instance in reservation.instances:
        instance.strict_reservation = reservation.id
        changed(instance, "pending")
        changed(instance, "running")


def terminate(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html: `shutting-down` for a while,
    then `terminated`; terminating it again succeeds and changes nothing."""
    previous = copy.copy(self._state)
    if previous.name in ENDED:
        return previous
    _enter(self, "shutting-down")
    self._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)"
    seconds = SETTINGS["instance_shutdown_seconds"]
    if seconds:
        clock.after(seconds, end, self)
    else:
        end(self)
    return previous


def end(instance):
    reason = instance._reason
    _terminate(instance)
    addresses.drop(instance)
    instance._reason = reason
    _ended.append((time.monotonic(), instance))
    _enter(instance, "terminated")
    for hear in instance.__dict__.pop("strict_hearers", []):
        hear()


def when_ended(instance, hear):
    """Calls `hear` once the instance is terminated, at once if it is already."""
    if instance.state == "terminated":
        hear()
    else:
        instance.__dict__.setdefault("strict_hearers", []).append(hear)


def _enter(instance, name):
    # A new object: answers that are being written may still show the old one.
    instance._state = type(instance._state)(name, CODES[name])
    instance.state_reason = StateReason(
        "Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown"
    )
    changed(instance, name)


def forget():
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html: a terminated instance remains
    visible for about an hour."""
    while _ended and time.monotonic() - _ended[0][0] >= SETTINGS["instance_forget_seconds"]:
        _, instance = _ended.popleft()
        backend = instance.ec2_backend
        reservation = backend.reservations.get(getattr(instance, "strict_reservation", None))
        if reservation is None:
            continue
        reservation.instances.remove(instance)
        if not reservation.instances:
            del backend.reservations[reservation.id]
        backend.tags.pop(instance.id, None)
        state.of(backend).instances.pop(instance.id, None)


def start(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html: what has ended cannot start."""
    _refuse_ended(self, "started")
    stopped = self.state == "stopped"
    previous = _start(self)
    if stopped:
        changed(self, "pending")
        changed(self, "running")
    return previous


def stop(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html: what has ended cannot stop."""
    _refuse_ended(self, "stopped")
    running = self.state == "running"
    previous = _stop(self)
    self._reason = self._reason.replace("UTC", "GMT")
    if running:
        changed(self, "stopping")
        changed(self, "stopped")
    return previous


def _refuse_ended(instance, verb):
    if instance.state in ENDED:
        raise state.error(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in a state from which it can be {verb}."
        )


def terminate_instances(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html: with one id that is wrong
    none is terminated; the answer shows what each was and is."""
    from moto.autoscaling import autoscaling_backends
    from moto.core.responses import ActionResult
    from moto.elbv2 import elbv2_backends

    ids = list(dict.fromkeys(self._get_param("InstanceIds", [])))
    for one in ids:
        params.check_id(one, "i", "InvalidInstanceID.Malformed")
    self.error_on_dryrun()
    ended = self.ec2_backend.terminate_instances(ids)
    autoscaling_backends[self.current_account][self.region].notify_terminate_instances(ids)
    elbv2_backends[self.current_account][self.region].notify_terminate_instances(ids)
    shown = [
        {"InstanceId": one.id, "PreviousState": before, "CurrentState": _after(before)} for one, before in ended
    ]
    return ActionResult({"TerminatingInstances": shown})


def _after(before):
    name = "terminated" if before.name == "terminated" else "shutting-down"
    return {"Code": CODES[name], "Name": name}


def apply():
    clock.every_call(forget)
    Instance.terminate = terminate
    Instance.start = start
    Instance.stop = stop
    InstanceResponse.terminate_instances = terminate_instances
