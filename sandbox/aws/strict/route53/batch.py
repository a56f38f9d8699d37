"""A batch of changes: all of it or nothing, and every problem of it told."""

import ipaddress

from moto.route53.exceptions import NoSuchHealthCheck, Route53ClientError

from strict.route53 import inputs, names, records

# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets
MOST_RECORDS = 1000
MOST_CHARACTERS = 32000
# moto's names of Route 53's fields.
ATTRIBUTES = {field: attribute for attribute, field in records.FIELDS.items()}


class Refused(Exception):
    """One problem of one change, in Route 53's words."""


def applied(zone, changes, health_checks):
    """The zone's record sets as they are after the changes, which are made one after the other.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html: InvalidChangeBatch has a
    message for each error.
    """
    problems = _limits(changes)
    if problems:
        raise _invalid(problems)
    _health(changes, health_checks)
    working = records.of(zone).copy()
    for change in changes:
        try:
            _change(working, zone, change["Action"], change["ResourceRecordSet"])
        except Refused as problem:
            problems.append(str(problem))
    problems += _apex(working, zone)
    if problems:
        raise _invalid(problems)
    return working


def _invalid(problems):
    return Route53ClientError("InvalidChangeBatch", f"[{', '.join(problems)}]")


def _limits(changes):
    """An UPSERT counts twice."""
    count = characters = 0
    for change in changes:
        times = 2 if change["Action"] == "UPSERT" else 1
        values = change["ResourceRecordSet"].get("ResourceRecords") or []
        count += times * len(values)
        characters += times * sum(len(one["Value"]) for one in values)
    problems = []
    if count > MOST_RECORDS:
        problems.append(f"Number of records limit of {MOST_RECORDS} exceeded.")
    if characters > MOST_CHARACTERS:
        problems.append(f"RDATA character limit of {MOST_CHARACTERS} exceeded.")
    return problems


def _health(changes, health_checks):
    for change in changes:
        asked = change["ResourceRecordSet"].get("HealthCheckId")
        if asked and change["Action"] != "DELETE" and asked not in health_checks:
            raise NoSuchHealthCheck(asked)


def _change(working, zone, action, fields):
    problem = names.problem(fields["Name"])
    if problem:
        raise Refused(problem)
    wanted = records.made(fields)
    if not names.within(wanted.name, zone.name):
        raise Refused(f"RRSet with DNS name {wanted.name} is not permitted in zone {zone.name}")
    _values(wanted)
    current = working.get(records.position_of(wanted))
    if action == "DELETE":
        _delete(working, current, wanted)
    elif action == "CREATE" and current:
        raise Refused(f"Tried to create resource record set {_named(wanted)} but it already exists")
    else:
        _fits(working.named(wanted.name), zone, wanted)
        working.put(wanted)


def _delete(working, current, wanted):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html: all the same values
    that the record set has now."""
    if current is None:
        raise Refused(f"Tried to delete resource record set {_named(wanted)} but it was not found")
    if not records.same(current, wanted):
        raise Refused(
            f"Tried to delete resource record set {_named(wanted)} but the values provided do not match the current "
            "values"
        )
    working.drop(current)


def _named(wanted):
    identifier = f", set-identifier='{wanted.set_identifier}'" if wanted.set_identifier else ""
    return f"[name='{wanted.name}', type='{wanted.type}'{identifier}]"


def _values(wanted):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html"""
    for value in wanted.records:
        if wanted.type == "A" and not _is(ipaddress.IPv4Address, value):
            raise _illegal("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", value)
        if wanted.type == "AAAA" and not _is(ipaddress.IPv6Address, value):
            raise _illegal("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)", value)
    if len(set(wanted.records)) < len(wanted.records):
        twice = next(value for value in wanted.records if wanted.records.count(value) > 1)
        raise Refused(f"Duplicate Resource Record: '{twice}'")
    if wanted.type == "CNAME" and len(wanted.records) > 1:
        raise Refused(f"RRSet of type CNAME with DNS name {wanted.name} must have exactly one resource record")


def _is(kind, value):
    """A zone (`fe80::1%eth0`) is one machine's own."""
    try:
        kind(value)
    except ValueError:
        return False
    return "%" not in value


def _illegal(what, value):
    return Refused(f"Invalid Resource Record: FATAL problem: {what} encountered with '{value}'")


def _fits(others, zone, wanted):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CNAMEFormat: no CNAME beside
    another type, and none for the zone itself.  Record sets of one name and type have one kind of routing."""
    if wanted.type == "CNAME" and wanted.name == zone.name:
        raise Refused(f"RRSet of type CNAME with DNS name {wanted.name} is not permitted at apex in zone {zone.name}")
    for other in others:
        if wanted.type == "CNAME" and other.type != "CNAME":
            raise Refused(
                f"RRSet of type CNAME with DNS name {wanted.name} is not permitted as it conflicts with other records "
                f"with the same DNS name in zone {zone.name}"
            )
        if other.type == "CNAME" and wanted.type != "CNAME":
            raise Refused(
                f"RRSet of type {wanted.type} with DNS name {wanted.name} is not permitted because a conflicting RRSet "
                f"of type CNAME with the same DNS name already exists in zone {zone.name}"
            )
        itself = other.set_identifier == wanted.set_identifier
        if other.type == wanted.type and not itself and _routing(other) != _routing(wanted):
            identifier = f", SetIdentifier {wanted.set_identifier}" if wanted.set_identifier else ""
            raise Refused(
                f"RRSet with DNS name {wanted.name}, type {wanted.type}{identifier} cannot be created as other RRSets "
                "exist with the same name and type."
            )


def _routing(record_set):
    return inputs.policies_of(lambda name: getattr(record_set, ATTRIBUTES[name]))


def _apex(working, zone):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html: a zone keeps both."""
    types = {record_set.type for record_set in working.named(zone.name)}
    problems = []
    if "NS" not in types:
        problems.append("A HostedZone must contain at least one NS record for the zone itself.")
    if "SOA" not in types:
        problems.append("A HostedZone must contain exactly one SOA record.")
    return problems
