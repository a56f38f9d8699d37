"""RunTask, StartTask, StopTask, ListTasks and DescribeTasks."""

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import placement, rollout, state, task_definitions
from strict.settings import SETTINGS

_register = EC2ContainerServiceResponse.register_task_definition


def register_task_definition(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html: the answer tells
    when and by whom, and sizes are text."""
    made = _register(self).result["taskDefinition"]
    return ActionResult({"taskDefinition": made.view(), "tags": made.tags})


def run_task(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html: at most 10 at once, provisioning in
    the answer, idempotent by clientToken; Fargate needs no container instances, EC2 does."""
    backend, asked = self.ecs_backend, self._get_params()
    cluster = state.cluster_of(backend, asked.get("cluster"))
    count = int(asked.get("count") or 1)
    if not 1 <= count <= 10:
        raise state.invalid("count must be between 1 and 10.")
    return state.once(backend, ("RunTask", cluster.name), asked, lambda: _run(backend, cluster, count, asked))


def _run(backend, cluster, count, asked):
    definition = task_definitions.usable(backend, asked.get("taskDefinition"))
    launch_type, provider = placement.wanted(cluster, asked.get("launchType"), asked.get("capacityProviderStrategy"))
    placement.check_compatible(definition, launch_type)
    fields = {
        "network": placement.network_of(definition, asked.get("networkConfiguration")),
        "capacity_provider": provider,
        "overrides": asked.get("overrides"),
        "started_by": asked.get("startedBy"),
        "group": asked.get("group"),
        "platform_version": asked.get("platformVersion"),
        "execute_command": asked.get("enableExecuteCommand"),
        "tags": _tags(asked, definition),
    }
    if launch_type == "EC2" and not backend.container_instances.get(cluster.name):
        raise state.invalid("No Container Instances were found in your cluster.")
    placed = [placement.place(backend, cluster, definition, launch_type, **fields) for _ in range(count)]
    first = "PROVISIONING" if fields["network"] else "PENDING"
    return ActionResult({
        "tasks": [task.view(tags=True, status=first) for task in placed if task],
        "failures": [{"reason": "RESOURCE:MEMORY"} for task in placed if not task],
    })


def start_task(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StartTask.html: on the container instances named,
    at most 10; an unknown one is a failure."""
    backend, asked = self.ecs_backend, self._get_params()
    cluster = state.cluster_of(backend, asked.get("cluster"))
    definition = task_definitions.usable(backend, asked.get("taskDefinition"))
    names = asked.get("containerInstances") or []
    state.at_most(names, 10, "Container Instances")
    fields = {
        "network": placement.network_of(definition, asked.get("networkConfiguration")),
        "overrides": asked.get("overrides"),
        "started_by": asked.get("startedBy"),
        "group": asked.get("group"),
        "tags": _tags(asked, definition),
    }
    started, failures = [], []
    for name in names:
        if name.split("/")[-1] not in backend.container_instances.get(cluster.name, {}):
            failures.append(state.missing(name))
            continue
        task = placement.place(backend, cluster, definition, "EC2", instance=name.split("/")[-1], **fields)
        if task is None:
            failures.append({"arn": name, "reason": "RESOURCE:MEMORY"})
        else:
            started.append(task.view(tags=True, status="PENDING"))
    return ActionResult({"tasks": started, "failures": failures})


def _tags(asked, definition):
    own = asked.get("tags") or []
    if asked.get("propagateTags") != "TASK_DEFINITION":
        return own
    named = {tag["key"] for tag in own}
    return own + [tag for tag in definition.tags if tag["key"] not in named]


def find(backend, cluster, name):
    if name.startswith("arn:"):
        return backend.tasks.get(cluster.name, {}).get(name)
    return backend.tasks.get(cluster.name, {}).get(state.arn(backend, "task", cluster.name, name.split("/")[-1]))


def stop_task(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html: the task is stopped with the
    reason given, and is shown for another hour."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    task = find(backend, cluster, self._get_param("task") or "")
    if task is None:
        raise state.invalid("The referenced task was not found.")
    task.stop("UserInitiated", self._get_param("reason") or "Task stopped by user")
    answer = task.view()
    rollout.advance(backend)
    return ActionResult({"task": answer})


def forget_stopped(backend):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html: stopped tasks are shown for
    at least an hour."""
    before = state.now() - SETTINGS["ecs_stopped_seconds"]
    for tasks in backend.tasks.values():
        for arn in [arn for arn, task in tasks.items() if task.stopped_at is not None and task.stopped_at < before]:
            del tasks[arn]


def list_tasks(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html: pages of at most 100, RUNNING is
    the default of `desiredStatus` and covers what is still pending; by service, family, starter and launch type."""
    backend = self.ecs_backend
    rollout.advance(backend)
    forget_stopped(backend)
    asked = self._get_params()
    cluster = state.cluster_of(backend, asked.get("cluster"))
    desired = asked.get("desiredStatus") or "RUNNING"
    if desired not in ("RUNNING", "PENDING", "STOPPED"):
        raise state.invalid("desiredStatus must be one of RUNNING, PENDING, STOPPED.")
    service = (asked.get("serviceName") or "").split("/")[-1]
    if service and f"{cluster.name}:{service}" not in backend.services:
        raise state.error("ServiceNotFoundException", "Service not found.")
    wanted = {
        "service_name": service,
        "started_by": asked.get("startedBy"),
        "launch_type": asked.get("launchType"),
    }
    tasks = [task for task in backend.tasks.get(cluster.name, {}).values() if _matches(task, desired, asked, wanted)]
    page, token = state.listed(self, [task.task_arn for task in tasks])
    return ActionResult({"taskArns": page, "nextToken": token})


def _matches(task, desired, asked, wanted):
    family, instance = asked.get("family"), asked.get("containerInstance")
    if task.desired_status != desired or (family and task.task_definition.family != family):
        return False
    if instance and (task.container_instance is None or task.container_instance.id != instance.split("/")[-1]):
        return False
    return all(value is None or value == "" or getattr(task, name) == value for name, value in wanted.items())


def describe_tasks(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html: at most 100, what is unknown
    is a failure, and a container has a digest once its image is pulled."""
    backend = self.ecs_backend
    rollout.advance(backend)
    forget_stopped(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    names = self._get_param("tasks") or []
    state.at_most(names, 100, "Tasks")
    tags = "TAGS" in (self._get_param("include") or [])
    found, failures = [], []
    for name in dict.fromkeys(names):
        task = find(backend, cluster, name)
        if task is not None:
            found.append(task.view(tags))
        else:
            arn = name if name.startswith("arn:") else state.arn(backend, "task", cluster.name, name)
            failures.append(state.missing(arn))
    return ActionResult({"tasks": found, "failures": failures})


def apply():
    EC2ContainerServiceResponse.register_task_definition = register_task_definition
    EC2ContainerServiceResponse.run_task = run_task
    EC2ContainerServiceResponse.start_task = start_task
    EC2ContainerServiceResponse.stop_task = stop_task
    EC2ContainerServiceResponse.list_tasks = list_tasks
    EC2ContainerServiceResponse.describe_tasks = describe_tasks
