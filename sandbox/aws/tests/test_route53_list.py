"""Route 53: names, listing record sets, zones."""

import time
import unittest

from harness import client, in_account, strictness
from test_route53 import CHANGE, ZONE, Route53Case, a, alias, weighted

LIST = "listing.list_resource_record_sets"


class Names(Route53Case):
    @strictness("records.add_rrset", "zones.create_hosted_zone")
    def test_lower_case_with_a_dot(self):
        zone = self.new_zone("Example.ORG")
        self.assertEqual("example.org.", self.route53.get_hosted_zone(Id=zone)["HostedZone"]["Name"])
        self.change(("CREATE", {**a("x"), "Name": "WWW.Example.org"}), zone=zone)
        self.assertEqual(["www.example.org."], [one["Name"] for one in self.sets(zone)])
        own = self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"][:2]
        self.assertEqual({"example.org."}, {one["Name"] for one in own})

    @strictness(CHANGE)
    def test_escape_codes(self):
        self.create(a("*"), a("a_b-c"), a("a@b"), a("\\141\\056b"))
        stored = {one.removesuffix("." + ZONE) for one in self.names()}
        self.assertEqual({"\\052", "a_b-c", "a\\100b", "a\\056b"}, stored)
        self.assertIn("name='\\052.example.com.'", self.wrong(("CREATE", a("\\052"))))
        self.change(("DELETE", a("*")), ("DELETE", a("A\\100B")))
        self.assertEqual(2, len(self.sets()))

    @strictness(CHANGE)
    def test_names_that_cannot_be(self):
        wrong = {"a b": "UnsupportedCharacter", "ü": "UnsupportedCharacter", "a..b": "DomainLabelEmpty"}
        for name, said in {**wrong, "x" * 64: "DomainLabelTooLong"}.items():
            self.assertIn(said, self.wrong(("CREATE", a(name))))
        self.create(a("x" * 63))

    @strictness(CHANGE)
    def test_names_of_other_zones(self):
        said = "[RRSet with DNS name {} is not permitted in zone example.com.]"
        for name in ("www.example.org.", "notexample.com.", "com."):
            for action in ("CREATE", "DELETE"):
                self.assertEqual(said.format(name), self.wrong((action, {**a("x"), "Name": name})))
        self.change(("CREATE", {**a("x"), "Name": "example.com"}))
        self.assertEqual([ZONE], self.names())


class Listing(Route53Case):
    def page(self, **fields):
        return self.route53.list_resource_record_sets(HostedZoneId=self.zone, **fields)

    def seen(self, **fields):
        page = self.page(**fields)["ResourceRecordSets"]
        return [(one["Name"].removesuffix(ZONE).rstrip("."), one["Type"]) for one in page]

    @strictness(LIST)
    def test_order(self):
        """`com.example.a-b.` is before `com.example.a.`, whose dot is the later character."""
        self.create(a("b"), a("a"), a("a-b"), a("z.a"), a("*"), a("a", "::1", kind="AAAA"), a("1"))
        order = [("", "NS"), ("", "SOA"), ("*", "A"), ("1", "A"), ("a-b", "A"), ("a", "A"), ("a", "AAAA"), ("z.a", "A")]
        order = [(name.replace("*", "\\052"), kind) for name, kind in order]
        self.assertEqual([*order, ("b", "A")], self.seen())

    @strictness(LIST)
    def test_where_to_begin_is_a_position(self):
        self.create(a("a"), a("c", '"t"', kind="TXT"), a("c"), weighted("d", "one"), weighted("d", "two"), a("e"))
        after_b = [("c", "A"), ("c", "TXT"), ("d", "A"), ("d", "A"), ("e", "A")]
        self.assertEqual(after_b, self.seen(StartRecordName="b.example.com"))
        begin = {"StartRecordName": "C.example.com", "StartRecordType": "MX"}
        self.assertEqual([("c", "TXT"), ("d", "A")], self.seen(**begin, MaxItems="2"))
        # What is sought is not there: the next ones are.
        begin = {"StartRecordName": "d.example.com.", "StartRecordType": "A", "StartRecordIdentifier": "p"}
        self.assertEqual([("d", "A"), ("e", "A")], self.seen(**begin))
        self.assertEqual([], self.seen(StartRecordName="z.example.com."))

    @strictness(LIST)
    def test_wrong_questions(self):
        for wrong in (
            {"StartRecordType": "A"},
            {"StartRecordName": "a.example.com", "StartRecordIdentifier": "one"},
            {"StartRecordName": "a b.example.com"},
            {"MaxItems": "0"},
            {"MaxItems": "many"},
        ):
            self.refused("InvalidInput", self.page, **wrong)
        self.refused("NoSuchHostedZone", self.route53.list_resource_record_sets, HostedZoneId="Z0000000000000")

    @strictness(LIST)
    def test_pages(self):
        self.create(*(weighted("w", f"i{number}") for number in range(5)), alias("x"))
        first = self.page(MaxItems="4")
        self.assertTrue(first["IsTruncated"])
        following = [first[f"NextRecord{part}"] for part in ("Name", "Type", "Identifier")]
        self.assertEqual(["w.example.com.", "A", "i2"], following)
        self.assertEqual("4", first["MaxItems"])
        pages = self.route53.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=self.zone, PaginationConfig={"PageSize": 2}
        )
        seen = [one.get("SetIdentifier", one["Type"]) for page in pages for one in page["ResourceRecordSets"]]
        self.assertEqual(["NS", "SOA", "i0", "i1", "i2", "i3", "i4", "A"], seen)
        last = self.page(StartRecordName="x.example.com")
        self.assertEqual((False, [alias("x")]), (last["IsTruncated"], last["ResourceRecordSets"]))
        self.assertNotIn("NextRecordName", last)

    @strictness(LIST)
    def test_three_hundred_at_most(self):
        self.create(*(a(f"n{number:03}") for number in range(600)))
        for asked in ({}, {"MaxItems": "1000"}):
            page = self.page(**asked)
            seen = len(page["ResourceRecordSets"]), page["MaxItems"], page["IsTruncated"]
            self.assertEqual((300, "300", True), seen)
        self.assertEqual(600, len(self.sets()))
        self.assertEqual(602, self.route53.get_hosted_zone(Id=self.zone)["HostedZone"]["ResourceRecordSetCount"])

    def test_everything_is_shown_as_it_was_said(self):
        self.create(
            a("geo", SetIdentifier="one", GeoLocation={"ContinentCode": "EU"}),
            a("t", '"<a> & \\"b\\""', kind="TXT"),
            weighted("w", "<&>", weight=0),
        )
        geo, text, weight = self.sets()
        self.assertEqual({"ContinentCode": "EU"}, geo["GeoLocation"])
        self.assertEqual('"<a> & \\"b\\""', text["ResourceRecords"][0]["Value"])
        self.assertEqual(("<&>", 0, 60), (weight["SetIdentifier"], weight["Weight"], weight["TTL"]))


