"""What ECR refuses, in its words where they are known (README.md lists those that are not)."""


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def invalid(parameter, constraint):
    return Refused(
        "InvalidParameterException", f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"
    )


def check_length(parameter, values, most=100):
    """1 to 100 members: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html"""
    if not values:
        raise invalid(parameter, "Member must have length greater than or equal to 1")
    if len(values) > most:
        raise invalid(parameter, f"Member must have length less than or equal to {most}")


def no_repository(name, registry):
    return Refused(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
    )


def where(repository):
    return f"in the repository with name '{repository.name}' in registry with id '{repository.registry_id}'"
