"""ECS services: deployments, revisions that pin digests, task sets."""

import unittest

from harness import ACCOUNT, REGION, client, strictness
from test_ecs import NETWORK, EcsCase, uri


class Services(EcsCase):
    @strictness("service_api.create_service", "service_api.describe_services")
    def test_tasks_of_a_service_run(self):
        digest = self.push("shop/web", "1")
        self.serve("web", self.define(image=uri("shop/web")), 2)
        service = self.service("web")
        self.assertEqual((2, 2, 0), tuple(service[name] for name in ("desiredCount", "runningCount", "pendingCount")))
        arns = self.tasks_of("web")
        for task in self.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]:
            self.assertEqual(("RUNNING", "service:web"), (task["lastStatus"], task["group"]))
            self.assertEqual(service["deployments"][0]["id"], task["startedBy"])
            self.assertEqual(digest, task["containers"][0]["imageDigest"])

    @strictness("service_api.update_service", "service_api.describe_services")
    def test_two_deployments_until_the_new_one_has_taken_over(self):
        old = self.define(image="nginx:1")
        self.serve("web", old, 2)
        self.finish("web")
        new = self.define(image="nginx:2")
        self.ecs.update_service(cluster="prod", service="web", taskDefinition=new)
        service = self.service("web")
        shown = [(one["status"], one["taskDefinition"], one["rolloutState"]) for one in service["deployments"]]
        self.assertEqual([("PRIMARY", new, "IN_PROGRESS"), ("ACTIVE", old, "COMPLETED")], shown)
        self.assertEqual(2, len(service["currentServiceRevisions"]))
        self.assertEqual(4, len(self.tasks_of("web")))
        self.finish("web")
        self.assertEqual([new], [one["taskDefinition"] for one in self.service("web")["deployments"]])
        self.assertEqual(1, len(self.service("web")["currentServiceRevisions"]))
        self.assertEqual((2, 2), (len(self.tasks_of("web")), len(self.tasks_of("web", desiredStatus="STOPPED"))))

    @strictness("service_api.update_service")
    def test_what_is_a_new_deployment(self):
        self.serve("web", self.define(), 1)

        def update(**fields):
            before = self.service("web")["deployments"][0]["id"]
            self.ecs.update_service(cluster="prod", service="web", **fields)
            return before != self.service("web")["deployments"][0]["id"]

        self.assertFalse(update(desiredCount=3))
        self.assertEqual(3, len(self.tasks_of("web")))
        self.assertFalse(update(taskDefinition="web:1"))
        self.assertFalse(update(deploymentConfiguration={"maximumPercent": 150}))
        self.assertTrue(update(forceNewDeployment=True))
        self.assertTrue(update(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-2"]}}))

    @strictness("service_api.describe_services")
    def test_at_zero_tasks_the_deployment_stays(self):
        self.serve("web", self.define(), 2)
        self.ecs.update_service(cluster="prod", service="web", desiredCount=0)
        self.finish("web")
        service = self.service("web")
        self.assertEqual(("ACTIVE", 0, 0), (service["status"], service["desiredCount"], service["runningCount"]))
        self.assertEqual(["PRIMARY"], [one["status"] for one in service["deployments"]])
        self.assertEqual([], self.tasks_of("web"))

    @strictness("deployments.describe_service_revisions")
    def test_a_revision_pins_the_digest(self):
        first = self.push("shop/web", "live", "one")
        self.serve("web", self.define(image=uri("shop/web", ":live")), 1)
        second = self.push("shop/web", "live", "two")
        self.ecs.update_service(cluster="prod", service="web", desiredCount=2)
        digests = {self.task(arn)["containers"][0]["imageDigest"] for arn in self.tasks_of("web")}
        self.assertEqual({first}, digests)
        self.assertEqual([first], self.pinned())
        self.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
        self.assertEqual([second, first], self.pinned())
        (revision,) = self.revisions()[:1]
        self.assertEqual(uri("shop/web", ":live"), revision["containerImages"][0]["image"])
        self.assertTrue(revision["taskDefinition"].endswith("web:1"))

    def revisions(self):
        arns = [one["arn"] for one in self.service("web")["currentServiceRevisions"]]
        return self.ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"]

    def pinned(self):
        return [one["containerImages"][0]["imageDigest"] for one in self.revisions()]

    @strictness("deployments.describe_service_revisions")
    def test_no_digest_when_version_consistency_is_off(self):
        self.push("shop/web", "1")
        container = {"name": "app", "image": uri("shop/web"), "versionConsistency": "disabled", "memory": 512}
        self.serve("web", self.define(containerDefinitions=[container]), 1)
        self.assertNotIn("imageDigest", self.revisions()[0]["containerImages"][0])

    @strictness("deployments.describe_service_revisions", "deployments.describe_service_deployments")
    def test_limits_of_revisions_and_deployments(self):
        prefix = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service"
        for call, kind in (("describe_service_revisions", "Revision"), ("describe_service_deployments", "Deployment")):
            field = f"service{kind}Arns"
            many = [f"{prefix}-{kind.lower()}/prod/web/{number}" for number in range(21)]
            ask = getattr(self.ecs, call)
            self.refused("InvalidParameterException", ask, **{field: many})
            self.refused("InvalidParameterException", ask, **{field: []})
            self.assertEqual([{"arn": many[0], "reason": "MISSING"}], ask(**{field: many[:1]})["failures"])

    @strictness("deployments.list_service_deployments", "deployments.describe_service_deployments")
    def test_service_deployments(self):
        self.serve("web", self.define(), 1)
        self.finish("web")
        for _ in range(21):
            self.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
        first = self.ecs.list_service_deployments(cluster="prod", service="web")
        self.assertEqual(20, len(first["serviceDeployments"]))
        rest = self.ecs.list_service_deployments(cluster="prod", service="web", nextToken=first["nextToken"])
        statuses = [one["status"] for one in first["serviceDeployments"] + rest["serviceDeployments"]]
        self.assertEqual(["IN_PROGRESS", *["STOPPED"] * 20, "SUCCESSFUL"], statuses)
        asked = {"cluster": "prod", "service": "web", "status": ["SUCCESSFUL"]}
        (done,) = self.ecs.list_service_deployments(**asked)["serviceDeployments"]
        current = self.service("web")["currentServiceDeployment"]
        self.assertEqual(first["serviceDeployments"][0]["serviceDeploymentArn"], current)
        answer = self.ecs.describe_service_deployments(serviceDeploymentArns=[current, done["serviceDeploymentArn"]])
        running, finished = answer["serviceDeployments"]
        self.assertEqual(1, running["targetServiceRevision"]["requestedTaskCount"])
        self.assertEqual(22, 1 + len(running["sourceServiceRevisions"]))
        self.assertIn("finishedAt", finished)
        self.refused("ServiceNotFoundException", self.ecs.list_service_deployments, cluster="prod", service="nowhere")

    @strictness("service_api.list_services", "service_api.describe_services")
    def test_pages_and_limits(self):
        definition = self.define()
        for number in range(12):
            self.serve(f"s{number:02}", definition, 0)
        first = self.ecs.list_services(cluster="prod")
        self.assertEqual(10, len(first["serviceArns"]))
        rest = self.ecs.list_services(cluster="prod", nextToken=first["nextToken"])
        self.assertEqual(2, len(rest["serviceArns"]))
        self.assertEqual(12, len(self.ecs.list_services(cluster="prod", maxResults=100)["serviceArns"]))
        self.refused("InvalidParameterException", self.ecs.list_services, cluster="prod", maxResults=101)
        many = [f"s{number:02}" for number in range(11)]
        self.refused("InvalidParameterException", self.ecs.describe_services, cluster="prod", services=many)
        answer = self.ecs.describe_services(cluster="prod", services=[*many[:9], "nowhere"])
        missing = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prod/nowhere"
        self.assertEqual((9, [{"arn": missing, "reason": "MISSING"}]), (len(answer["services"]), answer["failures"]))

    @strictness("service_api.delete_service", "service_api.list_services")
    def test_delete_drains(self):
        self.settings(ecs_task_stop_seconds=600)
        self.serve("web", self.define(), 1)
        self.refused("InvalidParameterException", self.ecs.delete_service, cluster="prod", service="web")
        self.ecs.delete_service(cluster="prod", service="web", force=True)
        self.assertEqual("DRAINING", self.service("web")["status"])
        self.assertEqual([], self.ecs.list_services(cluster="prod")["serviceArns"])
        self.refused("InvalidParameterException", self.serve, "web", "web")
        asked = {"cluster": "prod", "service": "web", "desiredCount": 1}
        self.refused("ServiceNotActiveException", self.ecs.update_service, **asked)

    @strictness("service_api.delete_service")
    def test_delete_ends_inactive_and_frees_the_name(self):
        self.serve("web", self.define(), 1)
        answer = self.ecs.delete_service(cluster="prod", service="web", force=True)
        self.assertEqual("DRAINING", answer["service"]["status"])
        service = self.service("web")
        self.assertEqual(("INACTIVE", []), (service["status"], service["deployments"]))
        self.assertEqual([], self.tasks_of("web"))
        self.serve("web", "web")
        self.assertEqual("ACTIVE", self.service("web")["status"])

    @strictness("service_api.create_service")
    def test_create_is_idempotent(self):
        self.define()
        first = self.serve("web", "web")
        again = self.serve("web", "web")
        self.assertEqual(first["deployments"][0]["id"], again["deployments"][0]["id"])
        self.refused("InvalidParameterException", self.serve, "web", "web", 5)

    @strictness("service_api.create_service")
    def test_a_task_that_is_stopped_is_replaced(self):
        self.serve("web", self.define(), 1)
        (arn,) = self.tasks_of("web")
        self.ecs.stop_task(cluster="prod", task=arn)
        (other,) = self.tasks_of("web")
        self.assertNotEqual(arn, other)

    @strictness("service_api.create_service")
    def test_an_image_that_is_not_there_never_takes_over(self):
        self.push("shop/web", "1")
        self.serve("web", self.define(image=uri("shop/web")), 1)
        self.finish("web")
        self.ecs.update_service(cluster="prod", service="web", taskDefinition=self.define(image=uri("shop/web", ":2")))
        self.settings(ecs_deployment_seconds=0)
        deployments = self.service("web")["deployments"]
        self.assertEqual([("PRIMARY", 0), ("ACTIVE", 1)], [(one["status"], one["runningCount"]) for one in deployments])
        self.assertGreater(deployments[0]["failedTasks"], 0)

    @strictness("services.create_service", "services.update_service")
    def test_a_service_of_a_stack(self):
        self.define("bridge", networkMode="bridge", requiresCompatibilities=["EC2"])
        self.define("bridge", networkMode="bridge", requiresCompatibilities=["EC2"])
        template = """{"Resources": {"Web": {"Type": "AWS::ECS::Service", "Properties":
            {"Cluster": "prod", "ServiceName": "web", "DesiredCount": 0, "TaskDefinition": "bridge:%d"}}}}"""
        stacks = client("cloudformation")
        stacks.create_stack(StackName="web", TemplateBody=template % 1)
        (arn,) = self.ecs.list_services(cluster="prod")["serviceArns"]
        stacks.update_stack(StackName="web", TemplateBody=template % 2)
        deployments = self.service(arn)["deployments"]
        self.assertEqual(["2", "1"], [one["taskDefinition"].split(":")[-1] for one in deployments])


class TaskSets(EcsCase):
    def setUp(self):
        super().setUp()
        self.definition = self.define()
        self.ecs.create_service(
            cluster="prod", serviceName="web", desiredCount=4, deploymentController={"type": "EXTERNAL"}
        )

    def add(self, **fields):
        asked = {"cluster": "prod", "service": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK}
        return self.ecs.create_task_set(**{"taskDefinition": self.definition, **asked, **fields})["taskSet"]

    @strictness("task_sets.create_task_set", "task_sets.describe_task_sets")
    def test_task_sets_of_a_service(self):
        idle, half = self.add(externalId="one"), self.add(scale={"value": 50, "unit": "PERCENT"})
        self.assertEqual((0, 2), (idle["computedDesiredCount"], half["computedDesiredCount"]))
        service = self.service("web")
        self.assertEqual([], service["deployments"])
        self.assertEqual([idle["id"], half["id"]], [one["id"] for one in service["taskSets"]])
        self.assertEqual([self.definition] * 2, [one["taskDefinition"] for one in service["taskSets"]])
        self.assertEqual((2, 2), (service["runningCount"], len(self.tasks_of("web"))))
        asked = {"cluster": "prod", "service": "web", "taskSets": [half["taskSetArn"], "ecs-svc/1"]}
        answer = self.ecs.describe_task_sets(**asked)
        self.assertEqual([2], [one["runningCount"] for one in answer["taskSets"]])
        self.assertEqual([{"arn": "ecs-svc/1", "reason": "MISSING"}], answer["failures"])

    @strictness("task_sets.update_task_set", "task_sets.update_service_primary_task_set", "task_sets.delete_task_set")
    def test_from_one_to_the_other(self):
        one = self.add(scale={"value": 100, "unit": "PERCENT"})
        two = self.add(taskDefinition=self.define(), scale={"value": 25, "unit": "PERCENT"})
        named = {"cluster": "prod", "service": "web"}
        self.ecs.update_service_primary_task_set(primaryTaskSet=two["id"], **named)
        self.assertEqual(two["taskDefinition"], self.service("web")["taskDefinition"])
        self.refused("InvalidParameterException", self.ecs.delete_task_set, taskSet=one["id"], **named)
        self.ecs.update_task_set(taskSet=two["id"], scale={"value": 100, "unit": "PERCENT"}, **named)
        self.ecs.delete_task_set(taskSet=one["id"], force=True, **named)
        (left,) = self.service("web")["taskSets"]
        self.assertEqual((two["id"], "PRIMARY", 4), (left["id"], left["status"], left["runningCount"]))
        self.refused("TaskSetNotFoundException", self.ecs.update_task_set, taskSet=one["id"],
                     scale={"value": 1, "unit": "PERCENT"}, **named)

    @strictness("task_sets.create_task_set", "services.update_service")
    def test_checks(self):
        self.serve("rolling", self.definition, 0)
        self.refused("UnsupportedFeatureException", self.add, service="rolling")
        self.refused("InvalidParameterException", self.add, scale={"value": 101, "unit": "PERCENT"})
        asked = {"cluster": "prod", "service": "web", "taskDefinition": self.definition}
        self.refused("InvalidParameterException", self.ecs.update_service, **asked)
        for _ in range(5):
            self.add()
        self.refused("LimitExceededException", self.add)


if __name__ == "__main__":
    unittest.main()
