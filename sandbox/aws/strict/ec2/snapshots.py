"""Snapshots: their progress, describing, deleting and sharing them."""

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.utils import random_snapshot_id

from strict.ec2 import params, state


class StrictSnapshot(Snapshot):
    """A snapshot that grows with the image it belongs to."""

    lifecycle = None

    @property
    def status(self):
        return self.lifecycle.snapshot_state() if self.lifecycle else self._status

    @status.setter
    def status(self, value):
        self._status = value

    @property
    def progress(self):
        return f"{self.lifecycle.progress}%" if self.lifecycle else "100%"

    @property
    def visible(self):
        return self.lifecycle is None or self.lifecycle.visible

    def readable_by(self, account):
        shared = account in self.create_volume_permission_userids or "all" in self.create_volume_permission_groups
        return account == self.owner_id or shared

    def get_filter_value(self, filter_name, method_name=None):
        if filter_name == "progress":
            return self.progress
        return super().get_filter_value(filter_name, method_name)


def new_snapshot(backend, volume, description, image, tags):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html: `pending` with a progress in percent
    until `completed`, or `error`."""
    snapshot = StrictSnapshot(
        backend,
        random_snapshot_id(),
        volume=volume,
        description=description,
        encrypted=bool(volume.encrypted),
        owner_id=backend.account_id,
        from_ami=image.id,
    )
    snapshot.lifecycle = image.lifecycle
    backend.snapshots[snapshot.id] = snapshot
    snapshot.add_tags(tags)
    return snapshot


def users_of(backend, snapshot_id):
    """The registered images that a snapshot backs."""
    return [image.id for image in backend.amis.values() if snapshot_id in image.snapshot_ids]


def find(backend, snapshot_id):
    params.check_id(snapshot_id, "snap", "InvalidSnapshotID.Malformed")
    snapshot = backend.snapshots.get(snapshot_id)
    if snapshot is None or not snapshot.visible:
        raise state.error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return snapshot


def describe_snapshots(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html: owners, filters, and pages of
    5 to 1000, not together with ids; snapshots shared with the account are seen as well."""
    self.error_on_dryrun()
    backend, ids = self.ec2_backend, self._get_param("SnapshotIds", [])
    limit = params.max_results(self._get_param("MaxResults"), 5, 1000)
    if ids and limit:
        raise state.error(
            "InvalidParameterCombination", "The parameter snapshotSet cannot be used with the parameter maxResults"
        )
    filters = self._filters_from_querystring()
    params.check_filters(filters)
    snapshots = _visible_to(backend)
    if ids:
        snapshots = _by_id(snapshots, ids)
    owners = {backend.account_id if owner == "self" else owner for owner in self._get_param("OwnerIds", [])}
    if owners:
        snapshots = [snapshot for snapshot in snapshots if snapshot.owner_id in owners]
    snapshots = params.filtered(filters, snapshots)
    snapshots, token = params.page(snapshots, lambda one: one.id, limit, self._get_param("NextToken"))
    return ActionResult({"Snapshots": snapshots, "NextToken": token})


def _visible_to(backend):
    from moto.ec2.models import ec2_backends

    found = [snapshot for snapshot in backend.snapshots.values() if snapshot.visible]
    for account, region, other in list(ec2_backends.iter_backends()):
        if region == backend.region_name and account != backend.account_id:
            shared = (one for one in other.snapshots.values() if one.visible and one.readable_by(backend.account_id))
            found += shared
    return found


def _by_id(snapshots, ids):
    for snapshot_id in ids:
        params.check_id(snapshot_id, "snap", "InvalidSnapshotID.Malformed")
    by_id = {snapshot.id: snapshot for snapshot in snapshots}
    for snapshot_id in ids:
        if snapshot_id not in by_id:
            raise state.error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
    return [by_id[snapshot_id] for snapshot_id in dict.fromkeys(ids)]


def delete_snapshot(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html: not while a registered image
    uses it (InvalidSnapshot.InUse)."""
    backend = self.ec2_backend
    snapshot = find(backend, self._get_param("SnapshotId"))
    users = users_of(backend, snapshot.id)
    if users:
        raise state.error("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {users[0]}")
    self.error_on_dryrun()
    del backend.snapshots[snapshot.id]
    return EmptyResult()


def modify_snapshot_attribute(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html: the permissions come
    either as lists with OperationType or in the CreateVolumePermission structure."""
    snapshot = find(self.ec2_backend, self._get_param("SnapshotId"))
    self.error_on_dryrun()
    structure = self._get_param("CreateVolumePermission", {}) or {}
    listed = [{"UserId": user} for user in self._get_param("UserIds", [])]
    listed += [{"Group": group} for group in self._get_param("GroupNames", [])]
    operation = self._get_param("OperationType")
    for entry in list(structure.get("Add", [])) + (listed if operation == "add" else []):
        _permission(snapshot, entry, "add")
    for entry in list(structure.get("Remove", [])) + (listed if operation == "remove" else []):
        _permission(snapshot, entry, "discard")
    return EmptyResult()


def _permission(snapshot, entry, change):
    user, group = entry.get("UserId"), entry.get("Group")
    if user is not None:
        if not (len(user) == 12 and user.isdigit()):
            raise state.error("InvalidUserID.Malformed", f"Invalid user id: \"{user}\"")
        getattr(snapshot.create_volume_permission_userids, change)(user)
    if group is not None:
        if group != "all":
            raise state.error("InvalidParameterValue", f"Invalid group: {group}")
        getattr(snapshot.create_volume_permission_groups, change)(group)


def apply():
    from moto.ec2.models import elastic_block_store

    # Every snapshot, also CreateSnapshot's, is of our class; without a lifecycle it is complete at once.
    elastic_block_store.Snapshot = StrictSnapshot
    ElasticBlockStore.describe_snapshots = describe_snapshots
    ElasticBlockStore.delete_snapshot = delete_snapshot
    ElasticBlockStore.modify_snapshot_attribute = modify_snapshot_attribute
