"""One call of ECR: who may, which operation answers it, and how its answer is written."""

import json
import secrets
import threading

from moto.ecr.models import ecr_backends
from moto.iam import models as iam

from strict import answers, gate
from strict.ecr import access
from strict.ecr.refusals import Refused

# operation -> function(backend of the registry, what was asked) -> answer
OPERATIONS = {}
# The control API fills repositories beside the calls.
LOCK = threading.RLock()


def answer(call):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html: `registryId` names the account whose
    registry is meant, the caller's own where it is absent.  None leaves a call to moto.
    """
    asked = json.loads(call.body or b"{}")
    account = iam.get_account_id_from(call.access_key)
    try:
        with LOCK:
            registry = ecr_backends[access.owner(asked, account)][call.region]
            access.check(call, account, registry, asked)
            operation = OPERATIONS.get(call.name)
            return _written(operation(registry, asked)) if operation else None
    except Refused as refused:
        return answers.error(call, 400, refused.code, str(refused))


def _written(body):
    """Compact, and not by moto's serialiser: a page of a thousand images takes a few milliseconds.

    Times are numbers: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
    """
    content = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": secrets.token_hex(16)}
    return answers.plain(200, json.dumps(body, separators=(",", ":")).encode(), content)


def apply():
    gate.SERVICES["ecr"] = answer
