"""Points in time as people write them, to Unix nanoseconds."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from query.language.literal import duration_ns

SECOND_NS: Final = 10**9
TIME_NS_MAX: Final = 2**63 - 1
"""The year 2262; the largest time that can be asked for."""

EXAMPLES: Final = '"2026-01-31T12:00:00Z", "1767225600", "now" or "now-15m"'

_NOW: Final = re.compile(r"now(?:([+-])(.+))?")
_EPOCH: Final = re.compile(r"([0-9]{1,19})(\.[0-9]{1,9})?")
# A space stands for "T" and for the "+" that a URL turns into one.
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+ -])([0-9]{2}):([0-9]{2}))"
)

# Digits of an epoch time give its unit: a time of our days has 10 in seconds, 13 in milliseconds,
# 16 in microseconds and 19 in nanoseconds; the borders lie between (seconds reach the year 5138).
_EPOCH_UNITS: Final = ((10**11, SECOND_NS), (10**14, 10**6), (10**17, 10**3))


def read(text: str, now_ns: int) -> int | None:
    """
    Return the Unix nanoseconds of RFC 3339, an epoch time (s, ms, µs or ns) or `now-15m`, or None.

    Nothing is rounded, and nothing bounded.
    """
    for form in (_now(text, now_ns), _epoch(text), _rfc_3339(text)):
        if form is not None:
            return form
    return None


def _now(value: str, now_ns: int) -> int | None:
    match = _NOW.fullmatch(value)
    if match is None:
        return None
    if match[2] is None:
        return now_ns
    offset = duration_ns(match[2])
    if offset is None:
        return None
    return now_ns - offset if match[1] == "-" else now_ns + offset


def _epoch(value: str) -> int | None:
    match = _EPOCH.fullmatch(value)
    if match is None:
        return None
    whole = int(match[1])
    unit = next((unit for below, unit in _EPOCH_UNITS if whole < below), 1)
    return int(Decimal(value) * unit)


def _rfc_3339(value: str) -> int | None:
    match = _RFC_3339.fullmatch(value)
    if match is None:
        return None
    date, clock, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}+00:00")
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86_400 + since.seconds
    if sign is not None:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
    return seconds * SECOND_NS + int((fraction or "").ljust(9, "0"))