class Zones(Route53Case):
    def test_private_zones(self):
        vpc = {"VPCRegion": "us-east-1", "VPCId": "vpc-0123456789abcdef0"}
        zone = self.new_zone(ZONE, HostedZoneConfig={"PrivateZone": True}, VPC=vpc)
        self.change(("CREATE", a("www", "10.0.0.9")), zone=zone)
        self.assertEqual("10.0.0.9", self.sets(zone)[0]["ResourceRecords"][0]["Value"])
        self.assertEqual([], self.sets())
        shown = self.route53.get_hosted_zone(Id=zone)
        self.assertEqual((True, [vpc]), (shown["HostedZone"]["Config"]["PrivateZone"], shown["VPCs"]))

    def test_a_zone_with_records_stays(self):
        self.create(a("www"))
        self.refused("HostedZoneNotEmpty", self.route53.delete_hosted_zone, Id=self.zone)
        self.change(("DELETE", a("www")))
        done = self.route53.delete_hosted_zone(Id=self.zone)["ChangeInfo"]["Id"]
        self.assertEqual("INSYNC", self.route53.get_change(Id=done)["ChangeInfo"]["Status"])

    def test_accounts_have_their_own(self):
        there = client("route53", credentials=in_account("222222222222"))
        self.refused("NoSuchHostedZone", there.list_resource_record_sets, HostedZoneId=self.zone)
        self.assertEqual([], there.list_hosted_zones()["HostedZones"])

    @strictness("records.delete_rrset")
    def test_cloudformation(self):
        """What its stacks make is found, listed and deleted like the rest."""
        record = {"Type": "AWS::Route53::RecordSet", "Properties": {
            "HostedZoneId": self.zone.removeprefix("/hostedzone/"), "Name": "Stack.example.com", "Type": "A",
            "TTL": "60", "ResourceRecords": ["10.0.0.1"],
        }}
        stacks = client("cloudformation")
        template = {"Resources": {"Record": record}}
        self.create(a("other"))
        stacks.create_stack(StackName="dns", TemplateBody=str(template).replace("'", '"'))
        self.assertEqual(["other.example.com.", "stack.example.com."], self.names())
        self.assertIn("already exists", self.wrong(("CREATE", a("stack"))))
        stacks.delete_stack(StackName="dns")
        self.assertEqual(["other.example.com."], self.names())


class Speed(Route53Case):
    def test_pages_of_a_large_zone(self):
        for start in range(0, 10_000, 1000):
            self.create(*(a(f"n{number}") for number in range(start, start + 1000)))
        page = {"HostedZoneId": self.zone, "StartRecordName": "n5.example.com"}
        self.route53.list_resource_record_sets(**page)
        began = time.process_time()
        for _ in range(20):
            self.route53.list_resource_record_sets(**page)
        # Client and server together, most of it the client's.
        self.assertLess(time.process_time() - began, 20 * 0.15)


if __name__ == "__main__":
    unittest.main()
