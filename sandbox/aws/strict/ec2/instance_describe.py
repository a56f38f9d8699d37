"""DescribeInstances and DescribeNetworkInterfaces."""

import copy

from moto.core.responses import ActionResult
from moto.ec2.exceptions import FilterNotImplementedError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import filter_dict_attribute_mapping, get_object_value

from strict.ec2 import params, state

MOST = 1000
_interface_value = NetworkInterface.get_filter_value
_tag_value = Instance.get_filter_value


def describe_instances(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: an id that is not there fails
    the whole call, pages are of 5 to 1,000 instances (moto: reservations), ids and MaxResults exclude each other."""
    self.error_on_dryrun()
    ids, limit = self._get_param("InstanceIds", []), self._get_param("MaxResults")
    if ids and limit is not None:
        raise state.error(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    found = params.filtered(self._filters_from_querystring(), _chosen(self.ec2_backend, ids))
    number = params.max_results(limit, 5, MOST) or (None if ids else MOST)
    page, token = params.page(found, lambda one: one.id, number, self._get_param("NextToken"))
    return ActionResult({"Reservations": _reservations(self.ec2_backend, page), "NextToken": token})


def _chosen(backend, ids):
    """The instances of these ids, or all, in the order of their launch."""
    # Without a reservation its launch failed half way.
    known = {name: one for name, one in state.of(backend).instances.items() if hasattr(one, "strict_reservation")}
    for one in ids:
        params.check_id(one, "i", "InvalidInstanceID.Malformed")
    unknown = [one for one in ids if one not in known]
    if unknown:
        text = f"ID '{unknown[0]}' does" if len(unknown) == 1 else f"IDs '{', '.join(unknown)}' do"
        raise state.error("InvalidInstanceID.NotFound", f"The instance {text} not exist")
    wanted = set(ids)
    return [one for one in known.values() if not wanted or one.id in wanted]


def _reservations(backend, instances):
    """Each with only those of its instances that are on the page."""
    shown = {}
    for one in instances:
        number = one.strict_reservation
        if number not in shown:
            shown[number] = copy.copy(backend.reservations[number])
            shown[number].instances = []
        shown[number].instances.append(one)
    return list(shown.values())


ADDRESSES = {
    "network-interface.addresses.private-ip-address": lambda one: _of_interfaces(one, "addresses.private-ip-address"),
    "network-interface.addresses.association.public-ip": lambda one: _of_interfaces(one, "association.public-ip"),
    "network-interface.association.public-ip": lambda one: _of_interfaces(one, "association.public-ip"),
    "network-interface.network-interface-id": lambda one: [each.id for each in one.network_interfaces],
    "instance-state-code": lambda one: one.state_code,
    "launch-time": lambda one: one.launch_time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "reservation-id": lambda one: one.strict_reservation,
}


def _of_interfaces(instance, name):
    found = [each.get_filter_value(name) for each in instance.network_interfaces]
    return [value for values in found for value in values]


def instance_value(self, name, method_name=None):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html (the filters; moto lacks those of
    a network interface's addresses, and wildcards)"""
    if name in ADDRESSES:
        return ADDRESSES[name](self)
    if name in filter_dict_attribute_mapping:
        return get_object_value(self, filter_dict_attribute_mapping[name])
    if name.startswith("tag:") or name in ("tag-key", "tag-value"):
        return _tag_value(self, name, method_name)
    raise FilterNotImplementedError(name, method_name)


def describe_network_interfaces(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html: pages of 5 to 1,000."""
    ids, limit = self._get_param("NetworkInterfaceIds", []), self._get_param("MaxResults")
    self.error_on_dryrun()
    found = self.ec2_backend.get_all_network_interfaces(ids)
    found = params.filtered(self._filters_from_querystring(), found)
    number = params.max_results(limit, 5, MOST) or (None if ids else MOST)
    page, token = params.page(found, lambda one: one.id, number, self._get_param("NextToken"))
    return ActionResult({"NetworkInterfaces": page, "NextToken": token})


def interface_value(self, name, method_name=None):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html (the filters; moto looks
    at the primary address only, and at no public one)"""
    if name in ("association.public-ip", "addresses.association.public-ip"):
        return [self.public_ip] if self.public_ip else []
    if name == "addresses.private-ip-address":
        return [one["PrivateIpAddress"] for one in self.private_ip_addresses]
    if name == "private-dns-name":
        return getattr(self, "private_dns_name", None)
    if name == "attachment.status":
        return "attached" if self.attachment_id else None
    return _interface_value(self, name, method_name)


def apply():
    InstanceResponse.describe_instances = describe_instances
    Instance.get_filter_value = instance_value
    ElasticNetworkInterfaces.describe_network_interfaces = describe_network_interfaces
    NetworkInterface.get_filter_value = interface_value
