"""What happens by itself as time passes.

Steps are advanced before each call that could see them.  What others hear of, such as the end of an instance, is due
also when nobody calls: a thread waits for it, and ends when nothing is due any more.
"""

import heapq
import itertools
import threading
import time
import traceback

from strict import locks

_steps = []
# (when, number, act, arguments), the next first.
_due = []
_numbers = itertools.count()
_changed = threading.Condition()
_thread = None


def every_call(step):
    _steps.append(step)


def tick():
    """Catches up with the time; the caller holds EC2's lock."""
    for step in _steps:
        step()
    _run_due()


def after(seconds, act, *arguments):
    """Acts once, in some seconds, holding EC2's lock."""
    global _thread
    with _changed:
        heapq.heappush(_due, (time.monotonic() + seconds, next(_numbers), act, arguments))
        if _thread is None:
            _thread = threading.Thread(target=_wait, name="strict-clock", daemon=True)
            _thread.start()
        _changed.notify()


def reset():
    """Forgets what is due, which ends the thread; the caller holds EC2's lock, so nothing is half done."""
    with _changed:
        _due.clear()
        _changed.notify()


def _run_due():
    while True:
        with _changed:
            if not _due or _due[0][0] > time.monotonic():
                return
            _, _, act, arguments = heapq.heappop(_due)
        try:
            act(*arguments)
        except Exception:
            # A fault of ours: it must show on the terminal, and neither fail an innocent call nor end the thread.
            traceback.print_exc()


def _wait():
    global _thread
    while True:
        with _changed:
            if not _due:
                _thread = None
                return
            seconds = _due[0][0] - time.monotonic()
            if seconds > 0:
                _changed.wait(seconds)
                continue
        with locks.of("ec2"):
            _run_due()
