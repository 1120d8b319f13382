"""Times as people write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.api import times
from query.wrong import Wrong

NOW = 1_767_225_600_123_456_789
DAY = 86_400 * 10**9


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000_000),
        ("2026-01-01T00:00:00.123456789Z", NOW),
        ("2026-01-01t00:00:00.1z", 1_767_225_600_100_000_000),
        ("2026-01-01 00:00:00Z", 1_767_225_600_000_000_000),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000_000_000),
        ("2026-01-01T02:00:00 02:00", 1_767_225_600_000_000_000),
        ("2025-12-31T18:30:00-05:30", 1_767_225_600_000_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("0", 0),
        ("1767225600", 1_767_225_600_000_000_000),
        ("1767225600.123456789", NOW),
        ("1767225600123", 1_767_225_600_123_000_000),
        ("1767225600123.456", 1_767_225_600_123_456_000),
        ("1767225600123456", 1_767_225_600_123_456_000),
        ("1767225600123456789", NOW),
        ("now", NOW),
        ("now-15m", NOW - 900 * 10**9),
        ("now-1h30m", NOW - 5400 * 10**9),
        ("now-7d", NOW - 7 * DAY),
        ("now+1ns", NOW + 1),
    ],
)
def test_forms(text, time_ns):
    assert times.parse(text, "start", NOW) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "now-",
        "now-15",
        "now - 15m",
        "now-100000d",
        "-1",
        "1e9",
        "9223372036854775808",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00.1234567891Z",
        "1969-12-31T23:59:59Z",
        "2300-01-01T00:00:00Z",
        "\u0661767225600",
        "1" * 5000,
        "'; DROP TABLE logs; --",
    ],
)
def test_anything_else_is_wrong_and_names_the_parameter(text):
    with pytest.raises(Wrong, match=r"^end is ") as wrong:
        times.parse(text, "end", NOW)

    assert wrong.value.parameter == "end"


@given(st.integers(0, times.TIME_NS_MAX))
def test_no_nanosecond_is_lost(time_ns):
    assert times.parse(times.text(time_ns), "start", NOW) == time_ns


def test_the_largest_stored_time_has_a_text():
    assert times.text(2**64 - 1) == "2554-07-21T23:34:33.709551615Z"
    assert datetime.fromisoformat(times.text(NOW)[:19] + "+00:00").tzinfo == UTC
