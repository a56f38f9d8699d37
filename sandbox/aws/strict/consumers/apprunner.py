"""App Runner, which moto lacks: services made of images; nothing is run."""

import json
import re
import secrets
import time

from moto.core.base_backend import BackendDict, BaseBackend
from moto.iam import models as iam

from strict import answers, gate
from strict.consumers.paging import page
from strict.ecs import registry

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,39}")


class Refused(Exception):
    def __init__(self, message, code="InvalidRequestException"):
        super().__init__(message)
        self.code = code


class Backend(BaseBackend):
    def __init__(self, region_name, account_id):
        super().__init__(region_name, account_id)
        self.services = {}


# The Regions of ECS: where App Runner is not offered, nobody will look for it.
backends = BackendDict(Backend, "ecs")


class Service:
    def __init__(self, backend, asked):
        self.id = secrets.token_hex(16)
        self.name = asked["ServiceName"]
        self.region = backend.region_name
        self.arn = f"arn:aws:apprunner:{self.region}:{backend.account_id}:service/{self.name}/{self.id}"
        self.source = asked["SourceConfiguration"]
        self.created = self.updated = time.time()
        self.deleted = None
        self.status = "OPERATION_IN_PROGRESS"
        self.deploy()

    def deploy(self):
        """https://docs.aws.amazon.com/apprunner/latest/dg/manage-deploy.html: an image that is not there fails."""
        try:
            registry.digest_of((self.source.get("ImageRepository") or {}).get("ImageIdentifier"))
            self.after = "RUNNING"
        except registry.NotFound:
            self.after = "CREATE_FAILED"

    def summary(self):
        return {
            "ServiceName": self.name,
            "ServiceId": self.id,
            "ServiceArn": self.arn,
            "ServiceUrl": f"{self.id[:10]}.{self.region}.awsapprunner.com",
            "CreatedAt": self.created,
            "UpdatedAt": self.updated,
            "Status": self.status,
        }

    def view(self):
        shown = {
            **self.summary(),
            "SourceConfiguration": self.source,
            "InstanceConfiguration": {"Cpu": "1024", "Memory": "2048"},
            "NetworkConfiguration": {
                "EgressConfiguration": {"EgressType": "DEFAULT"},
                "IngressConfiguration": {"IsPubliclyAccessible": True},
            },
            "AutoScalingConfigurationSummary": {"AutoScalingConfigurationName": "DefaultConfiguration"},
        }
        return {**shown, "DeletedAt": self.deleted} if self.deleted else shown

    def answer(self):
        """What a call that changes something answers; afterwards the operation is done."""
        self.status, self.updated = "OPERATION_IN_PROGRESS", time.time()
        shown = {"Service": self.view(), "OperationId": secrets.token_hex(16)}
        self.status = self.after
        return shown


def create_service(backend, asked):
    if not NAME.fullmatch(asked.get("ServiceName") or ""):
        raise Refused("ServiceName must have 4 to 40 letters, numbers, hyphens and underscores.")
    if any(one.name == asked["ServiceName"] and one.status != "DELETED" for one in backend.services.values()):
        raise Refused(f"Service with the provided name already exists: {asked['ServiceName']}.")
    _check_source(asked.get("SourceConfiguration"))
    service = Service(backend, asked)
    backend.services[service.arn] = service
    return service.answer()


def _check_source(source):
    source = source or {}
    if ("ImageRepository" in source) == ("CodeRepository" in source):
        raise Refused("Exactly one of ImageRepository and CodeRepository must be given.")
    image = source.get("ImageRepository")
    if image and (not image.get("ImageIdentifier") or image.get("ImageRepositoryType") not in ("ECR", "ECR_PUBLIC")):
        raise Refused("ImageIdentifier and ImageRepositoryType (ECR or ECR_PUBLIC) are needed.")


def _find(backend, asked):
    service = backend.services.get(asked.get("ServiceArn"))
    if service is None:
        raise Refused(f"Service not found: {asked.get('ServiceArn')}.", "ResourceNotFoundException")
    return service


def describe_service(backend, asked):
    return {"Service": _find(backend, asked).view()}


def update_service(backend, asked):
    service = _find(backend, asked)
    if service.status == "DELETED":
        raise Refused("The service is deleted.", "InvalidStateException")
    if asked.get("SourceConfiguration"):
        _check_source(asked["SourceConfiguration"])
        service.source = asked["SourceConfiguration"]
        service.deploy()
    return service.answer()


def delete_service(backend, asked):
    service = _find(backend, asked)
    if service.status == "DELETED":
        raise Refused("The service is deleted.", "InvalidStateException")
    service.after, service.deleted = "DELETED", time.time()
    return service.answer()


def list_services(backend, asked):
    services = [one for one in backend.services.values() if one.status != "DELETED"]
    limit, everything = asked.get("MaxResults"), max(len(services), 1)
    if limit is not None and not 1 <= limit <= 20:
        raise Refused("MaxResults must be between 1 and 20.")
    token, most = asked.get("NextToken"), max(everything, 20)
    found, token = page(services, lambda one: one.arn, limit, everything, most, token, Refused)
    return {"ServiceSummaryList": [one.summary() for one in found], **({"NextToken": token} if token else {})}


OPERATIONS = {
    "CreateService": create_service,
    "DescribeService": describe_service,
    "UpdateService": update_service,
    "DeleteService": delete_service,
    "ListServices": list_services,
}


def answer(call):
    """https://docs.aws.amazon.com/apprunner/latest/api/API_CreateService.html and its siblings: in progress at first,
    then RUNNING, or CREATE_FAILED without an image; pages of at most 20 on demand; DELETED ones are described, not
    listed."""
    operation = OPERATIONS.get(call.name)
    if operation is None:
        return answers.error(call, 501, "InternalServiceErrorException", f"{call.name} is not modelled here.")
    backend = backends[iam.get_account_id_from(call.access_key)][call.region]
    try:
        body = operation(backend, json.loads(call.body or b"{}"))
    except Refused as refused:
        return answers.error(call, 400, refused.code, str(refused))
    content = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": secrets.token_hex(16)}
    return answers.plain(200, json.dumps(body).encode(), content)


def apply():
    gate.SERVICES["apprunner"] = answer
