"""TimescaleDB, or plain PostgreSQL, as a store of points."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pyarrow as pa
import structlog

from pipeline.errors import Rejected
from pipeline.plan import Plan
from pipeline.ports import Commit, Cost, Group, Recovery
from pipeline.signal import Signal
from storage.config import StorageConfig
from storage.timescale import migrate
from storage.timescale.committer import Committer
from storage.timescale.migrate import Abilities
from storage.timescale.reader import Reader
from storage.timescale.server import Pool, Server
from storage.timescale.upkeep import Upkeep
from storage.timescale.verdicts import asking, opening, writing

log = structlog.get_logger()

_WAIT_S: Final = 10.0
"""How long work waits for a free connection."""
_UPKEEP_S: Final = 600.0
"""How long one step of the upkeep may take: a day of points is compressed in one."""


class Timescale:
    """Stores groups of points and answers plans about them; a `Store` and a `QueryBackend`."""

    signals = frozenset({Signal.METRICS})

    def __init__(self, server: Server, config: StorageConfig) -> None:
        self._server = server
        self._config = config
        self._committers: dict[tuple[Signal, int], Committer] = {}
        metrics = config.metrics
        self._writing = Pool(server, "writing", metrics.writers, metrics.write_time_max, _WAIT_S)
        self._reading = Pool(server, "reading", config.readers, config.query_time_max, _WAIT_S)
        self._tidying = Pool(server, "upkeep", 1, _UPKEEP_S, _UPKEEP_S)
        self._limits = config.limits()
        self._reader = Reader(self._reading, self._limits)
        self._upkeep: Upkeep | None = None

    async def recover(self, signal: Signal, partition: int) -> Recovery:
        """Take the log over and look up its newest commit record."""
        with writing():
            return await self._committer(signal, partition).recover(self._writing)

    async def history(
        self, signal: Signal, partition: int, first: int, last: int
    ) -> Sequence[Commit]:
        """Return the commit records that touch these sequences."""
        with writing():
            return await self._committer(signal, partition).history(self._writing, first, last)

    async def commit(self, group: Group, recovery: Recovery) -> None:
        """Write the group; see `pipeline.ports.Store`."""
        with writing():
            await self._committer(group.signal, group.partition).commit(
                self._writing, group, recovery
            )

    async def run(
        self, plan: Plan, cost: Cost | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Answer a plan; see `pipeline.ports.QueryBackend`."""
        began_ns = time.monotonic_ns()
        with asking(self._limits):
            table = await self._reader.answer(plan)
        if cost is not None:
            cost.engine_ns += time.monotonic_ns() - began_ns
            cost.rows += table.num_rows
            cost.bytes += table.nbytes
        for batch in table.combine_chunks().to_batches() or [_empty(table.schema)]:
            yield batch

    def _committer(self, signal: Signal, partition: int) -> Committer:
        if signal not in self.signals:
            raise Rejected(f"PostgreSQL stores points, and no {signal}")
        found = self._committers.get((signal, partition))
        if found is None:
            keep, seen_max = self._config.retention.keep_s, self._config.metrics.series_max
            found = self._committers[signal, partition] = Committer(
                signal, partition, keep, seen_max
            )
        return found

    async def open(self, *, upkeep: bool = True) -> None:
        """Bring the schema up to date and begin with the upkeep, if wanted; raises Setup."""
        await self.migrate()
        with opening(self._server):
            connection = await self._server.connect()
            try:
                can = await migrate.abilities(connection)
            finally:
                await connection.close()
            for pool in (self._writing, self._reading, self._tidying):
                await pool.open()
        _warn(can)
        if upkeep:
            self._upkeep = Upkeep(self._tidying, self._server, self._config, can)
            self._upkeep.start()

    async def migrate(self) -> list[str]:
        """Apply pending migrations and return their names; raises Setup."""
        with opening(self._server):
            connection = await self._server.connect()
            try:
                done = await migrate.migrate(connection, self._server)
            finally:
                await connection.close()
        return [one.label for one in done]

    async def pending(self) -> list[str]:
        """Return the names of pending migrations, changing nothing; raises Setup."""
        with opening(self._server):
            connection = await self._server.connect()
            try:
                return [one.label for one in await migrate.pending(connection, self._server)]
            finally:
                await connection.close()

    async def close(self) -> None:
        """Wait for what runs, then close every connection."""
        if self._upkeep is not None:
            await self._upkeep.close()
        for pool in (self._tidying, self._reading, self._writing):
            await pool.close()


@asynccontextmanager
async def open_timescale(
    server: Server, config: StorageConfig, *, upkeep: bool = True
) -> AsyncIterator[Timescale]:
    """
    Open the store and bring its schema up to date; raises Setup.

    Without `upkeep` somebody else has to compress and delete.
    """
    store = Timescale(server, config)
    try:
        await store.open(upkeep=upkeep)
        yield store
    finally:
        await store.close()


def _empty(columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=columns)


def _warn(can: Abilities) -> None:
    if not can.hypertables:
        log.warning(
            "storage.plain_postgresql",
            reason="TimescaleDB is not there: points lie in plain tables, larger and slower",
        )
    elif not can.compression:
        log.warning("storage.no_compression", reason="this edition of TimescaleDB has none")
