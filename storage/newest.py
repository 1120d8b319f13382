"""Newest first without reading everything: windows of time, from the end of a range backwards.

Records are sorted by hour and service, not by time, so a LIMIT stops nothing: the engine reads all
that may match and sorts it. What is asked for is mostly in the newest hours.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pipeline.plan import Records, Traces
from pipeline.signal import Signal

HOUR_NS: Final = 3_600 * 10**9
"""The hour by which records are sorted: a smaller window would read as much."""

_DAY_NS: Final = 24 * HOUR_NS


def windows(start_ns: int, end_ns: int, now_ns: int) -> Iterator[tuple[int, int]]:
    """
    Yield time ranges that make up a whole one, the newest first: an hour, a day, the rest.

    They begin at full hours, so that the first has something of the hour before. `now_ns` only
    makes them useful: an end that is far ahead of it is not where the newest records are. More of
    them would cost what is nowhere, a unique value, more than they save of what is seldom.
    """
    edge = min(end_ns, now_ns + HOUR_NS)
    for width in (HOUR_NS, _DAY_NS):
        edge = (edge - width) // HOUR_NS * HOUR_NS
        if edge <= start_ns:
            break
        yield edge, end_ns
        end_ns = edge
    yield start_ns, end_ns


def records(plan: Records, now_ns: int) -> Iterator[Records]:
    """Yield the plans that make up a plan, each of older records than the one before."""
    if plan.signal is Signal.METRICS:  # sorted by series, in which time comes next
        yield plan
        return
    end_ns = plan.end_ns if plan.after is None else min(plan.end_ns, plan.after.time_ns + 1)
    for start, end in windows(plan.start_ns, end_ns, now_ns):
        yield replace(plan, start_ns=start, end_ns=end)


def traces(plan: Traces, now_ns: int) -> Iterator[Traces]:
    """
    Yield the plans that make up a plan without `whole`; what the first finds comes first.

    Of a trace that two find, the first one's place counts.
    """
    if plan.after is None:
        for start, end in windows(plan.start_ns, plan.end_ns, now_ns):
            yield replace(plan, start_ns=start, end_ns=end)
        return
    # All to the end: a match before the place does not tell that the trace has none behind it.
    for start, _ in windows(plan.start_ns, min(plan.end_ns, plan.after.matched_ns + 1), now_ns):
        yield replace(plan, start_ns=start)
