"""Questions about metrics over time: which series there are, and what their points amount to."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.condition import Condition
from pipeline.field import AttributeField, Column


@dataclass(frozen=True, slots=True)
class Series:
    """
    The series that a condition finds, in the order of their metrics' names.

    Columns: series_id u64, service_name utf8, metric_name utf8, metric_unit utf8, metric_type u8,
    aggregation_temporality i32, is_monotonic bool, resource utf8, scope utf8, attributes. One row a
    series, however often it was sent with another description. The condition is about what points
    share; series whose points expired may be among them.
    """

    tenant: str
    where: Condition | None
    limit: int


class Measure(StrEnum):
    """
    What is told of the points of a step.

    `INCREASE` and `RATE` (the same a second) say by how much sums and the counts of histograms and
    summaries grew: each point adds what it has more than the one before it, in the step where it
    lies; after a reset (the start time moved on, or what only grows became less) all of it. The
    first point of a series adds what it has if it started within the range, else nothing.
    `COUNT`, `SUM` and `AVG` are over points; of histograms and summaries over what they counted,
    grown as above. `MIN` and `MAX` are over points; of histograms of what they say themselves.
    `QUANTILE` is over what histograms counted, with values spread evenly in their buckets.
    """

    RATE = "rate"
    INCREASE = "increase"
    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    QUANTILE = "quantile"


@dataclass(frozen=True, slots=True)
class Range:
    """
    A measure of the points in each step of a time range, for each group of series.

    Columns: labels list<utf8> (the values of `by`, null where a series has none; of an attribute at
    any level the first that has it: record, resource, scope), time u64 (where a step begins), value
    f64; ordered by labels, then time. A step without a point is not there: staleness markers and
    NaN are no points. Steps begin at `start_ns`; the last may be shorter. Points of `lookback_ns`
    before it are what the first ones are compared with. Computed in doubles: integers beyond 2^53
    are rounded.
    """

    tenant: str
    start_ns: int
    end_ns: int
    step_ns: int
    lookback_ns: int
    where: Condition | None
    measure: Measure
    quantile: float
    by: tuple[Column | AttributeField, ...]
    limit: int
