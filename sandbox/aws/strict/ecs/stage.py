"""Staging by the control API: old task definitions, and thousands of them at once."""

import re

from strict.ecs import state, task_definitions

ARN = re.compile(r"arn:aws:ecs:([a-z0-9-]+):(\d{12}):task-definition/[A-Za-z0-9_-]+:\d+")
MOST = 20_000


def _backend(account, region):
    from moto.ecs.models import ecs_backends

    if not re.fullmatch(r"\d{12}", str(account)):
        raise ValueError(f"account must be 12 digits, not {account!r}")
    try:
        return ecs_backends[str(account)][region]
    except KeyError:
        raise ValueError(f"there is no Region {region!r}") from None


def backdate(body, _query):
    """{"task_definition": ARN, "registered": epoch seconds, "deregistered": epoch seconds}"""
    arn = body.get("task_definition") or ""
    named = ARN.fullmatch(arn)
    if not named:
        raise ValueError(f"task_definition must be an ARN with its revision, not {arn!r}")
    backend = _backend(body.get("account", named.group(2)), body.get("region", named.group(1)))
    try:
        found = task_definitions.find(backend, arn)
    except state.ECSException:
        raise ValueError(f"there is no {arn}") from None
    if "registered" in body:
        found.registered_at = float(body["registered"])
    if "deregistered" in body:
        found.deregistered_at = float(body["deregistered"])
    return {"task_definition": arn, "registered": found.registered_at, "deregistered": found.deregistered_at}


def register_many(body, _query):
    """{"family", "image", "count": 1, "registered": epoch seconds, "interval": 0, "status": "ACTIVE" | "INACTIVE"}

    `{n}` in the family or the image is the number of the task definition, from 1; `interval` is the time between two.
    """
    backend = _backend(body.get("account", "123456789012"), body.get("region", "us-east-1"))
    family, image, count = body.get("family"), body.get("image"), int(body.get("count", 1))
    if not image or not task_definitions.FAMILY.fullmatch((family or "").replace("{n}", "1")):
        raise ValueError("family and image are needed")
    if not 1 <= count <= MOST:
        raise ValueError(f"count must be between 1 and {MOST}")
    status = body.get("status", "ACTIVE")
    if status not in ("ACTIVE", "INACTIVE"):
        raise ValueError("status must be ACTIVE or INACTIVE")
    start = float(body.get("registered", state.now()))
    made = []
    for number in range(1, count + 1):
        container = {"name": "app", "image": image.replace("{n}", str(number)), "essential": True}
        one = task_definitions.add(backend, family.replace("{n}", str(number)), [container], cpu="256", memory="512",
                                   network_mode="awsvpc", requires_compatibilities=["FARGATE"])
        one.registered_at = start + (number - 1) * float(body.get("interval", 0))
        one.status = status
        one.deregistered_at = one.registered_at if status == "INACTIVE" else None
        made.append(one.arn)
    return {"count": count, "task_definitions": made}
