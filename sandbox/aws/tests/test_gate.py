"""The gate: the call counter, faults in every protocol, throttling."""

import threading
import time
import unittest

from botocore.exceptions import ClientError, ConnectionClosedError

from harness import ACCOUNT, REGION, Case, client, control, in_account, strictness


def fault(operation, kind, **fields):
    return control("POST", "/faults", {"operation": operation, "kind": kind, **fields})


class Calls(Case):
    def test_counts_per_operation_and_protocol(self):
        self.ec2.describe_images(Owners=["self"])
        self.ec2.describe_images(Owners=["self"])
        client("ssm").describe_parameters()
        client("route53").list_hosted_zones()
        s3 = client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="plans/1.json", Body=b"{}")
        s3.get_object(Bucket="artifacts", Key="plans/1.json")["Body"].read()
        s3.list_objects_v2(Bucket="artifacts")
        s3.copy_object(Bucket="artifacts", Key="plans/2.json", CopySource="artifacts/plans/1.json")
        s3.delete_objects(Bucket="artifacts", Delete={"Objects": [{"Key": "plans/1.json"}]})
        s3.get_bucket_versioning(Bucket="artifacts")
        self.assertEqual(
            {
                "ec2.DescribeImages": 2,
                "route53.ListHostedZones": 1,
                "s3.CopyObject": 1,
                "s3.CreateBucket": 1,
                "s3.DeleteObjects": 1,
                "s3.GetBucketVersioning": 1,
                "s3.GetObject": 1,
                "s3.ListObjectsV2": 1,
                "s3.PutObject": 1,
                "ssm.DescribeParameters": 1,
            },
            control("GET", "/calls"),
        )

    def test_details(self):
        fault("ec2.DescribeImages", "throttle")
        self.refused("RequestLimitExceeded", self.ec2.describe_images)
        client("ec2", "eu-west-1", in_account("222222222222")).describe_images(Owners=["self"])
        seen = [
            (one["operation"], one["path"], one["region"], one["account"], one["status"], one["fault"])
            for one in control("GET", "/calls?detail=1")
            if one["operation"].startswith("ec2.")
        ]
        self.assertEqual(
            [
                ("ec2.DescribeImages", "/", REGION, ACCOUNT, 503, "throttle"),
                ("ec2.DescribeImages", "/", "eu-west-1", "222222222222", 200, None),
            ],
            seen,
        )

    def test_reset_forgets_everything(self):
        self.image()
        fault("*", "throttle", count=-1)
        control("POST", "/settings", {"image_fail": 3})
        control("POST", "/reset")
        self.assertEqual(({}, []), (control("GET", "/calls"), control("GET", "/faults")))
        self.assertEqual(0, control("GET", "/settings")["image_fail"])
        self.assertEqual([], self.ec2.describe_images(Owners=["self"])["Images"])


CALLS = {
    # service: (a call, its code when throttled, status, its code when denied, status)
    "ec2": ("describe_images", "RequestLimitExceeded", 503, "UnauthorizedOperation", 403),
    "autoscaling": ("describe_auto_scaling_groups", "Throttling", 400, "AccessDenied", 403),
    "sts": ("get_caller_identity", "Throttling", 400, "AccessDenied", 403),
    "route53": ("list_hosted_zones", "Throttling", 400, "AccessDenied", 403),
    "s3": ("list_buckets", "SlowDown", 503, "AccessDenied", 403),
    "ssm": ("describe_parameters", "ThrottlingException", 400, "AccessDeniedException", 400),
    "ecr": ("describe_repositories", "ThrottlingException", 400, "AccessDeniedException", 400),
    "ecs": ("list_clusters", "ThrottlingException", 400, "AccessDeniedException", 400),
    "dynamodb": ("list_tables", "ThrottlingException", 400, "AccessDeniedException", 400),
    "lambda": ("list_functions", "ThrottlingException", 400, "AccessDeniedException", 400),
}


