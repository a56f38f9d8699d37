"""Error answers as the real services write them, in the protocol of the request.

moto's own serialisers do the writing, so the shapes are botocore's: EC2's XML, the query protocol's XML, JSON with
`x-amzn-errortype`, S3's XML.
"""

import json
import uuid
from http import HTTPStatus

from moto.core.exceptions import ServiceException


class Injected(ServiceException):
    """An error of ours.  Its module matters: moto takes the service model of its own exceptions from their package."""


def throttled(call):
    """The answer of a service that is asked too often.

    EC2: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (RequestLimitExceeded, HTTP 503)
    S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (SlowDown, HTTP 503)
    Others: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html (Throttling, HTTP 400)
    """
    if call.service == "ec2":
        return error(call, 503, "RequestLimitExceeded", "Request limit exceeded.")
    if call.service == "s3":
        return error(call, 503, "SlowDown", "Please reduce your request rate.")
    code = "Throttling" if protocol(call) in ("query", "rest-xml") else "ThrottlingException"
    return error(call, 400, code, "Rate exceeded")


def denied(call, account):
    """No permission.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html (the wording of the message)
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (UnauthorizedOperation, HTTP 403)
    """
    action = f"{call.service}:{call.name}"
    reason = (
        f"User: arn:aws:sts::{account}:assumed-role/epoxy/session is not authorized to perform: {action} "
        f"on resource: {_resource(call, account)} because no identity-based policy allows the {action} action"
    )
    if call.service == "ec2":
        message = f"You are not authorized to perform this operation. {reason}"
        return error(call, 403, "UnauthorizedOperation", message)
    if protocol(call) in ("query", "rest-xml"):
        return error(call, 403, "AccessDenied", reason)
    return error(call, 400, "AccessDeniedException", reason)


def _resource(call, account):
    kinds = {"CreateImage": "image/*", "CopyImage": "image/*", "DeregisterImage": "image/*"}
    if call.service == "ec2" and call.name in kinds:
        return f"arn:aws:ec2:{call.region}::{kinds[call.name]}"
    if call.service == "route53":
        return _route53_resource(call)
    return f"arn:aws:{call.service}:{call.region}:{account}:*"


def _route53_resource(call):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html: neither Region nor
    account."""
    _, _, kind, *identifier = f"{call.path}/".split("/")
    return f"arn:aws:route53:::{kind}/{identifier[0]}" if identifier and identifier[0] else "*"


def protocol(call):
    from moto.core.request import determine_request_protocol

    if "cbor" in call.content_type:
        return "smithy-rpc-v2-cbor"
    try:
        return determine_request_protocol(_model(call), call.content_type)
    except NotImplementedError:
        return str(_model(call).protocol)


def _model(call):
    from moto.core.utils import get_service_model

    try:
        return get_service_model(call.service)
    except Exception:
        # An unknown service: answer like the most common protocol.
        return get_service_model("sts")


def error(call, status, code, message):
    from moto.core.model import OperationModel
    from moto.core.serialize import SERIALIZERS, get_serializer_class

    model, spoken = _model(call), protocol(call)
    if spoken not in SERIALIZERS:
        spoken = "json"
    serializer = get_serializer_class(model.service_name, spoken)(operation_model=OperationModel({}, model))
    answer = serializer.serialize(Injected(code, message))
    request_id = str(uuid.uuid4())
    body = answer["body"].replace("request-id", request_id)
    headers = {"x-amzn-RequestId": request_id, **{name: str(value) for name, value in answer["headers"].items()}}
    return plain(status, body.encode(), headers)


def plain(status, body, headers):
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Error"
    return f"{status} {reason}", list(headers.items()), body


def as_json(status, value):
    body = json.dumps(value, indent=1).encode() + b"\n"
    return plain(status, body, {"Content-Type": "application/json"})
