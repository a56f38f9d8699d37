"""Request throttling as token buckets, per account and Region (setting `throttle_buckets`); ECR's and ECS's: `ecr.throttle`,
`ecs.throttle`.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: non-mutating actions have a bucket of 100 that
refills by 20 a second (unfiltered and unpaginated: 50 and 10), mutating actions 50 and 5, some actions their own.
"""

import threading
import time

from strict.ecr import throttle as ecr_throttle
from strict.ecs import throttle

READ = ("Describe", "Get", "List", "Search")
# (bucket, refill a second)
NON_MUTATING = ("non-mutating", 100, 20)
UNFILTERED = ("unfiltered", 50, 10)
MUTATING = ("mutating", 50, 5)
OWN = {"CopyImage": ("CopyImage", 100, 1)}
# Only these differ when called without a filter and without paging.
UNFILTERED_ACTIONS = {"DescribeInstances", "DescribeVolumes", "DescribeSnapshots", "DescribeSpotInstanceRequests",
                      "DescribeInstanceStatus", "DescribeNetworkInterfaces", "DescribeSecurityGroups"}

_lock = threading.Lock()
_levels = {}


def admit(call, account):
    """Takes a token for the call of a service whose buckets are known; false when its bucket is empty."""
    bucket = BUCKETS.get(call.service)
    if bucket is None:
        return True
    name, size, refill = bucket(call)
    key, now = (account, call.region, name), time.monotonic()
    with _lock:
        level, since = _levels.get(key, (float(size), now))
        level = min(float(size), level + (now - since) * refill)
        admitted = level >= 1
        _levels[key] = (level - 1 if admitted else level, now)
        return admitted


def _bucket(call):
    if call.name in OWN:
        return OWN[call.name]
    if not call.name.startswith(READ):
        return MUTATING
    if call.name in UNFILTERED_ACTIONS and not _narrowed(call.form()):
        return UNFILTERED
    return NON_MUTATING


def _narrowed(form):
    ignored = {"Action", "Version", "DryRun"}
    return any(name not in ignored for name in form)


# service -> what tells the bucket of a call: its name, its size, and what refills it a second.
BUCKETS = {"ec2": _bucket, "ecr": ecr_throttle.bucket, "ecs": throttle.bucket}


def reset():
    with _lock:
        _levels.clear()
