"""What the points of a range amount to: computed here for every store, from what it fetched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.plan import Measure, Range
from storage.answers import RANGE
from storage.ranges import buckets
from storage.ranges.groups import Groups, Numbers
from storage.ranges.growth import growth, steps
from storage.ranges.source import GROWING, How, Source

_EXTREMES = (Measure.MIN, Measure.MAX)


class Cells:
    """Numbers of groups and steps, gathered from several kinds of points."""

    def __init__(self) -> None:
        self._parts: list[tuple[Numbers, Numbers, Numbers]] = []

    def add(self, at: Numbers, total: Numbers, weight: Numbers | None = None) -> None:
        """Add numbers to cells; `weight` is how many each stands for."""
        some = ~np.isnan(total)
        counted = np.ones(len(total)) if weight is None else weight
        self._parts.append((at[some], total[some], counted[some]))

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing."""
        return not self._parts

    def values(self, measure: Measure) -> tuple[Numbers, Numbers]:
        """Return the cells that have anything, and what it amounts to."""
        at, total, weight = (np.concatenate(one) for one in zip(*self._parts, strict=True))
        found, inverse = np.unique(at, return_inverse=True)
        if measure in _EXTREMES:
            least = measure is Measure.MIN
            values = np.full(len(found), np.inf if least else -np.inf)
            (np.minimum if least else np.maximum).at(values, inverse, total)
            return found, values
        values = np.bincount(inverse, total, len(found))
        if measure is Measure.AVG:
            counts = np.bincount(inverse, weight, len(found))
            some = counts > 0
            return found[some], values[some] / counts[some]
        return found, values


def compute(plan: Range, groups: Groups, found: Sequence[tuple[Source, pa.Table]]) -> pa.Table:
    """Return the answer of a question about these groups."""
    gathered = Cells()
    segments = []
    for source, fetched in found:
        rows = groups.known(fetched)
        if not len(rows):
            continue
        if source.how is How.SUMMED:
            _summed(plan, groups, rows, gathered)
            continue
        grown = growth(plan, groups, source, rows)
        if plan.measure is Measure.QUANTILE:
            explicit = source.table == "histogram_points"
            segments.append((buckets.explicit if explicit else buckets.exponential)(grown))
            continue
        adds, counted = grown.adds, grown.of(source.measured)
        total = grown.of("sum") if plan.measure in {Measure.SUM, Measure.AVG} else counted
        gathered.add(grown.cells[adds], total[adds], counted[adds])
    if segments:
        whole = buckets.joined(segments)
        return _answer(plan, groups, *buckets.quantiles(whole, plan.quantile))
    if gathered.empty:
        return RANGE.empty_table()
    at, values = gathered.values(plan.measure)
    if plan.measure is Measure.RATE:
        begins = plan.start_ns + (at % steps(plan)) * plan.step_ns
        values /= np.minimum(plan.step_ns, plan.end_ns - begins) / 1e9
    return _answer(plan, groups, at, values)


def _summed(plan: Range, groups: Groups, rows: pa.Table, gathered: Cells) -> None:
    at = groups.of[groups.places(rows["series_id"])] * steps(plan) + rows["step"].to_numpy()
    name = "sum" if plan.measure in {*GROWING, Measure.AVG} else plan.measure.value
    gathered.add(at, rows[name].to_numpy(), rows["count"].to_numpy())


def _answer(plan: Range, groups: Groups, at: Numbers, values: Numbers) -> pa.Table:
    count = steps(plan)
    labels = pa.array(groups.labels, pa.list_(pa.utf8())).take(pa.array(at // count))
    time = (plan.start_ns + (at % count) * plan.step_ns).astype(np.uint64)
    return pa.Table.from_arrays([labels, pa.array(time), pa.array(values)], schema=RANGE)
