"""ClickHouse, as a server or embedded as chdb: one dialect, one client API."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import Setup
from pipeline.plan import (
    CUT,
    Archive,
    Dependencies,
    Explain,
    Plan,
    Positions,
    Question,
    Range,
    Records,
    Spans,
    Table,
    Traces,
)
from pipeline.ports import Commit, Cost, Group, Recovery
from pipeline.signal import Signal
from storage import archive, committer, explain, migrate, newest
from storage.answers import (
    ARCHIVED,
    EXPLAINED,
    LISTED,
    MATCHES,
    RECORDS,
    SERIES,
    SUMMARIES,
    SUMMARY,
)
from storage.committer import Committer
from storage.compile import clickhouse as compiled
from storage.compile import ranges
from storage.compile.condition import Listed
from storage.compile.lookups import lookups
from storage.compile.parameters import Statement
from storage.compile.statement import statement, statements
from storage.config import StorageConfig
from storage.connection import READING, Connection
from storage.embedded import see_room
from storage.examination import Ask, Examination, matches
from storage.fence import Fence, insert
from storage.kinds import kinds
from storage.mending import mending
from storage.newest import Tally
from storage.ranges.compute import compute
from storage.ranges.groups import SERIES_MAX, group
from storage.ranges.source import bounded, check_range, sources
from storage.reading import Pool
from storage.tables import ARCHIVE
from storage.target import Target
from storage.verdicts import lacks_database, opening, writing

_SCHEMA_AGAIN_S: Final = 0.2
_SCHEMA_BYTES: Final = 2**20

_SPARE_S: Final = 10.0
"""How much longer than the engine's own time limit an answer may take to arrive."""


