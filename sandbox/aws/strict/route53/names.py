"""Names as Route 53 keeps and sorts them.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
"""

import functools
import re

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
# An escape code, a dot that ends a label, or any other character.
TOKEN = re.compile(r"\\([0-3][0-7]{2})|(\.)|(.)", re.DOTALL)
UNSUPPORTED = re.compile(r"[^\x21-\x7e]")
LONGEST_LABEL = 63


def stored(name):
    """Lower case, with the dot at its end; what is not a-z, 0-9, - or _ as an escape code, however it was written."""
    return _read(name)[0]


def sort_key(name):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html: with the labels reversed
    (`com.example.www.`), whose trailing dot sorts after !, " and so on up to the hyphen: the characters themselves are
    compared, not their escape codes."""
    return _read(name)[1]


def problem(name):
    """What is wrong with a name, as Route 53 says it, or None."""
    odd = UNSUPPORTED.search(name)
    if odd:
        what = "UnsupportedCharacter (Value contains unsupported characters)"
        return f"FATAL problem: {what} encountered with '{odd[0]}'"
    for label in _labels(name):
        if not label:
            return f"FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '{name}'"
        if len(label) > LONGEST_LABEL:
            return f"FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{''.join(label)}'"
    return None


def within(name, zone):
    """Whether a stored name is the zone's or below it."""
    return name == zone or name.endswith("." + zone)


@functools.lru_cache(maxsize=50_000)
def _read(name):
    labels = _labels(name)
    text = ".".join("".join(map(_escaped, label)) for label in labels) + "."
    # A dot or backslash within a label stays a code: else two names could sort as one.
    keys = ("".join(_escaped(one) if one in ".\\" else one for one in label) for label in reversed(labels))
    return text, ".".join(keys) + "."


def _labels(name):
    """The labels, each a list of lower-case characters; the dot at the end begins none."""
    labels = [[]]
    for code, dot, character in TOKEN.findall(name):
        if dot:
            labels.append([])
        else:
            labels[-1].append(chr(int(code, 8)).lower() if code else character.lower())
    return labels[:-1] if len(labels) > 1 and not labels[-1] else labels


def _escaped(character):
    return character if character in PLAIN else f"\\{ord(character):03o}"
