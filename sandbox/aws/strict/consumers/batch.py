"""Batch: DescribeJobDefinitions."""

import json

from moto.batch.exceptions import ClientException
from moto.batch.models import JobDefinition
from moto.batch.responses import BatchResponse

from strict.consumers.paging import page

MOST = 100
_describe = JobDefinition.describe


def describe_job_definitions(self):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobDefinitions.html: at most 100 a page; a
    list of names, at most 100, goes with no other parameter."""
    backend, names = self.batch_backend, self._get_param("jobDefinitions")
    name, status = self._get_param("jobDefinitionName"), self._get_param("status")
    if names and (name or status):
        raise ClientException("jobDefinitions can't be used with other parameters.")
    if names and len(names) > MOST:
        raise ClientException(f"At most {MOST} job definitions can be described at once.")
    if names:
        found = [one for one in map(backend.get_job_definition, names) if one is not None]
    else:
        found = backend.describe_job_definitions(name, None, status)
    asked, token = self._get_param("maxResults"), self._get_param("nextToken")
    found, token = page(found, lambda one: [one.name, one.revision], asked, MOST, MOST, token, ClientException)
    return json.dumps({"jobDefinitions": [one.describe() for one in found], "nextToken": token})


def describe(self):
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDefinition.html: with the node properties of a
    multi-node job (moto leaves out which images it uses)."""
    answer = _describe(self)
    if self.node_properties is not None:
        answer["nodeProperties"] = self.node_properties
    answer["containerOrchestrationType"] = "EKS" if self.eks_properties is not None else "ECS"
    return answer


def apply():
    BatchResponse.describejobdefinitions = describe_job_definitions
    JobDefinition.describe = describe
