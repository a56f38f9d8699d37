"""EventBridge, EventBridge Scheduler, App Runner, Batch and Step Functions: what they say of the images they start."""

import json
import unittest

from harness import ACCOUNT, REGION, Case, client, control, in_account, strictness
from test_ecs import OTHER, EcsCase, uri

CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod"
DEFINITION = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/job:1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/events"


class EventBridge(Case):
    def setUp(self):
        super().setUp()
        self.events = client("events")

    def rule(self, name, **fields):
        return self.events.put_rule(Name=name, ScheduleExpression="rate(1 day)", **fields)["RuleArn"]

    def target(self, rule, **fields):
        target = {"Id": "1", "Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": DEFINITION}}
        target.update(fields)
        target = {name: value for name, value in target.items() if value is not None}
        return self.events.put_targets(Rule=rule, Targets=[target])

    def test_an_ecs_target_names_its_task_definition(self):
        self.rule("nightly")
        self.target("nightly", EcsParameters={"TaskDefinitionArn": DEFINITION, "TaskCount": 2, "LaunchType": "FARGATE"})
        (target,) = self.events.list_targets_by_rule(Rule="nightly")["Targets"]
        shown = target["EcsParameters"]
        self.assertEqual((DEFINITION, 2), (shown["TaskDefinitionArn"], shown["TaskCount"]))
        self.assertEqual(["nightly"], self.events.list_rule_names_by_target(TargetArn=CLUSTER)["RuleNames"])

    @strictness("events.put_targets")
    def test_an_ecs_target_without_one_is_refused(self):
        self.rule("nightly")
        self.refused("ValidationException", self.target, "nightly", EcsParameters=None)
        self.refused("ValidationException", self.target, "nightly", RoleArn=None)

    @strictness("events.list_event_buses")
    def test_pages_of_buses(self):
        for number in range(101):
            self.events.create_event_bus(Name=f"bus-{number:03}")
        first = self.events.list_event_buses()
        rest = self.events.list_event_buses(NextToken=first["NextToken"])
        self.assertEqual((100, 2), (len(first["EventBuses"]), len(rest["EventBuses"])))
        prefixed = self.events.list_event_buses(NamePrefix="bus-1")["EventBuses"]
        self.assertEqual(["bus-100"], [one["Name"] for one in prefixed])

    @strictness("events.list_rules", "events.list_rule_names_by_target")
    def test_pages_of_rules(self):
        for number in range(102):
            self.rule(f"rule-{number:03}")
            self.target(f"rule-{number:03}")
        first = self.events.list_rules()
        names = self.events.list_rule_names_by_target(TargetArn=CLUSTER)
        self.assertEqual((100, 100), (len(first["Rules"]), len(names["RuleNames"])))
        # The next rule goes meanwhile: the one after it must not be lost.
        self.events.remove_targets(Rule="rule-100", Ids=["1"])
        self.events.delete_rule(Name="rule-100")
        rest = self.events.list_rules(NextToken=first["NextToken"])
        self.assertEqual(["rule-101"], [one["Name"] for one in rest["Rules"]])
        rest = self.events.list_rule_names_by_target(TargetArn=CLUSTER, NextToken=names["NextToken"])
        self.assertEqual(["rule-101"], rest["RuleNames"])
        self.refused("ValidationException", self.events.list_rules, Limit=101)
        self.refused("ResourceNotFoundException", self.events.list_rules, EventBusName="nowhere")

    @strictness("events.list_targets_by_rule")
    def test_pages_of_targets(self):
        self.rule("nightly")
        for number in range(3):
            self.target("nightly", Id=str(number))
        first = self.events.list_targets_by_rule(Rule="nightly", Limit=1)
        self.events.remove_targets(Rule="nightly", Ids=["1"])
        rest = self.events.list_targets_by_rule(Rule="nightly", Limit=1, NextToken=first["NextToken"])
        self.assertEqual(["2"], [one["Id"] for one in rest["Targets"]])
        self.refused("ResourceNotFoundException", self.events.list_targets_by_rule, Rule="nowhere")


