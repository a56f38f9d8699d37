"""Clusters: what is listed, described and deleted."""

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import rollout, state

_create_cluster = EC2ContainerServiceBackend.create_cluster


def view(backend, cluster, include=()):
    tasks = [one for one in backend.tasks.get(cluster.name, {}).values() if one.last_status != "STOPPED"]
    running = sum(one.last_status == "RUNNING" for one in tasks)
    services = [one for one in backend.services.values() if one.cluster_name == cluster.name]
    shown = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": len(backend.container_instances.get(cluster.name, {})),
        "runningTasksCount": running,
        "pendingTasksCount": len(tasks) - running,
        "activeServicesCount": sum(one.status == "ACTIVE" for one in services),
        "capacityProviders": cluster.capacity_providers or [],
        "defaultCapacityProviderStrategy": cluster.default_capacity_provider_strategy or [],
        "statistics": [],
        "settings": [],
        "tags": [],
    }
    if "SETTINGS" in include:
        shown["settings"] = cluster.settings
    if "CONFIGURATIONS" in include:
        shown["configuration"] = cluster.configuration
    if "TAGS" in include:
        shown["tags"] = cluster.tags or []
    return shown


def create_cluster(self, cluster_name, *args, **fields):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html: creating a cluster that is
    there already answers with it (moto replaces it)."""
    there = self.clusters.get(cluster_name)
    if there is not None and there.status == "ACTIVE":
        return there
    return _create_cluster(self, cluster_name, *args, **fields)


def list_clusters(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListClusters.html: pages of at most 100, without
    INACTIVE clusters."""
    arns = [one.arn for one in self.ecs_backend.clusters.values() if one.status == "ACTIVE"]
    page, token = state.listed(self, arns)
    return ActionResult({"clusterArns": page, "nextToken": token})


def describe_clusters(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeClusters.html: at most 100, what is
    unknown is a failure, and the counts are those of the tasks and services there are."""
    backend = self.ecs_backend
    rollout.advance(backend)
    names = self._get_param("clusters") or ["default"]
    if len(names) > 100:
        raise state.invalid("Clusters cannot have more than 100 elements.")
    found, failures = [], []
    for name in names:
        cluster = backend.clusters.get(name.split("/")[-1])
        if cluster is None or (name.startswith("arn:") and name != cluster.arn):
            missing = name if name.startswith("arn:") else state.arn(backend, "cluster", name)
            failures.append(state.missing(missing))
        else:
            found.append(view(backend, cluster, self._get_param("include") or []))
    return ActionResult({"clusters": found, "failures": failures})


def delete_cluster(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html: refused while there are
    services or tasks in it."""
    backend = self.ecs_backend
    rollout.advance(backend)
    cluster = state.cluster_of(backend, self._get_param("cluster"))
    counts = view(backend, cluster)
    if counts["activeServicesCount"]:
        raise state.error(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    if counts["runningTasksCount"] or counts["pendingTasksCount"]:
        raise state.error("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    cluster.status = "INACTIVE"
    return ActionResult({"cluster": view(backend, cluster)})


def apply():
    EC2ContainerServiceBackend.create_cluster = create_cluster
    EC2ContainerServiceResponse.list_clusters = list_clusters
    EC2ContainerServiceResponse.describe_clusters = describe_clusters
    EC2ContainerServiceResponse.delete_cluster = delete_cluster
