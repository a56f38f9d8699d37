"""CreateService, UpdateService, DeleteService, ListServices and DescribeServices."""

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import rollout, services, state

SHOWN = (*services.DEPLOYED[:5], *services.KEPT)


def view(service, tags=False):
    fargate = service.launch_type == "FARGATE"
    external = service.controller == "EXTERNAL"
    fields = {name: service.fields.get(name) for name in SHOWN}
    fields["loadBalancers"] = fields["loadBalancers"] or []
    fields["serviceRegistries"] = fields["serviceRegistries"] or []
    return {
        **fields,
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": sum(one.running for one in service.runners()),
        "pendingCount": sum(one.pending for one in service.runners()),
        "launchType": None if service.capacity_provider or external else service.launch_type,
        "platformVersion": (fields["platformVersion"] or "LATEST") if fargate else None,
        "platformFamily": "Linux" if fargate else None,
        "taskDefinition": service.task_definition,
        "deployments": [one.view() for one in service.rollouts],
        "taskSets": [one.view() for one in service.task_sets] if external else None,
        "deploymentController": {"type": service.controller},
        "currentServiceDeployment": service.last_deployment and service.last_deployment.arn,
        "currentServiceRevisions": [one.revision.summary() for one in service.rollouts],
        "roleArn": service.role_arn,
        "events": list(service.events),
        "createdAt": state.timestamp(service.created_at),
        "createdBy": f"arn:aws:iam::{service.backend.account_id}:root",
        "placementConstraints": fields["placementConstraints"] or [],
        "placementStrategy": fields["placementStrategy"] or [],
        "schedulingStrategy": service.scheduling_strategy,
        "tags": service.tags if tags else [],
    }


def create_service(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html: the same request again
    answers with the service, another one under its name is refused; tags become digests, and Fargate needs no
    instances."""
    rollout.advance(self.ecs_backend)
    service = services.create(self.ecs_backend, self._get_params())
    answer = view(service, tags=True)
    rollout.advance(self.ecs_backend)
    return ActionResult({"service": answer})


def update_service(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html: another task definition or
    `forceNewDeployment` is a new deployment, another desired count is not."""
    rollout.advance(self.ecs_backend)
    service = services.update(self.ecs_backend, self._get_params())
    answer = view(service)
    rollout.advance(self.ecs_backend)
    return ActionResult({"service": answer})


def delete_service(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html: DRAINING while tasks stop,
    then INACTIVE; described, but not listed any more."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    service = services.active(backend, cluster, self._get_param("service"))
    services.delete(backend, cluster, service, bool(self._get_param("force")))
    return ActionResult({"service": view(service)})


def list_services(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServices.html: pages of 10 unless told
    otherwise, at most 100; neither DRAINING nor INACTIVE ones."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    launch, scheduling = self._get_param("launchType"), self._get_param("schedulingStrategy")
    arns = [
        one.arn
        for one in backend.services.values()
        if one.cluster_name == cluster.name
        and one.status == "ACTIVE"
        and launch in (None, one.launch_type)
        and scheduling in (None, one.scheduling_strategy)
    ]
    page, token = state.listed(self, arns, default=10)
    return ActionResult({"serviceArns": page, "nextToken": token})


def describe_services(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html: at most 10, what is
    unknown is a failure; deployments, task sets and revisions as they are now."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    names = self._get_param("services") or []
    state.at_most(names, 10, "Services")
    tags = "TAGS" in (self._get_param("include") or [])
    found, failures = [], []
    for name in dict.fromkeys(names):
        service = services.find(backend, cluster, name)
        if service is not None:
            found.append(view(service, tags))
        else:
            arn = name if name.startswith("arn:") else state.arn(backend, "service", cluster.name, name)
            failures.append(state.missing(arn))
    return ActionResult({"services": found, "failures": failures})


def apply():
    EC2ContainerServiceResponse.create_service = create_service
    EC2ContainerServiceResponse.update_service = update_service
    EC2ContainerServiceResponse.delete_service = delete_service
    EC2ContainerServiceResponse.list_services = list_services
    EC2ContainerServiceResponse.describe_services = describe_services
