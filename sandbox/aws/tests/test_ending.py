"""How instances end, and what is left of them."""

import re
import unittest

from harness import ACCOUNT, PLAIN, REGION, control, strictness, tagged
from hearing import HearingCase

TERMINATE, END, PREP = "ending.terminate_instances", "ending.terminate", "addresses.prep_nics"
CHANGE = "EC2 Instance State-change Notification"


class Ending(HearingCase):
    def terminate(self, *ids):
        return self.ec2.terminate_instances(InstanceIds=list(ids))["TerminatingInstances"]

    def described(self, **filters):
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        found = self.ec2.describe_instances(Filters=wanted)["Reservations"]
        return [one["InstanceId"] for reservation in found for one in reservation["Instances"]]

    @strictness(END, "addresses.private_dns_name")
    def test_a_dead_instance_has_no_address_and_no_interface(self):
        one = self.instance(TagSpecifications=[tagged("instance", Name="web-1")])
        alive = self.instance_of(one)
        self.assertTrue(alive["PrivateIpAddress"] and alive["PublicIpAddress"] and alive["NetworkInterfaces"])
        self.terminate(one)
        dead = self.instance_of(one)
        for gone in ("PrivateIpAddress", "PublicIpAddress", "SubnetId", "VpcId"):
            self.assertNotIn(gone, dead)
        self.assertEqual(("", []), (dead["PrivateDnsName"], dead["NetworkInterfaces"]))
        self.assertEqual([{"Key": "Name", "Value": "web-1"}], dead["Tags"])
        when = re.compile(r"User initiated \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\)")
        self.assertTrue(when.fullmatch(dead["StateTransitionReason"]), dead["StateTransitionReason"])
        self.assertEqual("Client.UserInitiatedShutdown", dead["StateReason"]["Code"])
        interfaces = self.ec2.describe_network_interfaces(
            Filters=[{"Name": "addresses.private-ip-address", "Values": [alive["PrivateIpAddress"]]}]
        )
        self.assertEqual([], interfaces["NetworkInterfaces"])

    @strictness(END, TERMINATE)
    def test_shuts_down_first(self):
        self.settings(instance_shutdown_seconds=0.3)
        one = self.instance()
        (said,) = self.terminate(one)
        self.assertEqual(("running", "shutting-down"), (said["PreviousState"]["Name"], said["CurrentState"]["Name"]))
        self.assertEqual("shutting-down", self.state_of(one))
        self.eventually(lambda: self.state_of(one), "terminated")
        (said,) = self.terminate(one)
        self.assertEqual(("terminated", 48), (said["PreviousState"]["Name"], said["CurrentState"]["Code"]))

    @strictness("ending.start", "ending.stop")
    def test_the_dead_stay_dead(self):
        one = self.instance()
        self.terminate(one)
        self.refused("IncorrectInstanceState", self.ec2.start_instances, InstanceIds=[one])
        self.refused("IncorrectInstanceState", self.ec2.stop_instances, InstanceIds=[one])
        self.assertEqual("terminated", self.state_of(one))

    @strictness(END)
    def test_is_forgotten_after_an_hour(self):
        one, other = self.instance(), self.instance()
        self.terminate(one)
        self.assertIn(one, self.described())
        self.settings(instance_forget_seconds=0)
        self.refused("InvalidInstanceID.NotFound", self.state_of, one)
        self.assertEqual([other], self.described())

    @strictness(TERMINATE)
    def test_one_wrong_id_spares_all(self):
        one = self.instance()
        self.refused("InvalidInstanceID.NotFound", self.terminate, one, "i-0123456789abcdef0")
        self.refused("InvalidInstanceID.Malformed", self.terminate, one, "i-*")
        self.assertEqual("running", self.state_of(one))

    @strictness(PREP, END)
    def test_an_address_is_taken_once_and_free_after_death(self):
        one = self.instance(PrivateIpAddress="10.1.2.3")
        message = self.refused("InvalidIPAddress.InUse", self.instance, PrivateIpAddress="10.1.2.3")
        self.assertEqual("Address 10.1.2.3 is in use.", message)
        self.terminate(one)
        other = self.instance(PrivateIpAddress="10.1.2.3")
        self.assertEqual("10.1.2.3", self.instance_of(other)["PrivateIpAddress"])
        self.assertEqual([other], self.described(private_ip_address="10.1.2.3"))

    @unittest.skipIf(PLAIN, "a control endpoint")
    def test_a_group_takes_the_address_that_is_staged(self):
        control("POST", "/ec2/addresses", {"account": ACCOUNT, "region": REGION, "addresses": ["10.9.9.9"]})
        self.create(count=2)
        addresses = [self.instance_of(one)["PrivateIpAddress"] for one in self.ids()]
        self.assertEqual(1, addresses.count("10.9.9.9"), addresses)

    @strictness(END)
    def test_an_elastic_address_is_free_again(self):
        one = self.instance()
        elastic = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(InstanceId=one, AllocationId=elastic["AllocationId"])
        self.assertEqual([one], self.described(ip_address=elastic["PublicIp"]))
        self.terminate(one)
        (shown,) = self.ec2.describe_addresses(AllocationIds=[elastic["AllocationId"]])["Addresses"]
        self.assertEqual((None, None), (shown.get("InstanceId") or None, shown.get("AssociationId")))

    @strictness(PREP)
    def test_an_own_interface_outlives_its_instance(self):
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        own = self.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        one = self.instance(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": own}])
        other = self.instance()
        its = self.instance_of(other)["NetworkInterfaces"][0]["NetworkInterfaceId"]
        self.terminate(one, other)
        (kept,) = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[own])["NetworkInterfaces"]
        self.assertEqual("available", kept["Status"])
        self.refused(
            "InvalidNetworkInterfaceID.NotFound", self.ec2.describe_network_interfaces, NetworkInterfaceIds=[its]
        )

    @strictness("instances.run_instances", "ending.start", "ending.stop", END, "bus.send_to_targets")
    def test_states_are_told(self):
        queue = self.queue()
        self.rule(queue, source=["aws.ec2"], **{"detail-type": [CHANGE]})
        one = self.instance()
        self.ec2.stop_instances(InstanceIds=[one])
        self.ec2.start_instances(InstanceIds=[one])
        self.terminate(one)
        told = self.heard(queue, 8)
        wanted = ["pending", "running", "stopping", "stopped", "pending", "running", "shutting-down", "terminated"]
        self.assertEqual(wanted, [event["detail"]["state"] for event in told])
        self.assertEqual({one}, {event["detail"]["instance-id"] for event in told})
        self.assertEqual([f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{one}"], told[0]["resources"])

    @unittest.skipIf(PLAIN, "about the timer")
    def test_the_end_is_told_when_nobody_calls(self):
        self.settings(instance_shutdown_seconds=0.3)
        queue = self.queue()
        self.rule(queue, source=["aws.ec2"], detail={"state": ["terminated"]})
        one = self.instance()
        self.terminate(one)
        # Only the queue is asked from here on.
        (event,) = self.heard(queue, 1)
        self.assertEqual(one, event["detail"]["instance-id"])

    @unittest.skipIf(PLAIN, "about the timer")
    def test_a_reset_ends_what_is_due(self):
        from strict import clock

        self.settings(instance_shutdown_seconds=600)
        self.terminate(self.instance())
        self.assertIsNotNone(clock._thread)
        control("POST", "/reset")
        self.eventually(lambda: clock._thread, None)

    @unittest.skipIf(PLAIN, "about speed and order")
    def test_a_thousand_at_once(self):
        self.settings(instance_shutdown_seconds=0.1)
        self.create(count=0)
        self.update(MaxSize=1000, DesiredCapacity=1000)
        queue = self.queue()
        self.rule(queue, source=["aws.ec2"], detail={"state": ["terminated"]})
        ids = set(self.ids())
        self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
        told = self.heard(queue, 1000)
        self.assertEqual(ids, {event["detail"]["instance-id"] for event in told})


if __name__ == "__main__":
    unittest.main()
