"""EventBridge Scheduler: ListScheduleGroups and ListSchedules in pages of at most 100, and groups that must exist."""

import json

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend
from moto.scheduler.responses import EventBridgeSchedulerResponse

from strict.consumers.paging import page

MOST = 100
_create = EventBridgeSchedulerBackend.create_schedule


def _listed(response, things, key):
    asked, token = response._get_param("MaxResults"), response._get_param("NextToken")
    return page(things, key, asked, MOST, MOST, token, ValidationException)


def list_schedule_groups(self):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListScheduleGroups.html: at most 100 a page."""
    prefix = self._get_param("NamePrefix") or ""
    groups = [one for one in self.scheduler_backend.schedule_groups.values() if one.name.startswith(prefix)]
    found, token = _listed(self, groups, lambda one: one.name)
    return json.dumps({"ScheduleGroups": [one.to_dict() for one in found], "NextToken": token})


def list_schedules(self):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListSchedules.html: at most 100 a page, of all
    groups or of one, which must exist; targets without their parameters."""
    backend = self.scheduler_backend
    name, state = self._get_param("ScheduleGroup"), self._get_param("State")
    prefix = self._get_param("NamePrefix") or ""
    groups = [backend.get_schedule_group(name)] if name else backend.schedule_groups.values()
    schedules = [
        one
        for group in groups
        for one in group.schedules.values()
        if state in (None, one.state) and one.name.startswith(prefix)
    ]
    found, token = _listed(self, schedules, lambda one: one.arn)
    return json.dumps({"Schedules": [one.to_dict(short=True) for one in found], "NextToken": token})


def create_schedule(self, *args, **fields):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html: into a group that exists,
    and an ECS target names a task definition."""
    self.get_schedule_group(fields.get("group_name"))
    target = fields.get("target") or {}
    if ":ecs:" in target.get("Arn", "") and ":cluster/" in target["Arn"]:
        if not (target.get("EcsParameters") or {}).get("TaskDefinitionArn"):
            raise ValidationException("EcsParameters with a TaskDefinitionArn must be specified for an ECS target.")
    return _create(self, *args, **fields)


def apply():
    EventBridgeSchedulerResponse.list_schedule_groups = list_schedule_groups
    EventBridgeSchedulerResponse.list_schedules = list_schedules
    EventBridgeSchedulerBackend.create_schedule = create_schedule
