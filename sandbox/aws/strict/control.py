"""The control API under `/epoxy/`: JSON, no credentials, never counted.

GET    /epoxy/health                      {"status": "ok"}
GET    /epoxy/calls                       calls per operation since the reset; ?detail=1 lists the last 50,000
POST   /epoxy/faults                      adds one, see below
GET    /epoxy/faults                      what remains of them
DELETE /epoxy/faults                      clears all; ?match=TEXT only those with this "match"
GET    /epoxy/sns/certificate             {"pem": ...}: what SNS's SigningCertURL leads to
GET    /epoxy/settings                    see `settings`
POST   /epoxy/settings                    changes some
POST   /epoxy/reset                       forgets everything: moto's state, calls, faults, settings
POST   /epoxy/images/AMI/finish           ends the pending state at once
POST   /epoxy/images/AMI/fail             {"reason": ...}: likewise, as failed
POST   /epoxy/ec2/addresses               {"account", "region", "addresses": [...]}: the private addresses of the next
                                          instances that ask for none
POST   /epoxy/ecr/images                  {"account", "region", "repository", "images": [...]}: images as if pushed
                                          long ago, thousands at once: `ecr.stage`; the answer has their digests in order
POST   /epoxy/ecr/pulled                  {"account", "region", "repository", "digests": [...], "pulled": when}
POST   /epoxy/ecs/task-definitions        {"account", "region", "family", "image", "count", "registered"}: `ecs.stage`
POST   /epoxy/ecs/backdate                {"task_definition": ARN, "registered": epoch seconds, "deregistered"}

A fault: {"operation": "ec2.DescribeImages" | "ec2.*" | "*", "kind": ..., "count": 1, "skip": 0, "match": "text that
must be in the request's body, or the account that the call acts in"}, count -1 until removed.  Kinds: `throttle` and `deny` as the service says it; `error`
with "status", "code" and "message"; `latency` with "latency_ms", then the call runs; `lost`: the call runs, the
connection is closed without an answer.  With "hold": true the call waits until the fault is cleared.
"""

import json
import re
from urllib.parse import parse_qsl

from strict import answers, buckets, clock, locks
from strict.calls import CALLS
from strict.faults import FAULTS
from strict.settings import SETTINGS

IMAGE = re.compile(r"/epoxy/images/(ami-[0-9a-f]+)/(finish|fail)")


def answer(environ):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/")
    try:
        body = json.loads(environ["strict.body"] or b"{}")
        image = IMAGE.fullmatch(path)
        if image and method == "POST":
            return _image(image.group(1), image.group(2), body)
        handler = HANDLERS.get((method, path))
        if handler is None:
            return answers.as_json(404, {"error": f"no {method} {path}", "known": sorted(map(" ".join, HANDLERS))})
        return answers.as_json(200, handler(body, dict(parse_qsl(environ.get("QUERY_STRING", "")))))
    except (ValueError, TypeError, AttributeError) as mistake:
        return answers.as_json(400, {"error": str(mistake)})


def _health(_body, _query):
    return {"status": "ok"}


def _calls(_body, query):
    return CALLS.detail() if query.get("detail") == "1" else CALLS.counts()


def _add_fault(body, _query):
    return FAULTS.add(body)


def _list_faults(_body, _query):
    return FAULTS.list()


def _clear_faults(_body, query):
    FAULTS.clear(query.get("match"))
    return FAULTS.list()


def _show_settings(_body, _query):
    return SETTINGS.all()


def _change_settings(body, _query):
    SETTINGS.update(body)
    return SETTINGS.all()


def _reset(_body, _query):
    from moto.moto_api._internal.models import moto_api_backend

    from strict.events import courier

    # Faults first: they may hold calls that the reset would wait for.
    FAULTS.clear()
    with locks.of("ec2"):
        clock.reset()
    # Without the lock: what is being brought may need it.
    courier.reset()
    with locks.of("ec2"):
        moto_api_backend.reset()
    SETTINGS.reset()
    buckets.reset()
    CALLS.reset()
    return {"status": "ok"}


def _image(image_id, action, body):
    from strict.ec2 import lifecycle

    done = lifecycle.settle(image_id, action == "fail", body.get("reason"))
    if not done:
        return answers.as_json(404, {"error": f"no image {image_id}"})
    return answers.as_json(200, {"image": image_id, "done": action})


def _certificate(_body, _query):
    from strict.events import notices

    return {"pem": notices.certificate().decode()}


def _addresses(body, _query):
    from moto.ec2.models import ec2_backends

    from strict.ec2 import addresses

    backend = ec2_backends[body["account"]][body["region"]]
    with locks.of("ec2"):
        addresses.wish(backend, [str(one) for one in body["addresses"]])
    return {"addresses": body["addresses"]}


def _ecs(name):
    """Imported when called: plain moto has no ECS of ours to stage."""
    def handler(body, query):
        from strict.ecs import stage

        return getattr(stage, name)(body, query)

    return handler


def _ecr(name):
    """Imported when called: `ecr` needs the gate, which needs this module."""
    def handler(body, query):
        from strict.ecr import stage

        return getattr(stage, name)(body, query)

    return handler


HANDLERS = {
    ("POST", "/epoxy/ec2/addresses"): _addresses,
    ("GET", "/epoxy/sns/certificate"): _certificate,
    ("POST", "/epoxy/ecr/images"): _ecr("add_images"),
    ("POST", "/epoxy/ecr/pulled"): _ecr("set_pulled"),
    ("GET", "/epoxy/health"): _health,
    ("GET", "/epoxy/calls"): _calls,
    ("GET", "/epoxy/faults"): _list_faults,
    ("POST", "/epoxy/faults"): _add_fault,
    ("DELETE", "/epoxy/faults"): _clear_faults,
    ("GET", "/epoxy/settings"): _show_settings,
    ("POST", "/epoxy/settings"): _change_settings,
    ("POST", "/epoxy/reset"): _reset,
    ("POST", "/epoxy/ecs/task-definitions"): _ecs("register_many"),
    ("POST", "/epoxy/ecs/backdate"): _ecs("backdate"),
}
