"""The figures of the Monitor tab, computed from spans: latencies, calls and errors over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import (
    Aggregate,
    Column,
    Compare,
    Condition,
    Function,
    Holds,
    Key,
    Kind,
    Made,
    Operator,
    Or,
    Stats,
    Table,
)
from pipeline.plan import And as Both
from pipeline.signal import Signal
from pipeline.value import double_text
from query.config import Limits
from query.jaeger.names import MISSING_SERVICE
from query.jaeger.search import service
from query.language.moment import SECOND_NS

POINTS_MAX: Final = 500_000
"""Points in an answer, of all services and operations together."""

_FAILED: Final = Compare(Column("status_code"), Operator.EQUAL, 2)
_MS: Final = 10**6

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    Of which services and kinds of spans what is asked, and at which moments.

    The points are `step_ns` apart, at whole multiples of it, and the last is not before `end_ns`.
    Rates are those of the `rate_ns` before a point, rounded up to whole steps; a latency is that of
    the spans that began in the step before it.
    """

    services: tuple[str, ...]
    kinds: tuple[int, ...]
    by_operation: bool
    end_ns: int
    lookback_ns: int
    step_ns: int
    rate_ns: int

    @property
    def steps(self) -> int:
        """How many steps there are; points are one more."""
        return self.lookback_ns // self.step_ns

    @property
    def last_ns(self) -> int:
        """The time of the last point."""
        return -(-self.end_ns // self.step_ns) * self.step_ns

    @property
    def window(self) -> int:
        """How many steps a rate is of."""
        return max(1, -(-self.rate_ns // self.step_ns))

    @property
    def first_ns(self) -> int:
        """When the first step begins that counts."""
        return max(0, self.last_ns - (self.steps + self.window) * self.step_ns)

    def check(self, limits: Limits) -> None:
        """Raise Rejected for more points than the settings allow."""
        most = limits.buckets_max
        if self.steps + self.window > most:
            raise Rejected(
                f"lookback and ratePer are {self.steps + self.window} times the step, and {most} "
                "are the most (query.limits.buckets_max): take a longer one"
            )


def plan(asked: Asked, tenant: str, limits: Limits, aggregate: Aggregate) -> Table:
    """Return the plan of a figure by step and service, and by operation if that is asked."""
    where: Condition = Or(tuple(service(one) for one in asked.services))
    if asked.kinds:
        of_kind = (Compare(Column("kind"), Operator.EQUAL, one) for one in asked.kinds)
        where = Both((where, Or(tuple(of_kind))))
    names = ("service", "operation") if asked.by_operation else ("service",)
    columns = {"service": "service_name", "operation": "name"}
    return Table(
        Signal.TRACES,
        tenant,
        asked.first_ns,
        asked.last_ns,
        where,
        (
            *(Made(name, Kind.TEXT, Column(columns[name])) for name in names),
            Made("time", Kind.TIME, Column("time")),
            Made("duration", Kind.DURATION, Column("duration_ns")),
            Made("failed", Kind.FLAG, Holds(_FAILED)),
        ),
        (
            Stats(
                (Aggregate("calls", Function.COUNT), aggregate),
                (*(Key(name, name) for name in names), Key("time", "time", asked.step_ns)),
            ),
        ),
        limits.groups_max,
        limits.groups_max,
    )


def latency(quantile: float) -> Aggregate:
    """Return the quantile of durations."""
    return Aggregate("figure", Function.QUANTILE, "duration", quantile)


ERRORS: Final = Aggregate(
    "figure", Function.COUNT, where=Compare(Column("failed"), Operator.EQUAL, value=True)
)
"""The calls that failed; beside it there are all calls."""


def latencies(asked: Asked, rows: pa.Table, quantile: float) -> dict[str, Any]:
    """Return latencies in milliseconds; a step without spans has none."""
    said = f"{quantile:g}th quantile latency"
    found = []
    for labels, steps in _groups(asked, rows):
        points = np.full(len(steps.calls), np.nan)
        points[steps.at] = steps.figures / _MS
        found.append((labels, points[asked.window - 1 :]))
    return _family(asked, "latencies", said, found)


def calls(asked: Asked, rows: pa.Table) -> dict[str, Any]:
    """Return calls per second."""
    seconds = asked.window * asked.step_ns / SECOND_NS
    found = [
        (labels, _sliding(steps.calls, asked.window) / seconds)
        for labels, steps in _groups(asked, rows)
    ]
    return _family(asked, "call_rate", "calls/sec", found)


def errors(asked: Asked, rows: pa.Table) -> dict[str, Any]:
    """Return the share of calls that failed: 0 where none did, also where there were no calls."""
    found = []
    for labels, steps in _groups(asked, rows):
        failed = np.zeros(len(steps.calls))
        failed[steps.at] = steps.figures
        of = _sliding(steps.calls, asked.window)
        found.append((labels, _sliding(failed, asked.window) / np.maximum(of, 1)))
    return _family(asked, "error_rate", "errors/calls", found)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Of one service or operation: calls of every step, and figures of those that have any."""

    calls: Points
    at: npt.NDArray[np.int64]
    figures: Points


Labels = tuple[tuple[str, str], ...]


def _groups(asked: Asked, rows: pa.Table) -> list[tuple[Labels, _Steps]]:
    """Return what was counted of each service or operation, in order of their names."""
    number = asked.steps + asked.window
    times = rows["time"].cast(pa.int64()).to_numpy()
    at = (times - asked.first_ns) // asked.step_ns
    counted = rows["calls"].to_numpy().astype(np.float64)
    figures = rows["figure"]
    if pa.types.is_duration(figures.type):
        figures = figures.cast(pa.int64())
    measured = figures.to_numpy().astype(np.float64)
    names = ["service", "operation"] if asked.by_operation else ["service"]
    places: dict[Labels, list[int]] = {}
    for row, named in enumerate(zip(*(rows[name].to_pylist() for name in names), strict=True)):
        operation = tuple(("operation", str(one)) for one in named[1:])
        label = ("service_name", str(named[0] or MISSING_SERVICE))
        places.setdefault((label, *operation), []).append(row)
    if len(places) * (asked.steps + 1) > POINTS_MAX:
        raise Rejected(
            f"{len(places)} operations at {asked.steps + 1} points are more than {POINTS_MAX}: "
            "take a longer step or fewer services"
        )
    found = []
    for labels in sorted(places):
        of = np.array(places[labels], np.int64)
        every = np.zeros(number)
        every[at[of]] = counted[of]
        found.append((labels, _Steps(every, at[of], measured[of])))
    return found


def _sliding(steps: Points, window: int) -> Points:
    """Return the sum of so many steps before each point."""
    sums: Points = np.cumsum(np.r_[0.0, steps])
    return np.asarray(sums[window:] - sums[:-window], np.float64)


def _family(
    asked: Asked, name: str, said: str, found: Sequence[tuple[Labels, Points]]
) -> dict[str, Any]:
    operation = asked.by_operation
    times = [
        _text(asked.last_ns - (asked.steps - at) * asked.step_ns) for at in range(asked.steps + 1)
    ]
    return {
        "name": f"service_operation_{name}" if operation else f"service_{name}",
        "type": "GAUGE",
        "help": f"{said}, grouped by service{' & operation' if operation else ''}",
        "metrics": [
            {
                "labels": [{"name": key, "value": value} for key, value in labels],
                "metricPoints": [
                    {"gaugeValue": {"doubleValue": _number(point)}, "timestamp": time}
                    for time, point in zip(times, points.tolist(), strict=True)
                ],
            }
            for labels, points in found
        ],
    }


def _number(point: float) -> float | str:
    return "NaN" if double_text(point) == "NaN" else point


def _text(time_ns: int) -> str:
    whole, rest = divmod(time_ns, SECOND_NS)
    moment = np.datetime_as_string(np.datetime64(whole, "s"))
    return f"{moment}.{rest // _MS:03d}Z" if rest else f"{moment}Z"
