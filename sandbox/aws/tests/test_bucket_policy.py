"""Bucket policies with conditions."""

import json

from harness import Case, client, strictness


class BucketPolicy(Case):
    @strictness("bucket_policy.permission")
    def test_a_policy_against_plain_http_does_not_lock_everybody_out(self):
        s3 = client("s3")
        s3.create_bucket(Bucket="artifacts")
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        s3.put_bucket_policy(Bucket="artifacts", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        s3.put_object(Bucket="artifacts", Key="a", Body=b"x")
        self.assertEqual(b"x", s3.get_object(Bucket="artifacts", Key="a")["Body"].read())
