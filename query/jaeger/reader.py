"""What every Jaeger API asks of the engine: services, operations, searches, whole traces, calls."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from pipeline.plan import Archive, Dependencies, Operations, Services, Spans
from pipeline.ports import Cost
from pipeline.signal import Signal
from query.engine import Engine
from query.jaeger import arrays
from query.jaeger.archived import together
from query.jaeger.config import JaegerConfig
from query.jaeger.names import KINDS, MISSING_SERVICE, kind_name
from query.jaeger.search import LIMIT, Query
from query.jaeger.summary import COLUMNS, Summary, summarize

_BOUNDS: Final = ("trace_id", "start_time_unix_nano", "end_time_unix_nano")

_NARROW: Final = 10
"""How many spans of a few columns take the room of one of all."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The name of spans and their kind, "" for the unspecified one."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Found:
    """
    A trace that was found: its ID, the times of its spans in Unix nanoseconds, their number.

    Of one that is also in the archive, spans that are there and here are counted twice.
    """

    trace_id: bytes
    start_ns: int
    end_ns: int
    spans: int
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """How often one service called another."""

    parent: str
    child: str
    calls: int


class Reader:
    """Asks on behalf of a tenant, within the bounds of the settings."""

    def __init__(self, engine: Engine, config: JaegerConfig) -> None:
        self.engine = engine
        self.config = config

    async def services(self, tenant: str, cost: Cost | None = None) -> list[str]:
        """Return the names of the services that own spans, in order."""
        plan = Services(tenant, Signal.TRACES, "", self.engine.limits.rows_max)
        rows = (await self.engine.run(plan, cost)).rows
        names = {name or MISSING_SERVICE for name in rows["service_name"].to_pylist()}
        return sorted(names)

    async def operations(
        self, tenant: str, service: str, kind: str = "", cost: Cost | None = None
    ) -> list[Operation]:
        """Return a service's operations in order, of one kind or of all; of a strange kind none."""
        if kind and kind not in KINDS:
            return []
        asked = (service, "") if service == MISSING_SERVICE else (service,)
        found: set[tuple[str, str]] = set()
        for name in asked:
            limit = self.engine.limits.rows_max
            plan = Operations(tenant, name, KINDS.get(kind), "", limit)
            rows = (await self.engine.run(plan, cost)).rows.select(["name", "kind"]).to_pylist()
            found |= {(row["name"], kind_name(row["kind"])) for row in rows}
        return [Operation(*one) for one in sorted(found)]

    async def find(self, tenant: str, query: Query, cost: Cost | None = None) -> list[Found]:
        """
        Return the traces that a search finds, the newest first.

        A limit of 0 or less is the usual one, a larger one than `query.jaeger.traces_max` is that.
        """
        if query.start_ns >= query.end_ns:
            return []
        limit = query.limit if query.limit > 0 else LIMIT
        asked = replace(query, limit=min(limit, self.config.traces_max, self._rows_max))
        rows = (await self.engine.run(asked.plan(tenant), cost)).rows
        names = ("trace_id", "start_ns", "end_ns", "span_count")
        columns = [rows[name].to_pylist() for name in names]
        return [Found(*one) for one in zip(*columns, strict=True)]

    async def known(
        self, tenant: str, ids: Sequence[bytes], cost: Cost | None = None
    ) -> list[Found]:
        """Return those of these traces that are there or archived, in their order, each once."""
        asked = tuple(dict.fromkeys(ids))
        if not asked:
            return []
        # The engine asks for one more, and the storage role gives a million at once by default.
        limit = max(1, self.config.answer_spans_max - 1)
        plan = Spans(tenant, asked, limit, _BOUNDS)
        found = _bounds((await self.engine.run(plan, cost)).rows)
        if self.config.archive_for:
            archived = _bounds((await self.engine.run(replace(plan, archived=True), cost)).rows)
            for one in archived.values():
                found[one.trace_id] = _both(found.get(one.trace_id, one), one)
        return [found[one] for one in asked if one in found]

    async def traces(
        self, tenant: str, found: Sequence[Found], cost: Cost | None = None
    ) -> AsyncGenerator[pa.Table, None]:
        """
        Yield whole traces in the order in which they were found, some in each table.

        The spans of a trace stand together (`arrays.runs` tells where), duplicates and all, with
        the columns of `Records`; a trace that is gone by now is left out. About
        `query.jaeger.batch_spans_max` spans are in memory at once, and of more than
        `answer_spans_max` all told those of the first traces come. A trace of more than
        `trace_spans_max` is cut where that is clear (`arrays.first` cuts the others).
        """
        for chunk in self._chunks(found, self.config.batch_spans_max):
            ids = [one.trace_id for one in chunk]
            rows = await self._spans(tenant, ids, (), cost)
            if archived := [one.trace_id for one in chunk if one.archived]:
                more = await self._spans(tenant, archived, (), cost, archived=True)
                rows = together(rows, more)
            yield _ordered(ids, rows)

    async def trace(
        self, tenant: str, trace_id: bytes, cost: Cost | None = None
    ) -> tuple[pa.Table, bool] | None:
        """Return the spans of a trace, and whether there are more; None: it is nowhere."""
        plan = Spans(tenant, (trace_id,), self.config.trace_spans_max)
        answer = await self.engine.run(plan, cost)
        rows, cut = answer.rows, answer.truncated
        if self.config.archive_for:
            archived = await self.engine.run(replace(plan, archived=True), cost)
            rows, cut = together(rows, archived.rows), cut or archived.truncated
        return (rows, cut) if rows.num_rows else None

    async def archive(self, tenant: str, trace_id: bytes) -> bool:
        """Copy a trace into the archive, again or not; tell whether there is such a trace."""
        config = self.config
        plan = Archive(
            tenant,
            trace_id,
            int(config.archive_for),
            config.trace_spans_max,
            config.archive_spans_max,
        )
        rows = await self.engine.look(plan)
        return bool(rows["spans"][0].as_py())

    async def summaries(
        self, tenant: str, found: Sequence[Found], cost: Cost | None = None
    ) -> list[Summary]:
        """Return a summary of each trace, in the order in which they were found."""
        told: list[Summary] = []
        for chunk in self._chunks(found, self.config.batch_spans_max * _NARROW):
            ids = [one.trace_id for one in chunk]
            told += summarize(ids, await self._spans(tenant, ids, COLUMNS, cost))
        return told

    async def dependencies(
        self, tenant: str, start_ns: int, end_ns: int, cost: Cost | None = None
    ) -> list[Call]:
        """Return the calls between services, the most frequent first."""
        plan = Dependencies(tenant, start_ns, end_ns, self.engine.limits.rows_max)
        rows = (await self.engine.run(plan, cost)).rows
        names = ("parent", "child", "call_count")
        columns = [rows[name].to_pylist() for name in names]
        return [
            Call(parent or MISSING_SERVICE, child or MISSING_SERVICE, calls)
            for parent, child, calls in zip(*columns, strict=True)
        ]

    async def _spans(
        self,
        tenant: str,
        ids: Sequence[bytes],
        columns: tuple[str, ...],
        cost: Cost | None,
        *,
        archived: bool = False,
    ) -> pa.Table:
        limit = self.config.trace_spans_max + 1  # which tells that a trace has more
        if len(ids) > 1:  # those that came since they were counted are few: there is room
            limit += self.config.batch_spans_max * _NARROW
        plan = Spans(tenant, tuple(ids), limit, columns, archived)
        return (await self.engine.run(plan, cost)).rows

    def _chunks(self, found: Sequence[Found], spans_max: int) -> Iterator[list[Found]]:
        """Yield traces that are asked for together: one at least, else no more spans than that."""
        chunk: list[Found] = []
        held = total = 0
        for one in found:
            total += one.spans
            if chunk and total > self.config.answer_spans_max:
                break
            if chunk and held + one.spans > spans_max:
                yield chunk
                chunk, held = [], 0
            chunk.append(one)
            held += one.spans
        if chunk:
            yield chunk

    @property
    def _rows_max(self) -> int:
        return self.engine.limits.rows_max


