"""Our own state per ECS backend (account and Region), and what the operations share.

It hangs on the backend, so that moto's reset, which empties the backend, takes it along.
"""

import json
import time
from datetime import datetime, timezone

from moto.ecs.exceptions import ECSException

from strict.ecs import paging


class State:
    def __init__(self):
        # The last revision of each family: AWS never uses a number twice, also when all revisions are deleted.
        self.last_revision = {}
        # Task definitions in DELETE_IN_PROGRESS.
        self.deleting = {}
        # ARN -> service revision; ARN -> service deployment, oldest first.
        self.revisions = {}
        self.service_deployments = {}
        # Tasks whose images are not pulled yet, by ARN; services in motion, by "cluster:name".
        self.waiting = {}
        self.moving = set()
        # (operation, cluster, client token) -> (request, answer)
        self.tokens = {}


def of(backend):
    return backend.__dict__.setdefault("strict_state", State())


def error(code, message):
    return ECSException(code, message)


def invalid(message):
    return error("InvalidParameterException", message)


def client_error(message):
    return error("ClientException", message)


def now():
    return time.time()


def timestamp(seconds):
    """As the serialiser wants it; None stays None, and is left out of the answer."""
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc)


def arn(backend, kind, *path):
    return f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:{kind}/{'/'.join(path)}"


def cluster_of(backend, name):
    """The ACTIVE cluster of this name or ARN.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html: an INACTIVE cluster is still
    described for a while, and is not found by anything else.
    """
    cluster = backend.clusters.get((name or "default").split("/")[-1])
    if cluster is None or cluster.status != "ACTIVE":
        raise error("ClusterNotFoundException", "Cluster not found.")
    return cluster


def listed(response, things, key=str, default=100, reverse=False):
    """One page of a List operation, and the token of the next: `maxResults` between 1 and 100."""
    asked = response._get_param("maxResults")
    if asked is not None and not 1 <= int(asked) <= 100:
        raise invalid("maxResults must be between 1 and 100.")
    limit = default if asked is None else int(asked)
    try:
        ordered = sorted(things, key=key, reverse=reverse)
        return paging.page(ordered, key, limit, response._get_param("nextToken"), reverse)
    except paging.Unreadable:
        raise invalid("Invalid token.") from None


def at_most(things, most, what):
    """The least and the most a Describe operation takes."""
    if not things:
        raise invalid(f"{what} cannot be empty.")
    if len(things) > most:
        raise invalid(f"{what} cannot have more than {most} elements.")


def once(backend, scope, asked, act):
    """Runs `act` once per client token.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html: the same token with the same
    parameters answers as before, with others it is a ConflictException.
    """
    token = asked.get("clientToken")
    if not token:
        return act()
    tokens, request = of(backend).tokens, json.dumps(asked, sort_keys=True, default=str)
    if (scope, token) not in tokens:
        tokens[scope, token] = (request, act())
    before, answer = tokens[scope, token]
    if before != request:
        raise error("ConflictException", "The clientToken was used before with other parameters.")
    return answer


def missing(arn_or_name):
    return {"arn": arn_or_name, "reason": "MISSING"}
