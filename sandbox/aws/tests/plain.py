"""Proves that every strictness test fails on plain moto: `python -m tests.plain` from sandbox/aws."""

import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent


def marked(suite):
    """The strictness tests of a suite."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from marked(test)
        elif hasattr(getattr(test, test._testMethodName, None), "strictness"):
            yield test


def main():
    # Decides in harness how the server starts, so before anything imports it.
    os.environ["EPOXY_PLAIN_MOTO"] = "1"
    sys.path.insert(0, str(HERE))
    # moto's tracebacks about what it has not implemented are what is expected here.
    sys.stderr = open(os.devnull, "w")
    tests = list(marked(unittest.TestLoader().discover(str(HERE))))
    passed = [test.id() for test in tests if passes(test)]
    for name in passed:
        print(f"passes on plain moto, so it proves nothing: {name}")
    print(f"{len(tests) - len(passed)} of {len(tests)} strictness tests fail on plain moto")
    return 1 if passed or not tests else 0


def passes(test):
    result = unittest.TestResult()
    test.run(result)
    return result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
