"""Protobuf's times and durations to nanoseconds and back, with what Go sends for none."""

from typing import Any, Final

_SECOND_NS: Final = 10**9
_TIME_MAX: Final = 2**64 - 1


def time_ns(message: Any, field: str) -> int | None:
    """
    Return a time of a message in Unix nanoseconds; None when it is not set.

    Go sends an unset time as year 1, others as zero: neither is the time of any span. What lies
    between is the beginning of all times.
    """
    if not message.HasField(field):
        return None
    found = getattr(message, field)
    if found.seconds < 0 or (found.seconds == 0 and found.nanos == 0):
        return None
    return min(int(found.seconds) * _SECOND_NS + int(found.nanos), _TIME_MAX)


def duration_ns(message: Any, field: str) -> int:
    """Return a duration of a message in nanoseconds; 0 when it bounds nothing."""
    found = getattr(message, field)
    return max(0, int(found.seconds) * _SECOND_NS + int(found.nanos))


def parts(nanoseconds: int) -> dict[str, int]:
    """Return nanoseconds as the fields of a Timestamp or a Duration."""
    return {"seconds": nanoseconds // _SECOND_NS, "nanos": nanoseconds % _SECOND_NS}