class Scheduler(Case):
    def setUp(self):
        super().setUp()
        self.scheduler = client("scheduler")

    def schedule(self, name, group="default", **target):
        target = {"Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": DEFINITION}, **target}
        target = {name: value for name, value in target.items() if value is not None}
        when = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}}
        self.scheduler.create_schedule(Name=name, GroupName=group, Target=target, **when)

    @strictness("scheduler.list_schedules")
    def test_pages_of_schedules(self):
        for number in range(102):
            self.schedule(f"s-{number:03}")
        first = self.scheduler.list_schedules()
        self.assertEqual(100, len(first["Schedules"]))
        self.assertEqual({"Arn": CLUSTER}, first["Schedules"][0]["Target"])
        self.scheduler.delete_schedule(Name="s-100")
        rest = self.scheduler.list_schedules(NextToken=first["NextToken"])
        self.assertEqual(["s-101"], [one["Name"] for one in rest["Schedules"]])
        self.refused("ResourceNotFoundException", self.scheduler.list_schedules, GroupName="nowhere")
        shown = self.scheduler.get_schedule(Name="s-101")["Target"]["EcsParameters"]
        self.assertEqual(DEFINITION, shown["TaskDefinitionArn"])

    @strictness("scheduler.list_schedule_groups")
    def test_pages_of_groups(self):
        for number in range(3):
            self.scheduler.create_schedule_group(Name=f"g-{number}")
        first = self.scheduler.list_schedule_groups(MaxResults=2)
        self.scheduler.delete_schedule_group(Name="g-1")
        rest = self.scheduler.list_schedule_groups(MaxResults=2, NextToken=first["NextToken"])
        names = [one["Name"] for one in first["ScheduleGroups"] + rest["ScheduleGroups"]]
        self.assertEqual(["default", "g-0", "g-2"], names)

    @strictness("scheduler.create_schedule")
    def test_create_checks(self):
        self.refused("ResourceNotFoundException", self.schedule, "s", "nowhere")
        self.refused("ValidationException", self.schedule, "s", EcsParameters=None)


class Batch(Case):
    def setUp(self):
        super().setUp()
        self.batch = client("batch")

    def register(self, name, image="nginx:1"):
        sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]
        container = {"image": image, "resourceRequirements": sizes}
        asked = {"jobDefinitionName": name, "type": "container", "containerProperties": container}
        return self.batch.register_job_definition(**asked)["jobDefinitionArn"]

    def names(self, **fields):
        shown = self.batch.describe_job_definitions(**fields)["jobDefinitions"]
        return [f"{one['jobDefinitionName']}:{one['revision']}" for one in shown]

    @strictness("batch.describe_job_definitions")
    def test_pages_and_status(self):
        arns = [self.register(f"job-{number:03}", uri("shop/job", f":{number}")) for number in range(102)]
        self.batch.deregister_job_definition(jobDefinition=arns[0])
        first = self.batch.describe_job_definitions(status="ACTIVE")
        self.assertEqual(100, len(first["jobDefinitions"]))
        self.assertEqual(uri("shop/job", ":1"), first["jobDefinitions"][0]["containerProperties"]["image"])
        rest = self.batch.describe_job_definitions(status="ACTIVE", nextToken=first["nextToken"])
        self.assertEqual(["job-101"], [one["jobDefinitionName"] for one in rest["jobDefinitions"]])
        self.assertEqual(["job-000:1"], self.names(status="INACTIVE"))
        self.refused("ClientException", self.batch.describe_job_definitions, maxResults=101)
        self.refused("ClientException", self.batch.describe_job_definitions, jobDefinitions=arns[:101])
        self.refused("ClientException", self.batch.describe_job_definitions, jobDefinitions=arns[:1], status="ACTIVE")

    @strictness("batch.describe_job_definitions")
    def test_by_name_and_revision(self):
        for _ in range(2):
            self.register("job")
        self.assertEqual(["job:1", "job:2"], self.names(jobDefinitionName="job"))
        self.assertEqual(["job:2"], self.names(jobDefinitions=["job:2", "job:7"]))

    @strictness("batch.describe")
    def test_the_images_of_a_multinode_job(self):
        sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]
        nodes = {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [
            {"targetNodes": "0:", "container": {"image": "nginx:1", "resourceRequirements": sizes}}]}
        self.batch.register_job_definition(jobDefinitionName="many", type="multinode", nodeProperties=nodes)
        (shown,) = self.batch.describe_job_definitions()["jobDefinitions"]
        self.assertEqual("nginx:1", shown["nodeProperties"]["nodeRangeProperties"][0]["container"]["image"])


