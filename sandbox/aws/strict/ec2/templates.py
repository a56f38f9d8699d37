"""CreateLaunchTemplate, ModifyLaunchTemplate, DeleteLaunchTemplate, and how a template keeps its versions."""

import re

from moto.core.responses import ActionResult
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data

from strict.ec2 import params, state

NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
MOST_TEMPLATES = 5000


def create_version(self, data, description):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html: versions are numbered
    in order, and the number of a deleted one is never given again."""
    number = getattr(self, "highest_version", 0) + 1
    self.highest_version = number
    version = LaunchTemplateVersion(self, number, data, description)
    self.versions.append(version)
    return version


def get_version(self, number):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplateSpecification.html: by number, `$Latest`
    or `$Default` (moto takes the number for a position, which is wrong once a version is deleted)."""
    text = str(number)
    if text.lower() == "$latest":
        return self.versions[-1]
    wanted = str(self.default_version_number) if text.lower() == "$default" else text
    for version in reversed(self.versions):
        if str(version.number) == wanted:
            return version
    raise state.error(
        "InvalidLaunchTemplateId.VersionNotFound",
        f"Could not find the specified version {number} for the launch template with ID {self.id}.",
    )


def default_version(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplate.html: DefaultVersionNumber, by number
    as well."""
    return self.get_version(self.default_version_number)


def image_id(self):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html:
    `resolve:ssm:NAME[:VERSION]` stands for the value the parameter has at launch."""
    written = self.data.get("ImageId", "")
    return resolve(self.template.ec2_backend, written) if written.startswith("resolve:ssm:") else written


def resolve(backend, written):
    from moto.ssm.models import ssm_backends

    name = written.removeprefix("resolve:ssm:")
    found = ssm_backends[backend.account_id][backend.region_name].get_parameter(name)
    if found is None:
        raise state.error("InvalidParameterValue", f"Invalid value '{written}' for imageId: no such parameter.")
    return found.value


def find(backend, template_id, name):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidLaunchTemplateId.Malformed,
    InvalidLaunchTemplateId.NotFound and InvalidLaunchTemplateName.NotFoundException; exactly one of id and name."""
    if bool(template_id) == bool(name):
        raise state.error(
            "InvalidParameterCombination" if name else "MissingParameter",
            "Either a launch template ID or a launch template name must be specified in the request, but not both.",
        )
    if name:
        return backend.get_launch_template_by_name(name)
    check_template_id(template_id)
    return backend.get_launch_template(template_id)


def check_template_id(template_id):
    params.check_id(template_id, "lt", "InvalidLaunchTemplateId.Malformed")


def find_asked(self):
    return find(self.ec2_backend, self._get_param("LaunchTemplateId"), self._get_param("LaunchTemplateName"))


def asked_data(self):
    """The LaunchTemplateData of the request; there must be some."""
    data = dict(self._get_param("LaunchTemplateData", {}) or {})
    if not data:
        raise state.error("MissingParameter", "The request must contain the parameter LaunchTemplateData")
    if "UserData" in data:
        data["UserData"] = parse_user_data(data["UserData"])
    return data


def check_name(backend, name):
    if not NAME.fullmatch(name or ""):
        raise state.error(
            "InvalidLaunchTemplateName.MalformedException",
            "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, "
            "and the following characters: - ( ) . / _",
        )
    if name in backend.launch_template_name_to_ids:
        raise state.error(
            "InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use."
        )


def create_launch_template(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html: idempotent by ClientToken;
    the tags of the template itself are no part of its data."""
    backend, wanted = self.ec2_backend, dict(self._get_params())
    tags = params.tag_specifications(wanted.get("TagSpecifications", []), ("launch-template",))
    data = asked_data(self)
    self.error_on_dryrun()

    def create():
        check_name(backend, wanted.get("LaunchTemplateName"))
        if len(backend.launch_templates) >= MOST_TEMPLATES:
            raise state.error(
                "MaxTemplateLimitExceeded", "You've reached the limit on the number of launch templates."
            )
        template = backend.create_launch_template(
            wanted["LaunchTemplateName"], wanted.get("VersionDescription"), data, tags
        )
        return view(template)

    answer = state.once(backend, "CreateLaunchTemplate", wanted.get("ClientToken"), wanted, create)
    return ActionResult({"LaunchTemplate": answer})


def modify_launch_template(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyLaunchTemplate.html: sets the default version,
    idempotent by ClientToken."""
    backend, wanted = self.ec2_backend, dict(self._get_params())
    template = find_asked(self)
    number = wanted.get("DefaultVersion") or wanted.get("SetDefaultVersion")
    if not number:
        raise state.error("MissingParameter", "The request must contain the parameter DefaultVersion")
    self.error_on_dryrun()

    def modify():
        template.default_version_number = template.get_version(number).number
        return view(template)

    answer = state.once(backend, "ModifyLaunchTemplate", wanted.get("ClientToken"), wanted, modify)
    return ActionResult({"LaunchTemplate": answer})


def delete_launch_template(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplate.html: with all its versions."""
    template = find_asked(self)
    self.error_on_dryrun()
    answer = view(template)
    self.ec2_backend.delete_launch_template(template.name, template.id)
    return ActionResult({"LaunchTemplate": answer})


def view(template):
    partition, account = template.ec2_backend.partition, template.ec2_backend.account_id
    return {
        "CreateTime": template.create_time,
        "CreatedBy": f"arn:{partition}:iam::{account}:root",
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Tags": template.get_tags(),
    }


def apply():
    LaunchTemplate.create_version = create_version
    LaunchTemplate.get_version = get_version
    LaunchTemplate.default_version = default_version
    LaunchTemplateVersion.image_id = property(image_id)
    LaunchTemplates.create_launch_template = create_launch_template
    LaunchTemplates.modify_launch_template = modify_launch_template
    LaunchTemplates.delete_launch_template = delete_launch_template
