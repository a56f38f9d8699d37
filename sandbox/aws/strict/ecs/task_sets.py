"""CreateTaskSet, DescribeTaskSets, UpdateTaskSet, UpdateServicePrimaryTaskSet and DeleteTaskSet."""

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import placement, rollout, services, state, task_definitions
from strict.ecs.runner import TaskSet

MOST = 5


def _service(self):
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    service = services.active(backend, cluster, self._get_param("service"))
    if service.controller != "EXTERNAL":
        raise state.error("UnsupportedFeatureException", "The service does not use the EXTERNAL deployment controller.")
    return service


def _find(service, name):
    for one in service.task_sets:
        if name in (one.id, one.task_set_arn):
            return one
    raise state.error("TaskSetNotFoundException", "The specified task set does not exist.")


def _scale(asked):
    scale = {"value": 0.0, "unit": "PERCENT", **(asked or {})}
    scale["value"] = float(scale["value"])
    if scale["unit"] != "PERCENT" or not 0 <= scale["value"] <= 100:
        raise state.invalid("The scale must be a percentage between 0 and 100.")
    return scale


def create_task_set(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateTaskSet.html: for a service with the
    EXTERNAL controller, of an ACTIVE task definition, and with no tasks unless a scale is given."""
    service, asked = _service(self), self._get_params()
    if len(service.task_sets) >= MOST:
        raise state.error("LimitExceededException", f"A service has at most {MOST} task sets.")
    return state.once(self.ecs_backend, ("CreateTaskSet", service.arn), asked, lambda: _create(service, asked))


def _create(service, asked):
    definition = task_definitions.usable(service.backend, asked.get("taskDefinition"))
    launch, provider = placement.wanted(service.cluster, asked.get("launchType"), asked.get("capacityProviderStrategy"))
    made = TaskSet(
        service,
        definition,
        _scale(asked.get("scale")),
        launch_type=launch,
        capacity_provider=provider,
        network_configuration=asked.get("networkConfiguration"),
        platform_version=asked.get("platformVersion"),
        external_id=asked.get("externalId"),
        load_balancers=asked.get("loadBalancers"),
        service_registries=asked.get("serviceRegistries"),
        tags=asked.get("tags"),
    )
    service.task_sets.append(made)
    service.move()
    return ActionResult({"taskSet": made.view(tags=True)})


def describe_task_sets(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskSets.html: all of a service, or those
    named; what is unknown is a failure."""
    service, names = _service(self), self._get_param("taskSets") or []
    tags = "TAGS" in (self._get_param("include") or [])
    found, failures = [], []
    for name in names or [one.id for one in service.task_sets]:
        try:
            found.append(_find(service, name).view(tags))
        except state.ECSException:
            failures.append(state.missing(name))
    return ActionResult({"taskSets": found, "failures": failures})


def update_task_set(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskSet.html: changes the scale."""
    service = _service(self)
    found = _find(service, self._get_param("taskSet"))
    found.scale, found.updated_at = _scale(self._get_param("scale")), state.now()
    found.desired = found.computed(service.desired_count)
    service.move()
    return ActionResult({"taskSet": found.view()})


def update_service_primary_task_set(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateServicePrimaryTaskSet.html: the service
    takes the task definition of its primary task set."""
    service = _service(self)
    primary = _find(service, self._get_param("primaryTaskSet"))
    for one in service.task_sets:
        one.status = "PRIMARY" if one is primary else "ACTIVE"
    service.task_definition = primary.task_definition.arn
    return ActionResult({"taskSet": primary.view()})


def delete_task_set(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskSet.html: one that has tasks goes only
    with `force`."""
    service = _service(self)
    found = _find(service, self._get_param("taskSet"))
    if found.desired and not self._get_param("force"):
        raise state.invalid("The task set cannot be deleted while it is scaled above 0.")
    found.stop_all("Task set deleted")
    found.status = "DRAINING"
    service.task_sets.remove(found)
    return ActionResult({"taskSet": found.view()})


def apply():
    EC2ContainerServiceResponse.create_task_set = create_task_set
    EC2ContainerServiceResponse.describe_task_sets = describe_task_sets
    EC2ContainerServiceResponse.update_task_set = update_task_set
    EC2ContainerServiceResponse.update_service_primary_task_set = update_service_primary_task_set
    EC2ContainerServiceResponse.delete_task_set = delete_task_set
