"""Service revisions and service deployments: what a service was deployed with, and how that went.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-revision.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import random
import secrets

from strict.ecs import state


class Revision:
    """What never changes any more: task definition, digests, network, load balancers."""

    def __init__(self, service, deployment):
        number = str(random.randint(10**18, 10**19 - 1))
        self.arn = state.arn(service.backend, "service-revision", service.cluster_name, service.name, number)
        self.service = service
        self.deployment = deployment
        self.created_at = state.now()
        fargate = deployment.launch_type == "FARGATE"
        self._shown = {
            "serviceRevisionArn": self.arn,
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "taskDefinition": deployment.task_definition.arn,
            "launchType": None if deployment.capacity_provider else deployment.launch_type,
            "capacityProviderStrategy": service.fields.get("capacityProviderStrategy"),
            "platformVersion": "1.4.0" if fargate else None,
            "platformFamily": "Linux" if fargate else None,
            "networkConfiguration": deployment.network_configuration,
            "loadBalancers": service.fields.get("loadBalancers") or [],
            "serviceRegistries": service.fields.get("serviceRegistries") or [],
            "guardDutyEnabled": False,
            "createdAt": state.timestamp(self.created_at),
        }

    def view(self):
        containers, pinned = self.deployment.task_definition.container_definitions, self.deployment.pinned
        images = [
            {"containerName": one["name"], "image": one["image"], "imageDigest": pinned.get(one["name"])}
            for one in containers
        ]
        return {**self._shown, "containerImages": images}

    def summary(self):
        running, pending = self.deployment.running, self.deployment.pending
        return {
            "arn": self.arn,
            "requestedTaskCount": self.deployment.desired,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        }


class ServiceDeployment:
    def __init__(self, service, target, sources):
        name = secrets.token_urlsafe(16)[:21]
        self.arn = state.arn(service.backend, "service-deployment", service.cluster_name, service.name, name)
        self.service, self.target, self.sources = service, target, sources
        self.status = "IN_PROGRESS"
        self.created_at = state.now()
        self.finished_at = None
        self.configuration = service.fields["deploymentConfiguration"]

    def finish(self, status):
        self.status, self.finished_at = status, state.now()

    def brief(self):
        return {
            "serviceDeploymentArn": self.arn,
            "serviceArn": self.service.arn,
            "clusterArn": self.service.cluster_arn,
            "createdAt": state.timestamp(self.created_at),
            "startedAt": state.timestamp(self.created_at),
            "finishedAt": state.timestamp(self.finished_at),
            "targetServiceRevisionArn": self.target.arn,
            "status": self.status,
        }

    def view(self):
        breaker = self.configuration.get("deploymentCircuitBreaker", {}).get("enable")
        brief = {name: value for name, value in self.brief().items() if name != "targetServiceRevisionArn"}
        return {
            **brief,
            "updatedAt": state.timestamp(self.finished_at or state.now()),
            "stoppedAt": state.timestamp(self.finished_at if self.status == "STOPPED" else None),
            "sourceServiceRevisions": [one.summary() for one in self.sources],
            "targetServiceRevision": self.target.summary(),
            "deploymentConfiguration": self.configuration,
            "deploymentCircuitBreaker": {
                "status": "MONITORING" if breaker else "DISABLED",
                "failureCount": self.target.deployment.failed,
                "threshold": max(3, min(200, (self.target.deployment.desired + 1) // 2)),
            },
            "alarms": {"status": "DISABLED"},
        }


def record(service, deployment):
    """A deployment makes a service revision and a service deployment."""
    ours = state.of(service.backend)
    revision = Revision(service, deployment)
    made = ServiceDeployment(service, revision, [one.revision for one in service.rollouts])
    ours.revisions[revision.arn] = revision
    ours.service_deployments[made.arn] = made
    deployment.revision, deployment.service_deployment = revision, made
    service.last_deployment = made
