"""Route 53: changes of record sets."""

import itertools
import time
import unittest

from harness import Case, client, strictness

CHANGE = "changes.change_resource_record_sets"
ZONE = "example.com."
VALUES = ("10.0.0.1", "10.0.0.2")
_references = itertools.count()


def a(name, *values, ttl=60, kind="A", **fields):
    """A record set."""
    records = [{"Value": value} for value in values or VALUES[:1]]
    return {"Name": f"{name}.{ZONE}", "Type": kind, "TTL": ttl, "ResourceRecords": records, **fields}


def weighted(name, identifier, *values, weight=10, **fields):
    return a(name, *values, SetIdentifier=identifier, Weight=weight, **fields)


def alias(name, target="lb.example.com.", **fields):
    aimed = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": target, "EvaluateTargetHealth": False, **fields}
    return {"Name": f"{name}.{ZONE}", "Type": "A", "AliasTarget": aimed}


class Route53Case(Case):
    def setUp(self):
        super().setUp()
        self.route53 = client("route53")
        self.zone = self.new_zone(ZONE)

    def new_zone(self, name, **fields):
        reference = f"test {next(_references)}"
        return self.route53.create_hosted_zone(Name=name, CallerReference=reference, **fields)["HostedZone"]["Id"]

    def change(self, *changes, zone=None, **fields):
        """Changes are pairs: an action and a record set."""
        batch = [{"Action": action, "ResourceRecordSet": record_set} for action, record_set in changes]
        asked = {"Changes": batch, **fields}
        return self.route53.change_resource_record_sets(HostedZoneId=zone or self.zone, ChangeBatch=asked)["ChangeInfo"]

    def create(self, *record_sets):
        return self.change(*(("CREATE", one) for one in record_sets))

    def wrong(self, *changes, code="InvalidChangeBatch"):
        return self.refused(code, self.change, *changes)

    def sets(self, zone=None):
        """The record sets without the zone's own."""
        pages = self.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone or self.zone)
        return [one for page in pages for one in page["ResourceRecordSets"] if one["Type"] not in ("NS", "SOA")]

    def names(self):
        return [one["Name"] for one in self.sets()]


