"""RegisterTaskDefinition, DescribeTaskDefinition, DeregisterTaskDefinition and DeleteTaskDefinitions."""

import re

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import references, state
from strict.settings import SETTINGS

FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
ARN = re.compile(r"arn:aws[a-z-]*:ecs:([a-z0-9-]+):(\d{12}):task-definition/(.+)")
# moto's names of the fields that are shown as they were given.
SHOWN = {
    "taskRoleArn": "task_role_arn",
    "executionRoleArn": "execution_role_arn",
    "networkMode": "network_mode",
    "volumes": "volumes",
    "placementConstraints": "placement_constraints",
    "requiresCompatibilities": "requires_compatibilities",
    "runtimePlatform": "runtime_platform",
    "proxyConfiguration": "proxy_configuration",
    "inferenceAccelerators": "inference_accelerators",
    "pidMode": "pid_mode",
    "ipcMode": "ipc_mode",
    "ephemeralStorage": "ephemeral_storage",
}


class StrictTaskDefinition(TaskDefinition):
    def __init__(self, backend, family, revision, container_definitions, **fields):
        network_mode = fields.get("network_mode")
        super().__init__(family, revision, container_definitions, backend.account_id, backend.region_name, **fields)
        self.network_mode = network_mode or "bridge"
        self.cpu, self.memory = units(self.cpu, 1024), units(self.memory, 1024)
        self.compatibilities = ["EC2"]
        if self.network_mode == "awsvpc" and self.cpu and self.memory:
            self.compatibilities.append("FARGATE")
        self.registered_at = state.now()
        self.registered_by = f"arn:aws:iam::{backend.account_id}:root"
        self.deregistered_at = None
        self.delete_requested_at = None

    def view(self):
        shown = {name: getattr(self, attribute, None) for name, attribute in SHOWN.items()}
        return {
            "taskDefinitionArn": self.arn,
            "containerDefinitions": self.container_definitions,
            "family": self.family,
            "revision": self.revision,
            "status": self.status,
            "compatibilities": self.compatibilities,
            "cpu": self.cpu,
            "memory": self.memory,
            "registeredAt": state.timestamp(self.registered_at),
            "registeredBy": self.registered_by,
            "deregisteredAt": state.timestamp(self.deregistered_at),
            "deleteRequestedAt": state.timestamp(self.delete_requested_at),
            **shown,
        }


def units(value, factor):
    """`.25 vCPU` and `1 GB` become whole numbers in text: "256", "1024"."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*(vcpu|gb)\s*", str(value or ""), re.IGNORECASE)
    if found:
        return str(int(float(found.group(1)) * factor))
    return None if value in (None, "") else str(value)


def register_task_definition(self, family, container_definitions, **fields):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html: the revision is one
    more than the last, also when that one is deleted, and Fargate wants awsvpc, cpu and memory."""
    if not FAMILY.fullmatch(family or ""):
        raise state.client_error("Family contains invalid characters, or is longer than 255 characters.")
    if not container_definitions:
        raise state.client_error("Container list cannot be empty.")
    if "FARGATE" in (fields.get("requires_compatibilities") or []):
        _check_fargate(fields)
    self._validate_container_defs(fields.get("memory"), container_definitions, fields.get("requires_compatibilities"))
    return add(self, family, container_definitions, **fields)


def _check_fargate(fields):
    if fields.get("network_mode") != "awsvpc":
        raise state.client_error("Fargate only supports network mode 'awsvpc'.")
    for size in ("cpu", "memory"):
        if not fields.get(size):
            raise state.client_error(f"Fargate requires that '{size}' be defined at the task level.")


def add(backend, family, container_definitions, **fields):
    """A new revision; the last number is remembered, so that thousands cost no search."""
    last = state.of(backend).last_revision
    last[family] = last.get(family, 0) + 1
    made = StrictTaskDefinition(backend, family, last[family], container_definitions, **fields)
    backend.task_definitions.setdefault(family, {})[made.revision] = made
    return made


