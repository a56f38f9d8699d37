"""What was called: a counter per operation and a capped list of details."""

import threading
import time
from collections import Counter, deque

KEEP = 50_000


class Calls:
    def __init__(self):
        self._lock = threading.Lock()
        self._count = Counter()
        self._detail = deque(maxlen=KEEP)

    def begin(self, call, account):
        """Counts at once: a call that is throttled, lost or still running was made all the same."""
        entry = {
            "time": time.time(),
            "operation": call.operation,
            "path": call.path,
            "region": call.region,
            "account": account,
            "status": None,
            "fault": None,
        }
        with self._lock:
            self._count[call.operation] += 1
            self._detail.append(entry)
        return entry

    def counts(self):
        with self._lock:
            return dict(sorted(self._count.items()))

    def detail(self):
        with self._lock:
            return list(self._detail)

    def reset(self):
        with self._lock:
            self._count.clear()
            self._detail.clear()


CALLS = Calls()