def _bounds(rows: pa.Table) -> dict[bytes, Found]:
    """Return the traces of spans, of which there are the columns _BOUNDS, by their IDs."""
    starts, ends = (arrays.numbers(rows[name]) for name in _BOUNDS[1:])
    found = {}
    for at, size in arrays.runs(rows):
        of = slice(at, at + size)
        trace_id = rows["trace_id"][at].as_py()
        found[trace_id] = Found(trace_id, int(starts[of].min()), int(ends[of].max()), size)
    return found


def _both(here: Found, archived: Found) -> Found:
    """Return a trace with what the archive has of it; the two may be one, if nothing else has."""
    return Found(
        here.trace_id,
        min(here.start_ns, archived.start_ns),
        max(here.end_ns, archived.end_ns),
        archived.spans if here is archived else here.spans + archived.spans,
        archived=True,
    )


def _ordered(ids: Sequence[bytes], rows: pa.Table) -> pa.Table:
    """Return whole traces in the order of their IDs."""
    places = {one: at for at, one in enumerate(ids)}
    found = arrays.runs(rows)
    ranked = sorted(found, key=lambda run: places[rows["trace_id"][run[0]].as_py()])
    if ranked == found:
        return rows
    return rows.take(pa.array(np.concatenate([np.arange(at, at + n) for at, n in ranked])))
