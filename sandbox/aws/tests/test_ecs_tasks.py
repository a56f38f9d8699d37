"""ECS tasks: which image they run, and for how long one sees it."""

import json
import unittest

from harness import ACCOUNT, REGION, strictness
from test_ecs import NETWORK, EcsCase, uri


class Tasks(EcsCase):
    def running(self, **fields):
        return self.ecs.list_tasks(cluster="prod", **fields)["taskArns"]

    def container(self, arn):
        return self.task(arn)["containers"][0]

    @strictness("task_api.run_task", "task_api.describe_tasks")
    def test_runs_on_fargate_with_the_digest_of_its_image(self):
        digest = self.push("shop/web", "1")
        started = self.run_task(self.define(image=uri("shop/web")))
        self.assertEqual("PROVISIONING", started["lastStatus"])
        self.assertNotIn("imageDigest", started["containers"][0])
        task = self.task(started["taskArn"])
        self.assertEqual(("RUNNING", "256", "512"), (task["lastStatus"], task["cpu"], task["memory"]))
        shown = task["containers"][0]
        seen = tuple(shown[name] for name in ("image", "imageDigest", "lastStatus"))
        self.assertEqual((uri("shop/web"), digest, "RUNNING"), seen)

    @strictness("task_api.describe_tasks")
    def test_keeps_its_digest_when_the_tag_moves(self):
        first = self.push("shop/web", "1", "one")
        arn = self.run_task(self.define(image=uri("shop/web")))["taskArn"]
        second = self.push("shop/web", "1", "two")
        self.assertNotEqual(first, second)
        self.assertEqual(first, self.container(arn)["imageDigest"])
        self.assertEqual(second, self.container(self.run_task("web")["taskArn"])["imageDigest"])

    @strictness("task_api.describe_tasks")
    def test_by_digest_and_from_elsewhere(self):
        digest = self.push("shop/web", "1")
        arn = self.run_task(self.define(image=uri("shop/web", f"@{digest}")))["taskArn"]
        self.assertEqual(digest, self.container(arn)["imageDigest"])
        arn = self.run_task(self.define(image="docker.io/library/nginx:1"))["taskArn"]
        self.assertRegex(self.container(arn)["imageDigest"], "^sha256:[0-9a-f]{64}$")

    @strictness("task_api.describe_tasks")
    def test_an_image_that_is_gone_stops_the_task(self):
        self.push("shop/web", "1")
        arn = self.run_task(self.define(image=uri("shop/web", ":2")))["taskArn"]
        task = self.task(arn)
        self.assertEqual(("STOPPED", "TaskFailedToStart"), (task["lastStatus"], task["stopCode"]))
        self.assertIn("CannotPullContainerError", task["stoppedReason"])
        self.assertNotIn("imageDigest", task["containers"][0])

    @strictness("task_api.list_tasks", "task_api.describe_tasks")
    def test_pending_has_no_digest_yet(self):
        digest = self.push("shop/web", "1")
        self.settings(ecs_task_pending_seconds=600)
        arn = self.run_task(self.define(image=uri("shop/web")))["taskArn"]
        self.assertEqual("PROVISIONING", self.task(arn)["lastStatus"])
        self.assertNotIn("imageDigest", self.container(arn))
        self.assertEqual([arn], self.running())
        self.assertEqual([], self.running(desiredStatus="PENDING"))
        self.settings(ecs_task_pending_seconds=0.2)
        arn = self.run_task("web")["taskArn"]
        self.eventually(lambda: self.container(arn).get("imageDigest"), digest)

    @strictness("task_api.stop_task", "task_api.list_tasks")
    def test_stopped_ones_are_shown_for_an_hour(self):
        digest = self.push("shop/web", "1")
        arn = self.run_task(self.define(image=uri("shop/web")))["taskArn"]
        self.ecs.stop_task(cluster="prod", task=arn, reason="enough")
        self.assertEqual(([], [arn]), (self.running(), self.running(desiredStatus="STOPPED")))
        task = self.task(arn)
        self.assertEqual(("STOPPED", "STOPPED"), (task["lastStatus"], task["desiredStatus"]))
        self.assertEqual(("UserInitiated", "enough"), (task["stopCode"], task["stoppedReason"]))
        self.assertEqual(digest, task["containers"][0]["imageDigest"])
        self.settings(ecs_stopped_seconds=0)
        self.assertEqual([], self.running(desiredStatus="STOPPED"))
        self.assertEqual("MISSING", self.ecs.describe_tasks(cluster="prod", tasks=[arn])["failures"][0]["reason"])

    @strictness("task_api.stop_task")
    def test_stopping_takes_its_time(self):
        self.settings(ecs_task_stop_seconds=600)
        arn = self.run_task(self.define())["taskArn"]
        self.ecs.stop_task(cluster="prod", task=arn)
        task = self.task(arn)
        self.assertEqual(("DEACTIVATING", "STOPPED"), (task["lastStatus"], task["desiredStatus"]))
        self.refused("InvalidParameterException", self.ecs.stop_task, cluster="prod", task="0" * 32)

    @strictness("task_api.list_tasks", "task_api.describe_tasks")
    def test_pages_and_limits(self):
        definition = self.define()
        for _ in range(11):
            self.run_task(definition, count=10)
        first = self.ecs.list_tasks(cluster="prod")
        rest = self.ecs.list_tasks(cluster="prod", nextToken=first["nextToken"])
        self.assertEqual((100, 10), (len(first["taskArns"]), len(rest["taskArns"])))
        arns = first["taskArns"] + rest["taskArns"]
        self.assertEqual(110, len(set(arns)))
        self.assertEqual(100, len(self.ecs.describe_tasks(cluster="prod", tasks=arns[:100])["tasks"]))
        for wrong in (arns[:101], []):
            self.refused("InvalidParameterException", self.ecs.describe_tasks, cluster="prod", tasks=wrong)
        self.refused("InvalidParameterException", self.ecs.list_tasks, cluster="prod", maxResults=101)

    @strictness("task_api.describe_tasks")
    def test_unknown_tasks_are_failures(self):
        arn = self.run_task(self.define())["taskArn"]
        self.ecs.create_cluster(clusterName="test")
        missing = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/prod/{'0' * 32}"
        answer = self.ecs.describe_tasks(cluster="prod", tasks=[arn.split("/")[-1], missing])
        self.assertEqual([arn], [one["taskArn"] for one in answer["tasks"]])
        self.assertEqual([{"arn": missing, "reason": "MISSING"}], answer["failures"])
        self.assertEqual(1, len(self.ecs.describe_tasks(cluster="test", tasks=[arn])["failures"]))

    @strictness("task_api.list_tasks")
    def test_filters(self):
        self.serve("web", self.define("web"), 2)
        job = self.run_task(self.define("job"), startedBy="cron")["taskArn"]
        self.assertEqual(2, len(self.running(serviceName="web")))
        self.assertEqual([job], self.running(family="job"))
        self.assertEqual([job], self.running(startedBy="cron"))
        self.assertEqual(3, len(self.running(launchType="FARGATE")))
        self.assertEqual([], self.running(launchType="EC2"))
        self.refused("ServiceNotFoundException", self.running, serviceName="nowhere")
        self.refused("ClusterNotFoundException", self.ecs.list_tasks, cluster="nowhere")

    @strictness("task_api.run_task")
    def test_run_task_checks(self):
        definition = self.define()
        self.refused("InvalidParameterException", self.run_task, definition, count=11)
        asked = {"cluster": "prod", "taskDefinition": definition}
        self.refused("InvalidParameterException", self.ecs.run_task, launchType="FARGATE", **asked)
        self.refused("InvalidParameterException", self.run_task, definition, launchType="EC2")
        bridge = self.define("bridge", networkMode="bridge", requiresCompatibilities=["EC2"])
        asked["taskDefinition"] = bridge
        self.refused("InvalidParameterException", self.ecs.run_task, launchType="FARGATE", **asked)

    @strictness("task_api.run_task")
    def test_run_task_is_idempotent(self):
        definition = self.define()
        once = self.run_task(definition, clientToken="run-1")["taskArn"]
        self.assertEqual(once, self.run_task(definition, clientToken="run-1")["taskArn"])
        self.refused("ConflictException", self.run_task, definition, clientToken="run-1", count=2)
        self.assertEqual([once], self.running())

    @strictness("task_api.run_task")
    def test_capacity_providers(self):
        definition = self.define()
        spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        asked = {"cluster": "prod", "taskDefinition": definition, "networkConfiguration": NETWORK}
        (task,) = self.ecs.run_task(capacityProviderStrategy=spot, **asked)["tasks"]
        self.assertEqual("FARGATE_SPOT", task["capacityProviderName"])
        both = {"capacityProviderStrategy": spot, "launchType": "FARGATE"}
        self.refused("InvalidParameterException", self.ecs.run_task, **both, **asked)


