"""Colours, durations and times, as the shell prints them."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

LEVELS: Final[Mapping[str, str]] = {
    "TRACE": "dim",
    "DEBUG": "cyan",
    "INFO": "green",
    "WARN": "yellow",
    "ERROR": "bold red",
    "FATAL": "bold white on red",
}
ERROR: Final = "bold red"
_SERVICES: Final = (
    "cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green", "bright_magenta",
    "bright_blue", "bright_yellow",
)  # fmt: skip
_DECIMAL: Final = ((10**9, "s"), (10**6, "ms"), (10**3, "µs"), (1, "ns"))


def service(name: str) -> str:
    """Return a service's colour: the same one at all times."""
    return _SERVICES[zlib.crc32(name.encode(errors="replace")) % len(_SERVICES)]


def duration(nanoseconds: int) -> str:
    """Return a duration in at most three digits of its unit, or in two units from a minute on."""
    if nanoseconds >= 60 * 10**9:
        return _long(nanoseconds)
    for unit_ns, unit in _DECIMAL:
        if nanoseconds >= unit_ns:
            number = nanoseconds / unit_ns
            return f"{number:.0f}{unit}" if number >= 100 else f"{number:.3g}{unit}"
    return "0s"


def _long(nanoseconds: int) -> str:
    seconds = nanoseconds // 10**9
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600:02}h"


def moment(text: str) -> datetime:
    """Return the local time of an answer's RFC 3339 text, which has nine digits of a second."""
    return datetime.fromisoformat(text[:26]).replace(tzinfo=UTC).astimezone()


def zone() -> str:
    """Return the name of the local time zone."""
    return datetime.now(UTC).astimezone().tzname() or ""
