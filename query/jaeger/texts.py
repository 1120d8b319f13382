"""Durations as Go writes and reads them."""

import re
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign
    "μs": 10**3,  # the Greek letter
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_MAX: Final = 2**63 - 1


def nanoseconds(text: str) -> int:
    """Return a duration such as `1m30s`, `4500us` or `1.5h`; raises ValueError."""
    unsigned = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if unsigned == "0":
        return 0
    at, total = 0, 0
    while at < len(unsigned):
        part = _PART.match(unsigned, at)
        if part is None:
            raise ValueError(f"time: invalid duration {text!r}")
        whole, _, fraction = part[1].partition(".")
        unit = _UNITS[part[2]]
        total += int(whole or "0") * unit
        total += int(fraction or "0") * unit // 10 ** len(fraction)
        at = part.end()
    if not at or total > _MAX:
        raise ValueError(f"time: invalid duration {text!r}")
    return -total if text.startswith("-") else total


def duration(nanoseconds: int) -> str:
    """Return a duration as Go prints it: `-4.62589s`, `1h2m3s`, `300µs`."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < _UNITS["s"]:
        for name in ("ms", "µs", "ns"):
            if rest >= _UNITS[name]:
                return f"{sign}{_decimal(rest, _UNITS[name])}{name}"
        return "0s"
    minutes, seconds = divmod(rest, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, _UNITS['s'])}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else sign + text


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
