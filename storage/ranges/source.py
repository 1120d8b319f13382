"""Which points a question about a range needs, and the columns that they come with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import pyarrow as pa

from pipeline import schema
from pipeline.errors import Rejected
from pipeline.plan import And, Column, Compare, Condition, Measure, Not, Or, Range
from pipeline.signal import Signal
from storage.fields import check, check_text

DELTA: Final = 1
CUMULATIVE: Final = 2
"""`aggregation_temporality`, as in OTLP."""

POINTS_MAX: Final = 5_000_000
"""Points, or sums of points, that one question fetches of a kind."""

GROWING: Final = (Measure.RATE, Measure.INCREASE)


class How(Enum):
    """What a store makes of the points of a series."""

    SUMMED = "summed"
    """A row for each step: count, sum, smallest and largest of its values."""
    THINNED = "thinned"
    """The last point of each step, the first of all, and those around a reset: the rest changes
    nothing of how much a series grew."""
    WHOLE = "whole"


_KINDS: Final[dict[int, str]] = {
    schema.GAUGE: "number_points",
    schema.SUM: "number_points",
    schema.HISTOGRAM: "histogram_points",
    schema.EXPONENTIAL_HISTOGRAM: "exponential_histogram_points",
    schema.SUMMARY: "summary_points",
}
_MEASURES: Final[dict[int, frozenset[Measure]]] = {
    schema.GAUGE: frozenset(Measure) - {*GROWING, Measure.QUANTILE},
    schema.SUM: frozenset(Measure) - {Measure.QUANTILE},
    schema.HISTOGRAM: frozenset(Measure),
    schema.EXPONENTIAL_HISTOGRAM: frozenset(Measure),
    schema.SUMMARY: frozenset(Measure) - {Measure.MIN, Measure.MAX, Measure.QUANTILE},
}
_COUNTED: Final[dict[str, tuple[str, ...]]] = {
    "histogram_points": ("bucket_counts", "explicit_bounds"),
    "exponential_histogram_points": (
        "scale",
        "zero_count",
        "zero_threshold",
        "positive_offset",
        "positive_bucket_counts",
        "negative_offset",
        "negative_bucket_counts",
    ),
    "summary_points": (),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Points of one table, of the series of one type and temporality."""

    table: str
    how: How
    metric_type: int
    temporality: int
    needs: str = ""
    """A column that senders may leave out, and that is asked for: points without it do not count.
    The smallest and largest are those of the points, so they are what is summed up."""

    @property
    def measured(self) -> str:
        """Return the column that is summed up, or that grows."""
        if self.table == "number_points":
            return "value"
        return self.needs if self.how is How.SUMMED else "count"

    @property
    def columns(self) -> pa.Schema:
        """Return the columns of what a store answers."""
        fields: list[pa.Field[Any]] = [pa.field("series_id", pa.uint64())]
        if self.how is How.SUMMED:
            fields.append(pa.field("step", pa.int64()))
            fields += [pa.field(one, pa.float64()) for one in ("count", "sum", "min", "max")]
            return pa.schema(fields)
        fields += [pa.field(one, pa.uint64()) for one in ("time", "start_time_unix_nano")]
        if self.table == "number_points":
            return pa.schema([*fields, pa.field("value", pa.float64())])
        own = ("count", "sum", *_COUNTED[self.table])
        fields += [schema.POINTS.field(one) for one in own]
        return pa.schema(fields)


def check_series(where: Condition | None) -> None:
    """Raise Rejected for a condition that no backend answers, or that asks about single points."""
    check(Signal.METRICS, where)
    match where:
        case And(parts) | Or(parts):
            for part in parts:
                check_series(part)
        case Not(part):
            check_series(part)
        case Compare(Column(name)) if name in _OF_POINTS:
            raise Rejected(f"{name} belongs to points, and series are asked for")


_OF_POINTS: Final = ("value", "flags", "time", "time_unix_nano", "start_time_unix_nano")


def sources(plan: Range, series: pa.Table) -> Iterator[Source]:
    """Yield what has to be asked about these series; raises Rejected for what cannot be."""
    names = ("metric_type", "aggregation_temporality", "metric_name")
    found = zip(*(series[name].to_pylist() for name in names), strict=True)
    kinds = {(kind, temporality): name for kind, temporality, name in found}
    for (kind, temporality), name in sorted(kinds.items()):
        if plan.measure not in _MEASURES.get(kind, ()):
            of = schema.METRIC_TYPES.get(kind, "metric")
            raise Rejected(f"{plan.measure} of {name}: a {of} has none")
        if kind in {schema.GAUGE, schema.SUMMARY}:
            temporality = CUMULATIVE if kind == schema.SUMMARY else 0  # noqa: PLW2901 - they have none
        elif temporality not in {DELTA, CUMULATIVE}:
            raise Rejected(f"{plan.measure} of {name}: it was sent without a temporality")
        needs = "" if _KINDS[kind] == "number_points" else _NEEDS.get(plan.measure, "")
        yield Source(_KINDS[kind], _how(plan, kind, temporality), kind, temporality, needs)


_EXTREMES: Final = (Measure.MIN, Measure.MAX)
_NEEDS: Final = {
    Measure.SUM: "sum",
    Measure.AVG: "sum",
    Measure.MIN: "min",
    Measure.MAX: "max",
}


def check_range(plan: Range) -> None:
    """Raise Rejected for a question that cannot be answered whatever is stored."""
    check_series(plan.where)
    if plan.step_ns <= 0 or plan.start_ns < 0 or plan.end_ns > 2**63 - 1:
        raise Rejected("a range has steps of at least a nanosecond, and ends before the year 2262")
    if not 0 <= plan.quantile <= 1:
        raise Rejected(f"a quantile is between 0 and 1, not {plan.quantile}")
    for one in plan.by:
        check_text(Signal.METRICS, one)


def first_ns(plan: Range, source: Source) -> int:
    """Return the time from which points are fetched: earlier where they are compared."""
    return plan.start_ns - (plan.lookback_ns if source.how is How.THINNED else 0)


def floor_ns(plan: Range) -> int:
    """Return where a step begins that no point which is fetched lies in front of."""
    return plan.start_ns + (-plan.lookback_ns // plan.step_ns) * plan.step_ns


def bounded(rows: pa.Table) -> pa.Table:
    """Return the points of a source; raises Rejected when a store found too many."""
    if len(rows) > POINTS_MAX:
        raise Rejected(
            f"more than {POINTS_MAX} points: take longer steps, a shorter range or fewer series"
        )
    return rows


def _how(plan: Range, kind: int, temporality: int) -> How:
    if (
        plan.measure in _EXTREMES
        or kind == schema.GAUGE
        or (kind == schema.SUM and plan.measure not in GROWING)
    ):
        return How.SUMMED
    if temporality == CUMULATIVE:
        return How.THINNED
    return How.SUMMED if kind == schema.SUM else How.WHOLE
