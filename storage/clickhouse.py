"""ClickHouse, as a server or embedded as chdb: one dialect, one client API."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pyarrow as pa

from pipeline import schema
from pipeline.plan import Plan, Records, Trace, Traces
from pipeline.ports import Commit, Group, Recovery
from pipeline.signal import Signal
from storage import committer, migrate
from storage.committer import Committer
from storage.compile import clickhouse as compiled
from storage.compile.clickhouse import Statement
from storage.config import StorageConfig
from storage.connection import Connection, asking, fetch, opening, writing

_SUMMARY = pa.schema(
    [
        ("trace_id", schema.TRACE_ID),
        ("start_ns", pa.uint64()),
        ("end_ns", pa.uint64()),
        ("span_count", pa.uint64()),
        ("error_count", pa.uint64()),
        ("services", pa.list_(pa.utf8())),
        ("root_service", pa.utf8()),
        ("root_name", pa.utf8()),
    ]
)


class ClickHouse:
    """Stores groups and answers plans; a `Store` and a `QueryBackend`."""

    signals = frozenset(Signal)

    def __init__(self, dsn: str, config: StorageConfig) -> None:
        self._dsn = dsn
        self._config = config
        self._writers: dict[tuple[Signal, int], tuple[Connection, Committer]] = {}
        self._readers: asyncio.Queue[Connection] = asyncio.Queue()
        self._connections: list[Connection] = []
        for _ in range(config.readers):
            self._readers.put_nowait(self._connect("reader"))

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Look up the newest commit record and what lies above it."""
        connection, _ = self._writer(signal, partition)
        with writing():
            last = await connection.run(lambda client: committer.newest(client, signal, partition))
            present = await connection.run(
                lambda client: committer.present(client, signal, partition, last)
            )
        return Recovery(last, present)

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
        with writing():
            await connection.run(
                lambda client: writer.commit(client, group, recovery.present or {})
            )

    async def run(self, plan: Plan) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        match plan:
            case Records():
                columns = _columns(schema.SCHEMAS[plan.signal])
                table = await self._ask(compiled.records(plan), columns)
            case Trace():
                table = await self._ask(compiled.trace(plan), _columns(schema.SPANS))
            case Traces():
                table = await self._traces(plan)
        for batch in table.combine_chunks().to_batches() or [_empty(table.schema)]:
            yield batch

    async def _traces(self, plan: Traces) -> pa.Table:
        found = await self._ask(compiled.matching(plan), pa.schema([("id", pa.utf8())]))
        ids = found["id"].to_pylist()
        if not ids:
            return _SUMMARY.empty_table()
        return await self._ask(compiled.summaries(plan.tenant, ids), _SUMMARY)

    async def _ask(self, statement: Statement, columns: pa.Schema) -> pa.Table:
        limits = {"max_memory_usage": str(self._config.query_memory_bytes_max)}
        connection = await self._readers.get()
        try:
            with asking():
                table = await connection.run(
                    lambda client: fetch(client, statement.sql, statement.parameters, **limits)
                )
        finally:
            self._readers.put_nowait(connection)
        return table.select(columns.names).cast(columns)

    def _writer(self, signal: Signal, partition: int) -> tuple[Connection, Committer]:
        """Return the connection of a log: one, so that its operations come one after the other."""
        found = self._writers.get((signal, partition))
        if found is None:
            found = (
                self._connect(f"writer-{signal}-{partition}"),
                Committer(self._config.retention.keep_s),
            )
            self._writers[signal, partition] = found
        return found

    def _connect(self, name: str) -> Connection:
        connection = Connection(self._dsn, name)
        self._connections.append(connection)
        return connection

    async def migrate(self) -> list[str]:
        """Apply pending migrations; return their names. Raises Setup."""
        return await self._with_migrations(migrate.migrate)

    async def pending(self) -> list[str]:
        """Return the names of pending migrations, changing nothing. Raises Setup."""
        return await self._with_migrations(migrate.pending)

    async def _with_migrations(self, work: object) -> list[str]:
        connection = await self._readers.get()
        try:
            with opening(self._config.url):
                done = await connection.run(work)  # type: ignore[arg-type]
        finally:
            self._readers.put_nowait(connection)
        return [f"{one.number:04}_{one.name}" for one in done]

    def close(self) -> None:
        """Wait for what runs, then close every connection."""
        for connection in self._connections:
            connection.close()


@asynccontextmanager
async def open_clickhouse(dsn: str, config: StorageConfig) -> AsyncIterator[ClickHouse]:
    """Open the store and bring its schema up to date; raises Setup."""
    store = ClickHouse(dsn, config)
    try:
        await store.migrate()
        yield store
    finally:
        await asyncio.to_thread(store.close)


def _columns(columns: pa.Schema) -> pa.Schema:
    """Return the columns of an answer: the schema's, texts as plain strings, and the service."""
    plain = [
        field.with_type(pa.utf8()) if pa.types.is_dictionary(field.type) else field
        for field in columns
    ]
    return pa.schema([pa.field("service_name", pa.utf8()), *plain])


def _empty(columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], columns)
