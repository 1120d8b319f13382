"""A histogram over time: how many records match in each step, of all or by a field's values."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from aiohttp import web

from pipeline.signal import Signal
from query import plans
from query.api import parameters, render, table, times
from query.api.desk import Desk
from query.api.parameters import Range
from query.api.render import Json
from query.config import Limits
from query.language import tree
from query.language.check import record_by_record
from query.language.literal import duration_ns
from query.language.name import name
from query.language.stages.stats import BUCKET_MAX_NS, BUCKET_MIN_NS, Bucket, By, Call, Stats
from query.wrong import Wrong, shown

TAKES: Final = ("signal", "q", "step", "by", "start", "end", "limit", "explain")
VALUES: Final = 10
"""Values of the field that have counts of their own, when no limit is named."""

_STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
    *(2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 366 * 86_400),
)
_FEW: Final = 60
"""Steps at most, when no width is named."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Equal steps of time, from the one that holds the range's start to the one with its end."""

    first_ns: int
    width_ns: int
    number: int

    @staticmethod
    def of(wanted: Range, width_ns: int) -> "Steps":
        """Return the steps of a range."""
        first = wanted.start_ns // width_ns
        return Steps(first * width_ns, width_ns, (wanted.end_ns - 1) // width_ns - first + 1)

    def at(self, time_ns: int) -> int:
        """Return which step a time is in."""
        return (time_ns - self.first_ns) // self.width_ns


class HistogramApi:
    """The handler of `/v1/histogram`; `signal` is logs when it is not given."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def histogram(self, request: web.Request) -> web.Response:
        """
        Answer `{"times": […], "series": [{"value", "total", "counts"}], "other", "total", …}`.

        Steps without records count 0. `series` are those of the `limit` most frequent values of
        `by`, null for records without one; the others are counted together, in `other`.
        """
        asked = self._desk.open(request, TAKES)
        given, engine = request.query, self._desk.engine
        signal = parameters.signal(given) or Signal.LOGS
        wanted = parameters.read(given, engine.limits, asked.now_ns)
        record_by_record(wanted.query, signal)
        steps = steps_of(given.get("step") or "", wanted, engine.limits)
        stage = Stats((_COUNT,), (_bucket(steps), *_by(given.get("by") or "")))
        query = tree.Query(wanted.query.where, (stage,))
        checked = await engine.check(query, signal, asked.tenant, asked.now_ns)
        question = plans.Asked(
            signal, asked.tenant, wanted.start_ns, wanted.end_ns, engine.limits.groups_max
        )
        plan = question.table(checked, engine.limits)
        most = wanted.limit if given.get("limit") else VALUES
        used: dict[str, Json] = {
            "start": times.text(wanted.start_ns),
            "end": times.text(wanted.end_ns),
            "step_ns": render.integer(steps.width_ns),
            **({"warnings": list(checked.warnings)} if checked.warnings else {}),
        }
        return await self._desk.answer(
            asked, plan, lambda answer: _counted(answer.rows, steps, most), used
        )


_COUNT: Final = Call("count", name=tree.Name("count", quoted=True))


def _bucket(steps: Steps) -> Bucket:
    return Bucket(tree.Value(f"{steps.width_ns}ns"), tree.Name("time", quoted=True))


def _by(text: str) -> tuple[By, ...]:
    return (By(name(text, "by"), tree.Name("value", quoted=True)),) if text else ()


def steps_of(text: str, wanted: Range, limits: Limits) -> Steps:
    """Return the steps of a width, or of one that makes few of them; raises Wrong."""
    if not text:
        fits = (one * 10**9 for one in _STEPS_S)
        most = min(_FEW, limits.buckets_max)
        widths = (one for one in fits if Steps.of(wanted, one).number <= most + 1)
        return Steps.of(wanted, next(widths, BUCKET_MAX_NS))
    width_ns = duration_ns(text)
    if width_ns is None or not BUCKET_MIN_NS <= width_ns <= BUCKET_MAX_NS:
        raise Wrong(f"step is a duration between 1ms and 366d, not {shown(text)}", "step")
    steps = Steps.of(wanted, width_ns)
    if steps.number > limits.buckets_max:
        raise Wrong(
            f"step makes {steps.number} steps of this time range, and {limits.buckets_max} are the "
            "most (query.limits.buckets_max): take a longer one",
            "step",
        )
    return steps


def _counted(rows: pa.Table, steps: Steps, most: int) -> dict[str, Json]:
    """Return counts by step; zeros are filled in."""
    by_value = "value" in rows.column_names
    values: list[list[Any]] = [[None]] * rows.num_rows
    if by_value:
        values = table.cells(rows.select(["value"]))
    starts: list[Any] = rows["time"].cast(pa.int64()).to_pylist()
    found: list[Any] = rows["count"].to_pylist()
    cells: defaultdict[Any, list[Json]] = defaultdict(lambda: [0] * steps.number)
    totals: Counter[Any] = Counter() if by_value else Counter({None: 0})
    for (value,), start_ns, count in zip(values, starts, found, strict=True):
        cells[value][steps.at(start_ns)] = count
        totals[value] += count
    order = sorted(totals, key=lambda value: (-totals[value], value is None, str(value)))
    series: list[Json] = [
        {"value": value, "total": totals[value], "counts": cells[value]} for value in order[:most]
    ]
    return {
        "times": [times.text(steps.first_ns + at * steps.width_ns) for at in range(steps.number)],
        "series": series,
        "other": _together(order[most:], totals, cells),
        "total": sum(totals.values()),
    }


def _together(rest: list[Any], totals: Counter[Any], cells: Mapping[Any, list[Any]]) -> Json:
    """Return the counts of all values that have none of their own."""
    if not rest:
        return None
    counts: list[Json] = [sum(step) for step in zip(*(cells[one] for one in rest), strict=True)]
    total = sum(totals[one] for one in rest)
    return {"values": len(rest), "total": total, "counts": counts}
