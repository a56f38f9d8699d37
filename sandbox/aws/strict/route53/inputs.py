"""What Route 53 refuses before it looks at the zone: InvalidInput, one problem at a time."""

from moto.route53.exceptions import InvalidInput

# In the order in which Route 53 names them.
ROUTING = (
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "MultiValueAnswer",
    "GeoProximityLocation",
    "CidrRoutingConfig",
)
ACTIONS = ("CREATE", "DELETE", "UPSERT")
TYPES = (
    *("SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA", "SSHFP"),
    *("SVCB", "HTTPS"),
)
SOURCES = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"


def check(changes):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html: a record set is an alias, or
    has a time to live and values; what has an identifier has one routing policy, and the other way round."""
    if not changes:
        raise InvalidInput(
            "1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    for change in changes:
        fields = change["ResourceRecordSet"]
        _one_of(ACTIONS, change["Action"])
        _one_of(TYPES, fields["Type"])
        _source(change, fields)
        _routing(change, fields)


def policies_of(get):
    """The routing policies of a record set; weight 0 is one, MultiValueAnswer false is none."""
    return [name for name in ROUTING if get(name) is not None and get(name) is not False]


def _one_of(known, value):
    if value not in known:
        raise InvalidInput(
            f"Invalid XML ; cvc-enumeration-valid: Value '{value}' is not facet-valid with respect to enumeration "
            f"'[{', '.join(known)}]'. It must be a value from the enumeration."
        )


def _source(change, fields):
    own = [fields.get("TTL") is not None, bool(fields.get("ResourceRecords"))]
    sources = [bool(fields.get("AliasTarget")), all(own), bool(fields.get("TrafficPolicyInstanceId"))]
    if sum(sources) == 0:
        raise _wrong(f"Expected exactly one of {SOURCES}, but found none", change)
    if sum(sources) > 1 or (any(own) and not all(own)):
        raise _wrong(f"Expected exactly one of {SOURCES}, but found more than one", change)


def _routing(change, fields):
    policies = policies_of(fields.get)
    if policies and not fields.get("SetIdentifier"):
        raise _wrong("Missing field 'SetIdentifier'", change)
    if len(policies) > 1 or (fields.get("SetIdentifier") and not policies):
        found = "none" if not policies else "more than one"
        known = f"[{', '.join(ROUTING[:-1])}, or {ROUTING[-1]}]"
        raise _wrong(f"Expected exactly one of {known}, but found {found}", change)


def _wrong(what, change):
    fields = change["ResourceRecordSet"]
    where = f"Name={fields['Name']}, Type={fields['Type']}, SetIdentifier={fields.get('SetIdentifier') or 'null'}"
    return InvalidInput(f"Invalid request: {what} in Change with [Action={change['Action']}, {where}]")
