"""ListResourceRecordSets."""

from moto.route53.exceptions import InvalidInput
from moto.route53.responses import Route53

from strict.route53 import names, records, wire

PAGE = 300


def list_resource_record_sets(self):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html: sorted by the reversed
    labels of the name, then by type; name, type and identifier tell where to begin, and leave nothing out that comes
    later; 300 at a time at most."""
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    start = _start(*(self._get_param(f"StartRecord{part}") for part in ("Name", "Type", "Identifier")))
    size = _size(self._get_param("MaxItems"))
    found = records.of(zone).since(start, size + 1)
    page, following = found[:size], found[size:]
    return wire.document(
        "ListResourceRecordSetsResponse",
        f"<ResourceRecordSets>{''.join(map(wire.record_set, page))}</ResourceRecordSets>",
        wire.element("IsTruncated", bool(following)),
        *(_next(one) for one in following),
        wire.element("MaxItems", size),
    )


def _next(following):
    position = {"Name": following.name, "Type": following.type, "Identifier": following.set_identifier}
    return "".join(wire.element(f"NextRecord{part}", value) for part, value in position.items())


def _start(name, kind, identifier):
    if (kind and not name) or (identifier and not kind):
        raise InvalidInput("The input is not valid")
    if not name:
        return ("",)
    problem = names.problem(name)
    if problem:
        raise InvalidInput(problem)
    return names.sort_key(name), kind or "", identifier or ""


def _size(asked):
    if asked in (None, ""):
        return PAGE
    if not str(asked).isascii() or not str(asked).isdigit() or int(asked) < 1:
        raise InvalidInput(f"Invalid value for MaxItems: {asked}")
    return min(int(asked), PAGE)


def apply():
    Route53.list_resource_record_sets = list_resource_record_sets
