"""What a bare word can be read as: a number, a size, a duration, true or false."""

import re
from fractions import Fraction
from typing import Final

from pipeline.units import SIZES

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

_UNITS_NS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # micro sign
    "μs": 10**3,  # Greek mu, which some keyboards give
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}
_PART: Final = rf"([0-9]{{1,18}}(?:\.[0-9]{{1,18}})?)({'|'.join(_UNITS_NS)})"
_SIZE: Final = re.compile(rf"([0-9]{{1,18}}(?:\.[0-9]{{1,18}})?)({'|'.join(filter(None, SIZES))})")
_DURATION: Final = re.compile(rf"(?:{_PART})+")


def number(text: str) -> int | float | None:
    """
    Return the number, or None when the text is none.

    Leading zeros make no number: `007` is a word. Too large a float is an infinity.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return float(text) if match[1] or match[2] else int(text)


def duration_ns(text: str) -> int | None:
    """Return the nanoseconds of a text such as `1m30s` or `1.5h`, or None when it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return round(sum(Fraction(count) * _UNITS_NS[unit] for count, unit in re.findall(_PART, text)))


def size(text: str) -> int | None:
    """Return the bytes of a text such as `10MB` or `1.5KiB`, or None when it is none."""
    match = _SIZE.fullmatch(text)
    return None if match is None else round(Fraction(match[1]) * SIZES[match[2]])


def boolean(text: str) -> bool | None:
    """Return what `true` or `false` says, in any case, or None when the text is neither."""
    return {"true": True, "false": False}.get(text.lower())


def kind(text: str) -> str:
    """Return "number", "size", "duration" or "bool", or nothing for any other word."""
    if number(text) is not None:
        return "number"
    if size(text) is not None:
        return "size"
    if duration_ns(text) is not None:
        return "duration"
    return "" if boolean(text) is None else "bool"
