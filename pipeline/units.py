"""Sizes and durations as people write them: "64MB", "10GiB", "200ms", "30d"."""

import math
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

SIZES: Final = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
"""Bytes in each unit of a size."""

DURATIONS: Final = {
    "": 1.0,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
}
"""Seconds in each unit of a duration; a day has 24 hours."""

_QUANTITY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([A-Za-z]{0,3})", re.ASCII)


def size(value: object) -> object:
    """Return the bytes of a text such as "64MB" or "1.5GiB"; anything but text as it is."""
    if not isinstance(value, str):
        return value
    number, unit = _split(value, SIZES, 'a size such as "64MB" or "10GiB"')
    # Whole numbers are not passed through a float, which has 53 bits only.
    scaled = float(number) * unit if "." in number else int(number) * int(unit)
    if scaled != int(scaled):
        raise ValueError(f'"{value}" is not a whole number of bytes')
    return int(scaled)


def seconds(value: object) -> object:
    """Return the seconds of a text such as "200ms" or "30d"; anything but text as it is."""
    if not isinstance(value, str):
        return value
    number, unit = _split(value, DURATIONS, 'a duration such as "200ms", "1s" or "30d"')
    return float(number) * unit


def _split(text: str, units: dict[str, int] | dict[str, float], example: str) -> tuple[str, float]:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in units:
        known = ", ".join(filter(None, units))
        raise ValueError(f'"{text}" is not {example} (units: {known})')
    return match[1], units[match[2]]


def _no_bool(value: object) -> object:
    # YAML's `true` would pass as 1.
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


Size = Annotated[int, Field(ge=0), BeforeValidator(_no_bool), BeforeValidator(size)]
"""A setting in bytes: a whole number, or a text such as "64MB"."""

Seconds = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(_finite),
    BeforeValidator(_no_bool),
    BeforeValidator(seconds),
]
"""A setting in seconds: a finite number, or a text such as "200ms"."""
