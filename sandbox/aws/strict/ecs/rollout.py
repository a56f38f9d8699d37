"""How services move: tasks start, a new deployment takes over from the old one, a deleted service drains.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
Everything is advanced before each call that could see it, and only what is in motion is looked at.
"""

from strict.ecs import state
from strict.settings import SETTINGS


def advance(backend):
    ours = state.of(backend)
    for task in list(ours.waiting.values()):
        task.pull()
    for key in list(ours.moving):
        service = backend.services.get(key)
        if service is None or _step(service):
            ours.moving.discard(key)


def _step(service):
    """Moves one service; true when it has come to rest."""
    if service.status == "DRAINING":
        return _drain(service)
    if service.status == "INACTIVE":
        return True
    for runner in service.runners():
        runner.keep()
    primary = service.primary()
    if primary is not None and not primary.completed:
        _take_over(service, primary)
    return _at_rest(service, primary)


def _at_rest(service, primary):
    # Stopping and pulling mark the service as moving again, so looking at the settled ones is not needed.
    done = primary is None or primary.completed
    return done and all(runner.settled() for runner in service.runners())


def _drain(service):
    for runner in service.runners():
        runner.stop_all("Service deleted")
    if any(task.last_status != "STOPPED" for runner in service.runners() for task in runner.tasks()):
        return False
    service.status = "INACTIVE"
    service.rollouts, service.task_sets = [], []
    return True


def _take_over(service, primary):
    due = primary.created_at + SETTINGS["ecs_deployment_seconds"]
    if state.now() < due or primary.running < primary.desired:
        return
    primary.completed, primary.updated_at = True, state.now()
    primary.service_deployment.finish("SUCCESSFUL")
    for old in service.rollouts:
        if old is not primary:
            old.stop_all(f"Scaling activity initiated by (deployment {old.id})")
    service.rollouts = [primary]
    service.event(f"(deployment {primary.id}) deployment completed.")
    service.event("has reached a steady state.")
