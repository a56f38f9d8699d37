"""DescribeLaunchTemplates and DescribeLaunchTemplateVersions."""

from moto.core.responses import ActionResult
from moto.ec2.responses.launch_templates import LaunchTemplates

from strict.ec2 import params, state, templates, template_versions

MOST = 200


def describe_launch_templates(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplates.html: every id and name must
    exist; pages of 1 to 200 (moto silently cuts off at 15)."""
    self.error_on_dryrun()
    backend = self.ec2_backend
    ids, names = self._get_param("LaunchTemplateIds", []), self._get_param("LaunchTemplateNames", [])
    limit = params.max_results(self._get_param("MaxResults"), 1, MOST) or MOST
    found = list(backend.launch_templates.values())
    if ids:
        found = [templates.find(backend, template_id, None) for template_id in ids]
    elif names:
        found = [templates.find(backend, None, name) for name in names]
    found = params.filtered(self._filters_from_querystring(), found)
    found, token = params.page(found, lambda one: one.id, limit, self._get_param("NextToken"))
    return ActionResult({"LaunchTemplates": [templates.view(one) for one in found], "NextToken": token})


def describe_launch_template_versions(self):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html: newest first,
    pages of 1 to 200, by number, range, `$Latest` and `$Default`; without a template only the latter two."""
    self.error_on_dryrun()
    limit = params.max_results(self._get_param("MaxResults"), 1, MOST) or MOST
    numbers = self._get_param("Versions", [])
    if self._get_param("LaunchTemplateId") or self._get_param("LaunchTemplateName"):
        template = templates.find_asked(self)
        found = [(template, version) for version in _chosen(self, template, numbers)]
    else:
        found = _of_all(self.ec2_backend, numbers)
    found = _filtered(self._filters_from_querystring(), found)
    found, token = params.page(found, _identity, limit, self._get_param("NextToken"))
    resolve = bool(self._get_param("ResolveAlias", False))
    views = [template_versions.view(template, version, resolve) for template, version in found]
    return ActionResult({"LaunchTemplateVersions": views, "NextToken": token})


def _identity(pair):
    template, version = pair
    return [template.id, version.number]


def _chosen(self, template, numbers):
    if numbers:
        chosen = [template.get_version(number) for number in numbers]
        return list({version.number: version for version in chosen}.values())
    least, most = self._get_int_param("MinVersion"), self._get_int_param("MaxVersion")
    return [
        version
        for version in reversed(template.versions)
        if (least is None or version.number >= least) and (most is None or version.number <= most)
    ]


def _of_all(backend, numbers):
    if not numbers or set(numbers) - {"$Latest", "$Default"}:
        raise state.error(
            "InvalidParameterValue" if numbers else "MissingParameter",
            "To describe the launch template data for all your launch templates, for 'LaunchTemplateVersion' specify "
            "'$Latest', '$Default', or both, and omit the launch template ID, name and version numbers.",
        )
    found = []
    for template in backend.launch_templates.values():
        versions = {template.get_version(number).number: template.get_version(number) for number in numbers}
        found += [(template, version) for version in versions.values()]
    return found


class _Filterable:
    """A version, as filters see it."""

    FIELDS = {"image-id": "ImageId", "instance-type": "InstanceType", "kernel-id": "KernelId"}

    def __init__(self, pair):
        self.pair = pair

    def get_filter_value(self, name):
        _template, version = self.pair
        if name == "is-default-version":
            return self.pair[0].is_default(version)
        if name in self.FIELDS:
            return version.data.get(self.FIELDS[name])
        raise state.error("InvalidParameterValue", f"The filter '{name}' is invalid")


def _filtered(filters, found):
    return [one.pair for one in params.filtered(filters, [_Filterable(pair) for pair in found])]


def apply():
    LaunchTemplates.describe_launch_templates = describe_launch_templates
    LaunchTemplates.describe_launch_template_versions = describe_launch_template_versions