class Delete(Route53Case):
    def test_what_was_read_can_be_deleted(self):
        self.create(
            a("www", *VALUES),
            weighted("w", "one"),
            weighted("w", "two", weight=0),
            alias("alias"),
            a("latency", SetIdentifier="one", Region="us-east-1"),
            a("failover", SetIdentifier="one", Failover="PRIMARY"),
            a("geo", SetIdentifier="one", GeoLocation={"CountryCode": "DE"}),
            a("multi", SetIdentifier="one", MultiValueAnswer=True),
        )
        read = self.sets()
        self.assertEqual(8, len(read))
        self.change(*(("DELETE", one) for one in read))
        self.assertEqual([], self.sets())

    @strictness(CHANGE)
    def test_each_field_must_match(self):
        check = self.route53.create_health_check(
            CallerReference="check", HealthCheckConfig={"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}
        )["HealthCheck"]["Id"]
        now = weighted("www", "one", *VALUES, HealthCheckId=check)
        self.create(now)
        others = [
            {"TTL": 61},
            {"Weight": 11},
            {"HealthCheckId": "another"},
            {"ResourceRecords": [{"Value": VALUES[0]}]},
            {"ResourceRecords": [{"Value": value} for value in (*VALUES, "10.0.0.3")]},
            {"ResourceRecords": [{"Value": VALUES[0]}, {"Value": "10.0.0.3"}]},
        ]
        for other in others:
            message = self.wrong(("DELETE", {**now, **other}))
            self.assertEqual(
                "[Tried to delete resource record set [name='www.example.com.', type='A', set-identifier='one'] "
                "but the values provided do not match the current values]",
                message,
                other,
            )
        without = {name: value for name, value in now.items() if name != "HealthCheckId"}
        self.assertIn("do not match", self.wrong(("DELETE", without)))
        self.assertEqual(1, len(self.sets()))
        self.change(("DELETE", {**now, "ResourceRecords": now["ResourceRecords"][::-1]}))
        self.assertEqual([], self.sets())

    @strictness(CHANGE)
    def test_aliases_must_match(self):
        self.create(alias("www"))
        others = {"HostedZoneId": "Z2P70J7EXAMPLE"}, {"EvaluateTargetHealth": True}, {"target": "lb2.example.com."}
        for other in (a("www"), *(alias("www", **other) for other in others)):
            self.assertIn("do not match", self.wrong(("DELETE", other)))
        self.change(("DELETE", alias("www", "LB.example.com")))
        self.assertEqual([], self.sets())

    @strictness(CHANGE)
    def test_what_is_not_there(self):
        self.create(a("www"), weighted("w", "one"))
        absent = "[Tried to delete resource record set [name='{}.example.com.', type='{}'{}] but it was not found]"
        for record_set, said in (
            (a("ww"), ("ww", "A", "")),
            (a("www", "2001:db8::1", kind="AAAA"), ("www", "AAAA", "")),
            (a("w"), ("w", "A", "")),
            (weighted("w", "two"), ("w", "A", ", set-identifier='two'")),
        ):
            self.assertEqual(absent.format(*said), self.wrong(("DELETE", record_set)))
        self.assertEqual(2, len(self.sets()))

    @strictness(CHANGE)
    def test_twice_in_a_batch(self):
        self.create(a("www"))
        self.assertIn("was not found", self.wrong(("DELETE", a("www")), ("DELETE", a("www"))))
        self.assertEqual(["www.example.com."], self.names())

    @strictness(CHANGE)
    def test_a_zone_keeps_its_ns_and_soa(self):
        own = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        self.assertEqual(["NS", "SOA"], [one["Type"] for one in own])
        message = self.wrong(*(("DELETE", one) for one in own))
        self.assertEqual(
            "[A HostedZone must contain at least one NS record for the zone itself., "
            "A HostedZone must contain exactly one SOA record.]",
            message,
        )
        self.change(("UPSERT", {**own[0], "TTL": 300}))


class Batch(Route53Case):
    @strictness(CHANGE)
    def test_all_or_nothing_and_every_problem(self):
        self.create(a("www"), a("old"))
        message = self.wrong(
            ("CREATE", a("new")),
            ("DELETE", a("old")),
            ("DELETE", a("www", ttl=61)),
            ("CREATE", a("www")),
            ("DELETE", a("gone")),
        )
        self.assertEqual(
            "[Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not "
            "match the current values, "
            "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists, "
            "Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found]",
            message,
        )
        self.assertEqual(["old.example.com.", "www.example.com."], self.names())

    @strictness(CHANGE)
    def test_one_after_the_other(self):
        """A value of several goes with a DELETE and a CREATE; the other order is refused."""
        both, one = a("www", *VALUES), a("www", VALUES[1])
        self.create(both)
        self.assertIn("already exists", self.wrong(("CREATE", one), ("DELETE", both)))
        self.change(("DELETE", both), ("CREATE", one))
        self.assertEqual([[{"Value": VALUES[1]}]], [found["ResourceRecords"] for found in self.sets()])

    def test_upserts(self):
        self.change(("UPSERT", a("www")))
        self.change(("UPSERT", a("www", "10.0.0.9", ttl=300)), ("UPSERT", weighted("w", "one")))
        self.change(("UPSERT", weighted("w", "one", weight=20)))
        self.assertEqual([20, None], [one.get("Weight") for one in self.sets()])
        self.assertEqual(300, self.sets()[1]["TTL"])

    @strictness(CHANGE)
    def test_limits(self):
        many = [a(f"n{number}") for number in range(501)]
        said = "Number of records limit of 1000 exceeded."
        self.assertEqual(f"[{said}]", self.wrong(*(("UPSERT", one) for one in many)))
        self.change(*(("UPSERT", one) for one in many[:500]))
        long = [a(f"t{number}", '"' + "x" * 198 + '"', kind="TXT") for number in range(161)]
        too_long = "RDATA character limit of 32000 exceeded."
        self.assertEqual(f"[{too_long}]", self.wrong(*(("CREATE", one) for one in long)))
        self.assertEqual(f"[{too_long}]", self.wrong(*(("UPSERT", one) for one in long[:81])))
        self.change(*(("CREATE", one) for one in long[:160]))
        self.assertEqual(660, len(self.sets()))
        over = [("CREATE", a("big", *(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(1001))))]
        over += [("CREATE", one) for one in long]
        self.assertEqual(f"[{said}, {too_long}]", self.wrong(*over))

    @strictness(CHANGE)
    def test_cnames_stand_alone(self):
        target = {"kind": "CNAME"}
        self.create(a("www"), a("c", "www.example.com", **target))
        self.assertEqual(
            "[RRSet of type CNAME with DNS name www.example.com. is not permitted as it conflicts with other records "
            "with the same DNS name in zone example.com.]",
            self.wrong(("CREATE", a("www", "x.example.com", **target))),
        )
        self.assertEqual(
            "[RRSet of type A with DNS name c.example.com. is not permitted because a conflicting RRSet of type CNAME "
            "with the same DNS name already exists in zone example.com.]",
            self.wrong(("UPSERT", a("c"))),
        )
        self.assertIn("at apex", self.wrong(("CREATE", {**a("x", "a.b", **target), "Name": "example.com"})))
        self.assertIn("exactly one", self.wrong(("CREATE", a("d", "a.b", "c.d", **target))))
        self.change(("DELETE", a("c", "www.example.com", **target)), ("CREATE", a("c")))
        self.assertEqual(["A", "A"], [one["Type"] for one in self.sets()])

    @strictness(CHANGE)
    def test_wrong_values(self):
        for kind, value, said in (
            ("A", "10.0.0.256", "ARRDATAIllegalIPv4Address"),
            ("A", "010.0.0.1", "ARRDATAIllegalIPv4Address"),
            ("AAAA", "10.0.0.1", "AAAARRDATAIllegalIPv6Address"),
            ("AAAA", "fe80::1%eth0", "AAAARRDATAIllegalIPv6Address"),
        ):
            self.assertIn(said, self.wrong(("CREATE", a("www", value, kind=kind))))
        self.assertIn("Duplicate Resource Record", self.wrong(("CREATE", a("www", *VALUES, *VALUES))))

    @strictness(CHANGE)
    def test_what_no_request_may_say(self):
        bare = {"Name": "www.example.com", "Type": "A"}
        where = "in Change with [Action=DELETE, Name=www.example.com, Type=A, SetIdentifier="
        for record_set, said in (
            (bare, "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
                   "TrafficPolicyInstanceId], but found none"),
            ({**bare, "TTL": 60}, "but found none"),
            ({**a("www"), "Name": "www.example.com", **{"AliasTarget": alias("x")["AliasTarget"]}}, "more than one"),
            ({**a("www", Weight=1), "Name": "www.example.com"}, "Missing field 'SetIdentifier'"),
            ({**a("www", SetIdentifier="one"), "Name": "www.example.com"}, "Expected exactly one of [Weight, Region"),
            ({**weighted("www", "one", Region="us-east-1"), "Name": "www.example.com"}, "more than one"),
        ):
            message = self.wrong(("DELETE", record_set), code="InvalidInput")
            self.assertIn(said, message)
            self.assertIn(where, message)
        self.assertIn("not facet-valid", self.wrong(("ERASE", a("www")), code="InvalidInput"))
        self.assertIn("not facet-valid", self.wrong(("CREATE", a("www", kind="B")), code="InvalidInput"))

    @strictness(CHANGE)
    def test_one_kind_of_routing_per_name_and_type(self):
        self.create(a("www"), weighted("w", "one"))
        for wrong in (weighted("www", "one"), a("w"), a("w", SetIdentifier="two", Region="us-east-1")):
            self.assertIn("as other RRSets exist with the same name and type", self.wrong(("CREATE", wrong)))
        self.assertEqual(2, len(self.sets()))

    @strictness(CHANGE)
    def test_health_checks_must_be_there(self):
        self.wrong(("CREATE", weighted("w", "one", HealthCheckId="no-such-check")), code="NoSuchHealthCheck")

    def test_unknown_zone(self):
        self.refused("NoSuchHostedZone", self.change, ("CREATE", a("www")), zone="Z0000000000000")


class Speed(Route53Case):
    def test_batches_take_no_longer_in_a_large_zone(self):
        """Process time: other processes do not count."""
        def took(start):
            began = time.process_time()
            self.create(*(a(f"n{number}") for number in range(start, start + 1000)))
            return time.process_time() - began

        first = min(took(0), took(1000))
        for start in range(2000, 8000, 1000):
            took(start)
        last = min(took(8000), took(9000))
        self.assertLess(last, 3 * first)
        self.assertEqual(10_000, len(self.sets()))


if __name__ == "__main__":
    unittest.main()