def find(backend, name):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html: a revision by ARN or
    `family:revision`, or the latest ACTIVE one of a family; another account's or Region's is not here."""
    named = ARN.fullmatch(name or "")
    if named and named.groups()[:2] != (backend.region_name, backend.account_id):
        raise state.client_error("Unable to describe task definition.")
    family, _, number = (named.group(3) if named else name or "").partition(":")
    if number and not number.isdigit():
        raise state.invalid(f"Invalid revision number. Number: {number}")
    revisions = backend.task_definitions.get(family, {})
    if number:
        found = revisions.get(int(number))
    else:
        found = next((one for one in reversed(revisions.values()) if one.status == "ACTIVE"), None)
    if found is None:
        raise state.client_error("Unable to describe task definition.")
    return found


def usable(backend, name):
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-definition-state.html: nothing new is started
    from an INACTIVE task definition, nor from one in DELETE_IN_PROGRESS."""
    found = find(backend, name)
    if found.status != "ACTIVE":
        raise state.client_error("TaskDefinition is inactive")
    return found


def describe_task_definition(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html: a family alone means
    its latest ACTIVE revision; INACTIVE ones are found by revision."""
    purge(self.ecs_backend)
    found = find(self.ecs_backend, self._get_param("taskDefinition"))
    answer = {"taskDefinition": found.view()}
    if "TAGS" in (self._get_param("include") or []):
        answer["tags"] = found.tags
    return ActionResult(answer)


def deregister_task_definition(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html: a revision must be
    named; INACTIVE ones stay INACTIVE, with the time of the first call."""
    name = self._get_param("taskDefinition") or ""
    if ":" not in name.split("/")[-1]:
        raise state.client_error("Revision is missing.")
    found = find(self.ecs_backend, name)
    if found.status == "ACTIVE":
        found.status, found.deregistered_at = "INACTIVE", state.now()
    return ActionResult({"taskDefinition": found.view()})


def delete_task_definitions(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html: at most 10, only
    INACTIVE ones; they stay in DELETE_IN_PROGRESS while a task, deployment or task set refers to them."""
    names = self._get_param("taskDefinitions") or []
    if not names:
        raise state.invalid("size of TaskDefinition references list must be greater than 0")
    if len(names) > 10:
        raise state.invalid("Size of TaskDefinition references list cannot exceed 10")
    deleted, failures = [], []
    for name in names:
        found, reason = _deletable(self.ecs_backend, name)
        if reason:
            failures.append({"arn": name, "reason": reason})
            continue
        if found.status == "INACTIVE":
            found.status, found.delete_requested_at = "DELETE_IN_PROGRESS", state.now()
            state.of(self.ecs_backend).deleting[found.arn] = found
        deleted.append(found.view())
    return ActionResult({"taskDefinitions": deleted, "failures": failures})


def _deletable(backend, name):
    if ":" not in name.split("/")[-1]:
        return None, "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
    try:
        found = find(backend, name)
    except state.ECSException:
        return None, (
            "The specified task definition does not exist. Specify a valid account, family, revision and try again."
        )
    if found.status == "ACTIVE":
        return None, (
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
        )
    return found, None


def purge(backend):
    """What is in DELETE_IN_PROGRESS goes for good once nothing refers to it."""
    deleting = state.of(backend).deleting
    due = state.now() - SETTINGS["ecs_delete_seconds"]
    ready = [one for one in deleting.values() if one.delete_requested_at <= due]
    if not ready:
        return
    used = references.task_definitions(backend)
    for one in ready:
        if one.arn not in used:
            del deleting[one.arn]
            del backend.task_definitions[one.family][one.revision]


def apply():
    EC2ContainerServiceBackend.register_task_definition = register_task_definition
    EC2ContainerServiceBackend.describe_task_definition = find
    EC2ContainerServiceResponse.describe_task_definition = describe_task_definition
    EC2ContainerServiceResponse.deregister_task_definition = deregister_task_definition
    EC2ContainerServiceResponse.delete_task_definitions = delete_task_definitions
