"""The server as a process: how it starts, ends and copes with many clients."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import ROOT, Case, client, control, strictness, url


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "strict", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Process(unittest.TestCase):
    def test_one_line_when_ready_and_a_clean_end(self):
        process = start("--port", "0")
        self.addCleanup(process.kill)
        line = process.stdout.readline()
        self.assertRegex(line, r"^\w+ moto ready on http://127\.0\.0\.1:\d+\n$")
        connection = http.client.HTTPConnection("127.0.0.1", int(line.rsplit(":", 1)[1]))
        self.addCleanup(connection.close)
        connection.request("GET", "/epoxy/health")
        self.assertEqual(b'{\n "status": "ok"\n}\n', connection.getresponse().read())
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
        self.assertEqual((0, "", ""), (process.returncode, rest, errors))

    def test_port_in_use_is_one_clear_line(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            process = start("--port", port)
            out, errors = process.communicate(timeout=20)
        self.assertEqual((1, ""), (process.returncode, out))
        self.assertRegex(errors, rf"^strict: cannot serve on 127\.0\.0\.1:{port}: .*Address already in use\n$")


class Connections(Case):
    def test_connection_is_kept(self):
        host = url().removeprefix("http://")
        connection = http.client.HTTPConnection(host)
        self.addCleanup(connection.close)
        sockets = set()
        for _ in range(3):
            connection.request("GET", "/epoxy/health")
            connection.getresponse().read()
            sockets.add(connection.sock)
        self.assertEqual(1, len(sockets - {None}))

    def test_chunked_body(self):
        connection = http.client.HTTPConnection(url().removeprefix("http://"))
        self.addCleanup(connection.close)
        settings = iter([b'{"image_', b'fail": 2}'])
        connection.request("POST", "/epoxy/settings", body=settings, encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(200, connection.getresponse().status)
        self.assertEqual(2, control("GET", "/settings")["image_fail"])

    def test_many_clients_at_once(self):
        ec2 = client("ec2")
        barrier = threading.Barrier(40)

        def ask(_number):
            barrier.wait()
            return ec2.describe_images(Owners=["self"])["ResponseMetadata"]["HTTPStatusCode"]

        with ThreadPoolExecutor(40) as pool:
            self.assertEqual([200] * 40, list(pool.map(ask, range(40))))
        self.assertEqual(40, control("GET", "/calls")["ec2.DescribeImages"])

    @strictness("images.create_image")
    def test_names_stay_unique_under_a_race(self):
        instance, ec2 = self.instance(), self.ec2
        barrier = threading.Barrier(8)

        def create(_number):
            barrier.wait()
            try:
                return ec2.create_image(InstanceId=instance, Name="app-1")["ImageId"]
            except ec2.exceptions.ClientError:
                return None

        with ThreadPoolExecutor(8) as pool:
            made = [image for image in pool.map(create, range(8)) if image]
        self.assertEqual(1, len(made))


if __name__ == "__main__":
    unittest.main()
