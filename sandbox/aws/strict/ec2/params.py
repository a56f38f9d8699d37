"""Checks on parameters that several EC2 operations share."""

import base64
import binascii
import json
import re

from strict.ec2.state import error

HEX_ID = re.compile(r"([a-z]+)-([0-9a-f]{8}|[0-9a-f]{17})")
MOST_FILTER_VALUES = 200
MOST_TAGS = 50


def check_id(value, prefix, code):
    """Resource ids are `prefix-` and 8 or 17 hexadecimal digits.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
    """
    found = HEX_ID.fullmatch(value or "")
    if not found or found.group(1) != prefix:
        expecting = "" if (value or "").startswith(prefix + "-") else f' (expecting "{prefix}-...")'
        raise error(code, f'Invalid id: "{value}"{expecting}')


def tag_specifications(specifications, allowed):
    """The tags to apply at creation, per resource type.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html: another resource type is refused.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html: at most 50 tags, unique keys, none in `aws:`.
    """
    tags = {}
    for specification in specifications or []:
        kind = specification.get("ResourceType")
        if kind not in allowed:
            raise error(
                "InvalidParameterValue", f"'{kind}' is not a valid taggable resource type for this operation."
            )
        if not specification.get("Tags"):
            raise error("InvalidParameterValue", "Tag specification must have at least one tag")
        for tag in specification["Tags"]:
            _add_tag(tags.setdefault(kind, {}), tag)
    for of_kind in tags.values():
        if len(of_kind) > MOST_TAGS:
            raise error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    return tags


def _add_tag(tags, tag):
    key, value = tag.get("Key"), tag.get("Value", "")
    check_tag(key, value)
    if key in tags:
        raise error("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
    tags[key] = value


def check_tag(key, value):
    if not key or len(key) > 128:
        raise error("InvalidParameterValue", "Tag key must be between 1 and 128 characters long.")
    if key.lower().startswith("aws:"):
        raise error("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    if value is not None and len(value) > 256:
        raise error("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")


def check_filters(filters):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html: 200 filter values a request."""
    if sum(len(values) for values in filters.values()) > MOST_FILTER_VALUES:
        raise error(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}",
        )


def filtered(filters, things):
    """Keeps what matches every filter; of one filter any value may match, `*` and `?` are wildcards.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
    """
    check_filters(filters)
    for name, wanted in filters.items():
        patterns = [_pattern(value) for value in wanted]
        things = [thing for thing in things if _matches(thing, name, patterns)]
    return things


def _matches(thing, name, patterns):
    from moto.ec2.exceptions import FilterNotImplementedError

    try:
        found = thing.get_filter_value(name)
    except FilterNotImplementedError:
        raise error("InvalidParameterValue", f"The filter '{name}' is invalid") from None
    values = found if isinstance(found, (list, set, tuple)) else [found]
    texts = [_text(value) for value in values if value is not None]
    return any(pattern.fullmatch(text) for pattern in patterns for text in texts)


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern(value):
    wild = re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(wild, re.DOTALL)


def max_results(value, least, most):
    if value is None:
        return None
    number = int(value)
    if not least <= number <= most:
        raise error(
            "InvalidParameterValue",
            f"Value ( {number} ) for parameter maxResults is invalid. "
            f"Expecting a value between {least} and {most}.",
        )
    return number


def page(things, identify, limit, token):
    """One page and the token of the next.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination
    The token remembers the last item, so that a deletion between two pages neither skips nor repeats one.
    """
    start = _start(things, identify, token) if token else 0
    if limit is None or len(things) <= start + limit:
        return things[start:], None
    last = start + limit
    return things[start:last], _token(identify(things[last - 1]), last)


def _token(name, index):
    return base64.urlsafe_b64encode(json.dumps([name, index]).encode()).decode()


def _start(things, identify, token):
    try:
        name, index = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise error("InvalidPaginationToken", "The specified pagination token is not valid or is expired.") from None
    for position, thing in enumerate(things):
        if identify(thing) == name:
            return position + 1
    return min(index, len(things))
