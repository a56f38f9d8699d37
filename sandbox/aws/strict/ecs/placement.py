"""Where a task runs: Fargate needs nothing, EC2 needs a registered container instance with room."""

from strict.ecs import state
from strict.ecs.tasks import StrictTask, needs

FARGATE = ("FARGATE", "FARGATE_SPOT")


def wanted(cluster, launch_type, strategy):
    """The launch type and the capacity provider of a request.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html: not both; without either the cluster's
    default strategy decides, and then EC2.
    """
    if launch_type and strategy:
        raise state.invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    if launch_type and launch_type not in ("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"):
        raise state.invalid("launch type should be one of [EC2,FARGATE,EXTERNAL,MANAGED_INSTANCES]")
    strategy = strategy or (None if launch_type else cluster.default_capacity_provider_strategy)
    if strategy:
        provider = max(strategy, key=lambda one: one.get("weight", 0))["capacityProvider"]
        return ("FARGATE" if provider in FARGATE else "EC2"), provider
    return launch_type or "EC2", None


def network_of(task_definition, configuration):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_NetworkConfiguration.html: awsvpc needs subnets,
    other network modes refuse them. Any subnet id will do: the sandbox needs no networks."""
    awsvpc = (configuration or {}).get("awsvpcConfiguration")
    if task_definition.network_mode != "awsvpc":
        if awsvpc:
            raise state.invalid("Network Configuration is not valid for the given networkMode of this task definition.")
        return None
    if not awsvpc:
        raise state.invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not awsvpc.get("subnets"):
        raise state.invalid("subnets can not be empty.")
    return awsvpc


def check_compatible(task_definition, launch_type):
    if launch_type == "FARGATE" and "FARGATE" not in task_definition.compatibilities:
        raise state.invalid("Task definition does not support launch_type FARGATE.")


def place(backend, cluster, task_definition, launch_type, instance=None, **fields):
    """A new task, or None when no container instance, or not this one, has room for it."""
    host = None
    if launch_type == "EC2":
        host = _host(backend, cluster, needs(task_definition), instance)
        if host is None:
            return None
    task = StrictTask(backend, cluster, task_definition, launch_type=launch_type, container_instance=host, **fields)
    backend.tasks.setdefault(cluster.name, {})[task.task_arn] = task
    state.of(backend).waiting[task.task_arn] = task
    task.pull()
    return task


def _host(backend, cluster, room, named):
    for one in backend.container_instances.get(cluster.name, {}).values():
        if named in (None, one.id) and one.status == "ACTIVE" and backend._can_be_placed(one, room):
            backend.update_container_instance_resources(one, room)
            return one
    return None
