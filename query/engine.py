"""Runs checked plans within bounds of rows, bytes, time and concurrency."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import pyarrow as pa

from pipeline.errors import Overloaded, Rejected
from pipeline.plan import (
    CUT,
    Archive,
    Dependencies,
    Explain,
    Heads,
    Ledger,
    Plan,
    Positions,
    Question,
    Records,
    Spans,
    Table,
    Trace,
    Traces,
    Values,
)
from pipeline.ports import Cost, QueryBackend
from pipeline.signal import Signal
from query.config import Limits
from query.keys import KeyTable
from query.language import tree
from query.language.check import Checked, check
from query.tenants import Tenants
from query.wrong import Wrong


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The rows of a plan, in its order; `truncated` tells that the limit left some out.

    `cut` tells that not every trace was examined that might match.
    """

    rows: pa.Table
    truncated: bool
    cut: bool = False


class Engine:
    """Asks a backend on behalf of the APIs; `limits` bounds every plan."""

    def __init__(
        self,
        backend: QueryBackend,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._backend = backend
        self._running = 0
        self._tenants = Tenants(limits, clock)
        self._keys = KeyTable(lambda asked: self._bounded(asked, Cost()), clock)

    async def check(
        self, query: tree.Query, signal: Signal, tenant: str, now_ns: int | None = None
    ) -> Checked:
        """
        Return a query's condition, its types checked against the attributes that the store has.

        Raises WrongQuery, and what `run` raises when the store has to be asked.
        """
        # Once without: what is wrong in itself needs no answer of the store.
        checked = check(query, signal, now_ns=now_ns)
        if not checked.attributes:
            return checked
        seen = await self._keys.seen(signal, tenant, checked.attributes)
        return check(query, signal, seen=seen, now_ns=now_ns)

    async def run(self, plan: Question, cost: Cost | None = None) -> Answer:
        """
        Return the answer of a plan, adding what it takes to `cost`.

        Raises Wrong when the plan's limit or time range is out of bounds, Rejected when the answer
        takes too long or is too large, Overloaded when too many questions run or the tenant has
        asked for too much, and what the backend raises. Cancelling ends the query in the engine.
        """
        self._check(plan)
        # One row more tells an answer that ends at the limit from one that is cut there.
        rows = await self._bounded(replace(plan, limit=plan.limit + 1), cost or Cost())
        cut = CUT in (rows.schema.metadata or {})
        return Answer(_within(rows, plan), rows.num_rows > plan.limit, cut)

    async def explain(self, plan: Question, cost: Cost) -> pa.Table:
        """Return how the plan would be answered, as `Explain` says; raises what `run` raises."""
        self._check(plan)
        return await self._bounded(Explain(plan), cost)

    async def look(self, plan: Positions | Ledger | Archive) -> pa.Table:
        """Return the answer of a plan that is short by itself; raises what `run` does."""
        return await self._bounded(plan, Cost())

    async def _bounded(self, plan: Plan, cost: Cost) -> pa.Table:
        if self._running >= self.limits.concurrent_max:
            raise Overloaded(f"no room for another question ({self._running} are running)")
        tenant = "" if isinstance(plan, Positions) else plan.tenant
        with self._tenants.admit(tenant, cost):
            self._running += 1
            try:
                async with asyncio.timeout(self.limits.timeout):
                    return await self._collect(plan, cost)
            except TimeoutError:
                raise Rejected(
                    f"no answer within {self.limits.timeout:g} s (query.limits.timeout); narrow "
                    "the time range or add a condition on service"
                ) from None
            finally:
                self._running -= 1

    def _check(self, plan: Question) -> None:
        match plan:
            case Heads() | Spans():
                return  # nobody names their limits
            case Trace():
                most = self.limits.trace_spans_max
            case Table():  # what a histogram counts is small, and more than a list
                most = max(self.limits.rows_max, self.limits.groups_max)
            case _:
                most = self.limits.rows_max
        if not 1 <= plan.limit <= most:
            raise Wrong(f"limit is between 1 and {most}, not {plan.limit}", "limit")
        if isinstance(plan, Records | Traces | Table | Values | Dependencies) and (
            plan.start_ns >= plan.end_ns
        ):
            raise Wrong("start is not before end", "start")

    async def _collect(self, plan: Plan, cost: Cost) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        size = 0
        async with aclosing(self._backend.run(plan, cost)) as answer:
            async for batch in answer:
                batches.append(batch)
                size += batch.nbytes
                if size > self.limits.answer_bytes_max:
                    raise Rejected(
                        f"the answer is larger than {self.limits.answer_bytes_max} bytes "
                        "(query.limits.answer_bytes_max); lower the limit or narrow the question"
                    )
        return pa.Table.from_batches(batches)


def _within(rows: pa.Table, plan: Question) -> pa.Table:
    """Return the first rows of an answer; of traces, which stand in another order, by place."""
    over = rows.num_rows - plan.limit
    if over <= 0 or not isinstance(plan, Traces):
        return rows.slice(0, plan.limit)
    columns = (rows[name].to_pylist() for name in ("matched_ns", "trace_id"))
    places = list(zip(*columns, strict=True))
    kept = sorted(range(len(places)), key=places.__getitem__)[over:]
    return rows.take(pa.array(sorted(kept)))
