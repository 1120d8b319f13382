"""The windows in which the newest is looked for make up the whole range, the newest first."""

from hypothesis import given
from hypothesis import strategies as st

from storage.newest import HOUR_NS, Tally, windows

TIMES = st.integers(0, 2**63)
NOW = 480_000 * HOUR_NS


def asked(start, end, now, wanted, found):
    """The windows of a search that finds so many in the first one, and no more."""
    tally = Tally(wanted)
    for one in windows(start, end, now, tally):
        yield one
        tally.found = found


@given(TIMES, TIMES, TIMES, st.integers(1, 10_001), st.integers(0, 10_000))
def test_windows_are_the_whole_range_without_gap_or_overlap(start, end, now, wanted, found):
    start, end = min(start, end), max(start, end) + 1
    found = list(asked(start, end, now, wanted, min(found, wanted - 1)))

    assert 1 <= len(found) <= 3
    assert found[0][1] == end
    assert found[-1][0] == start
    assert [one[0] for one in found[:-1]] == [one[1] for one in found[1:]]
    assert all(first < last for first, last in found)
    assert all(first % HOUR_NS == 0 for first, _ in found[:-1])


@given(st.integers(30 * HOUR_NS, 2**62), st.integers(0, 2**62))
def test_the_first_window_reaches_an_hour_back_from_now_however_far_the_end_is(now, ahead):
    (first, _), *_ = asked(0, now + ahead, now, 20, 0)

    assert now - 2 * HOUR_NS < first <= now


def test_a_short_range_is_one_window():
    assert list(asked(5, HOUR_NS, 10 * HOUR_NS, 20, 0)) == [(5, HOUR_NS)]


@given(st.integers(1, 10_001), st.integers(0, 100))
def test_nothing_older_is_asked_for_when_all_that_is_wanted_was_found(wanted, more):
    assert len(list(asked(0, NOW, NOW, wanted, wanted + more))) == 1


@given(st.integers(1, 10_001), st.data())
def test_the_second_window_has_room_for_what_is_missing_and_more_of_it_when_less_was_found(
    wanted, data
):
    found = data.draw(st.integers(0, wanted - 1))
    widths = [
        (first[0] - second[0]) // HOUR_NS
        for first, second, *_ in (
            list(asked(0, NOW, NOW, wanted, one)) for one in range(max(0, found - 1), found + 1)
        )
    ]

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] * max(found, 1) >= wanted - found
