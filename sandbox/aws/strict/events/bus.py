"""EventBridge: which rules an event matches, and what their SQS and SNS targets get."""

import copy
import json
import time
import uuid

from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp, utcnow
from moto.events.models import EventsBackend, Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.utilities.arns import parse_arn

from strict.events import courier

# What moto can send to by itself; other targets (an ECS cluster, a function) are not run here.
MOTO_SENDS = ("logs", "events")
# The parts of an envelope, in AWS's order.
PARTS = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")

_send = Rule.send_to_targets
_put_events = EventsBackend.put_events


def emit(account, region, source, detail_type, resources, detail):
    """An AWS service's own event, on the default bus; nobody waits for it."""
    rules = events_backends[account][region].event_buses["default"].rules
    if not rules:
        return
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": iso_8601_datetime_without_milliseconds(utcnow()),
        "region": region,
        "resources": resources,
        "detail": detail,
        "ingestion-time": time.time(),
    }
    courier.later(_route, list(rules.values()), event)


def _route(rules, event):
    for rule in rules:
        rule.send_to_targets(event)


def send_to_targets(self, original_event, transform_input=True):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html: a rule that is disabled, or that only has
    a schedule, matches no event.  https://docs.aws.amazon.com/eventbridge/latest/userguide/aws-events.html: a target
    gets the whole envelope (moto leaves the account out, breaks quotes, and knows no SNS)."""
    if self.state == "DISABLED" or not self.event_pattern.get_pattern():
        return
    if not self.event_pattern.matches_event(original_event):
        return
    for target in self.targets:
        service = parse_arn(target["Arn"]).service
        if service == "sqs":
            group = target.get("SqsParameters", {}).get("MessageGroupId")
            courier.to_queue(target["Arn"], _input(target, original_event), group)
        elif service == "sns":
            courier.to_topic(target["Arn"], _input(target, original_event))
        elif service in MOTO_SENDS:
            alone = copy.copy(self)
            alone.targets = [target]
            _send(alone, original_event, transform_input)


def _input(target, event):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""
    if "Input" in target:
        return target["Input"]
    whole = envelope(event)
    if "InputPath" in target:
        from jsonpath_ng.ext import parse

        return json.dumps(next((found.value for found in parse(target["InputPath"]).find(whole)), {}))
    transformer = target.get("InputTransformer")
    if transformer:
        paths = transformer.get("InputPathsMap", {})
        whole = {**whole, "ingestion-time": event["ingestion-time"]}
        return json.dumps(EventTemplateParser.parse(transformer["InputTemplate"], paths, whole))
    return json.dumps(whole, separators=(",", ":"))


def envelope(event):
    when = event["time"]
    if not isinstance(when, str):
        when = iso_8601_datetime_without_milliseconds(utcfromtimestamp(when))
    return {part: when if part == "time" else event[part] for part in PARTS}


def put_events(self, events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html: a source may not
    begin with `aws.`; nobody forges an AWS service's event."""
    forged = [str(one.get("Source", "")).startswith("aws.") for one in events]
    if not any(forged):
        return _put_events(self, events)
    answers = iter(_put_events(self, [one for one, bad in zip(events, forged) if not bad]))
    return [dict(REFUSED) if bad else next(answers) for bad in forged]


REFUSED = {"ErrorCode": "NotAuthorizedForSource", "ErrorMessage": "Not authorized for the source."}


def apply():
    Rule.send_to_targets = send_to_targets
    EventsBackend.put_events = put_events
