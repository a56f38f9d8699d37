"""ECS: what its tests share; clusters, request throttling, accounts."""

import hashlib
import json
import time
import unittest

from botocore.exceptions import ClientError

from harness import ACCOUNT, REGION, Case, client, control, in_account, strictness

OTHER = "210987654321"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
# Rollouts end when a test says so.
STILL = {"ecs_deployment_seconds": 600, "ecs_delete_seconds": 600}


class EcsCase(Case):
    """A cluster `prod`, and a hand for everything in it."""

    def setUp(self):
        super().setUp()
        self.settings(**STILL)
        self.ecs, self.ecr = client("ecs"), client("ecr")
        self.ecs.create_cluster(clusterName="prod")

    def push(self, repository, tag, text=None, ecr=None):
        """Puts an image into a repository, and returns its digest."""
        ecr = ecr or self.ecr
        try:
            ecr.create_repository(repositoryName=repository)
        except ecr.exceptions.RepositoryAlreadyExistsException:
            pass
        layer = "sha256:" + hashlib.sha256((text or tag).encode()).hexdigest()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": layer},
            "layers": [],
        }
        text = json.dumps(manifest)
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=text, imageDigest=digest)
        return digest

    def define(self, family="web", image="nginx:1", ecs=None, **fields):
        """Registers a task definition for Fargate."""
        container = {"name": "app", "image": image, "essential": True, "memory": 512}
        asked = {"family": family, "cpu": "256", "memory": "512", "networkMode": "awsvpc",
                 "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container], **fields}
        return (ecs or self.ecs).register_task_definition(**asked)["taskDefinition"]["taskDefinitionArn"]

    def run_task(self, definition, ecs=None, **fields):
        asked = {"cluster": "prod", "launchType": "FARGATE", "networkConfiguration": NETWORK, **fields}
        return (ecs or self.ecs).run_task(taskDefinition=definition, **asked)["tasks"][0]

    def task(self, arn, ecs=None):
        (task,) = (ecs or self.ecs).describe_tasks(cluster="prod", tasks=[arn])["tasks"]
        return task

    def serve(self, name, definition, count=1, **fields):
        asked = {"cluster": "prod", "desiredCount": count, "launchType": "FARGATE", "networkConfiguration": NETWORK}
        return self.ecs.create_service(serviceName=name, taskDefinition=definition, **{**asked, **fields})["service"]

    def service(self, name):
        (service,) = self.ecs.describe_services(cluster="prod", services=[name])["services"]
        return service

    def finish(self, name):
        """Lets the rollout of a service end."""
        self.settings(ecs_deployment_seconds=0)
        self.assertEqual("COMPLETED", self.service(name)["deployments"][0]["rolloutState"])
        self.settings(ecs_deployment_seconds=600)

    def tasks_of(self, name, **fields):
        return self.ecs.list_tasks(cluster="prod", serviceName=name, **fields)["taskArns"]


def uri(repository, reference=":1", account=ACCOUNT):
    return f"{account}.dkr.ecr.{REGION}.amazonaws.com/{repository}{reference}"


class Clusters(EcsCase):
    @strictness("clusters.list_clusters", "clusters.delete_cluster")
    def test_pages_and_what_is_deleted(self):
        for number in range(104):
            self.ecs.create_cluster(clusterName=f"c{number:03}")
        self.ecs.delete_cluster(cluster="c000")
        first = self.ecs.list_clusters()
        rest = self.ecs.list_clusters(nextToken=first["nextToken"])
        self.assertEqual((100, 4, None), (len(first["clusterArns"]), len(rest["clusterArns"]), rest.get("nextToken")))
        self.assertEqual("INACTIVE", self.ecs.describe_clusters(clusters=["c000"])["clusters"][0]["status"])
        self.refused("ClusterNotFoundException", self.ecs.list_services, cluster="c000")
        for wrong in ({"maxResults": 101}, {"maxResults": 0}, {"nextToken": "nonsense"}):
            self.refused("InvalidParameterException", self.ecs.list_clusters, **wrong)

    @strictness("clusters.describe_clusters")
    def test_describe(self):
        self.run_task(self.define())
        self.serve("web", "web", 2)
        asked = self.ecs.describe_clusters(clusters=["prod", "nowhere"], include=["TAGS"])
        (shown,) = asked["clusters"]
        counts = (shown["runningTasksCount"], shown["pendingTasksCount"], shown["activeServicesCount"])
        self.assertEqual((3, 0, 1), counts)
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/nowhere"
        self.assertEqual([{"arn": arn, "reason": "MISSING"}], asked["failures"])
        many = [f"c{number}" for number in range(101)]
        self.refused("InvalidParameterException", self.ecs.describe_clusters, clusters=many)

    @strictness("clusters.delete_cluster")
    def test_a_cluster_in_use_is_not_deleted(self):
        task = self.run_task(self.define())["taskArn"]
        self.refused("ClusterContainsTasksException", self.ecs.delete_cluster, cluster="prod")
        self.ecs.stop_task(cluster="prod", task=task)
        self.serve("web", "web", 0)
        self.refused("ClusterContainsServicesException", self.ecs.delete_cluster, cluster="prod")

    @strictness("clusters.create_cluster")
    def test_the_same_cluster_again(self):
        self.ecs.create_cluster(clusterName="prod", tags=[{"key": "a", "value": "b"}])
        (shown,) = self.ecs.describe_clusters(clusters=["prod"], include=["TAGS"])["clusters"]
        self.assertEqual([], shown["tags"])


class Buckets(EcsCase):
    def refusals(self, calls, call, **fields):
        count = 0
        for _ in range(calls):
            try:
                call(**fields)
            except ClientError as refused:
                count += refused.response["Error"]["Code"] == "ThrottlingException"
        return count

    def test_deregistering_is_slow_and_reading_is_not(self):
        arns = [self.define() for _ in range(40)]
        self.settings(throttle_buckets=True)
        started = time.monotonic()
        refused = sum(self.refusals(1, self.ecs.deregister_task_definition, taskDefinition=arn) for arn in arns)
        admitted_at_most = 20 + 1 * (time.monotonic() - started) + 1
        self.assertGreaterEqual(refused, 40 - admitted_at_most)
        self.assertEqual(0, self.refusals(40, self.ecs.list_task_definitions))
        self.assertEqual(0, self.refusals(40, self.ecs.describe_services, cluster="prod", services=["web"]))

    def test_a_bucket_per_account(self):
        self.settings(throttle_buckets=True)
        self.assertGreater(self.refusals(40, self.ecs.create_cluster, clusterName="prod"), 0)
        other = client("ecs", credentials=in_account(OTHER))
        self.assertEqual(0, self.refusals(20, other.create_cluster, clusterName="prod"))


class Accounts(EcsCase):
    def test_each_account_and_region_has_its_own(self):
        other, there = client("ecs", credentials=in_account(OTHER)), client("ecs", region="eu-west-1")
        for one in (other, there):
            one.create_cluster(clusterName="prod")
            self.assertEqual([], one.list_task_definitions()["taskDefinitionArns"])
        arn = self.define("api", ecs=other)
        self.assertEqual(f"arn:aws:ecs:{REGION}:{OTHER}:task-definition/api:1", arn)
        self.refused("ClientException", self.ecs.describe_task_definition, taskDefinition=arn)
        self.assertEqual("RUNNING", self.task(self.run_task(arn, other)["taskArn"], other)["lastStatus"])
        self.assertEqual([], self.ecs.list_tasks(cluster="prod")["taskArns"])

    @strictness("task_api.describe_tasks")
    def test_an_image_of_another_account(self):
        digest = self.push("shop/web", "1")
        other = client("ecs", credentials=in_account(OTHER))
        other.create_cluster(clusterName="prod")
        arn = self.define(image=uri("shop/web"), ecs=other)
        task = self.task(self.run_task(arn, other)["taskArn"], other)
        self.assertEqual(digest, task["containers"][0]["imageDigest"])


class Control(EcsCase):
    def stage(self, **fields):
        return control("POST", "/ecs/task-definitions", fields)

    def test_thousands_at_once(self):
        made = self.stage(family="old", image="shop/web:{n}", count=3000, registered=1_600_000_000, interval=60)
        self.assertEqual(3000, made["count"])
        pages = self.ecs.get_paginator("list_task_definitions").paginate(familyPrefix="old")
        arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
        self.assertEqual(made["task_definitions"], arns)
        shown = self.ecs.describe_task_definition(taskDefinition=arns[9])["taskDefinition"]
        self.assertEqual("shop/web:10", shown["containerDefinitions"][0]["image"])
        self.assertEqual(1_600_000_000 + 9 * 60, shown["registeredAt"].timestamp())
        self.assertTrue(self.define("old").endswith("old:3001"))

    def test_a_family_each_inactive_in_another_account(self):
        self.stage(family="old-{n}", image="shop/web:1", count=2, account=OTHER, region="eu-west-1", status="INACTIVE")
        ecs = client("ecs", region="eu-west-1", credentials=in_account(OTHER))
        self.assertEqual(["old-1", "old-2"], ecs.list_task_definition_families(status="INACTIVE")["families"])

    def test_backdate(self):
        arn = self.define()
        asked = {"account": ACCOUNT, "region": REGION, "task_definition": arn, "registered": 5}
        self.assertEqual(5, control("POST", "/ecs/backdate", asked)["registered"])
        shown = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        self.assertEqual(5, shown["registeredAt"].timestamp())

    def test_wrong_requests_are_refused(self):
        wrong = [{"family": "a"}, {"family": "a b", "image": "x"}, {"family": "a", "image": "x", "count": 0},
                 {"family": "a", "image": "x", "region": "mars"}, {"family": "a", "image": "x", "account": "1"}]
        for body in wrong:
            self.assertEqual(400, self.stage(**body)["refused"], body)
        for arn in ("web:1", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:7"):
            self.assertEqual(400, control("POST", "/ecs/backdate", {"task_definition": arn})["refused"])


if __name__ == "__main__":
    unittest.main()
