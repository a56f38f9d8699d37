"""Calls into another account's registry: only what the repository's policy allows."""

import fnmatch
import json
import re

from moto.sts.models import sts_backends

from strict.ecr.refusals import Refused, invalid

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html: needs ecr:BatchGetImage.
PERMISSION_OF = {"ListImageReferrers": "BatchGetImage"}


def owner(asked, account):
    registry = asked.get("registryId") or account
    if not re.fullmatch(r"\d{12}", registry):
        raise invalid("registryId", "must satisfy regular expression '[0-9]{12}'")
    return registry


def check(call, account, registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html: another account needs the policy of
    each repository; without one named, nothing could allow the call.
    """
    if registry.account_id == account:
        return
    action = f"ecr:{PERMISSION_OF.get(call.name, call.name)}"
    names = asked.get("repositoryNames") or [asked.get("repositoryName")]
    principals = _principals(call, account)
    for name in names:
        repository = registry.repositories.get(name)
        if repository is None or not allows(repository.policy, action, principals):
            raise _denied(principals[0], action, registry, name)


def _denied(caller, action, registry, name):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html (the wording)"""
    resource = f"arn:aws:ecr:{registry.region_name}:{registry.account_id}:repository/{name or '*'}"
    return Refused(
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on resource: {resource} "
        f"because no resource-based policy allows the {action} action",
    )


def _principals(call, account):
    """What a policy may call the caller, as exactly as it is known first."""
    everybody = [f"arn:aws:iam::{account}:root", account, "*"]
    for backend in list(sts_backends[account].values()):
        role = backend.get_assumed_role_from_access_key(call.access_key)
        if role:
            return [role.arn, role.role_arn, *everybody]
    # Keys that no role gave out, or that outlived a reset (`accounts`).
    return everybody


def allows(policy, action, principals):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: a denial beats all."""
    statements = _listed(json.loads(policy or "{}").get("Statement"))
    effects = {one.get("Effect") for one in statements if _applies(one, action, principals)}
    return "Allow" in effects and "Deny" not in effects


def _applies(statement, action, principals):
    """Conditions, NotPrincipal and NotAction are not weighed: they never help to allow, and always to deny."""
    denies = statement.get("Effect") == "Deny"
    named = denies if "NotPrincipal" in statement else _names(statement, principals)
    covered = denies if "NotAction" in statement else _covers(statement, action)
    return named and covered and (denies or "Condition" not in statement)


def _names(statement, principals):
    principal = statement.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    return any(one in principals for one in _listed(named))


def _covers(statement, action):
    wanted = action.lower()
    return any(fnmatch.fnmatchcase(wanted, one.lower()) for one in _listed(statement.get("Action")))


def _listed(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
