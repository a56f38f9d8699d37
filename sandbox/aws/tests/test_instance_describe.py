"""DescribeInstances and DescribeNetworkInterfaces."""

import unittest

from harness import strictness, tagged
from hearing import HearingCase

INSTANCES, VALUE = "instance_describe.describe_instances", "instance_describe.instance_value"
INTERFACES, INTERFACE = "instance_describe.describe_network_interfaces", "instance_describe.interface_value"
UNKNOWN = "i-0123456789abcdef0"


class Describe(HearingCase):
    def described(self, *filters, **fields):
        wanted = [{"Name": name, "Values": values} for name, *values in filters]
        found = self.ec2.describe_instances(Filters=wanted, **fields)
        return found, [one["InstanceId"] for each in found["Reservations"] for one in each["Instances"]]

    @strictness(INSTANCES)
    def test_unknown_ids_fail_the_call(self):
        one = self.instance()
        two = [UNKNOWN, UNKNOWN[:-1] + "1"]
        message = self.refused("InvalidInstanceID.NotFound", self.ec2.describe_instances, InstanceIds=[one, *two])
        self.assertIn("The instance IDs 'i-", message)
        message = self.refused("InvalidInstanceID.NotFound", self.ec2.describe_instances, InstanceIds=[one, UNKNOWN])
        self.assertEqual(f"The instance ID '{UNKNOWN}' does not exist", message)
        message = self.refused("InvalidInstanceID.Malformed", self.ec2.describe_instances, InstanceIds=["*"])
        self.assertIn('Invalid id: "*"', message)
        # The same id twice is no mistake.
        self.assertEqual([one], self.described(InstanceIds=[one, one])[1])

    @strictness(INSTANCES, VALUE)
    def test_filters(self):
        one = self.instance(PrivateIpAddress="10.1.2.3", TagSpecifications=[tagged("instance", Name="web-1")])
        self.instance(PrivateIpAddress="10.1.2.4", TagSpecifications=[tagged("instance", Name="web-10")])
        public = self.instance_of(one)["PublicIpAddress"]
        for name, value in (
            ("instance-id", one),
            ("private-ip-address", "10.1.2.3"),
            ("ip-address", public),
            ("tag:Name", "web-1"),
            ("private-dns-name", "ip-10-1-2-3.ec2.internal"),
            ("network-interface.addresses.private-ip-address", "10.1.2.3"),
            ("network-interface.association.public-ip", public),
        ):
            self.assertEqual([one], self.described((name, value))[1], name)
        self.assertEqual([], self.described(("instance-state-name", "terminated"))[1])
        self.assertEqual(2, len(self.described(("instance-state-name", "pending", "running"), ("tag:Name", "web-*"))[1]))
        self.refused("InvalidParameterValue", self.described, ("colour", "red"))

    @strictness(INSTANCES)
    def test_pages_count_instances(self):
        self.instance(MinCount=7, MaxCount=7)
        first, ids = self.described(MaxResults=5)
        self.assertEqual(5, len(ids))
        last, rest = self.described(MaxResults=5, NextToken=first["NextToken"])
        self.assertEqual((2, 7), (len(rest), len(set(ids + rest))))
        self.assertNotIn("NextToken", last)
        self.refused("InvalidParameterValue", self.described, MaxResults=4)
        self.refused("InvalidParameterCombination", self.described, MaxResults=5, InstanceIds=ids)

    @strictness(INTERFACES, INTERFACE)
    def test_interfaces_are_found_by_address(self):
        one = self.instance(PrivateIpAddress="10.1.2.3")
        self.instance()
        public = self.instance_of(one)["PublicIpAddress"]
        for name, value in (("addresses.private-ip-address", "10.1.2.3"), ("association.public-ip", public)):
            found = self.ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
            self.assertEqual([one], [each["Attachment"]["InstanceId"] for each in found["NetworkInterfaces"]], name)

    @strictness(INTERFACES)
    def test_interfaces_come_in_pages(self):
        self.instance(MinCount=6, MaxCount=6)
        first = self.ec2.describe_network_interfaces(MaxResults=5)
        self.assertEqual(5, len(first["NetworkInterfaces"]))
        rest = self.ec2.describe_network_interfaces(MaxResults=5, NextToken=first["NextToken"])
        self.assertEqual(1, len(rest["NetworkInterfaces"]))


if __name__ == "__main__":
    unittest.main()
