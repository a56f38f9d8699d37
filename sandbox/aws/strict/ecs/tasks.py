"""A task: provisioning, pending, running, stopping and stopped, as a function of the clock.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

import random
import uuid

from strict.ecs import registry, state
from strict.settings import SETTINGS

CONTAINER_STATUS = {"PROVISIONING": "PENDING", "PENDING": "PENDING", "STOPPED": "STOPPED"}


def needs(task_definition):
    """What a task takes of a container instance, in moto's words; memory may be given for the whole task only."""
    containers = task_definition.container_definitions
    mappings = [mapping for one in containers for mapping in one.get("portMappings") or []]
    return {
        "CPU": sum(int(one.get("cpu") or 0) for one in containers),
        "MEMORY": sum(int(one.get("memory") or one.get("memoryReservation") or 0) for one in containers),
        "PORTS": [mapping["hostPort"] for mapping in mappings if mapping.get("hostPort")],
        "PORTS_UDP": [],
    }


class StrictTask:
    def __init__(self, backend, cluster, task_definition, **fields):
        self.backend = backend
        self.id = uuid.uuid4().hex
        self.cluster_name, self.cluster_arn = cluster.name, cluster.arn
        self.task_arn = state.arn(backend, "task", cluster.name, self.id)
        self.task_definition = task_definition
        self.task_definition_arn = task_definition.arn
        self.launch_type = fields.get("launch_type") or "EC2"
        self.capacity_provider = fields.get("capacity_provider")
        self.platform_version = fields.get("platform_version")
        self.container_instance = fields.get("container_instance")
        self.network = fields.get("network")
        self.overrides = fields.get("overrides") or {}
        self.group = fields.get("group") or f"family:{task_definition.family}"
        self.started_by = fields.get("started_by")
        self.execute_command = bool(fields.get("execute_command"))
        self.tags = fields.get("tags") or []
        # Digests that a service revision pinned: container -> digest.
        self.pinned = fields.get("pinned") or {}
        self.created_at = state.now()
        self.running_at = self.created_at + SETTINGS["ecs_task_pending_seconds"]
        self.stopping_at = self.stopped_at = None
        self.stop_code = self.stopped_reason = None
        self.pulled = False
        self.digests = {}
        self.zone = backend.region_name + random.choice("ab")
        self.address = f"172.31.{random.randint(0, 255)}.{random.randint(4, 254)}"
        self.containers = [
            (definition, state.arn(backend, "container", cluster.name, self.id, str(uuid.uuid4())))
            for definition in task_definition.container_definitions
        ]

    @property
    def service_name(self):
        kind, _, name = self.group.partition(":")
        return name if kind == "service" else None

    @property
    def desired_status(self):
        return "STOPPED" if self.stopping_at is not None else "RUNNING"

    @property
    def last_status(self):
        now = state.now()
        if self.stopping_at is not None:
            return "STOPPED" if now >= self.stopped_at else "DEACTIVATING"
        if now >= self.running_at:
            return "RUNNING"
        halfway = (self.created_at + self.running_at) / 2
        return "PROVISIONING" if now < halfway else "PENDING"

    def pull(self):
        """Pulls the images when the task begins to run; what cannot be pulled stops the task.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html
        """
        if self.pulled or self.last_status != "RUNNING":
            return
        self.pulled = True
        state.of(self.backend).waiting.pop(self.task_arn, None)
        try:
            for definition, _ in self.containers:
                self.digests[definition["name"]] = self._digest(definition)
        except registry.NotFound as problem:
            self.stop("TaskFailedToStart", str(problem))

    def _digest(self, definition):
        pinned = self.pinned.get(definition["name"])
        # A pinned digest is what is pulled, wherever the tag is by now: it must still be there.
        return registry.digest_of(registry.by_digest(definition["image"], pinned) if pinned else definition["image"])

    def stop(self, code, reason):
        if self.stopping_at is not None:
            return
        self.pull()
        if self.stopping_at is not None:
            return
        self.stopping_at = state.now()
        self.stopped_at = self.stopping_at + SETTINGS["ecs_task_stop_seconds"]
        self.stop_code, self.stopped_reason = code, reason
        state.of(self.backend).waiting.pop(self.task_arn, None)
        if self.service_name:
            state.of(self.backend).moving.add(f"{self.cluster_name}:{self.service_name}")
        if self.container_instance is not None:
            self.backend.update_container_instance_resources(self.container_instance, needs(self.task_definition), True)

    def view(self, tags=False, status=None):
        self.pull()
        status = status or self.last_status
        stopped = status == "STOPPED"
        fargate = self.launch_type == "FARGATE"
        waiting = status in ("PROVISIONING", "PENDING")
        started = self.running_at if self._started() and not waiting else None
        return {
            "taskArn": self.task_arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.task_definition_arn,
            "lastStatus": status,
            "desiredStatus": self.desired_status,
            "containers": [self._container(definition, arn, status) for definition, arn in self.containers],
            "cpu": self.overrides.get("cpu") or self.task_definition.cpu or "0",
            "memory": self.overrides.get("memory") or self.task_definition.memory or "0",
            "overrides": {"containerOverrides": [], **self.overrides},
            "group": self.group,
            "startedBy": self.started_by,
            "launchType": None if self.capacity_provider else self.launch_type,
            "capacityProviderName": self.capacity_provider,
            "platformVersion": (self.platform_version or "1.4.0").replace("LATEST", "1.4.0") if fargate else None,
            "platformFamily": "Linux" if fargate else None,
            "ephemeralStorage": {"sizeInGiB": 20} if fargate else None,
            "containerInstanceArn": self.container_instance and self.container_instance.container_instance_arn,
            "availabilityZone": self.zone,
            "attachments": self._attachments(stopped),
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "connectivity": "CONNECTED" if started else None,
            "connectivityAt": state.timestamp(started),
            "createdAt": state.timestamp(self.created_at),
            "pullStartedAt": state.timestamp(started),
            "pullStoppedAt": state.timestamp(started),
            "startedAt": state.timestamp(started),
            "stoppingAt": state.timestamp(self.stopping_at),
            "executionStoppedAt": state.timestamp(self.stopped_at if stopped else None),
            "stoppedAt": state.timestamp(self.stopped_at if stopped else None),
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "healthStatus": "UNKNOWN",
            "enableExecuteCommand": self.execute_command,
            "version": 1 + 2 * bool(started) + 2 * stopped,
            "tags": self.tags if tags else [],
        }

    def _started(self):
        return self.pulled and self.stop_code != "TaskFailedToStart"

    def _container(self, definition, arn, status):
        name = definition["name"]
        started = self._started() and status not in ("PROVISIONING", "PENDING")
        return {
            "containerArn": arn,
            "taskArn": self.task_arn,
            "name": name,
            "image": definition["image"],
            # A container whose image is not pulled yet has no digest.
            "imageDigest": self.digests.get(name) if started else None,
            "runtimeId": f"{self.id}-{abs(hash(name)) % 10**10}" if started else None,
            "lastStatus": CONTAINER_STATUS.get(status, "RUNNING"),
            "exitCode": 143 if started and status == "STOPPED" else None,
            "reason": self.stopped_reason if self.stop_code == "TaskFailedToStart" else None,
            "networkBindings": [],
            "networkInterfaces": self._interfaces(),
            "healthStatus": "UNKNOWN",
            "cpu": str(definition.get("cpu") or 0),
            "memory": str(definition["memory"]) if definition.get("memory") else None,
            "memoryReservation": str(definition["memoryReservation"]) if definition.get("memoryReservation") else None,
        }

    def _interfaces(self):
        return [{"attachmentId": self.id, "privateIpv4Address": self.address}] if self.network else []

    def _attachments(self, stopped):
        if not self.network:
            return []
        details = {"subnetId": self.network["subnets"][0], "privateIPv4Address": self.address}
        return [
            {
                "id": self.id,
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if stopped else "ATTACHED" if self.pulled else "PRECREATED",
                "details": [{"name": name, "value": value} for name, value in details.items()],
            }
        ]