class ClickHouse:
    """Stores groups and answers plans; a `Store` and a `QueryBackend`."""

    signals = frozenset(Signal)

    def __init__(self, target: Target, config: StorageConfig) -> None:
        self._target = target
        self._config = config
        self._writers: dict[tuple[Signal, int], tuple[Connection, Committer]] = {}
        self._writing = asyncio.Semaphore(config.writers)
        self._connections: list[Connection] = []
        self._control = self._connect("control")
        self._mending: asyncio.Task[None] | None = None
        self._archiving = self._connect("archive")
        self._lookups = self._pool("lookup", config.lookup_readers, priority=1, nice=1)
        # What scans have read waits, block by block, while a look-up runs.
        threads = config.query_threads_max or (0 if target.server else os.cpu_count() or 1)
        self._scans = self._pool("scan", config.readers, priority=2, nice=5, threads=threads)

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Look up the newest commit record and what lies above it."""
        connection, writer = self._writer(signal, partition)
        with writing():
            return await connection.run(lambda client: writer.recover(client, signal, partition))

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        """Return the commit records that touch these sequences."""
        connection, _ = self._writer(signal, partition)
        with writing():
            return await connection.run(
                lambda client: committer.touching(client, signal, partition, first, last)
            )

    async def commit(self, group: Group, recovery: Recovery) -> None:
        """Write the group; see `pipeline.ports.Store`."""
        connection, writer = self._writer(group.signal, group.partition)
        # The rows are in memory several times while they are written: as columns of the tables, as
        # Arrow's bytes, as the engine's blocks. Logs are many, and all may have a group ready.
        async with self._writing:
            with writing():
                await connection.run(lambda client: writer.commit(client, group, recovery))

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        table = await self._answer(plan, cost or Cost())
        for batch in table.combine_chunks().to_batches() or [_empty(table.schema)]:
            yield batch

    async def _answer(self, plan: Plan, cost: Cost) -> pa.Table:
        match plan:
            case Explain(of):
                return await self._explain(of, cost)
            case Traces():
                return await self._traces(plan, cost)
            case Range():
                return await self._range(plan, cost)
            case Records():
                return await self._records(plan, cost)
            case Table():
                found = await self._scans.ask(*statement(plan), plan.tenant, cost)
                return found.rename_columns(list(kinds(plan)))
            case Positions():
                return await self._lookups.ask(*statement(plan), "", cost)
            case Archive():
                return await self._archive(plan, cost)
            case Dependencies():
                pool = self._scans
            case _:
                pool = self._lookups
        return await pool.ask(*statement(plan), plan.tenant, cost)

    async def _records(self, plan: Records, cost: Cost) -> pa.Table:
        found: list[pa.Table] = []
        listed = await self._listed(plan, cost)
        tally = Tally(plan.limit)
        for part in newest.records(plan, time.time_ns(), tally):
            asked = compiled.records(part, listed)
            found.append(await self._scans.ask(asked, RECORDS[plan.signal], plan.tenant, cost))
            tally.found += found[-1].num_rows
        return pa.concat_tables(found)

    async def _listed(self, plan: Records | Traces, cost: Cost) -> Listed:
        """Return what the condition of a plan finds in lists, for all of its statements."""
        looked = lookups(plan)
        if looked is None:
            return ()
        rows = await self._lookups.ask(looked.statement, LISTED, plan.tenant, cost)
        return looked.listed(rows)

    async def _matching(self, plan: Traces, ask: Ask, listed: Listed) -> dict[str, int]:
        """Return the newest traces of which a span matches, as `matches` does."""
        found: dict[str, int] = {}
        tally = Tally(plan.limit)
        for part in newest.traces(plan, time.time_ns(), tally):
            older = matches(await ask(compiled.matching(part, listed), MATCHES))
            # What was found already has its newest match; there may be others that are older.
            found |= {one: at for one, at in older.items() if one not in found}
            tally.found = len(found)
        return dict(islice(found.items(), plan.limit))

    async def _traces(self, plan: Traces, cost: Cost) -> pa.Table:
        async def ask(asked: Statement, columns: pa.Schema) -> pa.Table:
            return await self._scans.ask(asked, columns, plan.tenant, cost)

        if plan.whole is None:
            matched, cut = await self._matching(plan, ask, await self._listed(plan, cost)), False
        else:
            matched, cut = await Examination(plan, plan.whole, ask).matching()
        found = SUMMARY.empty_table()
        if matched:
            summaries = compiled.summaries(plan.tenant, list(matched))
            rows = await self._lookups.ask(summaries, SUMMARIES, plan.tenant, cost)
            (ids,) = _columns(rows.select(["trace_id"]))
            times = pa.array([matched[one.hex().upper()] for one in ids], pa.uint64())
            found = rows.append_column(SUMMARY.field("matched_ns"), times)
        return found.replace_schema_metadata({CUT: b"1"} if cut else None)

    async def _range(self, plan: Range, cost: Cost) -> pa.Table:
        check_range(plan)
        asked = ranges.series(plan, SERIES_MAX + 1)
        series = await self._lookups.ask(asked, SERIES, plan.tenant, cost)
        groups = group(plan, series)
        found = []
        for one in sources(plan, series):
            points = ranges.points(plan, one)
            rows = await self._scans.ask(points, one.columns, plan.tenant, cost)
            found.append((one, bounded(rows)))
        return (await asyncio.to_thread(compute, plan, groups, found)).slice(0, plan.limit)

    async def _archive(self, plan: Archive, cost: Cost) -> pa.Table:
        async def ask(asked: Statement, columns: pa.Schema) -> pa.Table:
            return await self._lookups.ask(asked, columns, plan.tenant, cost)

        wanted = Spans(plan.tenant, (plan.trace_id,), plan.limit + 1)
        spans = await ask(*statement(wanted))
        kept = await ask(*statement(replace(wanted, columns=archive.PLACES, archived=True)))
        fresh = archive.absent(spans, kept)
        if fresh.num_rows:
            (every,) = _columns(await ask(compiled.archived(plan.tenant), ARCHIVED))
            copied = archive.copied(plan, fresh, every[0])
            async with self._writing:
                with writing():
                    await self._archiving.run(lambda client: insert(client, ARCHIVE, copied))
        return archive.answer(kept.num_rows + fresh.num_rows)

    async def _explain(self, plan: Question, cost: Cost) -> pa.Table:
        rows = []
        first: list[Statement] = []
        listed: Listed = ()
        if isinstance(plan, Records | Traces) and (looked := lookups(plan)):
            first, listed = [looked.statement], await self._listed(plan, cost)
        for one in [*first, *statements(plan, time.time_ns(), listed)]:
            asked = explain.explaining(one)
            said = await self._lookups.ask(asked, explain.LINES, plan.tenant, cost)
            (lines,) = _columns(said)
            rows.append(explain.row(one, lines))
        return pa.Table.from_pylist(rows, schema=EXPLAINED)

    def _writer(self, signal: Signal, partition: int) -> tuple[Connection, Committer]:
        """Return the connection of a log: one, so that its operations come one after the other."""
        found = self._writers.get((signal, partition))
        if found is None:
            fence = Fence(signal, partition) if self._target.server else None
            series_max = self._config.metrics.series_max
            writer = Committer(self._config.retention.keep_s, fence, series_max=series_max)
            found = self._connect(f"writer-{signal}-{partition}"), writer
            self._writers[signal, partition] = found
        return found

    def _pool(self, name: str, size: int, *, priority: int, nice: int, threads: int = 0) -> Pool:
        """Return connections for questions, each within the limits of one; `nice` is chdb's."""
        config = self._config
        asks = {
            **READING,
            "priority": str(priority),
            "max_rows_to_read": str(config.query_rows_max),
            "max_bytes_to_read": str(config.query_bytes_max),
            "max_memory_usage": str(config.query_memory_bytes_max),
            "max_execution_time": str(config.query_time_max),
            "max_result_bytes": str(config.query_memory_bytes_max),
        }
        if not self._target.server:
            # A thread for each file pays where files are far away, as a server's may be.
            asks["load_marks_asynchronously"] = "0"
            # Without CAP_SYS_NICE the engine leaves its threads as they are. Never 0, which is
            # none: it would keep what a scan left on a thread (seen on one).
            asks["os_thread_priority"] = str(nice)
        answer_s = config.query_time_max + _SPARE_S
        connections = [self._connect(f"{name}-{at}", asks, answer_s) for at in range(size)]
        tenant_max = max(1, min(config.tenant_readers, size - 1))
        return Pool(connections, self._control, tenant_max, config.limits(), threads)

    def _connect(
        self, name: str, settings: Mapping[str, str] | None = None, answer_s: float | None = None
    ) -> Connection:
        connection = Connection(self._target, name, settings, answer_s)
        self._connections.append(connection)
        return connection

    async def migrate(self) -> list[str]:
        """Apply pending migrations, in a new database if there is none; return their names."""
        if self._target.path is not None and await self.pending():
            with opening(self._target):
                # chdb does not tell that it could not write what a table is.
                see_room(self._target.path, _SCHEMA_BYTES)
        with opening(self._target):
            try:
                done = await self._control.run(migrate.migrate)
            except ClickHouseError as error:
                if not lacks_database(error):
                    raise
                await asyncio.to_thread(migrate.create_database, self._target)
                done = await self._control.run(migrate.migrate)
        return [one.label for one in done]

    async def pending(self) -> list[str]:
        """Return the names of pending migrations, changing nothing. Raises Setup."""
        with opening(self._target):
            try:
                return [one.label for one in await self._control.run(migrate.pending)]
            except ClickHouseError as error:
                if not lacks_database(error):
                    raise
                return pending_migrations()

    def begin_mending(self) -> None:
        """Mend what failed writes of chdb spoil, until the store is closed."""
        if self._target.path is not None:
            endless = mending(self._connect("mending"), self._target.writes)
            self._mending = asyncio.create_task(endless, name="mending")

    async def close(self) -> None:
        """Wait for what runs, then close every connection."""
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.wait([self._mending])
        for pool in (self._lookups, self._scans):
            await pool.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()


