"""Private addresses of instances: one live instance each, and free again once it is dead."""

from moto.ec2.models.instances import Instance
from moto.ec2.utils import random_private_ip

from strict.ec2 import state

_prep_nics = Instance.prep_nics


def _taken(backend):
    """The addresses of live instances."""
    return state.of(backend).addresses


def wish(backend, addresses):
    """The addresses that the next instances get which ask for none."""
    state.of(backend).wishes.extend(addresses)


def prep_nics(self, nic_spec, private_ip=None, **options):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidIPAddress.InUse for an
    address that a live instance has.  https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html: the primary
    interface goes with its instance unless the launch says otherwise (moto keeps it)."""
    taken, wishes = _taken(self.ec2_backend), state.of(self.ec2_backend).wishes
    asked = private_ip or next((self._get_private_ip_from_nic(one) for one in nic_spec if _primary(one)), None)
    if asked is None and wishes:
        private_ip = asked = wishes.pop(0)
    if asked in taken:
        raise state.error("InvalidIPAddress.InUse", f"Address {asked} is in use.")
    if asked is None and not self._subnet_id and not nic_spec:
        private_ip = random_private_ip()
        while private_ip in taken:
            private_ip = random_private_ip()
    own = {int(one["DeviceIndex"]) for one in nic_spec if _stays(one)}
    _prep_nics(self, nic_spec, private_ip=private_ip, **options)
    state.of(self.ec2_backend).instances[self.id] = self
    for index, interface in self.nics.items():
        interface.delete_on_termination = index not in own
        taken.add(interface.private_ip_address)


def _primary(specification):
    return int(specification.get("DeviceIndex", 0)) == 0


def _stays(specification):
    """An interface that was there before, or that shall outlive its instance."""
    kept = specification.get("DeleteOnTermination")
    return kept is False or (kept is None and bool(specification.get("NetworkInterfaceId")))


class Nothing:
    """The interface of an instance that has none."""

    private_ip_address = public_ip = subnet = None


class NoInterfaces(dict):
    """moto asks for interface 0 of any instance."""

    def __missing__(self, _index):
        return Nothing


def drop(instance):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html: interfaces go, or are detached, and the
    addresses are free."""
    backend, instance.strict_subnet = instance.ec2_backend, instance.subnet_id
    for interface in list(instance.nics.values()):
        _taken(backend).discard(interface.private_ip_address)
        for elastic in [one for one in backend.addresses if one.eni is interface]:
            elastic.instance = elastic.eni = elastic.association_id = None
        if interface.delete_on_termination:
            backend.enis.pop(interface.id, None)
            for address in interface.private_ip_addresses:
                interface.subnet.del_subnet_ip(address["PrivateIpAddress"])
        else:
            instance.detach_eni(interface)
    for elastic in [one for one in backend.addresses if one.instance is instance]:
        elastic.instance = elastic.eni = elastic.association_id = None
    instance.nics, instance._subnet_id, instance.security_groups = NoInterfaces(), None, []


def private_dns_name(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html: an instance without an address has an
    empty name."""
    return _private_dns_name(self) if self.private_ip else ""


_private_dns_name = Instance.private_dns_name.fget


def apply():
    Instance.prep_nics = prep_nics
    Instance.private_dns_name = property(private_dns_name)
