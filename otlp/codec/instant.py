"""Times and durations as people write them in plain JSON, to nanoseconds."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

NS_MAX: Final = 2**64 - 1
"""What OTLP has room for: the year 2554."""

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)? ?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_NUMBER: Final = re.compile(r"\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,20}(?:\.\d{1,20})?) ?(ns|us|µs|μs|ms|s|m|h)")

_MAGNITUDES: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""A number below the first is in units of as many nanoseconds: s until 5138, then ms, then us."""

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def instant_ns(value: Any) -> int:
    """
    Read RFC 3339 (without an offset: UTC) or Unix time in s, ms, us or ns, told by its size.

    Raises ValueError.
    """
    if isinstance(value, str):
        match = _RFC3339.fullmatch(value.strip())
        if match:
            return _bounded(_calendar_ns(match))
    number = _number(value)
    if number is None:
        raise ValueError("must be a time: RFC 3339, or Unix time in s, ms, us or ns")
    for below, scale in _MAGNITUDES:
        if number < below:
            return _bounded(int(number * scale))
    return _bounded(int(number))


def duration_ns(value: Any) -> int:
    """Read a duration with its unit, such as "12.5ms"; raises ValueError."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a duration with its unit, such as "12.5ms" (ns, us, ms, s, m, h)')
    return _bounded(int(Decimal(match[1]) * _UNITS[match[2]]))


def milliseconds_ns(value: Any) -> int:
    """Read a number of milliseconds; raises ValueError."""
    number = _number(value)
    if number is None:
        raise ValueError("must be a number of milliseconds")
    return _bounded(int(number * 10**6))


def _calendar_ns(match: re.Match[str]) -> int:
    date, time, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=_zone(offset or "Z"))
    except ValueError as error:
        raise ValueError(f"is no time of the calendar: {error}") from error
    # A timedelta counts exactly, where a float has too few digits.
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = elapsed.days * 86400 + elapsed.seconds
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def _zone(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if offset[0] == "-" else ahead)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str):
        return Decimal(value.strip()) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = Decimal(repr(value))
    return number if number.is_finite() else None


def _bounded(number: int) -> int:
    if not 0 <= number <= NS_MAX:
        raise ValueError("must be between 1970 and 2554")
    return number
