"""CreateLaunchTemplateVersion and DeleteLaunchTemplateVersions."""

import copy

from moto.core.responses import ActionResult
from moto.ec2.responses.launch_templates import LaunchTemplates

from strict.ec2 import state, templates
from strict.settings import SETTINGS

MOST_DELETED = 200


def create_launch_template_version(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html: with SourceVersion
    the version inherits what the request does not overwrite, without it holds only what the request says; idempotent
    by ClientToken.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-restrictions.html: at most 10,000 versions
    (MaxTemplateVersionLimitExceeded in the list of error codes).
    """
    backend, wanted = self.ec2_backend, dict(self._get_params())
    template, data = templates.find_asked(self), templates.asked_data(self)
    self.error_on_dryrun()

    def create():
        source = wanted.get("SourceVersion")
        merged = merge(template.get_version(source).data, data) if source else data
        if len(template.versions) >= SETTINGS["template_version_quota"]:
            raise state.error(
                "MaxTemplateVersionLimitExceeded",
                "You've reached the limit on the number of launch template versions that you can create.",
            )
        version = template.create_version(merged, wanted.get("VersionDescription"))
        return view(template, version, resolve=bool(wanted.get("ResolveAlias")))

    answer = state.once(backend, "CreateLaunchTemplateVersion", wanted.get("ClientToken"), wanted, create)
    return ActionResult({"LaunchTemplateVersion": answer})


def merge(source, over):
    """The request's parameters overwrite the source's, each as a whole.

    "Snapshots applied to the block device mapping are ignored when creating a new version unless they are explicitly
    included" (the page of CreateLaunchTemplateVersion): inherited devices lose their SnapshotId.
    """
    inherited = copy.deepcopy(source)
    for device in inherited.get("BlockDeviceMappings", []):
        device.get("Ebs", {}).pop("SnapshotId", None)
    return {**inherited, **over}


def view(template, version, resolve=False):
    data = dict(version.data)
    if resolve and data.get("ImageId"):
        data["ImageId"] = version.image_id
    backend = template.ec2_backend
    return {
        "CreateTime": version.create_time,
        "CreatedBy": f"arn:{backend.partition}:iam::{backend.account_id}:root",
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": data,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionDescription": version.description,
        "VersionNumber": version.number,
    }


def delete_launch_template_versions(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html: up to 200, never
    the default version; each is reported as deleted or not."""
    template, numbers = templates.find_asked(self), self._get_param("Versions", [])
    if not numbers:
        raise state.error("MissingParameter", "The request must contain the parameter LaunchTemplateVersion")
    if len(numbers) > MOST_DELETED:
        raise state.error(
            "InvalidParameterValue", f"You can specify up to {MOST_DELETED} launch template versions to delete."
        )
    self.error_on_dryrun()
    done, failed = [], []
    for number in numbers:
        problem = _delete(template, number)
        entry = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name}
        if str(number).isdigit():
            entry["VersionNumber"] = int(number)
        if problem:
            failed.append({**entry, "ResponseError": problem})
        else:
            done.append(entry)
    return ActionResult(
        {
            "SuccessfullyDeletedLaunchTemplateVersions": done,
            "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
        }
    )


def _delete(template, number):
    for version in template.versions:
        if str(version.number) != str(number):
            continue
        if template.is_default(version):
            message = f"Could not delete version {number}: it is the default version of the launch template."
            return {"Code": "unexpectedError", "Message": message}
        template.versions.remove(version)
        return None
    message = f"Could not find the specified version {number} for the launch template with ID {template.id}."
    return {"Code": "launchTemplateVersionDoesNotExist", "Message": message}


def apply():
    LaunchTemplates.create_launch_template_version = create_launch_template_version
    LaunchTemplates.delete_launch_template_versions = delete_launch_template_versions
