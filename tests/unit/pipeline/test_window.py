"""How far a record's own time is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.window import DAY_NS, TimeWindow

NOW = 1_700_000_000_000_000_000
FIRST = NOW - 30 * DAY_NS
LAST = NOW + DAY_NS


@pytest.mark.parametrize(
    ("sent_ns", "observed_ns", "expected_ns"),
    [
        (NOW - 1, NOW - 2, NOW - 1),
        (0, NOW - 2, NOW - 2),
        (FIRST, None, FIRST),
        (FIRST - 1, None, NOW),
        (FIRST - 1, NOW - 2, NOW - 2),
        (LAST, None, LAST),
        (LAST + 1, LAST + 1, NOW),
        (0, 0, NOW),
        (0, None, NOW),
        (2**64 - 1, 1, NOW),
    ],
)
def test_first_believable_time_counts(sent_ns, observed_ns, expected_ns):
    assert TimeWindow().effective(sent_ns, observed_ns, NOW) == expected_ns


def test_zero_means_unknown_even_where_the_window_reaches_it():
    assert TimeWindow(past_ns=100, future_ns=0).effective(0, 0, 50) == 50


@given(st.integers(0, 2**64 - 1), st.one_of(st.none(), st.integers(0, 2**64 - 1)))
def test_effective_time_lies_in_the_window(sent_ns, observed_ns):
    window = TimeWindow(past_ns=7, future_ns=3)

    assert NOW - 7 <= window.effective(sent_ns, observed_ns, NOW) <= NOW + 3
