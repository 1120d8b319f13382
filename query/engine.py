"""Runs checked plans within bounds of rows, bytes, time and concurrency."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace

import pyarrow as pa

from pipeline.errors import Overloaded, Rejected
from pipeline.plan import Plan, Trace
from pipeline.ports import QueryBackend
from query.config import Limits
from query.wrong import Wrong


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a plan, in its order; `truncated` tells that the limit left some out."""

    rows: pa.Table
    truncated: bool


class Engine:
    """Asks a backend on behalf of the APIs; `limits` bounds every plan."""

    def __init__(self, backend: QueryBackend, limits: Limits) -> None:
        self.limits = limits
        self._backend = backend
        self._running = 0

    async def run(self, plan: Plan) -> Answer:
        """
        Return the answer of a plan.

        Raises Wrong when the plan's limit or time range is out of bounds, Rejected when the answer
        takes too long or is too large, Overloaded when too many questions run, and what the backend
        raises. Cancelling ends the query in the engine.
        """
        self._check(plan)
        if self._running >= self.limits.concurrent_max:
            raise Overloaded(f"no room for another question ({self._running} are running)")
        self._running += 1
        try:
            async with asyncio.timeout(self.limits.timeout):
                # One row more tells an answer that ends at the limit from one that is cut there.
                rows = await self._collect(replace(plan, limit=plan.limit + 1))
        except TimeoutError:
            raise Rejected(
                f"no answer within {self.limits.timeout:g} s; narrow the time range or add a "
                "condition on service"
            ) from None
        finally:
            self._running -= 1
        return Answer(rows.slice(0, plan.limit), truncated=rows.num_rows > plan.limit)

    def _check(self, plan: Plan) -> None:
        most = self.limits.trace_spans_max if isinstance(plan, Trace) else self.limits.rows_max
        if not 1 <= plan.limit <= most:
            raise Wrong(f"limit is between 1 and {most}, not {plan.limit}", "limit")
        if not isinstance(plan, Trace) and plan.start_ns >= plan.end_ns:
            raise Wrong("start is not before end", "start")

    async def _collect(self, plan: Plan) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        size = 0
        async with aclosing(self._backend.run(plan)) as answer:
            async for batch in answer:
                batches.append(batch)
                size += batch.nbytes
                if size > self.limits.answer_bytes_max:
                    raise Rejected(
                        f"the answer is larger than {self.limits.answer_bytes_max} bytes; lower "
                        "the limit or narrow the question"
                    )
        return pa.Table.from_batches(batches)
