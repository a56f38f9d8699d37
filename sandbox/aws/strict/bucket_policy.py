"""Bucket policies: moto knows no conditions, and so takes "deny what comes without TLS" for "deny everything"."""

import json

from moto.iam.access_control import IAMPolicy
from moto.s3.models import FakeBucket

SECURE = "aws:securetransport"


def permission(self, action, resource):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport

    A request here, over plain HTTP on this machine, stands for one over TLS: a statement about requests without TLS is not
    about it.
    """
    from moto.iam.access_control import PermissionResult

    if self.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(self.policy)
    statements = document.get("Statement", [])
    document["Statement"] = [s for s in (statements if isinstance(statements, list) else [statements]) if not _insecure(s)]
    if not document["Statement"]:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)


def _insecure(statement):
    wanted = {key.lower(): value for key, value in statement.get("Condition", {}).get("Bool", {}).items()}
    return str(wanted.get(SECURE, "")).lower() == "false"


def apply():
    FakeBucket.get_permission = permission
