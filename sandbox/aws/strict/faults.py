"""Faults on demand (`/epoxy/faults`): which call fails, how, and how often."""

import fnmatch
import itertools
import threading
import time

from strict import accounts

KINDS = ("throttle", "error", "latency", "lost", "deny")
FIELDS = {"operation", "kind", "count", "skip", "status", "code", "message", "latency_ms", "hold", "match"}
# Nothing is held for ever: a forgotten fault must not keep a thread until the server ends.
HOLD_AT_MOST = 600


class Fault:
    def __init__(self, number, spec):
        unknown = set(spec) - FIELDS
        if unknown:
            raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
        if spec.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if not spec.get("operation"):
            raise ValueError('operation is missing, for example "ec2.DescribeImages", "ec2.*" or "*"')
        self.id = number
        self.operation = spec["operation"]
        self.kind = spec["kind"]
        self.count = int(spec.get("count", 1))
        self.skip = int(spec.get("skip", 0))
        self.status = int(spec.get("status", 500))
        self.code = spec.get("code", "InternalError")
        self.message = spec.get("message")
        self.latency_ms = float(spec.get("latency_ms", 20))
        self.hold = bool(spec.get("hold", False))
        self.match = spec.get("match", "")
        self.removed = threading.Event()

    def matches(self, call):
        if not fnmatch.fnmatchcase(call.operation, self.operation):
            return False
        return not self.match or self.match.encode() in call.body or self.match == accounts.account_of(call.access_key)

    def wait(self):
        """Delays the call; with `hold` until the fault is removed."""
        if self.hold:
            self.removed.wait(HOLD_AT_MOST)
        elif self.kind == "latency":
            time.sleep(self.latency_ms / 1000)

    def view(self):
        return {name: value for name, value in vars(self).items() if name != "removed"}


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults = []

    def add(self, spec):
        fault = Fault(next(self._numbers), spec)
        with self._lock:
            self._faults.append(fault)
        return fault.view()

    def list(self):
        with self._lock:
            return [fault.view() for fault in self._faults]

    def clear(self, match=None):
        """Removes all faults, or those with this `match`: a test's own."""
        with self._lock:
            gone = [fault for fault in self._faults if match is None or fault.match == match]
            self._faults = [fault for fault in self._faults if fault not in gone]
        for fault in gone:
            fault.removed.set()

    def take(self, call):
        """The faults this call meets: every latency, and the first of the others.  Uses them up."""
        taken = []
        with self._lock:
            decided = False
            for fault in list(self._faults):
                spent = fault.count == 0 or (decided and fault.kind != "latency")
                if spent or not fault.matches(call):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self._use(fault)
                taken.append(fault)
                decided = decided or fault.kind != "latency"
        return taken

    def _use(self, fault):
        if fault.count < 0:
            return
        fault.count -= 1
        # A holding fault stays listed until it is removed by hand: that is what ends the hold.
        if fault.count <= 0 and not fault.hold:
            self._faults.remove(fault)


FAULTS = Faults()
