"""What the tests share: a server in a thread, clients, and the mark of a strictness test."""

import functools
import json
import os
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

from strict import server  # noqa: E402

PLAIN = os.environ.get("EPOXY_PLAIN_MOTO") == "1"
REGION = "us-east-1"
ACCOUNT = "123456789012"
# Nothing becomes available (or lingers) by itself: a test waits for the clock only where the clock is what it tests.
CALM = {
    "image_pending_seconds": 600,
    "image_invisible_seconds": 0,
    "refresh_seconds": 0.3,
    "instance_shutdown_seconds": 0,
}

_running = None


def url():
    """Starts the server once per process."""
    global _running
    if _running is None:
        _running = server.build("127.0.0.1", 0, plain=PLAIN)
        threading.Thread(target=_running.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{_running.server_address[1]}"


def strictness(*patches):
    """Marks a test that must fail on plain moto, and names the patches (module.function) it proves."""

    def mark(test):
        test.strictness = patches
        return test

    return mark


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url() + "/epoxy" + path, method=method, data=data)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return {"refused": refused.code, **json.load(refused)}


def client(service, region=REGION, credentials=None, attempts=1):
    key = credentials or {"AccessKeyId": "AKIAEXAMPLEEXAMPLE00", "SecretAccessKey": "secret", "SessionToken": None}
    return _client(service, region, attempts, key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])


@functools.cache
def _client(service, region, attempts, key, secret, token):
    """Cached: building a client takes longer than most tests."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url(),
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": attempts}, s3={"addressing_style": "path"}, read_timeout=20),
    )


def in_account(account):
    """Credentials that act in another account."""
    role = f"arn:aws:iam::{account}:role/epoxy"
    return client("sts").assume_role(RoleArn=role, RoleSessionName="epoxy")["Credentials"]


class Case(unittest.TestCase):
    def setUp(self):
        control("POST", "/reset")
        control("POST", "/settings", CALM)
        self.ec2 = client("ec2")

    def settings(self, **changes):
        control("POST", "/settings", changes)

    def refused(self, code, call, *args, **fields):
        """The call must fail with exactly this code; returns the error's message."""
        with self.assertRaises(ClientError) as caught:
            call(*args, **fields)
        error = caught.exception.response["Error"]
        self.assertEqual(code, error["Code"], error["Message"])
        return error["Message"]

    def eventually(self, read, wanted, within=5.0):
        # On plain moto there is nothing to wait for.
        deadline = time.monotonic() + (0 if PLAIN else within)
        while True:
            seen = read()
            if seen == wanted or time.monotonic() > deadline:
                self.assertEqual(wanted, seen)
                return seen
            time.sleep(0.03)

    def instance(self, ec2=None, **fields):
        wanted = {"ImageId": "ami-0123456789abcdef0", "MinCount": 1, "MaxCount": 1, **fields}
        return (ec2 or self.ec2).run_instances(**wanted)["Instances"][0]["InstanceId"]

    def image(self, name="app-1", ec2=None, finish=True, **fields):
        """A new image, available unless told otherwise."""
        ec2 = ec2 or self.ec2
        image_id = ec2.create_image(InstanceId=self.instance(ec2), Name=name, **fields)["ImageId"]
        if finish:
            control("POST", f"/images/{image_id}/finish")
        return image_id

    def describe(self, image_id, ec2=None):
        return (ec2 or self.ec2).describe_images(ImageIds=[image_id])["Images"][0]

    def snapshots_of(self, image_id, ec2=None):
        devices = self.describe(image_id, ec2)["BlockDeviceMappings"]
        return [device["Ebs"]["SnapshotId"] for device in devices]


def tagged(kind, **tags):
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
