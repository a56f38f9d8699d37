"""Tests of the strict moto, over the wire: boto3 against a server on a free port.

    python -m unittest discover -s sandbox/aws/tests       from the repository's root: the whole suite
    python -m tests.plain                                  from sandbox/aws: every strictness test fails on plain moto
"""
