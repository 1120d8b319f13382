"""
Numbered migrations of a PostgreSQL schema.

Every file of `storage/sql/timescale` is `NNNN_what.sql`, or `NNNN_what.timescaledb.sql` for what
is applied once TimescaleDB is there (`.community.sql`: its edition of that name). A file is one
transaction under an advisory lock, together with its row in the table `migrations`: so a killed run
left nothing of it, and two at once wait for each other.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from typing import Final

import structlog

from pipeline.errors import Setup
from storage.migrate import Migration, statements
from storage.timescale.server import Connection, Server

log = structlog.get_logger()

_TABLE: Final = """CREATE TABLE IF NOT EXISTS migrations (
    number int4 PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('aura migrations ' || $1, 0))"
_MARKS: Final = ("timescaledb", "community")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server can do: `hypertables` of TimescaleDB, and `jobs` that it runs by itself."""

    hypertables: bool
    compression: bool
    jobs: bool

    @property
    def marks(self) -> tuple[str, ...]:
        """Return which files with a mark are applied."""
        there = (self.hypertables, self.compression)
        return tuple(mark for mark, can in zip(_MARKS, there, strict=True) if can)


def migrations(marks: Collection[str] = _MARKS) -> list[Migration]:
    """Return the migrations that this version knows, in order; of those with a mark, these."""
    folder = resources.files("storage") / "sql" / "timescale"
    found = []
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        name, _, ending = file.name.partition(".")
        mark = ending.removesuffix("sql").removesuffix(".")
        if ending.endswith("sql") and (not mark or mark in marks):
            number, _, what = name.partition("_")
            found.append(Migration(int(number), what, statements(file.read_text())))
    return found


async def abilities(connection: Connection) -> Abilities:
    """Look what the server can do in this database."""
    version = await connection.fetchval(
        "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    )
    workers = await connection.fetchval(
        "SELECT current_setting('timescaledb.max_background_workers', true)"
    )
    license_ = await connection.fetchval("SELECT current_setting('timescaledb.license', true)")
    there = version is not None
    return Abilities(there, there and license_ == "timescale", there and int(workers or 0) > 0)


async def extend(connection: Connection) -> None:
    """Create the extension TimescaleDB in the database, if the server has it and we may."""
    if await _offered(connection):
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except Exception as error:  # noqa: BLE001 - whatever keeps us from it, tables do as well
            log.warning("storage.no_timescaledb", error=str(error))


async def _offered(connection: Connection) -> bool:
    """Tell whether the server has the extension, and the database not yet."""
    return bool(
        await connection.fetchval(
            "SELECT count(*) FROM pg_available_extensions "
            "WHERE name = 'timescaledb' AND installed_version IS NULL"
        )
    )


async def pending(
    connection: Connection, server: Server, *, extended: bool = False
) -> list[Migration]:
    """
    Return what has not been applied yet, changing nothing.

    Unless it was tried to create the extension, that counts as to be done.

    Raises Setup when a newer version of Aura has migrated this schema.
    """
    can = await abilities(connection)
    known = migrations(can.marks if extended or not await _offered(connection) else _MARKS)
    table = await connection.fetchval("SELECT to_regclass($1)", f"{server.schema}.migrations")
    if table is None:
        return known
    rows = await connection.fetch(f"SELECT number FROM {server.schema}.migrations")  # noqa: S608
    applied = {row["number"] for row in rows}
    newest = max(one.number for one in migrations())
    if max(applied, default=0) > newest:
        raise Setup(
            f"storage.metrics.url: the schema is at migration {max(applied)}, this version knows "
            f"{newest}: run the newer Aura, or point it at another store"
        )
    return [one for one in known if one.number not in applied]


async def migrate(connection: Connection, server: Server) -> list[Migration]:
    """Apply what is pending, in order, and return it; raises the driver's errors."""
    await extend(connection)
    async with connection.transaction():
        await connection.execute(_LOCK, server.schema)
        # Who may not create schemas may have been given one.
        if await connection.fetchval("SELECT to_regnamespace($1)", server.schema) is None:
            await connection.execute(f"CREATE SCHEMA {server.schema}")
        await connection.execute(f"SET LOCAL search_path = {server.schema}, public")
        await connection.execute(_TABLE)
    todo = await pending(connection, server, extended=True)
    return [one for one in todo if await _apply(connection, server, one)]


async def _apply(connection: Connection, server: Server, one: Migration) -> bool:
    async with connection.transaction():
        await connection.execute(_LOCK, server.schema)
        await connection.execute(f"SET LOCAL search_path = {server.schema}, public")
        if await connection.fetchval("SELECT 1 FROM migrations WHERE number = $1", one.number):
            return False  # another Aura was first
        for statement in one.statements:
            await connection.execute(statement)
        await connection.execute(
            "INSERT INTO migrations (number, name) VALUES ($1, $2)", one.number, one.name
        )
    return True
