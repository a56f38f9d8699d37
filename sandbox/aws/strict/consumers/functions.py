"""Lambda functions made of images: the digest is resolved, and a version keeps its own."""

import copy
import re

from moto.awslambda import urls
from moto.awslambda.exceptions import (
    CrossAccountNotAllowed,
    InvalidParameterValueException,
    InvalidRoleFormat,
    UnknownFunctionException,
)
from moto.awslambda.models import LambdaBackend, LambdaFunction, LambdaStorage

from strict.ecs import registry

_set_code = LambdaFunction._set_function_code
_get_code = LambdaFunction.get_code
_put_alias = LambdaStorage.put_alias
_update_alias = LambdaStorage.update_alias


def set_function_code(self, updated):
    """https://docs.aws.amazon.com/lambda/latest/dg/images-create.html: the tag is resolved to a digest when the
    function is created or updated, and the image must be there then (moto makes a digest up)."""
    uri = updated.get("ImageUri")
    if not uri:
        _set_code(self, updated)
        return
    try:
        digest = registry.digest_of(uri)
    except registry.NotFound:
        message = f"Source image {uri} does not exist. Provide a valid source image."
        raise InvalidParameterValueException(message) from None
    if updated is not self.code and updated.get("DryRun"):
        return
    self.code = {**self.code, "ImageUri": uri}
    self.code_size, self.code_sha_256 = 0, digest.removeprefix("sha256:")


def get_code(self):
    """https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html: ResolvedImageUri is the repository
    with the digest (moto cuts at the first colon, and its digest is made of the name)."""
    answer = _get_code(self)
    if "ImageUri" in self.code:
        resolved = registry.by_digest(self.code["ImageUri"], f"sha256:{self.code_sha_256}")
        answer["Code"]["ResolvedImageUri"] = resolved
    return answer


def put_function(self, fn):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html: the role is one of the function's own
    account. Any role will do: the sandbox has no IAM, and needs none."""
    found = re.match(InvalidRoleFormat.pattern, fn.role or "")
    if not found:
        raise InvalidRoleFormat(fn.role)
    if found.group(2) != self.account_id:
        raise CrossAccountNotAllowed()
    fn.code_or_config_updated = True
    self._functions[fn.function_name] = {"latest": fn, "versions": [], "last": 0}
    self._arns[fn.function_arn] = fn


def publish_version(self, name_or_arn, description=""):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html: what is unchanged since the last version
    is not published again; numbers are never used twice; a version keeps its code when $LATEST gets another."""
    latest = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
    group = self._functions[latest.function_name]
    if group["versions"] and not latest.code_or_config_updated:
        return group["versions"][-1]
    latest.code_or_config_updated = False
    group["last"] += 1
    version = copy.copy(latest)
    version.code = dict(latest.code)
    version.set_version(group["last"])
    version.description = description or latest.description
    group["versions"].append(version)
    self._arns[version.function_arn] = version
    return version


def update_function_code(self, function_name, _qualifier, body):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html: $LATEST alone changes, and with
    Publish the new version is the answer (moto updates twice, the published version too)."""
    latest = self.get_function(function_name, None)
    before = latest.code_sha_256
    latest._set_function_code(body)
    latest.code_or_config_updated = latest.code_or_config_updated or latest.code_sha_256 != before
    if body.get("Publish") and not body.get("DryRun"):
        return self.publish_version(function_name).get_configuration()
    return latest.get_configuration()


def put_alias(self, name, function_name, function_version, description, routing_config):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html: an alias with weights points to
    two published versions, never to $LATEST."""
    _check_weights(self, function_name, function_version, routing_config)
    return _put_alias(self, name, function_name, function_version, description, routing_config)


def update_alias(self, name, function_name, function_version, description, routing_config):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html: likewise; what is not named stays."""
    current = self.get_alias(name, function_name)
    version = function_version or current.function_version
    weights = routing_config if routing_config is not None else current.routing_config
    _check_weights(self, function_name, version, weights)
    return _update_alias(self, name, function_name, version, description, routing_config)


def _check_weights(storage, function_name, version, routing):
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    if not weights:
        return
    if version == "$LATEST" or "$LATEST" in weights:
        raise InvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version")
    if len(weights) > 1 or version in weights or not all(0 <= weight <= 1 for weight in weights.values()):
        raise InvalidParameterValueException("An alias has one additional version, with a weight between 0 and 1")
    for other in weights:
        try:
            storage.get_function_by_name_or_arn_with_qualifier(function_name, other)
        except UnknownFunctionException:
            raise InvalidParameterValueException(f"There is no version {other} of {function_name}") from None


def apply():
    # ListFunctions answers with ARNs that end in :$LATEST, and GetFunction takes them; moto's paths know no dollar, and
    # its server strips it from patterns.
    paths = {path.replace(r"[\w_:%-]+", r"[\w_:%\x24-]+"): handler for path, handler in urls.url_paths.items()}
    urls.url_paths.clear()
    urls.url_paths.update(paths)
    LambdaFunction._set_function_code = set_function_code
    LambdaFunction.get_code = get_code
    LambdaStorage.put_function = put_function
    LambdaStorage.publish_version = publish_version
    LambdaStorage.put_alias = put_alias
    LambdaStorage.update_alias = update_alias
    LambdaBackend.update_function_code = update_function_code
