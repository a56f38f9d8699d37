"""One instance refresh, as a function of the clock.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html (states and fields)
https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html (how it replaces instances)

Instances are replaced one after another, spread evenly over the setting `refresh_seconds`; checkpoints and bake time
come on top.  `advance` catches up with the time that has passed; it runs before every call that could see the result.
"""

import math
import time
import uuid

from moto.core.utils import utcnow

from strict import clock
from strict.autoscaling import groups, termination
from strict.settings import SETTINGS

ACTIVE = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html: "waits one hour"
WAIT_FOR_PROTECTED = 3600


class Refresh:
    def __init__(self, group, preferences, desired, desired_view):
        self.id = str(uuid.uuid4())
        self.group = group
        self.preferences = preferences
        self.before = groups.source_of(group)
        self.desired, self.desired_view = desired, desired_view
        self.status, self.reason = "Pending", None
        self.start_time, self.end_time = utcnow(), None
        self.rollback = None
        self.span = max(SETTINGS["refresh_seconds"], 0.0)
        self.failing = SETTINGS.take("refresh_fail")
        self.waiting = self._to_replace()
        self.total = len(self.waiting)
        self.replaced = []
        self.checkpoints = list(preferences.get("CheckpointPercentages") or [])
        self.goal = math.ceil(self.total * (self.checkpoints[-1] if self.checkpoints else 100) / 100)
        # The first tenth of the time is `Pending`, the rest is shared by the replacements.
        self.due = time.monotonic() + self.span / 10
        self.step = self.span * 0.9 / self.total if self.total else 0
        self.blocked_since = None

    @property
    def source(self):
        return self.desired or groups.source_of(self.group)

    @property
    def active(self):
        return self.status in ACTIVE

    @property
    def percentage(self):
        if self.total == 0:
            return 100 if self.status in ("Baking", "Successful") else 0
        return int(100 * len(self.replaced) / self.total)

    def _to_replace(self):
        """The instances that are not as wanted already (SkipMatching), and may be replaced at all."""
        ids = []
        for state in termination.present(self.group):
            skip = self.preferences["SkipMatching"] and self.source and self.source.matches(state.instance)
            if not skip and self._policy(state) != "Ignore":
                ids.append(state.instance.id)
        return ids

    def _policy(self, state):
        if state.lifecycle_state == "Standby":
            return self.preferences["StandbyInstances"]
        if state.protected_from_scale_in:
            return self.preferences["ScaleInProtectedInstances"]
        return "Refresh"

    def advance(self):
        """Does everything that was due."""
        while self.active and time.monotonic() >= self.due:
            getattr(self, f"_when_{self.status.lower()}")()
        if self.status in ("Pending", "InProgress", "Baking"):
            self._watch_alarms()

    def _when_pending(self):
        self.status = "InProgress"
        self.due += self.step

    def _when_inprogress(self):
        if self._watch_alarms():
            return
        if len(self.replaced) >= self.goal or not self.waiting:
            self._replaced_all()
        elif self.failing and len(self.replaced) >= self.total // 2:
            self._fail("A replacement instance did not become healthy. Check the scaling activities of the group.")
        elif self._replace_next():
            self._replaced_one()

    def _replace_next(self):
        by_id = {state.instance.id: state for state in termination.present(self.group)}
        # Instances that left the group in the meantime need no replacement.
        gone = [one for one in self.waiting if one not in by_id]
        self.waiting = [one for one in self.waiting if one in by_id]
        self.total -= len(gone)
        self.goal = min(self.goal, self.total)
        free = [one for one in self.waiting if self._policy(by_id[one]) != "Wait"]
        if not free:
            return self._blocked() if self.waiting else False
        self.blocked_since = None
        old = by_id[free[0]].instance
        new = groups.swap(self.group, old, self.source)
        self.waiting.remove(old.id)
        self.replaced.append(new.id)
        return True

    def _replaced_one(self):
        delay = self._checkpoint_delay()
        # After the last one there is nothing left to wait for, but a checkpoint below 100 %.
        done = len(self.replaced) >= self.goal or not self.waiting
        self.due += delay + (0 if done else self.step)

    def _blocked(self):
        now = time.monotonic()
        self.blocked_since = self.blocked_since or now
        self.reason = "Waiting for instances that are protected from scale in or in Standby."
        self.due = now + 0.5
        if now - self.blocked_since > WAIT_FOR_PROTECTED:
            self._fail("Instances stayed protected from scale in or in Standby for one hour.")
        return False

    def _checkpoint_delay(self):
        """https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-adding-checkpoints-instance-refresh.html"""
        reached = [point for point in self.checkpoints if self.percentage >= point]
        self.checkpoints = self.checkpoints[len(reached) :]
        self.reason = None
        if not reached or self.percentage >= 100:
            return 0
        self.reason = f"Checkpoint of {reached[-1]}% reached."
        return self.preferences["CheckpointDelay"]

    def _replaced_all(self):
        self.reason = None
        if self.preferences["BakeTime"]:
            self.status = "Baking"
            self.due += self.preferences["BakeTime"]
        else:
            self._when_baking()

    def _when_baking(self):
        if not self._watch_alarms():
            if self.desired:
                adopt(self.group, self.desired)
            self._end("Successful")

    def _when_cancelling(self):
        self._end("Cancelled")

    def _watch_alarms(self):
        """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AlarmSpecification.html: the refresh fails when
        one of the alarms goes into the ALARM state."""
        names = (self.preferences.get("AlarmSpecification") or {}).get("Alarms") or []
        red = [name for name in names if self._alarm_state(name) == "ALARM"]
        if red:
            self._fail(f"The following CloudWatch alarms are in the ALARM state: [{', '.join(red)}].")
        return bool(red)

    def _alarm_state(self, name):
        from moto.cloudwatch.models import cloudwatch_backends

        alarm = cloudwatch_backends[self.group.account_id][self.group.region].alarms.get(name)
        return alarm.state_value if alarm else None

    def _fail(self, reason):
        if self.preferences["AutoRollback"]:
            self.roll_back(reason)
        else:
            self._end("Failed", reason)

    def _end(self, status, reason=None):
        self.status, self.reason, self.end_time = status, reason, utcnow()

    def cancel(self):
        self.status, self.reason = "Cancelling", "The instance refresh is being cancelled by the user."
        self.due = time.monotonic() + self.span / 10

    def roll_back(self, reason):
        self.rollback = {
            "RollbackReason": reason,
            "RollbackStartTime": utcnow(),
            "PercentageCompleteOnRollback": self.percentage,
            "InstancesToUpdateOnRollback": len(self.waiting),
        }
        self.status, self.reason = "RollbackInProgress", reason
        self.due = time.monotonic() + self.step

    def _when_rollbackinprogress(self):
        by_id = {state.instance.id: state.instance for state in termination.present(self.group)}
        while self.replaced:
            new = self.replaced.pop()
            if new in by_id:
                groups.swap(self.group, by_id[new], self.before)
                self.due += self.step
                return
        self._end("RollbackSuccessful", self.rollback["RollbackReason"])

    def view(self):
        shown = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StatusReason": self.reason,
            "StartTime": None if self.status == "Pending" else self.start_time,
            "EndTime": self.end_time,
            "PercentageComplete": self.percentage,
            "InstancesToUpdate": len(self.waiting),
            "Preferences": self.preferences,
            "Strategy": "Rolling",
            "DesiredConfiguration": self.desired_view,
            "RollbackDetails": self.rollback,
        }
        return {name: value for name, value in shown.items() if value is not None}


def adopt(group, source):
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html: once the refresh
    succeeds, the group takes the desired configuration over."""
    group.ec2_launch_template = source.template
    group.launch_template_version = group.provided_launch_template_version = source.asked
    group.launch_config = None


def of(backend):
    """All refreshes of an account and Region, oldest first."""
    return backend.__dict__.setdefault("strict_refreshes", [])


def active_of(group):
    for one in of(group.autoscaling_backend):
        if one.group is group and one.active:
            return one
    return None


def advance_all():
    from moto.autoscaling.models import autoscaling_backends

    for _account, _region, backend in list(autoscaling_backends.iter_backends()):
        for refresh in of(backend):
            if refresh.active:
                refresh.advance()


def apply():
    clock.every_call(advance_all)