@asynccontextmanager
async def open_clickhouse(
    target: Target, config: StorageConfig, *, schema_wait_s: float | None = None
) -> AsyncIterator[ClickHouse]:
    """
    Open the store and bring its schema up to date; raises Setup.

    With `schema_wait_s` another process does that, and is waited for so long.
    """
    store = ClickHouse(target, config)
    try:
        if schema_wait_s is None:
            await store.migrate()
        else:
            await _migrated(store, target, schema_wait_s)
        store.begin_mending()
        yield store
    finally:
        await store.close()


async def _migrated(store: ClickHouse, target: Target, wait_s: float) -> None:
    end = asyncio.get_running_loop().time() + wait_s
    while missing := await store.pending():
        if asyncio.get_running_loop().time() > end:
            raise Setup(
                f"storage.url: {target.label} lacks {len(missing)} migrations, the first of them "
                f"{missing[0]}: start the role storage, or run `aura migrate`"
            )
        await asyncio.sleep(_SCHEMA_AGAIN_S)


def pending_migrations() -> list[str]:
    """Return the names of all migrations: what an empty store needs."""
    return [one.label for one in migrate.migrations()]


def _columns(table: pa.Table) -> list[list[Any]]:
    return [column.to_pylist() for column in table.columns]


def _empty(columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=columns)
