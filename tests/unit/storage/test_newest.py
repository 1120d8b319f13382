"""The windows in which the newest is looked for make up the whole range, the newest first."""

from hypothesis import given
from hypothesis import strategies as st

from storage.newest import HOUR_NS, windows

TIMES = st.integers(0, 2**63)


@given(TIMES, TIMES, TIMES)
def test_windows_are_the_whole_range_without_gap_or_overlap(start, end, now):
    start, end = min(start, end), max(start, end) + 1
    found = list(windows(start, end, now))

    assert 1 <= len(found) <= 3
    assert found[0][1] == end
    assert found[-1][0] == start
    assert [one[0] for one in found[:-1]] == [one[1] for one in found[1:]]
    assert all(first < last for first, last in found)
    assert all(first % HOUR_NS == 0 for first, _ in found[:-1])


@given(st.integers(30 * HOUR_NS, 2**62), st.integers(0, 2**62))
def test_the_first_window_reaches_an_hour_back_from_now_however_far_the_end_is(now, ahead):
    (first, _), *_ = windows(0, now + ahead, now)

    assert now - 2 * HOUR_NS < first <= now


def test_a_short_range_is_one_window():
    assert list(windows(5, HOUR_NS, 10 * HOUR_NS)) == [(5, HOUR_NS)]
