"""ClickHouse, as a server or embedded as chdb: one dialect, one client API."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.errors import AuraError
from pipeline.plan import (
    CUT,
    Keys,
    Ledger,
    Plan,
    Positions,
    Records,
    Table,
    Trace,
    Traces,
)
from pipeline.ports import Commit, Group, Recovery
from pipeline.signal import Signal
from storage import answers, committer, migrate
from storage.answers import KEYS, LEDGER, POSITIONS, RECORDS, SUMMARY
from storage.committer import Committer
from storage.compile import clickhouse as compiled
from storage.compile import ledger
from storage.compile import table as tables
from storage.compile.parameters import Statement
from storage.config import StorageConfig
from storage.connection import READING, Connection, fetch, kill
from storage.examination import ID, Examination, texts
from storage.fence import Fence
from storage.kinds import kinds
from storage.target import Target
from storage.verdicts import asking, lacks_database, opening, writing

_KILL_AGAIN_S: Final = 0.1

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
        self._readers: asyncio.Queue[Connection] = asyncio.Queue()
        self._connections: list[Connection] = []
        self._control = self._connect("control")
        self._endings: set[asyncio.Task[None]] = set()
        asks = READING | {
            "max_memory_usage": str(config.query_memory_bytes_max),
            "max_execution_time": str(config.query_time_max),
            "max_result_bytes": str(config.query_memory_bytes_max),
        }
        for number in range(config.readers):
            answer_s = config.query_time_max + _SPARE_S
            self._readers.put_nowait(self._connect(f"reader-{number}", asks, answer_s))

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

    async def run(self, plan: Plan) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        match plan:
            case Records():
                rows = await self._ask(compiled.records(plan), RECORDS[plan.signal])
            case Trace():
                rows = await self._ask(compiled.trace(plan), RECORDS[Signal.TRACES])
            case Traces():
                rows = await self._traces(plan)
            case Keys():
                rows = await self._ask(compiled.keys(plan), KEYS)
            case Table():
                rows = await self._table(plan)
            case Positions():
                rows = await self._ask(ledger.positions(plan), POSITIONS)
            case Ledger():
                rows = await self._ask(ledger.ledger(plan), LEDGER)
        for batch in rows.combine_chunks().to_batches() or [_empty(rows.schema)]:
            yield batch

    async def _table(self, plan: Table) -> pa.Table:
        columns = answers.table(kinds(plan))
        # Names are any text: in SQL a column is called by its place.
        places = pa.schema([one.with_name(f"c{at}") for at, one in enumerate(columns)])
        return (await self._ask(tables.table(plan), places)).rename_columns(columns.names)

    async def _traces(self, plan: Traces) -> pa.Table:
        if plan.whole is None:
            ids, cut = texts(await self._ask(compiled.matching(plan), ID)), False
        else:
            ids, cut = await Examination(plan, plan.whole, self._ask).matching()
        found = SUMMARY.empty_table()
        if ids:
            found = await self._ask(compiled.summaries(plan.tenant, ids), SUMMARY)
        return found.replace_schema_metadata({CUT: b"1"} if cut else None)

    async def _ask(self, statement: Statement, columns: pa.Schema) -> pa.Table:
        comment = f"aura-{uuid4()}"
        connection = await self._readers.get()
        asked = connection.start(
            lambda client: fetch(client, statement.sql, statement.parameters, comment)
        )
        answer = asyncio.wrap_future(asked)
        try:
            with asking():
                # Shielded, because the thread cannot be cancelled: the connection is busy until
                # the query has ended.
                table = await asyncio.shield(answer)
        except asyncio.CancelledError:
            ending = asyncio.create_task(self._end(answer, comment, connection))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            raise
        except BaseException:
            self._readers.put_nowait(connection)
            raise
        self._readers.put_nowait(connection)
        return table.select(columns.names).cast(columns)

    async def _end(
        self, answer: asyncio.Future[pa.Table], comment: str, connection: Connection
    ) -> None:
        """Kill a query that nobody waits for, and give its connection back once it ended."""
        # Again and again: it may not have reached the engine when the first attempt came.
        while not answer.done():
            await self._kill(comment)
            await asyncio.wait([answer], timeout=_KILL_AGAIN_S)
        if not answer.cancelled():
            answer.exception()  # nobody else asks for it
        self._readers.put_nowait(connection)

    async def _kill(self, comment: str) -> None:
        try:
            with asking():
                await self._control.run(lambda client: kill(client, comment))
        except (AuraError, ClickHouseError):
            return  # then it ends by its own time limit

    def _writer(self, signal: Signal, partition: int) -> tuple[Connection, Committer]:
        """Return the connection of a log: one, so that its operations come one after the other."""
        found = self._writers.get((signal, partition))
        if found is None:
            fence = Fence(signal, partition) if self._target.server else None
            writer = Committer(self._config.retention.keep_s, fence)
            found = self._connect(f"writer-{signal}-{partition}"), writer
            self._writers[signal, partition] = found
        return found

    def _connect(
        self, name: str, settings: Mapping[str, str] | None = None, answer_s: float | None = None
    ) -> Connection:
        connection = Connection(self._target, name, settings, answer_s)
        self._connections.append(connection)
        return connection

    async def migrate(self) -> list[str]:
        """Apply pending migrations, in a new database if there is none; return their names."""
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

    async def close(self) -> None:
        """Wait for what runs, then close every connection."""
        if self._endings:
            await asyncio.wait(self._endings)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()


@asynccontextmanager
async def open_clickhouse(target: Target, config: StorageConfig) -> AsyncIterator[ClickHouse]:
    """Open the store and bring its schema up to date; raises Setup."""
    store = ClickHouse(target, config)
    try:
        await store.migrate()
        yield store
    finally:
        await store.close()


def pending_migrations() -> list[str]:
    """Return the names of all migrations: what an empty store needs."""
    return [one.label for one in migrate.migrations()]


def _empty(columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=columns)
