"""Which account a request acts in."""

from moto.iam import models

_lookup = models.get_account_id_from
_known = {}


def account_of(access_key):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: credentials of an assumed role act in
    the role's account for as long as they are valid.

    moto forgets them at a reset, after which they would act in the default account; a worker that outlives the reset
    still holds them.
    """
    if access_key not in _known:
        account = _lookup(access_key)
        if account == models.DEFAULT_ACCOUNT_ID:
            return account
        _known[access_key] = account
    return _known[access_key]


def apply():
    models.get_account_id_from = account_of
