"""What can be switched while the server runs (`/epoxy/settings`)."""

import threading

DEFAULTS = {
    # Seconds from CreateImage or CopyImage until the image is available.
    "image_pending_seconds": 3.0,
    # Seconds during which a new image is not found yet (eventual consistency).
    "image_invisible_seconds": 0.5,
    # The next N new images end in state `failed`.
    "image_fail": 0,
    # Seconds an instance refresh takes, without its checkpoints and its bake time.
    "refresh_seconds": 3.0,
    # The next N instance refreshes end in status `Failed`.
    "refresh_fail": 0,
    # Seconds for which an instance is `shutting-down`, and for which it is shown once it is terminated.
    "instance_shutdown_seconds": 0.2,
    "instance_forget_seconds": 3600.0,
    # How long a second of a lifecycle hook's timeout lasts, in seconds.
    "hook_second": 1.0,
    # Launch template versions per template.
    "template_version_quota": 10000,
    # Seconds until an ECS task runs, until one that is told to stop has stopped, and for which it is shown after that.
    "ecs_task_pending_seconds": 0.0,
    "ecs_task_stop_seconds": 0.0,
    "ecs_stopped_seconds": 3600.0,
    # Seconds for which an ECS service's old and new deployment are there together.
    "ecs_deployment_seconds": 3.0,
    # Seconds in DELETE_IN_PROGRESS of an ECS task definition that nothing refers to.
    "ecs_delete_seconds": 3.0,
    # Whether ECR still has the layers of an image that was deleted, so that it can be put back.
    "ecr_layers_kept": True,
    # Seconds for which a change of Route 53's is PENDING, and for which its zone takes no other.
    "route53_change_seconds": 0.0,
    # Real token buckets per account and Region.
    "throttle_buckets": False,
}


class Settings:
    def __init__(self):
        self._lock = threading.Lock()
        self._values = dict(DEFAULTS)

    def __getitem__(self, name):
        with self._lock:
            return self._values[name]

    def all(self):
        with self._lock:
            return dict(self._values)

    def update(self, changes):
        """Takes all changes or none; a wrong name or type is the caller's mistake."""
        checked = {name: _checked(name, value) for name, value in changes.items()}
        with self._lock:
            self._values.update(checked)

    def take(self, name):
        """Uses up one of a "next N" setting."""
        with self._lock:
            if self._values[name] <= 0:
                return False
            self._values[name] -= 1
            return True

    def reset(self):
        with self._lock:
            self._values = dict(DEFAULTS)


def _checked(name, value):
    if name not in DEFAULTS:
        raise ValueError(f"no setting {name!r}; known: {', '.join(DEFAULTS)}")
    kind = type(DEFAULTS[name])
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{name} must be a number, not negative")
    return kind(value)


SETTINGS = Settings()
