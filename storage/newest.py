"""Newest first without reading everything: windows of time, from the end of a range backwards.

Records are sorted by hour and service, not by time, so a LIMIT stops nothing: the engine reads all
that may match and sorts it. What is asked for is mostly in the newest hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.plan import Records, Traces
from pipeline.signal import Signal

HOUR_NS: Final = 3_600 * 10**9
"""The hour by which records are sorted: a smaller window would read as much."""

_SPARE: Final = 2
"""How much wider the second window is than what was found in the first says that it has to be."""


@dataclass(slots=True)
class Tally:
    """How many are wanted, and how many were found up to now: whoever asks counts them."""

    wanted: int
    found: int = 0


def windows(start_ns: int, end_ns: int, now_ns: int, tally: Tally) -> Iterator[tuple[int, int]]:
    """
    Yield time ranges that make up a whole one, the newest first, until all that is wanted is found.

    An hour, then as much as that hour's number says, then the rest. They begin at full hours, so
    that the first has something of the hour before. `now_ns` only makes them useful: an end that
    is far ahead of it is not where the newest records are. More of them would cost what is
    nowhere, a unique value, more than they save of what is seldom.
    """
    edge = min(end_ns, now_ns + HOUR_NS)
    width = HOUR_NS
    for _ in range(2):
        edge = (edge - width) // HOUR_NS * HOUR_NS
        if edge <= start_ns:
            break
        yield edge, end_ns
        if tally.found >= tally.wanted:
            return
        # None found is taken for half a one: what is seldom is sought where it may well be.
        width = int(_SPARE * HOUR_NS * (tally.wanted - tally.found) / (tally.found + 0.5))
        end_ns = edge
    yield start_ns, end_ns


def records(plan: Records, now_ns: int, tally: Tally) -> Iterator[Records]:
    """Yield the plans that make up a plan, each of older records and of those that still lack."""
    if plan.signal is Signal.METRICS:  # sorted by series, in which time comes next
        yield plan
        return
    end_ns = plan.end_ns if plan.after is None else min(plan.end_ns, plan.after.time_ns + 1)
    for start, end in windows(plan.start_ns, end_ns, now_ns, tally):
        limit = tally.wanted - tally.found
        yield replace(plan, start_ns=start, end_ns=end, limit=limit)


def traces(plan: Traces, now_ns: int, tally: Tally) -> Iterator[Traces]:
    """
    Yield the plans that make up a plan without `whole`; what the first finds comes first.

    Of a trace that two find, the first one's place counts.
    """
    if plan.after is None:
        for start, end in windows(plan.start_ns, plan.end_ns, now_ns, tally):
            yield replace(plan, start_ns=start, end_ns=end)
        return
    # All to the end: a match before the place does not tell that the trace has none behind it.
    end_ns = min(plan.end_ns, plan.after.matched_ns + 1)
    for start, _ in windows(plan.start_ns, end_ns, now_ns, tally):
        yield replace(plan, start_ns=start)
