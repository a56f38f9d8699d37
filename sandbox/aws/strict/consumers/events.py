"""EventBridge: ListEventBuses, ListRules, ListTargetsByRule and ListRuleNamesByTarget, in pages of at most 100."""

import json

from moto.events.exceptions import ResourceNotFoundException, ValidationException
from moto.events.models import EventsBackend
from moto.events.responses import EventsHandler

from strict.consumers.paging import page

MOST = 100
_put_targets = EventsBackend.put_targets


def _listed(response, things, key):
    asked, token = response._get_param("Limit"), response._get_param("NextToken")
    return page(things, key, asked, MOST, MOST, token, ValidationException)


def _answer(response, name, things, token):
    return json.dumps({name: things, "NextToken": token}), response.response_headers


def _bus(response):
    backend = response.events_backend
    return backend._get_event_bus(backend._normalize_event_bus_arn(response._get_param("EventBusName")))


def list_event_buses(self):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListEventBuses.html: at most 100 a page."""
    prefix = self._get_param("NamePrefix") or ""
    buses = [one for one in self.events_backend.event_buses.values() if one.name.startswith(prefix)]
    found, token = _listed(self, buses, lambda one: one.name)
    shown = [{"Name": one.name, "Arn": one.arn, **({"Policy": one.policy} if one.policy else {})} for one in found]
    return _answer(self, "EventBuses", shown, token)


def list_rules(self):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html: at most 100 a page; no rule is
    lost when another goes between two pages."""
    prefix = self._get_param("NamePrefix") or ""
    rules = [one for one in _bus(self).rules.values() if one.name.startswith(prefix)]
    found, token = _listed(self, rules, lambda one: one.name)
    return _answer(self, "Rules", [one.describe() for one in found], token)


def list_targets_by_rule(self):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html: at most 100 a page."""
    name = self._get_param("Rule")
    if not name:
        raise ValidationException("Parameter Rule is required.")
    rule = _bus(self).rules.get(name)
    if rule is None:
        raise ResourceNotFoundException(f"Rule {name} does not exist.")
    found, token = _listed(self, rule.targets, lambda one: one["Id"])
    return _answer(self, "Targets", found, token)


def list_rule_names_by_target(self):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRuleNamesByTarget.html: at most 100 a
    page."""
    target = self._get_param("TargetArn")
    if not target:
        raise ValidationException("Parameter TargetArn is required.")
    names = [one.name for one in _bus(self).rules.values() if any(each["Arn"] == target for each in one.targets)]
    found, token = _listed(self, names, str)
    return _answer(self, "RuleNames", found, token)


def put_targets(self, name, event_bus_arn, targets):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html: an ECS cluster is a target
    only with a task definition and a role."""
    for target in targets:
        if ":ecs:" in target.get("Arn", "") and ":cluster/" in target["Arn"]:
            if not (target.get("EcsParameters") or {}).get("TaskDefinitionArn"):
                raise ValidationException(f"EcsParameters must be specified for target: {target.get('Id')}.")
            if not target.get("RoleArn"):
                raise ValidationException(f"RoleArn is required for target {target['Arn']}.")
    return _put_targets(self, name, event_bus_arn, targets)


def apply():
    EventsHandler.list_event_buses = list_event_buses
    EventsHandler.list_rules = list_rules
    EventsHandler.list_targets_by_rule = list_targets_by_rule
    EventsHandler.list_rule_names_by_target = list_rule_names_by_target
    EventsBackend.put_targets = put_targets
