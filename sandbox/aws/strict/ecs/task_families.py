"""ListTaskDefinitions and ListTaskDefinitionFamilies."""

from moto.core.responses import ActionResult
from moto.ecs.responses import EC2ContainerServiceResponse

from strict.ecs import state, task_definitions

STATUSES = ("ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS")


def list_task_definitions(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html: pages of at most 100,
    by family name and revision, ACTIVE ones unless told otherwise; `familyPrefix` is the whole name of a family."""
    backend = self.ecs_backend
    task_definitions.purge(backend)
    family, status = self._get_param("familyPrefix"), self._get_param("status") or "ACTIVE"
    sort = self._get_param("sort") or "ASC"
    if status not in STATUSES:
        raise state.invalid(f"status must be one of {', '.join(STATUSES)}.")
    if sort not in ("ASC", "DESC"):
        raise state.invalid("sort must be ASC or DESC.")
    families = backend.task_definitions if family is None else [family]
    found = [
        one
        for name in families
        for one in backend.task_definitions.get(name, {}).values()
        if one.status == status
    ]
    page, token = state.listed(self, found, lambda one: [one.family, one.revision], reverse=sort == "DESC")
    return ActionResult({"taskDefinitionArns": [one.arn for one in page], "nextToken": token})


def list_task_definition_families(self):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitionFamilies.html: pages of at most
    100; ACTIVE means with an ACTIVE revision, INACTIVE means without one; a family whose revisions are all deleted is
    not listed."""
    backend = self.ecs_backend
    task_definitions.purge(backend)
    prefix, status = self._get_param("familyPrefix") or "", self._get_param("status") or "ALL"
    if status not in ("ACTIVE", "INACTIVE", "ALL"):
        raise state.invalid("status must be one of ACTIVE, INACTIVE, ALL.")
    names = []
    for name in backend.task_definitions:
        revisions = backend.task_definitions[name].values()
        active = any(one.status == "ACTIVE" for one in revisions)
        if name.startswith(prefix) and revisions and status in ("ALL", "ACTIVE" if active else "INACTIVE"):
            names.append(name)
    page, token = state.listed(self, names)
    return ActionResult({"families": page, "nextToken": token})


def apply():
    EC2ContainerServiceResponse.list_task_definitions = list_task_definitions
    EC2ContainerServiceResponse.list_task_definition_families = list_task_definition_families
