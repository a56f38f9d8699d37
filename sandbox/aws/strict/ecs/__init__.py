"""ECS: task definitions, tasks, services with their deployments and revisions, task sets, clusters."""


def apply():
    from strict.ecs import (
        clusters,
        deployments,
        service_api,
        services,
        speed,
        task_api,
        task_definitions,
        task_families,
        task_sets,
    )

    for module in (
        speed,
        clusters,
        task_definitions,
        task_families,
        task_api,
        services,
        service_api,
        deployments,
        task_sets,
    ):
        module.apply()