class Faults(Case):
    def answers(self, service, method, code, status):
        with self.assertRaises(ClientError) as caught:
            getattr(client(service), method)()
        answer = caught.exception.response
        self.assertEqual((code, status), (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]))
        self.assertTrue(answer["Error"]["Message"])
        return answer["Error"]["Message"]

    def test_throttle_in_every_protocol(self):
        for service, (method, code, status, _, _) in CALLS.items():
            with self.subTest(service):
                fault(f"{service}.*", "throttle")
                self.answers(service, method, code, status)
                getattr(client(service), method)()

    def test_deny_in_every_protocol(self):
        for service, (method, _, _, code, status) in CALLS.items():
            with self.subTest(service):
                fault(f"{service}.*", "deny")
                self.answers(service, method, code, status)

    def test_deny_words_it_as_ec2_does(self):
        fault("ec2.CreateImage", "deny")
        message = self.refused("UnauthorizedOperation", self.image)
        self.assertRegex(
            message,
            r"^You are not authorized to perform this operation\. User: arn:aws:sts::\d{12}:assumed-role/\S+ is not "
            r"authorized to perform: ec2:CreateImage on resource: \S+ because no identity-based policy allows the "
            r"ec2:CreateImage action$",
        )

    def test_error_with_any_status_and_code(self):
        fault("ec2.DescribeImages", "error")
        self.answers("ec2", "describe_images", "InternalError", 500)
        fault("ssm.*", "error", status=503, code="ServiceUnavailable")
        self.answers("ssm", "describe_parameters", "ServiceUnavailable", 503)

    def test_lost_answer_but_done_exactly_once(self):
        instance = self.instance()
        fault("ec2.CreateImage", "lost")
        with self.assertRaises(ConnectionClosedError):
            self.ec2.create_image(InstanceId=instance, Name="app-1")
        self.assertEqual(1, control("GET", "/calls")["ec2.CreateImage"])
        self.assertEqual(1, len(self.ec2.describe_images(Owners=["self"])["Images"]))
        (entry,) = [one for one in control("GET", "/calls?detail=1") if one["operation"] == "ec2.CreateImage"]
        self.assertEqual((200, "lost"), (entry["status"], entry["fault"]))

    def test_latency_delays_and_then_answers(self):
        fault("ec2.DescribeImages", "latency", latency_ms=300)
        started = time.monotonic()
        self.ec2.describe_images(Owners=["self"])
        self.assertGreaterEqual(time.monotonic() - started, 0.3)

    def test_latency_comes_on_top_of_another_fault(self):
        fault("*", "latency", latency_ms=200, count=-1)
        fault("ec2.*", "throttle")
        started = time.monotonic()
        self.answers("ec2", "describe_images", "RequestLimitExceeded", 503)
        self.assertGreaterEqual(time.monotonic() - started, 0.2)

    def test_latency_does_not_block_other_calls(self):
        fault("ec2.DescribeImages", "latency", latency_ms=1500)
        slow = threading.Thread(target=self.ec2.describe_images, kwargs={"Owners": ["self"]})
        slow.start()
        time.sleep(0.2)
        started = time.monotonic()
        self.ec2.describe_snapshots(OwnerIds=["self"])
        self.assertLess(time.monotonic() - started, 1)
        slow.join()

    def test_count_and_skip(self):
        fault("ec2.DescribeImages", "throttle", count=2, skip=1)
        outcomes = []
        for _ in range(4):
            try:
                self.ec2.describe_images(Owners=["self"])
                outcomes.append("ok")
            except ClientError:
                outcomes.append("throttled")
        self.assertEqual(["ok", "throttled", "throttled", "ok"], outcomes)
        self.assertEqual([], control("GET", "/faults"))

    def test_until_removed(self):
        fault("ec2.*", "throttle", count=-1)
        for _ in range(3):
            self.refused("RequestLimitExceeded", self.ec2.describe_images)
        control("DELETE", "/faults")
        self.ec2.describe_images(Owners=["self"])

    def test_one_test_clears_its_own_faults_only(self):
        fault("ec2.*", "throttle", count=-1, match="app-1")
        fault("ec2.*", "throttle", count=-1, match="app-2")
        left = control("DELETE", "/faults?match=app-1")
        self.assertEqual(["app-2"], [one["match"] for one in left])

    def test_match_looks_into_the_request(self):
        fault("ec2.DescribeImages", "throttle", count=-1, match="app-2")

        def ask(name):
            return self.ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])

        ask("app-1")
        self.refused("RequestLimitExceeded", ask, "app-2")

    def test_hold_until_removed(self):
        fault("ec2.DescribeImages", "latency", hold=True)
        done = threading.Event()

        def ask():
            self.ec2.describe_images(Owners=["self"])
            done.set()

        threading.Thread(target=ask).start()
        self.assertFalse(done.wait(0.4))
        control("DELETE", "/faults")
        self.assertTrue(done.wait(5))

    def test_wrong_faults_and_settings_are_refused(self):
        for wrong in ({"operation": "*"}, {"kind": "throttle"}, {"operation": "*", "kind": "throttle", "x": 1}):
            self.assertEqual(400, control("POST", "/faults", wrong)["refused"])
        for wrong in ({"colour": 1}, {"image_fail": -1}, {"throttle_buckets": 1}, {"refresh_seconds": "3"}):
            self.assertEqual(400, control("POST", "/settings", wrong)["refused"])
        self.assertEqual(404, control("GET", "/nothing")["refused"])


