"""ChangeResourceRecordSets, and what becomes of a change."""

import secrets
import string
import time

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.exceptions import Route53ClientError
from moto.route53.responses import Route53

from strict.route53 import batch, inputs
from strict.settings import SETTINGS

CHARACTERS = string.ascii_uppercase + string.digits
# The answers of moto's other operations, whose changes are done at once.
MOTOS = {"C1PA6795UKMFR9", "C2682N5HXP0BZ4", "a1b2c3d4"}


class Change:
    def __init__(self, comment):
        self.id = "C" + "".join(secrets.choice(CHARACTERS) for _ in range(20))
        self.comment = comment
        self.submitted = utcnow()
        self.over = time.monotonic() + SETTINGS["route53_change_seconds"]

    def pending(self):
        return time.monotonic() < self.over

    def info(self):
        return {
            "Id": f"/change/{self.id}",
            "Status": "PENDING" if self.pending() else "INSYNC",
            "SubmittedAt": self.submitted,
            "Comment": self.comment,
        }


def _known(backend):
    """It hangs on the backend, so that moto's reset takes it along."""
    return backend.__dict__.setdefault("strict_changes", {})


def change_resource_record_sets(self):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html: all changes of a batch
    are made, or none.  PriorRequestNotComplete while Route 53 processes a change of the same zone: here for as long as
    that is PENDING (setting `route53_change_seconds`), which is longer than AWS's."""
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    asked = self._get_param("ChangeBatch.Changes") or []
    inputs.check(asked)
    prior = zone.__dict__.get("strict_change")
    if prior and prior.pending():
        raise Route53ClientError(
            "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request."
        )
    zone.rrsets = batch.applied(zone, asked, self.backend.health_checks)
    change = Change(self._get_param("ChangeBatch.Comment"))
    zone.strict_change = _known(self.backend)[change.id] = change
    return ActionResult({"ChangeInfo": change.info()})


def get_change(self):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html: PENDING until all servers have it,
    then INSYNC; NoSuchChange for one that never was."""
    change_id = self._get_param("Id").removeprefix("/change/")
    known = _known(self.backend).get(change_id)
    if known:
        return ActionResult({"ChangeInfo": known.info()})
    if change_id not in MOTOS:
        raise Route53ClientError("NoSuchChange", f"Could not find resource with ID: {change_id}")
    return ActionResult({"ChangeInfo": {"Id": f"/change/{change_id}", "Status": "INSYNC", "SubmittedAt": utcnow()}})


def apply():
    Route53.change_resource_record_sets = change_resource_record_sets
    Route53.get_change = get_change
