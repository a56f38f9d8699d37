"""Whether the client of the call that this thread answers is still there."""

import socket
import threading

_answering = threading.local()


def answering(environ):
    _answering.socket = environ.get("werkzeug.socket")


def gone():
    """A connection that was closed reads as empty."""
    connection = getattr(_answering, "socket", None)
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