class StepFunctions(Case):
    @strictness("stepfunctions.list_state_machines")
    def test_pages_and_definition(self):
        states = client("stepfunctions")
        run = {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True,
               "Parameters": {"Cluster": CLUSTER, "TaskDefinition": DEFINITION}}
        definition = json.dumps({"StartAt": "Run", "States": {"Run": run}})
        for number in range(102):
            states.create_state_machine(name=f"m-{number:03}", definition=definition, roleArn=ROLE)
        first = states.list_state_machines()
        self.assertEqual((100, "STANDARD"), (len(first["stateMachines"]), first["stateMachines"][0]["type"]))
        gone = first["stateMachines"][0]["stateMachineArn"].replace("m-000", "m-100")
        states.delete_state_machine(stateMachineArn=gone)
        (last,) = states.list_state_machines(nextToken=first["nextToken"])["stateMachines"]
        shown = json.loads(states.describe_state_machine(stateMachineArn=last["stateMachineArn"])["definition"])
        self.assertEqual(("m-101", DEFINITION), (last["name"], shown["States"]["Run"]["Parameters"]["TaskDefinition"]))


class AppRunner(EcsCase):
    def setUp(self):
        super().setUp()
        self.runner = client("apprunner")

    def create(self, name, image="public.ecr.aws/nginx:1", runner=None):
        source = {"ImageRepository": {"ImageIdentifier": image, "ImageRepositoryType": "ECR"}}
        return (runner or self.runner).create_service(ServiceName=name, SourceConfiguration=source)["Service"]

    def listed(self, **fields):
        return [one["ServiceName"] for one in self.runner.list_services(**fields)["ServiceSummaryList"]]

    @strictness("apprunner.answer")
    def test_a_service_and_its_image(self):
        self.push("shop/web", "1")
        made = self.create("web-1", uri("shop/web"))
        self.assertEqual("OPERATION_IN_PROGRESS", made["Status"])
        shown = self.runner.describe_service(ServiceArn=made["ServiceArn"])["Service"]
        self.assertEqual("RUNNING", shown["Status"])
        self.assertEqual(uri("shop/web"), shown["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"])
        failed = self.create("web-2", uri("shop/web", ":2"))
        shown = self.runner.describe_service(ServiceArn=failed["ServiceArn"])["Service"]
        self.assertEqual("CREATE_FAILED", shown["Status"])

    @strictness("apprunner.answer")
    def test_pages(self):
        for number in range(21):
            self.create(f"web-{number:02}")
        self.assertEqual(21, len(self.listed()))
        first = self.runner.list_services(MaxResults=20)
        self.assertEqual(1, len(self.listed(MaxResults=20, NextToken=first["NextToken"])))
        self.refused("InvalidRequestException", self.listed, MaxResults=20, NextToken="nonsense")

    @strictness("apprunner.answer")
    def test_update_delete_and_refusals(self):
        arn = self.create("web-1")["ServiceArn"]
        self.refused("InvalidRequestException", self.create, "web-1")
        source = {"ImageRepository": {"ImageIdentifier": "nginx:2", "ImageRepositoryType": "ECR"}}
        self.runner.update_service(ServiceArn=arn, SourceConfiguration=source)
        shown = self.runner.describe_service(ServiceArn=arn)["Service"]
        self.assertEqual("nginx:2", shown["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"])
        self.runner.delete_service(ServiceArn=arn)
        shown = self.runner.describe_service(ServiceArn=arn)["Service"]
        self.assertEqual(([], "DELETED"), (self.listed(), shown["Status"]))
        self.refused("ResourceNotFoundException", self.runner.describe_service, ServiceArn=arn + "x")
        self.create("web-1")

    @strictness("apprunner.answer")
    def test_per_account_and_forgotten_at_a_reset(self):
        other = client("apprunner", credentials=in_account(OTHER))
        self.assertIn(f":{OTHER}:", self.create("web-1", runner=other)["ServiceArn"])
        self.assertEqual([], self.listed())
        control("POST", "/reset")
        self.assertEqual([], other.list_services()["ServiceSummaryList"])


if __name__ == "__main__":
    unittest.main()
