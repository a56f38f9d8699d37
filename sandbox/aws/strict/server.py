"""The HTTP server: threaded, HTTP/1.1 with keep-alive.

werkzeug's own handler closes every connection and waits 10 ms after each answer for stray bytes, which is far too slow
for hundreds of concurrent SDK clients.  Here the whole request body is read first, so the connection can be kept.
"""

import os
import socketserver
import sys
import traceback
import warnings
from http.server import HTTPServer

# Before moto is imported: the thousands of public images it would load per Region cost seconds and memory, and the
# instances of the sandbox may name any image id anyway.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

from werkzeug.serving import WSGIRequestHandler  # noqa: E402

from strict import MOTO_VERSION  # noqa: E402


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write per answer and no Nagle: else the client's delayed ACK adds 40 ms to each call.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self):
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def run_wsgi(self):
        self.environ = environ = self.make_environ()
        environ["strict.body"] = self._read_body(environ)
        try:
            status, headers, body = self.server.app(environ)
        except Dropped:
            self.close_connection = True
            return
        except Exception as problem:
            # What moto has not implemented, and its bugs: the client gets a 500, the terminal the reason.
            traceback.print_exc()
            body = f"{type(problem).__name__}: {problem}\n".encode()
            status, headers = "500 Internal Server Error", [("Content-Type", "text/plain")]
        self._send(status, headers, body)

    def _read_body(self, environ):
        if environ.get("wsgi.input_terminated"):
            return environ["wsgi.input"].read()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        return self.rfile.read(length) if length else b""

    def _send(self, status, headers, body):
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        bodiless = self.command == "HEAD" or int(code) in (204, 304)
        named = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        if "content-length" not in named and not bodiless:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bodiless:
            self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code="-", size="-"):
        if self.server.verbose:
            print(self.command, self.path, code, file=sys.stderr, flush=True)


class Dropped(Exception):
    """Raised by the gate when the client must get no answer at all."""


class Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    # Hundreds of clients may connect at the same instant.
    request_queue_size = 1024
    multithread = True
    multiprocess = False
    ssl_context = None
    passthrough_errors = False
    _server_version = "strict-moto"

    def __init__(self, host, port, app, verbose=False):
        self.app = app
        self.verbose = verbose
        super().__init__((host, port), Handler)

    def server_bind(self):
        # HTTPServer would look the host's name up, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def log(self, kind, message, *args):
        print(kind, message % args if args else message, file=sys.stderr, flush=True)

    def handle_error(self, request, client_address):
        # A client that goes away in the middle is its own affair (tests kill workers on purpose).
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ValueError)):
            super().handle_error(request, client_address)


def build(host, port, plain=False, verbose=False):
    """Binds first, so that a port in use is reported before the slow imports."""
    server = Server(host, port, app=None, verbose=verbose)
    import moto

    if moto.__version__ != MOTO_VERSION:
        server.server_close()
        raise RuntimeError(f"moto {MOTO_VERSION} is needed, {moto.__version__} is installed")
    # Some moto services call the server back over HTTP.
    os.environ["MOTO_PORT"] = str(server.server_port)
    # moto warns about error codes that botocore's models lack; most of AWS's real codes are such.
    warnings.filterwarnings("ignore", module="moto.*")

    from strict import patches
    from strict.gate import Gate

    if not plain:
        patches.apply()
    server.app = Gate()
    return server
