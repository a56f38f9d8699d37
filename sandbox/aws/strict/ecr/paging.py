"""Pages whose token remembers the last item, not a number: what goes between two pages neither hides nor repeats others."""

import base64
import binascii
import json

from strict.ecr.refusals import Refused, invalid


def limit(asked, usual=100, most=1000):
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html: 1 to 1000, 100 unless said."""
    wanted = asked.get("maxResults")
    if wanted is None:
        return usual
    if wanted < 1:
        raise invalid("maxResults", "Member must have value greater than or equal to 1")
    if wanted > most:
        raise invalid("maxResults", f"Member must have value less than or equal to {most}")
    return wanted


def last(asked, query):
    """What the page before ended with; None at the beginning.  A token belongs to the query that gave it."""
    token = asked.get("nextToken")
    if not token:
        return None
    try:
        begun, value = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        begun, value = None, None
    if begun != query:
        raise Refused("InvalidParameterException", "Invalid parameter at 'nextToken': the token is not of this request")
    return value


def token(query, value):
    return base64.urlsafe_b64encode(json.dumps([query, value]).encode()).decode()


def refuse_beside(asked, parameter):
    """Pages are of a list; what is asked for by name has none."""
    for name in ("maxResults", "nextToken"):
        if asked.get(name) is not None:
            raise Refused("InvalidParameterException", f"'{name}' cannot be used when '{parameter}' is specified")


def answer(name, items, following):
    return {name: items, "nextToken": following} if following else {name: items}
