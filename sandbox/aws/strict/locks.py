"""One lock per service: moto keeps plain dictionaries, and two calls at once could both see a name as free."""

import threading
from collections import defaultdict

_locks = defaultdict(threading.RLock)
# Auto Scaling works on EC2's instances and launch templates, and looks at CloudWatch's alarms.
TOGETHER = {"autoscaling": "ec2", "cloudwatch": "ec2"}


def group_of(service):
    return TOGETHER.get(service, service)


def of(service):
    return _locks[group_of(service)]
