"""Our own state per moto backend (account and Region).

It hangs on the backend, so that moto's reset, which empties the backend, takes it along.
"""

import json

from moto.ec2.exceptions import EC2ClientError


class State:
    def __init__(self):
        # (operation, client token) -> (fingerprint of the request, answer)
        self.tokens = {}
        # Instances by id.
        self.instances = {}
        # The private addresses of live instances, and those that the next instances are to get (`addresses`).
        self.addresses = set()
        self.wishes = []


def of(backend):
    return backend.__dict__.setdefault("strict_state", State())


def error(code, message):
    return EC2ClientError(code, message)


def once(backend, operation, token, params, act):
    """Runs `act` once per client token.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html: the same token with the same parameters
    succeeds without acting again, with other parameters it fails with IdempotentParameterMismatch.
    """
    if not token:
        return act()
    tokens = of(backend).tokens
    asked = json.dumps(
        {name: value for name, value in params.items() if name not in ("ClientToken", "DryRun")},
        sort_keys=True,
        default=str,
    )
    if (operation, token) not in tokens:
        tokens[operation, token] = (asked, act())
    before, answer = tokens[operation, token]
    if before != asked:
        raise error(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )
    return answer
