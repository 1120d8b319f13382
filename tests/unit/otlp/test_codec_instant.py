"""Times and durations of plain JSON."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp.codec.instant import NS_MAX, duration_ns, instant_ns, milliseconds_ns

NS = 1_700_000_000_123_456_789


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2023-11-14T22:13:20.123456789Z", NS),
        ("2023-11-14t22:13:20,1234567891z", NS),
        ("2023-11-15 03:43:20.123456789+05:30", NS),
        ("2023-11-14T22:13:20.123456789", NS),
        ("2023-11-14T14:13:20-0800", 1_700_000_000 * 10**9),
        (1_700_000_000, 1_700_000_000 * 10**9),
        (1_700_000_000.25, 1_700_000_000_250_000_000),
        ("1700000000.123456789", NS),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        (1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (NS, NS),
        (str(NS), NS),
        (0, 0),
    ],
)
def test_time_is_read_to_its_last_digit(sent, expected):
    assert instant_ns(sent) == expected


@pytest.mark.parametrize(
    "sent",
    [
        "now",
        "",
        "2023-02-30T00:00:00Z",
        "2023-11-14",
        "2023-11-14T22:13:20+99:00",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        True,
        -1,
        10**30,
        float("inf"),
        [],
        {},
    ],
)
def test_what_is_no_time_is_a_value_error(sent):
    with pytest.raises(ValueError, match=r"must be|calendar"):
        instant_ns(sent)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.datetimes().map(str)))
def test_any_value_is_a_time_or_a_value_error(sent):
    for read in (instant_ns, duration_ns, milliseconds_ns):
        with suppress(ValueError):
            assert 0 <= read(sent) <= NS_MAX


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("12.5ms", 12_500_000), ("1 s", 10**9), ("3ns", 3), ("7µs", 7000), ("2m", 120 * 10**9)],
)
def test_duration_has_a_unit(sent, expected):
    assert duration_ns(sent) == expected


@pytest.mark.parametrize("sent", [5, "5", "5 parsecs", "-1s", None])
def test_duration_without_a_unit_is_a_value_error(sent):
    with pytest.raises(ValueError, match="with its unit"):
        duration_ns(sent)


def test_milliseconds_are_a_number():
    assert milliseconds_ns(12.5) == 12_500_000
    with pytest.raises(ValueError, match="milliseconds"):
        milliseconds_ns("soon")
