"""Not strictness: moto reads its own directory twice for every request, a quarter of what a small one costs."""

import functools

from moto import backends

_modules = backends.list_of_moto_modules
modules = functools.cache(lambda: frozenset(_modules()))


def apply():
    backends.list_of_moto_modules = modules
