"""Record sets as XML, compact and kept: moto's serialiser takes ten times as long for a page.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html#API_ListResourceRecordSets_ResponseSyntax
"""

from xml.sax.saxutils import escape

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
# Route 53's elements in their order, with moto's names.
ELEMENTS = {
    "Name": "name",
    "Type": "type",
    "SetIdentifier": "set_identifier",
    "Weight": "weight",
    "Region": "region",
    "GeoLocation": "geo_location",
    "Failover": "failover",
    "MultiValueAnswer": "multi_value_answer",
    "TTL": "ttl",
    "ResourceRecords": "resource_records",
    "AliasTarget": "alias_target",
    "HealthCheckId": "health_check_id",
    "TrafficPolicyInstanceId": "traffic_policy_instance_id",
    "CidrRoutingConfig": "cidr_routing_config",
    "GeoProximityLocation": "geo_proximity_location",
}


def record_set(one):
    """A record set never changes, it is replaced: its text is made once."""
    if "xml" not in one.__dict__:
        one.xml = element("ResourceRecordSet", {name: getattr(one, attribute) for name, attribute in ELEMENTS.items()})
    return one.xml


def element(name, value):
    """Nothing for what is not there; of lists Route 53 has only ResourceRecords here."""
    if value is None:
        return ""
    if isinstance(value, dict):
        content = "".join(element(inner, one) for inner, one in value.items())
    elif isinstance(value, list):
        content = "".join(element("ResourceRecord", one) for one in value)
    elif isinstance(value, bool):
        content = str(value).lower()
    else:
        content = escape(str(value))
    return f"<{name}>{content}</{name}>"


def document(name, *contents):
    body = f'<?xml version="1.0"?>\n<{name} xmlns="{NAMESPACE}">{"".join(contents)}</{name}>'
    return 200, {"Content-Type": "text/xml"}, body
