"""What keeps tasks of one task definition running in a service: a deployment or a task set."""

import math
import random

from strict.ecs import placement, registry, state

# Seconds until tasks that could not start are tried again.
RETRY = 5


class Runner:
    def __init__(self, service, task_definition, desired, **fields):
        self.service = service
        self.id = f"ecs-svc/{random.randint(10**18, 10**19 - 1)}"
        self.task_definition = task_definition
        self.desired = desired
        self.network_configuration = fields.get("network_configuration")
        self.launch_type = fields.get("launch_type") or "EC2"
        self.capacity_provider = fields.get("capacity_provider")
        self.platform_version = fields.get("platform_version")
        self.network = placement.network_of(task_definition, self.network_configuration)
        placement.check_compatible(task_definition, self.launch_type)
        self.pinned = {}
        self.created_at = self.updated_at = state.now()
        self.failed = 0
        self.retry_at = 0.0
        self._tasks = []

    def tasks(self, *statuses):
        return [task for task in self._tasks if not statuses or task.last_status in statuses]

    @property
    def running(self):
        return len(self.tasks("RUNNING"))

    @property
    def pending(self):
        return len(self.tasks("PROVISIONING", "PENDING"))

    def keep(self):
        """Starts what is missing and stops what is too much."""
        failed = [task for task in self._tasks if task.stop_code == "TaskFailedToStart"]
        if failed:
            self.failed += len(failed)
            self.retry_at = state.now() + RETRY
        self._tasks = [task for task in self._tasks if task.last_status != "STOPPED"]
        wanted = [task for task in self._tasks if task.desired_status == "RUNNING"]
        for task in wanted[self.desired:]:
            task.stop("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {self.id})")
        if state.now() >= self.retry_at:
            self._start(self.desired - len(wanted))

    def _start(self, count):
        for _ in range(count):
            task = placement.place(
                self.service.backend,
                self.service.cluster,
                self.task_definition,
                self.launch_type,
                network=self.network,
                capacity_provider=self.capacity_provider,
                platform_version=self.platform_version,
                group=f"service:{self.service.name}",
                started_by=self.id,
                pinned=self.pinned,
                execute_command=self.service.fields.get("enableExecuteCommand"),
                tags=self._tags(),
            )
            if task is None:
                self.service.event("was unable to place a task: no container instance met all of its requirements.")
                self.retry_at = state.now() + RETRY
                return
            self._tasks.append(task)

    def _tags(self):
        source = self.service.fields.get("propagateTags")
        return {"SERVICE": self.service.tags, "TASK_DEFINITION": self.task_definition.tags}.get(source, [])

    def stop_all(self, reason):
        self.desired = 0
        for task in self._tasks:
            task.stop("ServiceSchedulerInitiated", reason)

    def settled(self):
        return self.running == self.desired and len(self.tasks()) == self.desired

    def common_view(self):
        fargate = self.launch_type == "FARGATE"
        return {
            "id": self.id,
            "taskDefinition": self.task_definition.arn,
            "pendingCount": self.pending,
            "runningCount": self.running,
            "createdAt": state.timestamp(self.created_at),
            "updatedAt": state.timestamp(self.updated_at),
            "launchType": None if self.capacity_provider else self.launch_type,
            "platformVersion": (self.platform_version or "LATEST") if fargate else None,
            "platformFamily": "Linux" if fargate else None,
            "networkConfiguration": self.network_configuration,
        }


class Deployment(Runner):
    """One deployment of a service: PRIMARY while it is the newest, ACTIVE until the next has taken over."""

    def __init__(self, service, task_definition, desired, **fields):
        super().__init__(service, task_definition, desired, **fields)
        self.status = "PRIMARY"
        self.completed = False
        self.pinned = pinned(task_definition)
        self.revision = None
        self.service_deployment = None

    def view(self):
        state_name = "COMPLETED" if self.completed else "IN_PROGRESS"
        words = "completed." if self.completed else "in progress."
        return {
            **self.common_view(),
            "status": self.status,
            "desiredCount": self.desired,
            "failedTasks": self.failed,
            "rolloutState": state_name,
            "rolloutStateReason": f"ECS deployment {self.id} {words}",
        }


def pinned(task_definition):
    """The digests that a deployment pins; an image that is not there is left to fail when it is pulled.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html#deployment-container-image-stability
    """
    digests = {}
    for container in task_definition.container_definitions:
        if container.get("versionConsistency") == "disabled":
            continue
        try:
            digests[container["name"]] = registry.digest_of(container["image"])
        except registry.NotFound:
            continue
    return digests


class TaskSet(Runner):
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html"""

    def __init__(self, service, task_definition, scale, **fields):
        self.scale = scale
        super().__init__(service, task_definition, self.computed(service.desired_count), **fields)
        self.status = "ACTIVE"
        self.external_id = fields.get("external_id")
        self.load_balancers = fields.get("load_balancers") or []
        self.service_registries = fields.get("service_registries") or []
        self.tags = fields.get("tags") or []
        self.task_set_arn = state.arn(service.backend, "task-set", service.cluster_name, service.name, self.id)

    def computed(self, desired_count):
        return math.ceil(desired_count * self.scale["value"] / 100)

    def view(self, tags=False):
        return {
            **self.common_view(),
            "taskSetArn": self.task_set_arn,
            "serviceArn": self.service.arn,
            "clusterArn": self.service.cluster_arn,
            "externalId": self.external_id,
            "status": self.status,
            "computedDesiredCount": self.desired,
            "scale": self.scale,
            "loadBalancers": self.load_balancers,
            "serviceRegistries": self.service_registries,
            "stabilityStatus": "STEADY_STATE" if self.settled() else "STABILIZING",
            "stabilityStatusAt": state.timestamp(self.updated_at),
            "tags": self.tags if tags else [],
        }
