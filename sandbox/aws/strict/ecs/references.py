"""What still needs a task definition."""


def task_definitions(backend):
    """ARNs that a task, a deployment or a task set refers to.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-definition-state.html#resource-block-delete
    """
    used = set()
    for tasks in backend.tasks.values():
        used.update(task.task_definition_arn for task in tasks.values() if task.last_status != "STOPPED")
    for service in backend.services.values():
        if service.status != "INACTIVE":
            used.update(one.task_definition.arn for one in service.runners())
    return used
