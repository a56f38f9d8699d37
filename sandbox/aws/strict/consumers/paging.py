"""One page of a List operation in the words of its service."""

from strict.ecs import paging


def page(things, key, asked, default, most, token, refuse):
    """Sorted by `key`; `asked` is the caller's limit, if any; `refuse(message)` makes the service's own error."""
    if asked not in (None, "") and not 1 <= int(asked) <= most:
        raise refuse(f"The number of results must be between 1 and {most}, not {asked}.")
    try:
        return paging.page(sorted(things, key=key), key, int(asked) if asked else default, token)
    except paging.Unreadable:
        raise refuse("The token is not valid.") from None
