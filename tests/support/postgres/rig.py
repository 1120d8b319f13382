"""A store of points in PostgreSQL or TimescaleDB, how to look behind it and how to break it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from storage.config import MetricsConfig, StorageConfig
from storage.timescale.migrate import Abilities, abilities
from storage.timescale.server import Pool
from storage.timescale.store import Timescale, open_timescale
from tests.support.postgres.server import PostgresServer, Server, TimescaleServer

KINDS: dict[str, type[PostgresServer] | type[TimescaleServer]] = {
    "postgres": PostgresServer,
    "timescale": TimescaleServer,
}
_schemas = count(1)


@cache
def server(kind: str) -> Server:
    """Return the one server of a kind that the tests of this process share."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix=f"aura-{kind}-"))
    folder.chmod(0o755)
    started = KINDS[kind](folder / "server")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(started.kill)
    started.start()
    return started


def settings(url: str, config: StorageConfig, **metrics: Any) -> StorageConfig:
    """Return settings with this store; `upkeep` does not come between what a test does."""
    changes = {"url": url, "upkeep_interval": 1e6, **metrics}
    return config.model_copy(update={"metrics": MetricsConfig(**changes)})


@dataclass
class PointsRig:
    """A store of points in a schema of its own."""

    store: Timescale
    config: StorageConfig
    schema: str
    target: None = None

    can: Abilities | None = None

    async def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement of the test's own."""
        async with self.connection() as connection:
            return [tuple(row) for row in await connection.fetch(text, *values)]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.config.metrics.url.partition("&schema")[0])
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL search_path = {self.schema}, public")
                yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def broken(self, when: str, at: int = 0) -> AsyncIterator[tuple[Timescale, "Cut"]]:
        """Open the same schema with a connection that is lost at a statement, counted from 1."""
        cut = Cut(when)
        async with open_timescale(self.config.metrics.server(), self.config, upkeep=False) as store:
            store._writing = CutPool(store._writing, cut)  # type: ignore[assignment]
            cut.at = at
            yield store, cut


WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'aura reading' AND wait_event_type = 'Lock'"""
"""How many questions wait for somebody else's lock."""


@asynccontextmanager
async def kept_from(rig: PointsRig, table: str) -> AsyncIterator[None]:
    """Keep a table from whoever asks: the statements wait."""
    async with rig.connection() as holding:
        await holding.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@dataclass
class Cut:
    """Loses the connection before or after a statement of a transaction, its end included."""

    when: str
    at: int = 0
    seen: int = 0
    lost: list[str] = field(default_factory=list)
    pause: tuple[asyncio.Event, asyncio.Event] | None = None
    """Set, and waited for, before the end of a transaction."""

    def arm(self, at: int) -> None:
        self.at, self.seen, self.lost = at, 0, []

    async def pass_on(self, connection: Any, name: str, run: Any) -> Any:
        self.seen += 1
        if self.pause and name == "commit":
            reached, go_on = self.pause
            reached.set()
            await go_on.wait()
        if self.seen != self.at:
            return await run()
        self.lost.append(name)
        if self.when == "after":
            await run()
        connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("the connection is lost")


class CutPool:
    def __init__(self, pool: Pool, cut: Cut) -> None:
        self._pool = pool
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[Any]:
        async with self._pool.connection() as connection:
            transaction = connection.transaction(**options)
            await transaction.start()
            await connection.execute(self._pool._begin)
            try:
                yield CutConnection(connection, self._cut)
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            await self._cut.pass_on(connection, "commit", transaction.commit)


class CutConnection:
    def __init__(self, connection: Any, cut: Cut) -> None:
        self._connection = connection
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)

        async def run(*values: Any, **options: Any) -> Any:
            said = name if name == "copy_to_table" else values[0].split()[0]
            return await self._cut.pass_on(
                self._connection, said, lambda: found(*values, **options)
            )

        return run


def _rig(kind: str, schema: str, config: StorageConfig, **metrics: Any) -> PointsRig:
    whole = settings(server(kind).url(f"&schema={schema}"), config, **metrics)
    return PointsRig(Timescale(whole.metrics.server(), whole), whole, schema)


@asynccontextmanager
async def empty_rig(kind: str) -> AsyncIterator[PointsRig]:
    """A store that is not open, and whose schema is not there."""
    made = _rig(kind, f"test_{next(_schemas)}", StorageConfig())
    try:
        yield made
    finally:
        await made.sql(f"DROP SCHEMA IF EXISTS {made.schema} CASCADE")


_free: dict[str, list[str]] = {kind: [] for kind in KINDS}
"""Schemas that were used and emptied again: to migrate one takes longer than most tests."""


@asynccontextmanager
async def points_rig(
    kind: str, config: StorageConfig, *, fresh: bool = False, **metrics: Any
) -> AsyncIterator[PointsRig]:
    """A store in an empty schema: a `fresh` one is for who leaves more behind than rows."""
    reused = _free[kind].pop() if _free[kind] and not fresh else None
    made = _rig(kind, reused or f"test_{next(_schemas)}", config, **metrics)
    used = made.config
    try:
        async with open_timescale(used.metrics.server(), used, upkeep=False) as store:
            made.store = store
            async with made.connection() as connection:
                made.can = await abilities(connection)
            yield made
        await made.sql(_EMPTY.format(schema=made.schema))
    except BaseException:
        fresh = True
        raise
    finally:
        if fresh:
            await made.sql(f"DROP SCHEMA IF EXISTS {made.schema} CASCADE")
        else:
            _free[kind].append(made.schema)


_EMPTY = """DO $$ DECLARE one text; filled bool; BEGIN
FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', one) INTO filled;
    IF filled AND one <> 'migrations' THEN EXECUTE format('DELETE FROM %I', one); END IF;
END LOOP; END $$"""
