"""ECS task definitions: from registered to deleted."""

import time
import unittest

from harness import ACCOUNT, REGION, strictness
from test_ecs import EcsCase

PREFIX = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/"


class TaskDefinitions(EcsCase):
    def listed(self, **fields):
        arns = self.ecs.list_task_definitions(**fields)["taskDefinitionArns"]
        return [arn.removeprefix(PREFIX) for arn in arns]

    def described(self, name, **fields):
        return self.ecs.describe_task_definition(taskDefinition=name, **fields)["taskDefinition"]

    @strictness("task_families.list_task_definitions")
    def test_list_is_sorted_and_paged(self):
        for _ in range(11):
            self.define("web")
        self.define("api")
        names = ["api:1", *(f"web:{number}" for number in range(1, 12))]
        self.assertEqual(names, self.listed())
        self.assertEqual(names[::-1], self.listed(sort="DESC"))
        pages = self.ecs.get_paginator("list_task_definitions").paginate(PaginationConfig={"PageSize": 5})
        self.assertEqual([5, 5, 2], [len(page["taskDefinitionArns"]) for page in pages])
        for wrong in ({"maxResults": 101}, {"nextToken": "nonsense"}, {"sort": "UP"}, {"status": "GONE"}):
            self.refused("InvalidParameterException", self.ecs.list_task_definitions, **wrong)

    @strictness("task_families.list_task_definitions", "task_definitions.delete_task_definitions")
    def test_list_by_status_and_whole_family(self):
        for family in ("web", "web", "web", "web-admin"):
            self.define(family)
        self.ecs.deregister_task_definition(taskDefinition="web:1")
        self.ecs.deregister_task_definition(taskDefinition="web:2")
        self.ecs.delete_task_definitions(taskDefinitions=["web:2"])
        self.assertEqual(["web:3"], self.listed(familyPrefix="web"))
        self.assertEqual(["web:1"], self.listed(status="INACTIVE"))
        self.assertEqual(["web:2"], self.listed(status="DELETE_IN_PROGRESS"))
        self.assertEqual([], self.listed(familyPrefix="we"))

    @strictness("task_families.list_task_definitions")
    def test_nothing_is_skipped_when_some_go_between_two_pages(self):
        for _ in range(6):
            self.define("web")
        first = self.ecs.list_task_definitions(maxResults=3)
        for number in (1, 2, 3):
            self.ecs.deregister_task_definition(taskDefinition=f"web:{number}")
        rest = self.ecs.list_task_definitions(maxResults=3, nextToken=first["nextToken"])["taskDefinitionArns"]
        self.assertTrue({f"{PREFIX}web:{number}" for number in (5, 6)} <= set(rest), rest)

    @strictness("task_families.list_task_definition_families")
    def test_families(self):
        for family in ("web", "web-admin", "api"):
            self.define(family)
        self.ecs.deregister_task_definition(taskDefinition="api:1")

        def names(**fields):
            return self.ecs.list_task_definition_families(**fields)["families"]

        self.assertEqual(["api", "web", "web-admin"], names())
        self.assertEqual(["web", "web-admin"], names(status="ACTIVE"))
        self.assertEqual(["api"], names(status="INACTIVE"))
        self.assertEqual(["web", "web-admin"], names(familyPrefix="we"))
        pages = self.ecs.get_paginator("list_task_definition_families").paginate(PaginationConfig={"PageSize": 2})
        self.assertEqual([["api", "web"], ["web-admin"]], [page["families"] for page in pages])

    @strictness("task_definitions.describe_task_definition", "task_api.register_task_definition")
    def test_describe(self):
        before = time.time() - 1
        made = self.ecs.register_task_definition(
            family="web",
            networkMode="awsvpc",
            cpu=".25 vCPU",
            memory="1 GB",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{"name": "app", "image": "nginx:1"}],
            tags=[{"key": "team", "value": "shop"}],
        )
        self.assertEqual([{"key": "team", "value": "shop"}], made["tags"])
        self.define("web")
        self.ecs.deregister_task_definition(taskDefinition="web:2")
        shown = self.described("web")
        seen = tuple(shown[name] for name in ("revision", "status", "cpu", "memory"))
        self.assertEqual((1, "ACTIVE", "256", "1024"), seen)
        self.assertLess(before, shown["registeredAt"].timestamp())
        self.assertEqual(f"arn:aws:iam::{ACCOUNT}:root", shown["registeredBy"])
        inactive = self.described(f"{PREFIX}web:2")
        self.assertEqual("INACTIVE", inactive["status"])
        self.assertLessEqual(inactive["registeredAt"], inactive["deregisteredAt"])
        tags = self.ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])["tags"]
        self.assertEqual([{"key": "team", "value": "shop"}], tags)

    @strictness("task_definitions.find")
    def test_describe_what_is_not_there(self):
        self.define("web")
        self.ecs.deregister_task_definition(taskDefinition="web:1")
        for name in ("web", "web:2", "api", f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/web:1"):
            self.refused("ClientException", self.described, name)
        self.refused("InvalidParameterException", self.described, "web:x")

    @strictness("task_definitions.register_task_definition")
    def test_register_checks(self):
        self.refused("ClientException", self.define, containerDefinitions=[])
        self.refused("ClientException", self.define, "a b")
        self.refused("ClientException", self.define, networkMode="bridge")
        self.refused("ClientException", self.define, cpu="")

    @strictness("task_definitions.register_task_definition")
    def test_revisions_are_never_used_twice(self):
        for _ in range(2):
            arn = self.define("web")
            self.ecs.deregister_task_definition(taskDefinition=arn)
        self.settings(ecs_delete_seconds=0)
        self.ecs.delete_task_definitions(taskDefinitions=["web:1", "web:2"])
        self.refused("ClientException", self.described, "web:2")
        self.assertEqual([], self.ecs.list_task_definition_families()["families"])
        self.assertEqual(f"{PREFIX}web:3", self.define("web"))

    @strictness("task_definitions.deregister_task_definition")
    def test_deregister_again(self):
        self.define("web")
        self.refused("ClientException", self.ecs.deregister_task_definition, taskDefinition="web")
        once = self.ecs.deregister_task_definition(taskDefinition="web:1")["taskDefinition"]
        again = self.ecs.deregister_task_definition(taskDefinition="web:1")["taskDefinition"]
        self.assertEqual(("INACTIVE", once["deregisteredAt"]), (again["status"], again["deregisteredAt"]))

    @strictness("task_definitions.delete_task_definitions")
    def test_delete_only_what_is_inactive_and_ten_at_most(self):
        self.define("web")
        self.define("web")
        self.ecs.deregister_task_definition(taskDefinition="web:1")
        answer = self.ecs.delete_task_definitions(taskDefinitions=["web:1", "web:2", "web:9", "web"])
        self.assertEqual(["DELETE_IN_PROGRESS"], [one["status"] for one in answer["taskDefinitions"]])
        self.assertIn("deleteRequestedAt", answer["taskDefinitions"][0])
        reasons = {one["arn"]: one["reason"] for one in answer["failures"]}
        self.assertEqual({"web:2", "web:9", "web"}, set(reasons))
        self.assertIn("still in ACTIVE status", reasons["web:2"])
        self.assertEqual("DELETE_IN_PROGRESS", self.described("web:1")["status"])
        many = [f"web:{number}" for number in range(11)]
        self.refused("InvalidParameterException", self.ecs.delete_task_definitions, taskDefinitions=many)

    @strictness("task_definitions.delete_task_definitions")
    def test_what_is_used_stays_until_it_is_not(self):
        self.settings(ecs_delete_seconds=0)
        task = self.run_task(self.define("job"))["taskArn"]
        self.serve("web", self.define("web"), 0)
        for name in ("job:1", "web:1"):
            self.ecs.deregister_task_definition(taskDefinition=name)
        self.ecs.delete_task_definitions(taskDefinitions=["job:1", "web:1"])
        self.assertEqual(["job:1", "web:1"], self.listed(status="DELETE_IN_PROGRESS"))
        self.ecs.stop_task(cluster="prod", task=task)
        self.assertEqual(["web:1"], self.listed(status="DELETE_IN_PROGRESS"))
        self.ecs.delete_service(cluster="prod", service="web")
        self.service("web")
        self.assertEqual([], self.listed(status="DELETE_IN_PROGRESS"))

    @strictness("task_api.run_task", "services.create_service", "service_api.update_service")
    def test_nothing_new_is_started_from_an_inactive_one(self):
        arn = self.define("web")
        self.serve("web", arn, 0)
        self.define("web")
        self.ecs.deregister_task_definition(taskDefinition="web:2")
        self.refused("ClientException", self.run_task, "web:2")
        self.refused("ClientException", self.serve, "other", "web:2")
        self.refused("ClientException", self.ecs.update_service, cluster="prod", service="web", taskDefinition="web:2")
        self.assertTrue(self.service("web")["taskDefinition"].endswith("web:1"))


if __name__ == "__main__":
    unittest.main()
