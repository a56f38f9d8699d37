"""A service: its deployments or task sets, its revisions, and how it is created, updated and deleted."""

import re
import uuid
from collections import deque

from moto.ecs.models import EC2ContainerServiceBackend, Service

from strict.ecs import placement, revisions, state, task_definitions
from strict.ecs.runner import Deployment

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
CONFIGURATION = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
# A change of these is a new deployment; the others only change the service.
DEPLOYED = ("capacityProviderStrategy", "networkConfiguration", "platformVersion", "loadBalancers", "serviceRegistries",
            "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
KEPT = ("deploymentConfiguration", "placementConstraints", "placementStrategy", "healthCheckGracePeriodSeconds",
        "enableExecuteCommand", "enableECSManagedTags", "propagateTags", "availabilityZoneRebalancing")


class StrictService(Service):
    def __init__(self, backend, cluster, asked):
        self.backend, self.cluster = backend, cluster
        # moto's own names, for what else looks at services (CloudFormation, tags).
        self._backend, self._account_id, self.region_name = backend, backend.account_id, backend.region_name
        self.name = asked["serviceName"]
        self.cluster_name, self.cluster_arn = cluster.name, cluster.arn
        self.status = "ACTIVE"
        self.desired_count = int(asked.get("desiredCount") or 0)
        self.controller = (asked.get("deploymentController") or {}).get("type") or "ECS"
        self.scheduling_strategy = asked.get("schedulingStrategy") or "REPLICA"
        self.launch_type, self.capacity_provider = None, None
        self.task_definition = None
        self.fields = {"propagateTags": "NONE", "enableECSManagedTags": False, "enableExecuteCommand": False}
        self.fields["deploymentConfiguration"] = dict(CONFIGURATION)
        self.tags = asked.get("tags") or []
        self.role_arn = asked.get("role")
        self.created_at = state.now()
        self.events = deque(maxlen=100)
        # Newest first, as DescribeServices shows them.
        self.rollouts = []
        self.task_sets = []
        self.last_deployment = None

    def take(self, asked):
        """Takes the settings of a request over."""
        for name in (*DEPLOYED, *KEPT):
            if asked.get(name) is not None:
                value = asked[name]
                self.fields[name] = {**CONFIGURATION, **value} if name == "deploymentConfiguration" else value
        if asked.get("launchType") or asked.get("capacityProviderStrategy") or self.launch_type is None:
            self.launch_type, self.capacity_provider = placement.wanted(
                self.cluster, asked.get("launchType"), asked.get("capacityProviderStrategy")
            )

    def runners(self):
        return [*self.rollouts, *self.task_sets]

    def primary(self):
        return self.rollouts[0] if self.rollouts else None

    def event(self, text):
        self.events.appendleft({
            "id": str(uuid.uuid4()),
            "createdAt": state.timestamp(state.now()),
            "message": f"(service {self.name}) {text}",
        })

    def move(self):
        state.of(self.backend).moving.add(f"{self.cluster_name}:{self.name}")

    def deploy(self, task_definition):
        """A new deployment; the ones before it stay until it has taken over."""
        new = Deployment(
            self,
            task_definition,
            self.desired_count,
            launch_type=self.launch_type,
            capacity_provider=self.capacity_provider,
            network_configuration=self.fields.get("networkConfiguration"),
            platform_version=self.fields.get("platformVersion"),
        )
        for old in self.rollouts:
            old.status = "ACTIVE"
            if not old.completed:
                old.service_deployment.finish("STOPPED")
        revisions.record(self, new)
        self.rollouts.insert(0, new)
        self.task_definition = task_definition.arn
        self.move()

    def scale(self, count):
        self.desired_count = count
        for position, rollout in enumerate(self.rollouts):
            rollout.desired = count if position == 0 else min(rollout.desired, count)
        for task_set in self.task_sets:
            task_set.desired = task_set.computed(count)
        self.move()


def find(backend, cluster, name):
    """A service by name or ARN, in whatever state."""
    service = backend.services.get(f"{cluster.name}:{(name or '').split('/')[-1]}")
    if service is None or ((name or "").startswith("arn:") and name != service.arn):
        return None
    return service


def active(backend, cluster, name):
    service = find(backend, cluster, name)
    if service is None:
        raise state.error("ServiceNotFoundException", "Service not found.")
    if service.status != "ACTIVE":
        raise state.error("ServiceNotActiveException", "Service was not ACTIVE.")
    return service


def create(backend, asked):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html"""
    cluster = state.cluster_of(backend, asked.get("cluster"))
    name = asked.get("serviceName")
    if not NAME.fullmatch(name or ""):
        raise state.invalid("Service name contains invalid characters, or is longer than 255 characters.")
    there = backend.services.get(f"{cluster.name}:{name}")
    request = {key: value for key, value in asked.items() if key != "clientToken"}
    if there is not None and there.status == "DRAINING":
        raise state.invalid("Unable to Start a service that is still Draining.")
    if there is not None and there.status == "ACTIVE":
        if there.request == request:
            return there
        raise state.invalid("Creation of service was not idempotent.")
    service = StrictService(backend, cluster, asked)
    service.request = request
    service.take(asked)
    _first(backend, service, asked)
    backend.services[f"{cluster.name}:{name}"] = service
    return service


def _first(backend, service, asked):
    if service.controller == "EXTERNAL":
        for name in ("taskDefinition", "launchType", "networkConfiguration", "platformVersion"):
            if asked.get(name):
                raise state.invalid(f"{name} is not supported for a service with the EXTERNAL deployment controller.")
        return
    if service.controller != "ECS":
        raise state.invalid(f"The deployment controller {service.controller} is not modelled here.")
    if not asked.get("taskDefinition"):
        raise state.invalid("TaskDefinition cannot be blank.")
    if service.scheduling_strategy == "DAEMON":
        service.desired_count = len(backend.container_instances.get(service.cluster_name, {}))
    service.deploy(task_definitions.usable(backend, asked["taskDefinition"]))


def update(backend, asked):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html"""
    cluster = state.cluster_of(backend, asked.get("cluster"))
    service = active(backend, cluster, asked.get("service"))
    external = service.controller == "EXTERNAL"
    if external and (asked.get("taskDefinition") or any(asked.get(name) for name in DEPLOYED)):
        raise state.invalid("An EXTERNAL service takes a task definition and the like by its task sets only.")
    # Everything is checked before anything is changed.
    definition = task_definitions.usable(backend, asked["taskDefinition"]) if asked.get("taskDefinition") else None
    changed = any(asked.get(name) is not None and asked[name] != service.fields.get(name) for name in DEPLOYED)
    service.take(asked)
    if asked.get("desiredCount") is not None:
        service.scale(int(asked["desiredCount"]))
    if external:
        return service
    current = service.primary().task_definition
    if changed or asked.get("forceNewDeployment") or (definition is not None and definition is not current):
        service.deploy(definition or current)
    return service


def delete(backend, cluster, service, force):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html"""
    if service.desired_count > 0 and not force and service.scheduling_strategy == "REPLICA":
        raise state.invalid("The service cannot be stopped while it is scaled above 0.")
    if service.task_sets and not force:
        raise state.invalid("The service cannot be stopped while it has task sets.")
    service.status = "DRAINING"
    service.desired_count = 0
    for runner in service.runners():
        runner.stop_all("Service deleted")
    service.move()
    return service


def create_service(self, cluster_str, service_name, desired_count, task_definition_str=None, **_fields):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html: a service
    of a stack is a service like any other."""
    asked = {"cluster": cluster_str, "serviceName": service_name, "desiredCount": desired_count,
             "taskDefinition": task_definition_str}
    return create(self, asked)


def update_service(self, properties):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html: likewise
    for its update."""
    asked = {"cluster": properties.get("cluster"), "service": properties["service"]}
    asked["taskDefinition"] = properties.get("task_definition")
    asked["desiredCount"] = properties.get("desired_count")
    return update(self, asked)


def apply():
    EC2ContainerServiceBackend.create_service = create_service
    EC2ContainerServiceBackend.update_service = update_service
