"""Pages of a sorted list that neither skip nor repeat anything when some of it goes between two of them.

The token remembers the last item's place in the order, not its number: a survey that runs beside a deletion must not
lose what is in use.
"""

import base64
import binascii
import json


class Unreadable(Exception):
    """The token is not one of ours."""


def page(things, key, limit, token=None, reverse=False):
    """`key` is what the things are sorted by, unique, and fit for JSON; `reverse` when they are sorted downwards."""
    if token:
        last = _read(token)
        try:
            things = [one for one in things if (key(one) < last if reverse else key(one) > last)]
        except TypeError:
            raise Unreadable from None
    if len(things) <= limit:
        return things, None
    return things[:limit], base64.urlsafe_b64encode(json.dumps(key(things[limit - 1])).encode()).decode()


def _read(token):
    try:
        return json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError):
        raise Unreadable from None
