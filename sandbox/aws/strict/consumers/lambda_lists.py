"""ListFunctions, ListVersionsByFunction and ListAliases: pages of at most 50."""

import copy
import json
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaStorage
from moto.awslambda.responses import LambdaResponse

from strict.consumers.paging import page

MOST = 50
# What a list leaves out: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
ONLY_IN_GET = ("State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason",
               "LastUpdateStatusReasonCode", "RuntimeVersionConfig")


def _listed(response, things, key):
    asked = response.querystring.get("MaxItems", [None])[0]
    # More than 50 may be asked for, and 50 are answered.
    limit = min(int(asked), MOST) if asked and int(asked) > 0 else asked
    marker = response.querystring.get("Marker", [None])[0]
    return page(things, key, limit, MOST, MOST, marker, InvalidParameterValueException)


def _place(function):
    """$LATEST first, then by number."""
    return [function.function_name, 0 if function.version == "$LATEST" else int(function.version)]


def _shown(function):
    return {name: value for name, value in function.get_configuration().items() if name not in ONLY_IN_GET}


def list_functions(self):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html: at most 50 a page; only with
    FunctionVersion=ALL the published versions too."""
    everything = self.querystring.get("FunctionVersion", [None])[0] == "ALL"
    functions = self.backend._lambdas.all() if everything else self.backend._lambdas.latest()
    found, marker = _listed(self, functions, _place)
    return json.dumps({"Functions": [_shown(one) for one in found], "NextMarker": marker})


def list_versions_by_function(self):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html: at most 50 a page, $LATEST
    first; an unknown function is an error (moto lists nothing)."""
    function = self.backend.get_function(unquote(self.path.split("/")[-2]), None)
    versions = self.backend._lambdas.list_versions_by_function(function.function_name)
    found, marker = _listed(self, versions, _place)
    return json.dumps({"Versions": [_shown(one) for one in found], "NextMarker": marker})


def list_aliases(self):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html: at most 50 a page, of one version on
    demand."""
    aliases = self.backend.list_aliases(unquote(self.path.split("/")[-2]))
    version = self.querystring.get("FunctionVersion", [None])[0]
    aliases = [one for one in aliases if version in (None, one.function_version)]
    found, marker = _listed(self, aliases, lambda one: one.name)
    return 200, {}, json.dumps({"Aliases": [one.to_json() for one in found], "NextMarker": marker})


def all_versions(self):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html: every function with its versions (moto
    copies each function deeply to list it, code and all)."""
    found = []
    for group in list(self._functions.values()):
        latest = copy.copy(group["latest"])
        latest.function_arn += ":$LATEST"
        found += [latest, *group["versions"]]
    return found


def apply():
    LambdaResponse.list_functions = list_functions
    LambdaResponse.list_versions_by_function = list_versions_by_function
    LambdaResponse.list_aliases = list_aliases
    LambdaStorage.all = all_versions
