"""Repositories in pages, their names, and their policies, also for other accounts."""

from datetime import timezone

from moto.ecr import models

from strict.ecr import paging, service, state
from strict.ecr.refusals import Refused, check_length, no_repository

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html (repositoryName); moto's own takes one
# separator at a time only.
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"(?=.{{2,256}}\Z){PART}(?:/{PART})*"


def describe_repositories(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html"""
    every = registry.repositories
    names = asked.get("repositoryNames")
    if names is not None:
        paging.refuse_beside(asked, "repositoryNames")
        check_length("repositoryNames", names)
        for name in names:
            if name not in every:
                raise no_repository(name, registry.account_id)
        return {"repositories": [_shown(every[name]) for name in dict.fromkeys(names)]}
    limit, query = paging.limit(asked), ["DescribeRepositories", registry.account_id]
    seen = paging.last(asked, query) or ""
    found = sorted(name for name in every if name > seen)
    following = paging.token(query, found[limit - 1]) if len(found) > limit else None
    return paging.answer("repositories", [_shown(every[name]) for name in found[:limit]], following)


def _shown(repository):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Repository.html"""
    shown = {
        "repositoryArn": repository.arn,
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "repositoryUri": repository.uri,
        "createdAt": repository.created_at.replace(tzinfo=timezone.utc).timestamp(),
        "imageTagMutability": str(getattr(repository.image_tag_mutability, "value", repository.image_tag_mutability)),
        "imageScanningConfiguration": repository.image_scanning_configuration,
        "encryptionConfiguration": repository.encryption_configuration,
    }
    filters = repository.image_tag_mutability_exclusion_filters
    return {**shown, "imageTagMutabilityExclusionFilters": filters} if filters else shown


def get_repository_policy(registry, asked):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetRepositoryPolicy.html"""
    repository = state.store(registry, asked).repository
    if not repository.policy:
        raise Refused(
            "RepositoryPolicyNotFoundException",
            f"Repository policy does not exist for the repository with name '{repository.name}' in the registry with id "
            f"'{repository.registry_id}'",
        )
    named = {"registryId": repository.registry_id, "repositoryName": repository.name}
    return {**named, "policyText": repository.policy}


def apply():
    models.ECR_REPOSITORY_NAME_PATTERN = NAME
    service.OPERATIONS["DescribeRepositories"] = describe_repositories
    service.OPERATIONS["GetRepositoryPolicy"] = get_repository_policy
