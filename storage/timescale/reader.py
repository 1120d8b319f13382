"""Answers plans about points: what has to be known first, then one statement."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pyarrow as pa

from pipeline.errors import Rejected
from pipeline.plan import (
    Archive,
    Changes,
    Explain,
    Heads,
    Keys,
    Ledger,
    Metrics,
    Plan,
    Positions,
    Range,
    Records,
    Series,
    Services,
    Table,
    Values,
)
from pipeline.plan import Question as Asked
from pipeline.signal import Signal
from storage import answers as columns
from storage.compile import points_ledger as ledger
from storage.compile import series_lists as lists
from storage.compile import series_ranges as ranges
from storage.compile import timescale as compiled
from storage.compile.timescale import Statement
from storage.fields import check
from storage.limits import TIME
from storage.ranges.compute import compute
from storage.ranges.groups import SERIES_MAX, group
from storage.ranges.source import bounded, check_range, check_series, sources
from storage.tabulate import plain, tabulate
from storage.timescale import searches
from storage.timescale.question import NARROW, Question
from storage.timescale.server import Pool

TABULATED_MAX: Final = 50_000
"""Points over which the stages of one question are computed."""


_LINES: Final = pa.schema([pa.field("line", pa.utf8())])


class Reader:
    """
    Asks through the connections of a pool; raises verdicts and the driver's errors.

    `limits` are the settings of `storage` that bound a query, by name.
    """

    def __init__(self, pool: Pool, limits: Mapping[str, float]) -> None:
        self._pool = pool
        self._limits = limits

    async def answer(self, plan: Plan) -> pa.Table:
        """Return the answer of a plan."""
        if isinstance(plan, Table):
            return await self._tabulate(plan)
        if isinstance(plan, Range):
            return await self._range(plan)
        async with self._question() as question:
            if isinstance(plan, Explain):
                return await _explain(question, plan)
            return await question.table(*await _statement(question, plan))

    @asynccontextmanager
    async def _question(self) -> AsyncIterator[Question]:
        """Begin a question; its statements end by one deadline, whichever of them runs then."""
        async with self._pool.transaction(readonly=True) as connection:
            try:
                async with asyncio.timeout(self._limits[TIME.setting]):
                    yield Question(connection, self._limits)
            except TimeoutError:
                raise TIME.broken(self._limits, NARROW) from None

    async def _range(self, plan: Range) -> pa.Table:
        check_range(plan)
        fetched = []
        async with self._question() as question:
            found = await searches.look_up(question, plan.tenant, plan.where)
            series = await question.table(
                ranges.series(plan, found, SERIES_MAX + 1), columns.SERIES
            )
            groups = await asyncio.to_thread(group, plan, series)
            for one in sources(plan, series):
                asked = ranges.points(plan, one, found)
                if ranges.in_hours(plan, one) and await _fresh(question, plan):
                    asked = ranges.hours(plan, one, found)
                points = await _points(question, asked, one.columns)
                fetched.append((one, bounded(points)))
        return (await asyncio.to_thread(compute, plan, groups, fetched)).slice(0, plan.limit)

    async def _tabulate(self, plan: Table) -> pa.Table:
        """Compute the stages of a question here, over a bounded number of points."""
        if plan.signal is not Signal.METRICS:
            raise Rejected(f"PostgreSQL has points, and no {plan.signal}")
        span = (plan.start_ns, plan.end_ns)
        every = Records(plan.signal, plan.tenant, *span, plan.where, TABULATED_MAX + 1)
        found = await self.answer(every)
        if len(found) > TABULATED_MAX:
            raise Rejected(
                f"stages are computed over {TABULATED_MAX} points at most where points lie in "
                "PostgreSQL, and more match: narrow the time range or name a metric"
            )
        return await asyncio.to_thread(lambda: tabulate(plan, plain(found).to_pylist()))


async def _fresh(question: Question, plan: Range) -> bool:
    """Tell whether hours are added up, and no late point has come to them since."""
    if await question.value("SELECT to_regclass('number_hours')") is None:
        return False
    return bool(await question.value(ranges.FRESH, plan.start_ns, plan.end_ns))


async def _points(question: Question, asked: Statement, wanted: pa.Schema) -> pa.Table:
    if any(pa.types.is_list(field.type) for field in wanted):
        return await question.table(asked, wanted)
    return await question.numbers(asked, wanted)


_LISTS: Final[Mapping[type, tuple[Callable[[Any], Statement], pa.Schema]]] = {
    Changes: (lists.changes, columns.HEADS),
    Heads: (lists.heads, columns.HEADS),
    Values: (lists.values, columns.VALUES),
    Services: (lists.services, columns.SERVICES),
    Metrics: (lists.metrics, columns.METRICS),
    Positions: (ledger.positions, columns.POSITIONS),
    Ledger: (ledger.ledger, columns.LEDGER),
}


def _signal(plan: Any) -> Signal | None:
    signal: Signal | None = getattr(plan, "signal", None)
    return signal


async def _statement(
    question: Question, plan: Asked | Positions | Ledger | Archive
) -> tuple[Statement, pa.Schema]:
    """Return the statement that answers a plan, and the columns of its answer."""
    match plan:
        case Records(signal=Signal.METRICS):
            check(plan.signal, plan.where)
            found = await searches.look_up(question, plan.tenant, plan.where)
            return compiled.records(plan, found), columns.RECORDS[plan.signal]
        case Keys(signal=Signal.METRICS):
            found = await searches.look_up(question, plan.tenant, None, plan.patterns)
            known = [key for one in plan.patterns for key in found.keys[one]]
            return lists.keys(plan, known), columns.KEYS
        case Series():
            check_series(plan.where)
            found = await searches.look_up(question, plan.tenant, plan.where)
            return ranges.series(plan, found, plan.limit), columns.SERIES
        case _ if type(plan) in _LISTS and _signal(plan) in {Signal.METRICS, None}:
            statement, answered = _LISTS[type(plan)]
            return statement(plan), answered
        case _:
            raise Rejected(f"PostgreSQL has points, and no {_signal(plan) or Signal.TRACES}")


async def _explain(question: Question, plan: Explain) -> pa.Table:
    statement, _ = await _statement(question, plan.of)
    explaining = Statement(f"EXPLAIN {statement.sql}", statement.parameters)
    lines = (await question.table(explaining, _LINES))["line"].to_pylist()
    row = {
        "sql": "\n".join((statement.sql, "", *(f"-- {line}" for line in lines))),
        "parameters": json.dumps(list(statement.parameters), default=str),
        "indexes": [],
    }
    return pa.Table.from_pylist([row], schema=columns.EXPLAINED)
