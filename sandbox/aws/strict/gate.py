"""The gate in front of moto: counts every call, applies faults and throttles, then lets moto answer."""

import io
import socket

from moto.iam import models

from strict import answers, buckets, caller, clock, control, locks
from strict.calls import CALLS
from strict.faults import FAULTS
from strict.operation import Call
from strict.server import Dropped
from strict.settings import SETTINGS

# One call at a time per service (`locks`), which costs nothing under the interpreter lock.  Services that call out (and
# may be called back meanwhile) must not hold a lock.
CALLS_OUT = {"sns", "lambda", "cloudformation", "stepfunctions", "events", "codebuild", "apigateway", "execute-api"}
# Waits for messages for up to 20 seconds, and locks its queue only (`events.queues`).
LONG = {"sqs.ReceiveMessage"}

# What moto lacks and `strict` answers itself: service -> answer(call).
SERVICES = {}


class Gate:
    def __init__(self):
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ):
        path = environ["PATH_INFO"]
        if path.startswith("/epoxy/"):
            return control.answer(environ)
        if path.startswith("/moto-api"):
            return self._run(environ)
        call = Call(environ)
        account = models.get_account_id_from(call.access_key)
        entry = CALLS.begin(call, account)
        status, headers, body = self._answer(call, account, entry)
        entry["status"] = entry["status"] or int(status.split()[0])
        return status, headers, body

    def _answer(self, call, account, entry):
        if SETTINGS["throttle_buckets"] and not buckets.admit(call, account):
            entry["fault"] = "bucket"
            return answers.throttled(call)
        for fault in FAULTS.take(call):
            entry["fault"] = fault.kind
            if fault.kind == "lost":
                self._lose(call, fault, entry)
            fault.wait()
            if fault.kind == "throttle":
                return answers.throttled(call)
            if fault.kind == "deny":
                return answers.denied(call, account)
            if fault.kind == "error":
                message = fault.message or "An internal error has occurred"
                return answers.error(call, fault.status, fault.code, message)
        return self._execute(call)

    def _lose(self, call, fault, entry):
        """The call takes effect, its answer never arrives."""
        status, _, _ = self._execute(call)
        entry["status"] = int(status.split()[0])
        fault.wait()
        try:
            call.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster
        raise Dropped

    def _execute(self, call):
        caller.answering(call.environ)
        if call.service in CALLS_OUT or call.operation in LONG:
            return self._run(call.environ)
        with locks.of(call.service):
            if locks.group_of(call.service) == "ec2":
                clock.tick()
            answered = SERVICES[call.service](call) if call.service in SERVICES else None
            return answered if answered is not None else self._run(call.environ)

    def _run(self, environ):
        """Runs moto's WSGI application on the body that was read."""
        body = environ["strict.body"]
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input_terminated"] = True
        started = []

        def start_response(status, headers, _exc_info=None):
            started[:] = [status, headers]

        chunks = self._moto(environ, start_response)
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return started[0], started[1], content