class Buckets(Case):
    def throttled(self, calls, method, **fields):
        count = 0
        for _ in range(calls):
            try:
                getattr(self.ec2, method)(**fields)
            except ClientError as refused:
                count += refused.response["Error"]["Code"] == "RequestLimitExceeded"
        return count

    def test_mutating_calls_have_the_smaller_bucket(self):
        control("POST", "/settings", {"throttle_buckets": True})
        unknown = {"ImageId": "ami-0123456789abcdef0"}
        started = time.monotonic()
        refused = self.throttled(80, "deregister_image", **unknown)
        admitted_at_most = 50 + 5 * (time.monotonic() - started) + 1
        self.assertGreaterEqual(refused, 80 - admitted_at_most)
        self.assertGreater(refused, 0)
        self.assertEqual(0, self.throttled(20, "describe_images", Owners=["self"]))


class Accounts(Case):
    def test_assumed_role_acts_in_its_account(self):
        other = client("ec2", credentials=in_account("222222222222"))
        image_id = self.image(ec2=other)
        self.assertEqual("222222222222", self.describe(image_id, other)["OwnerId"])
        who = client("sts", credentials=in_account("222222222222")).get_caller_identity()
        self.assertEqual("222222222222", who["Account"])
        self.assertEqual([], self.ec2.describe_images(Owners=["self"])["Images"])

    @strictness("accounts.account_of")
    def test_credentials_outlive_a_reset(self):
        credentials = in_account("222222222222")
        sts = client("sts", credentials=credentials)
        sts.get_caller_identity()
        control("POST", "/reset")
        other = client("ec2", credentials=credentials)
        self.assertEqual("222222222222", self.describe(self.image(ec2=other), other)["OwnerId"])


class Parameters(Case):
    """Systems Manager's parameters: what the bake needs of them works in moto as it is."""

    def test_put_and_get(self):
        ssm = client("ssm")
        self.refused("ParameterNotFound", ssm.get_parameter, Name="/ami")
        put = {"Name": "/ami", "Type": "String", "DataType": "aws:ec2:image"}
        self.assertEqual(1, ssm.put_parameter(Value="ami-0123456789abcdef1", **put)["Version"])
        self.refused("ParameterAlreadyExists", ssm.put_parameter, Value="ami-0123456789abcdef2", **put)
        self.assertEqual(2, ssm.put_parameter(Value="ami-0123456789abcdef2", Overwrite=True, **put)["Version"])
        read = ssm.get_parameter(Name="/ami")["Parameter"]
        seen = (read["Value"], read["Version"], read["DataType"])
        self.assertEqual(("ami-0123456789abcdef2", 2, "aws:ec2:image"), seen)
        self.assertAlmostEqual(time.time(), read["LastModifiedDate"].timestamp(), delta=60)


if __name__ == "__main__":
    unittest.main()
