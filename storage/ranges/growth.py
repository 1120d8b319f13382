"""By how much series grew from point to point, across resets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.plan import Range
from storage.ranges.groups import Groups, Numbers
from storage.ranges.source import DELTA, Source


@dataclass(frozen=True, slots=True)
class Growth:
    """
    Points in the order of their series and times, and what each adds.

    `adds`: it lies in the range, and what it adds is known. `before`: the point that it is compared
    with, -1 for none: then it adds all that it has. `cells`: group and step of each.
    """

    rows: pa.Table
    adds: Numbers
    before: Numbers
    cells: Numbers

    def of(self, name: str) -> Numbers:
        """Return how much a number of each point grew."""
        values = self.rows[name].to_numpy().astype(np.float64)
        return values - np.where(self.before >= 0, values[self.before], 0.0)


def growth(plan: Range, groups: Groups, source: Source, found: pa.Table) -> Growth:
    """Return how these points follow each other."""
    measured = source.measured
    keys = ["series_id", "time", "start_time_unix_nano", measured]
    rows = found.sort_by([(name, "ascending") for name in keys]).combine_chunks()
    time = rows["time"].to_numpy()
    places = groups.places(rows["series_id"])
    at = np.arange(len(rows))
    follows = np.zeros(len(rows), bool)
    before = np.full(len(rows), -1)
    known = np.ones(len(rows), bool)
    if source.temporality != DELTA:
        follows[1:] = places[1:] == places[:-1]
        start = rows["start_time_unix_nano"].to_numpy()
        reset = _resets(start, rows[measured].to_numpy(), groups.monotonic[places])
        before = np.where(follows & ~reset & same_bounds(rows), at - 1, -1)
        # What a series had when it was first seen may be older than the range.
        known = follows | ((start >= plan.start_ns) & (start <= time))
    within = (time >= plan.start_ns) & (time < plan.end_ns)
    return Growth(rows, within & known, before, cells(plan, groups.of[places], time))


def cells(plan: Range, groups: Numbers, time: Numbers) -> Numbers:
    """Return one number for each group and step."""
    step = (time.astype(np.int64) - plan.start_ns) // plan.step_ns
    return groups * steps(plan) + step


def steps(plan: Range) -> int:
    """Return how many steps a range has."""
    return -(-(plan.end_ns - plan.start_ns) // plan.step_ns)


def _resets(start: Any, measured: Any, monotonic: Any) -> Numbers:
    """Tell of each point whether it began anew, compared with the one in front of it."""
    found = np.zeros(len(start), bool)
    moved = (start[1:] > start[:-1]) & (start[:-1] > 0)
    found[1:] = moved | ((measured[1:] < measured[:-1]) & monotonic[1:])
    return found


def same_bounds(rows: pa.Table) -> Numbers:
    """Tell of each point whether its buckets have the bounds of the one in front of it."""
    same = np.ones(len(rows), bool)
    if "explicit_bounds" in rows.column_names:
        codes = bounds_codes(rows)
        same[1:] = codes[1:] == codes[:-1]
    return same


def bounds_codes(rows: pa.Table) -> Numbers:
    """Return a number for each point, equal where the bounds of buckets are."""
    lists: Any = rows["explicit_bounds"].combine_chunks()
    offsets = (lists.offsets.to_numpy() - lists.offsets[0].as_py()).astype(np.int64) * 8
    flat: Any = np.ascontiguousarray(lists.flatten().to_numpy())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(flat)]
    texts = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lists), buffers)
    return texts.dictionary_encode().indices.to_numpy()