class OnInstances(EcsCase):
    def setUp(self):
        super().setUp()
        document = json.dumps({"instanceId": self.instance()})
        asked = {"cluster": "prod", "instanceIdentityDocument": document}
        self.host = self.ecs.register_container_instance(**asked)["containerInstance"]["containerInstanceArn"]
        self.define("job", networkMode="bridge", requiresCompatibilities=["EC2"])

    @strictness("task_api.start_task")
    def test_start_task(self):
        answer = self.ecs.start_task(cluster="prod", taskDefinition="job", containerInstances=[self.host, "nowhere"])
        (task,) = answer["tasks"]
        self.assertEqual(self.host, task["containerInstanceArn"])
        self.assertEqual([{"arn": "nowhere", "reason": "MISSING"}], answer["failures"])
        listed = self.ecs.list_tasks(cluster="prod", containerInstance=self.host)["taskArns"]
        self.assertEqual([task["taskArn"]], listed)

    @strictness("task_api.run_task")
    def test_what_has_no_room_is_a_failure(self):
        answer = self.ecs.run_task(cluster="prod", taskDefinition="job", launchType="EC2", count=10)
        self.assertEqual(10, len(answer["tasks"]))
        answer = self.ecs.run_task(cluster="prod", taskDefinition="job", launchType="EC2", count=10)
        self.assertEqual((4, 6), (len(answer["tasks"]), len(answer["failures"])))
        self.ecs.stop_task(cluster="prod", task=answer["tasks"][0]["taskArn"])
        self.assertEqual(1, len(self.ecs.run_task(cluster="prod", taskDefinition="job")["tasks"]))

    def test_tags(self):
        (task,) = self.ecs.run_task(cluster="prod", taskDefinition="job", tags=[{"key": "a", "value": "b"}])["tasks"]
        tags = self.ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"]
        self.assertEqual([{"key": "a", "value": "b"}], tags)


if __name__ == "__main__":
    unittest.main()
