"""What happens by itself as time passes: advanced before each call that could see it, so no thread is needed."""

_steps = []


def every_call(step):
    _steps.append(step)


def tick():
    for step in _steps:
        step()
