"""Route 53: how a change proceeds, throttling, and faults."""

import threading
import time
import unittest

from botocore.exceptions import ClientError, ConnectionClosedError

from harness import ACCOUNT, client, control, in_account, strictness
from test_route53 import CHANGE, ZONE, Route53Case, a

OPERATION = "route53.ChangeResourceRecordSets"


def fault(kind, operation=OPERATION, **fields):
    return control("POST", "/faults", {"operation": operation, "kind": kind, **fields})


class Changes(Route53Case):
    def status(self, change):
        return self.route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"]

    @strictness("changes.get_change", CHANGE)
    def test_pending_then_in_sync(self):
        self.settings(route53_change_seconds=600)
        change = self.change(("CREATE", a("www")), Comment="why")
        self.assertRegex(change["Id"], "^/change/C[A-Z0-9]+$")
        self.assertEqual(("PENDING", "why"), (change["Status"], change["Comment"]))
        self.assertEqual("PENDING", self.status(change))
        # What is PENDING is listed.
        self.assertEqual(["www.example.com."], self.names())
        self.settings(route53_change_seconds=0.2)
        other = self.change(("CREATE", {**a("www"), "Name": "www.example.org"}), zone=self.new_zone("example.org"))
        self.assertNotEqual(change["Id"], other["Id"])
        self.eventually(lambda: self.status(other), "INSYNC")
        self.assertEqual(change["SubmittedAt"], self.route53.get_change(Id=change["Id"])["ChangeInfo"]["SubmittedAt"])

    @strictness("changes.get_change")
    def test_unknown_changes(self):
        self.refused("NoSuchChange", self.route53.get_change, Id="C0000000000000")

    @strictness(CHANGE)
    def test_one_change_of_a_zone_at_a_time(self):
        self.settings(route53_change_seconds=0.4)
        self.change(("CREATE", a("one")))
        message = self.wrong(("CREATE", a("two")), code="PriorRequestNotComplete")
        self.assertEqual("The request was rejected because Route 53 was still processing a prior request.", message)
        self.change(("CREATE", {**a("one"), "Name": "one.example.org"}), zone=self.new_zone("example.org"))

        def go_on():
            try:
                return bool(self.change(("CREATE", a("two"))))
            except ClientError:
                return False

        self.eventually(go_on, True)
        self.assertEqual(["one.example.com.", "two.example.com."], self.names())

    @strictness(CHANGE)
    def test_a_refused_change_holds_nobody_up(self):
        self.settings(route53_change_seconds=600)
        self.wrong(("DELETE", a("gone")))
        self.change(("CREATE", a("one")))


class Buckets(Route53Case):
    def refusals(self, calls, call, **fields):
        count = 0
        for _ in range(calls):
            try:
                call(**fields)
            except ClientError as refused:
                error = refused.response["Error"]
                self.assertEqual(("Throttling", "Rate exceeded"), (error["Code"], error["Message"]))
                self.assertEqual(400, refused.response["ResponseMetadata"]["HTTPStatusCode"])
                count += 1
        return count

    def test_off_by_default(self):
        self.assertEqual(0, self.refusals(70, self.route53.get_hosted_zone, Id=self.zone))

    @strictness("throttle.bucket")
    def test_fifty_and_then_ten_a_second_for_each_account(self):
        there = client("route53", credentials=in_account("222222222222"))
        self.settings(throttle_buckets=True)
        began = time.monotonic()
        refused = self.refusals(120, self.route53.get_hosted_zone, Id=self.zone)
        self.assertGreaterEqual(refused, 120 - 50 - 10 * (time.monotonic() - began) - 1)
        self.assertGreater(refused, 0)
        self.assertEqual(0, self.refusals(20, there.list_hosted_zones))

    @strictness("throttle.bucket")
    def test_some_actions_have_a_smaller_bucket(self):
        self.settings(throttle_buckets=True)
        began = time.monotonic()
        check = self.route53.create_health_check(
            CallerReference="check", HealthCheckConfig={"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}
        )["HealthCheck"]["Id"]
        refused = self.refusals(12, self.route53.get_health_check_status, HealthCheckId=check)
        self.assertGreaterEqual(refused, 12 - 4 - (time.monotonic() - began) - 1)
        self.assertGreater(refused, 0)


class Faults(Route53Case):
    def test_throttled_once(self):
        fault("throttle")
        self.assertEqual("Rate exceeded", self.wrong(("CREATE", a("www")), code="Throttling"))
        self.create(a("www"))

    def test_denied(self):
        fault("deny")
        message = self.wrong(("CREATE", a("www")), code="AccessDenied")
        zone = self.zone.removeprefix("/")
        wanted = f"to perform: route53:ChangeResourceRecordSets on resource: arn:aws:route53:::{zone} because"
        self.assertIn(wanted, message)
        fault("deny", "route53.*")
        self.assertIn("on resource: * because", self.refused("AccessDenied", self.route53.list_hosted_zones))

    def test_errors(self):
        fault("error", status=400, code="PriorRequestNotComplete", message="The request was rejected.")
        fault("error", status=500, code="InternalError")
        fault("error", "route53.ListResourceRecordSets", status=503, code="ServiceUnavailable")
        with self.assertRaises(self.route53.exceptions.PriorRequestNotComplete):
            self.create(a("www"))
        self.wrong(("CREATE", a("www")), code="InternalError")
        self.refused("ServiceUnavailable", self.sets)
        self.assertEqual([], self.sets())

    def test_lost_but_done_once(self):
        fault("lost")
        with self.assertRaises(ConnectionClosedError):
            self.create(a("www"))
        self.assertEqual(["www.example.com."], self.names())
        self.assertIn("already exists", self.wrong(("CREATE", a("www"))))
        self.assertEqual(2, control("GET", "/calls")[OPERATION])

    def test_only_what_matches(self):
        fault("throttle", match=f"bad.{ZONE}", count=-1)
        fault("throttle", "route53.ListResourceRecordSets", match="222222222222", count=-1)
        self.wrong(("CREATE", a("www")), ("CREATE", a("bad")), code="Throttling")
        self.create(a("www"))
        self.assertEqual(["www.example.com."], self.names())
        self.assertEqual(ACCOUNT, control("GET", "/calls?detail=1")[-1]["account"])

    def test_latency_and_hold(self):
        fault("latency", latency_ms=200)
        began = time.monotonic()
        self.create(a("one"))
        self.assertGreaterEqual(time.monotonic() - began, 0.2)
        fault("latency", hold=True)
        done = threading.Event()

        def late():
            self.create(a("two"))
            done.set()

        threading.Thread(target=late).start()
        self.eventually(lambda: control("GET", "/calls").get(OPERATION), 2)
        self.assertFalse(done.wait(0.2))
        # Others are not held up.
        self.assertEqual(["one.example.com."], self.names())
        control("DELETE", "/faults")
        self.assertTrue(done.wait(5))
        self.assertEqual(2, len(self.sets()))


if __name__ == "__main__":
    unittest.main()
