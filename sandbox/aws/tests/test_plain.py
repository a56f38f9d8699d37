"""The tests of the tests: each fails on plain moto, and each patch has one."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import unittest
from pathlib import Path

from harness import PLAIN, ROOT, Case, url
from plain import marked

HERE = Path(__file__).resolve().parent
# Not strictness but speed, or parts that the patches named beside them rest on.
EXEMPT = {"speed.get_tags", "speed.get_instance", "speed.delayed", "speed.not_visible", "speed.visible"}
PACKAGES = ("strict", "strict.ec2", "strict.autoscaling", "strict.ecr", "strict.ecs", "strict.consumers",
            "strict.events", "strict.route53")


def patches():
    """The functions of ours that now sit on moto's classes: name -> function."""
    url()
    found = {}
    for package in PACKAGES:
        root = importlib.import_module(package)
        for module in pkgutil.iter_modules(root.__path__):
            if not module.ispkg and module.name not in ("patches", "__main__"):
                loaded = importlib.import_module(f"{package}.{module.name}")
                found.update(_on_moto(loaded))
    return found


def _on_moto(module):
    """What `apply` of a module assigns, read off its source."""
    if not hasattr(module, "apply"):
        return {}
    assigned = [line.split("=")[1].strip() for line in inspect.getsource(module.apply).splitlines() if " = " in line]
    names = [name.removeprefix("property(").rstrip(")") for name in assigned]
    short = module.__name__.rpartition(".")[2]
    return {f"{short}.{name}": getattr(module, name) for name in names if inspect.isfunction(getattr(module, name, 0))}


@unittest.skipIf(PLAIN, "about the patches")
class Meta(Case):
    def test_every_strictness_test_fails_on_plain_moto(self):
        run = subprocess.run([sys.executable, "-m", "tests.plain"], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(0, run.returncode, run.stdout + run.stderr)

    def test_every_patch_is_proven_by_a_test(self):
        proven = set()
        for test in marked(unittest.TestLoader().discover(str(HERE))):
            proven.update(getattr(test, test._testMethodName).strictness)
        missing = set(patches()) - proven - EXEMPT
        self.assertFalse(missing, "no strictness test names these patches")

    def test_every_patch_cites_its_page(self):
        found = patches()
        self.assertGreater(len(found), 20)
        for name, function in found.items():
            if name not in EXEMPT:
                self.assertIn("https://docs.aws.amazon.com/", function.__doc__ or "", name)
