"""The record sets of a zone."""

import itertools
from bisect import bisect_left

from moto.route53.models import FakeZone, RecordSet

from strict.route53 import names

# moto's names of what a DELETE must repeat, beside the values and the alias target, which are compared on their own.
FIELDS = {
    "weight": "Weight",
    "region": "Region",
    "failover": "Failover",
    "geo_location": "GeoLocation",
    "geo_proximity_location": "GeoProximityLocation",
    "cidr_routing_config": "CidrRoutingConfig",
    "multi_value_answer": "MultiValueAnswer",
    "health_check_id": "HealthCheckId",
    "traffic_policy_instance_id": "TrafficPolicyInstanceId",
}


class Records:
    """Sorted as they are listed, and found at once: in moto's list a thousand changes of ten thousand record sets are
    ten million comparisons."""

    def __init__(self, positions=(), sets=()):
        self._positions = list(positions)
        self._sets = dict(sets)

    def __iter__(self):
        return (self._sets[position] for position in self._positions)

    def __len__(self):
        return len(self._positions)

    def copy(self):
        return Records(self._positions, self._sets)

    def get(self, position):
        return self._sets.get(position)

    def put(self, record_set):
        position = position_of(record_set)
        if position not in self._sets:
            self._positions.insert(bisect_left(self._positions, position), position)
        self._sets[position] = record_set

    def drop(self, record_set):
        position = position_of(record_set)
        del self._sets[position]
        del self._positions[bisect_left(self._positions, position)]

    def named(self, name):
        """All record sets of a name."""
        key = names.sort_key(name)
        start = bisect_left(self._positions, (key,))
        following = (self._positions[index] for index in range(start, len(self._positions)))
        return [self._sets[position] for position in itertools.takewhile(lambda one: one[0] == key, following)]

    def since(self, position, count):
        start = bisect_left(self._positions, position)
        return [self._sets[one] for one in self._positions[start : start + count]]


def of(zone):
    """A new zone of moto's has a list."""
    if not isinstance(zone.rrsets, Records):
        zone.rrsets = Records()
    return zone.rrsets


def position_of(record_set):
    return names.sort_key(record_set.name), record_set.type, record_set.set_identifier or ""


def made(fields):
    """A record set from what a request, moto or CloudFormation says of it."""
    record_set = RecordSet({**fields, "Name": names.stored(fields["Name"])})
    record_set.records = [one["Value"] if isinstance(one, dict) else one for one in fields.get("ResourceRecords") or []]
    # An alias has none.
    record_set.ttl = int(fields["TTL"]) if fields.get("TTL") is not None else None
    for attribute, field in FIELDS.items():
        setattr(record_set, attribute, fields.get(field))
    if record_set.alias_target:
        target = names.stored(record_set.alias_target["DNSName"])
        record_set.alias_target = {**record_set.alias_target, "DNSName": target}
    return record_set


def same(one, other):
    """Whether two record sets say the same; the order of values does not matter."""
    return _content(one) == _content(other)


def _content(record_set):
    content = {attribute: getattr(record_set, attribute) for attribute in FIELDS}
    return {
        **content,
        "ttl": record_set.ttl,
        "values": sorted(record_set.records),
        "alias": record_set.alias_target or None,
    }


def add_rrset(self, record_set):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html: names are kept in lower case and
    with a dot at their end, also those of CloudFormation; moto calls this for a new zone's NS and SOA too."""
    added = made(record_set)
    of(self).put(added)
    return added


def delete_rrset(self, rrset):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-recordset.html: only
    CloudFormation calls this, for a name and perhaps a type."""
    records = of(self)
    for found in records.named(rrset["Name"]):
        if rrset.get("Type") in (None, found.type):
            records.drop(found)


def apply():
    FakeZone.add_rrset = add_rrset
    FakeZone.delete_rrset = delete_rrset
