"""EventBridge: which rules match, and what their targets get."""

import json
import unittest

from harness import ACCOUNT, REGION, strictness
from hearing import HearingCase

SEND = "bus.send_to_targets"


class Bus(HearingCase):
    def put(self, source="epoxy", kind="bootstrap", **detail):
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
        return self.events.put_events(Entries=[entry])

    @strictness(SEND)
    def test_a_queue_gets_the_whole_envelope(self):
        queue = self.queue()
        self.rule(queue, source=["epoxy"])
        answer = self.put(node='quoted "node"')
        (event,) = self.heard(queue, 1)
        self.assertRegex(event.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        wanted = {
            "version": "0",
            "id": answer["Entries"][0]["EventId"],
            "detail-type": "bootstrap",
            "source": "epoxy",
            "account": ACCOUNT,
            "region": REGION,
            "resources": [],
            "detail": {"node": 'quoted "node"'},
        }
        self.assertEqual(wanted, event)

    @strictness(SEND)
    def test_a_topic_gets_it_as_its_message(self):
        queue = self.queue()
        topic = self.topic(queue)
        self.events.put_rule(Name="all", EventPattern=json.dumps({"source": ["epoxy"]}))
        self.events.put_targets(Rule="all", Targets=[{"Id": "topic", "Arn": topic}])
        self.put(node="web-1")
        (event,) = self.heard(queue, 1)
        self.assertEqual({"node": "web-1"}, event["detail"])

    @strictness(SEND)
    def test_only_rules_that_are_enabled_and_have_a_pattern(self):
        disabled, timed, all_of_it = self.queue("disabled"), self.queue("timed"), self.queue("all")
        self.rule(disabled, "disabled", source=["epoxy"])
        self.events.disable_rule(Name="disabled")
        self.events.put_rule(Name="timed", ScheduleExpression="rate(1 hour)")
        self.events.put_targets(Rule="timed", Targets=[{"Id": "queue", "Arn": self.arn(timed)}])
        self.rule(all_of_it, "all", source=["epoxy"])
        self.put(node="web-1")
        self.heard(all_of_it, 1)
        self.assertEqual([], self.receive(disabled, wait=0) + self.receive(timed, wait=0))

    def test_matching(self):
        for name, pattern, matches in (
            ("exact", ["web-1"], True),
            ("other", ["web-2"], False),
            ("prefix", [{"prefix": "web-"}], True),
            ("anything-but", [{"anything-but": ["web-1"]}], False),
            ("anything-but-other", [{"anything-but": ["web-2"]}], True),
        ):
            queue = self.queue(name)
            self.rule(queue, name, detail={"node": pattern})
            self.put(node="web-1")
            self.assertEqual(matches, bool(self.receive(queue, wait=0)), name)
            self.events.disable_rule(Name=name)

    @strictness(SEND)
    def test_what_a_target_asks_for(self):
        queue = self.queue()
        self.events.put_rule(Name="all", EventPattern=json.dumps({"source": ["epoxy"]}))
        for asked, wanted in (
            ({"Input": '{"fixed": 1}'}, {"fixed": 1}),
            ({"InputPath": "$.detail"}, {"node": "web-1"}),
        ):
            self.events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": self.arn(queue), **asked}])
            self.put(node="web-1")
            self.assertEqual([wanted], self.heard(queue, 1))

    @strictness("bus.put_events")
    def test_nobody_forges_aws(self):
        queue = self.queue()
        self.rule(queue, source=["aws.ec2"])
        answer = self.put(source="aws.ec2")
        self.assertEqual(1, answer["FailedEntryCount"])
        self.assertEqual("NotAuthorizedForSource", answer["Entries"][0]["ErrorCode"])
        self.assertEqual([], self.receive(queue, wait=0))


if __name__ == "__main__":
    unittest.main()
