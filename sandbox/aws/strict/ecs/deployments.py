"""ListServiceDeployments, DescribeServiceDeployments and DescribeServiceRevisions."""

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import rollout, services, state


def list_service_deployments(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html: newest first, pages
    of 20 unless told otherwise, at most 100; by status and time."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    service = services.find(backend, cluster, self._get_param("service"))
    if service is None:
        raise state.error("ServiceNotFoundException", "Service not found.")
    statuses, when = self._get_param("status") or [], self._get_param("createdAt") or {}
    found = [
        one
        for one in state.of(backend).service_deployments.values()
        if one.service is service
        and (not statuses or one.status in statuses)
        and _seconds(when.get("after"), 0) <= one.created_at <= _seconds(when.get("before"), float("inf"))
    ]
    page, token = state.listed(self, found, lambda one: [one.created_at, one.arn], default=20, reverse=True)
    return ActionResult({"serviceDeployments": [one.brief() for one in page], "nextToken": token})


def _seconds(value, otherwise):
    if value is None:
        return otherwise
    return value.timestamp() if hasattr(value, "timestamp") else float(value)


def describe_service_deployments(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html: at most 20."""
    rollout.advance(self.ecs_backend)
    names = self._get_param("serviceDeploymentArns") or []
    state.at_most(names, 20, "Service deployments")
    found, failures = _split(names, state.of(self.ecs_backend).service_deployments)
    return ActionResult({"serviceDeployments": found, "failures": failures})


def describe_service_revisions(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html: at most 20, with
    the digests that the deployment pinned, wherever the tags are by now."""
    names = self._get_param("serviceRevisionArns") or []
    state.at_most(names, 20, "Service revisions")
    found, failures = _split(names, state.of(self.ecs_backend).revisions)
    return ActionResult({"serviceRevisions": found, "failures": failures})


def _split(names, known):
    unique = list(dict.fromkeys(names))
    found = [known[name].view() for name in unique if name in known]
    return found, [state.missing(name) for name in unique if name not in known]


def apply():
    EC2ContainerServiceResponse.list_service_deployments = list_service_deployments
    EC2ContainerServiceResponse.describe_service_deployments = describe_service_deployments
    EC2ContainerServiceResponse.describe_service_revisions = describe_service_revisions
