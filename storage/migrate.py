"""Numbered migrations of a ClickHouse schema.

Every file of `storage/sql/clickhouse` is `NNNN_what.sql`; its statements are idempotent (CREATE …
IF NOT EXISTS and the like), so a killed run is simply run again, and two at once do no harm. Which
were applied stands in the table `migrations`.
"""

from dataclasses import dataclass, replace
from importlib import resources
from typing import Final

from clickhouse_connect.driver.client import Client

from pipeline.errors import Setup
from storage.connection import rows
from storage.target import Target

_TABLE: Final = """CREATE TABLE IF NOT EXISTS migrations (
    number UInt32,
    name String,
    applied_at DateTime DEFAULT now()
) ENGINE = ReplacingMergeTree ORDER BY number"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, its statements."""

    number: int
    name: str
    statements: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the name of the file without its ending."""
        return f"{self.number:04}_{self.name}"


def migrations() -> list[Migration]:
    """Return all migrations that this version knows, in order."""
    folder = resources.files("storage") / "sql" / "clickhouse"
    found = []
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, statements(file.read_text())))
    return found


def statements(text: str) -> tuple[str, ...]:
    """Split a file at the semicolons that end a line; comments go."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    parts = "\n".join(lines).split(";\n")
    return tuple(part.strip().rstrip(";") for part in parts if part.strip())


def pending(client: Client) -> list[Migration]:
    """
    Return what has not been applied yet.

    Raises Setup when a newer version of Aura has migrated this store: writing to a schema that is
    not known could damage it.
    """
    known = migrations()
    table = "FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'"
    if rows(client, f"SELECT count() {table}") == [(0,)]:
        return known
    applied = {number for (number,) in rows(client, "SELECT DISTINCT number FROM migrations")}
    newest = max((one.number for one in known), default=0)
    if max(applied, default=0) > newest:
        raise Setup(
            f"storage.url: the schema is at migration {max(applied)}, this version knows "
            f"{newest}: run the newer Aura, or point it at another store"
        )
    return [one for one in known if one.number not in applied]


def create_database(target: Target) -> None:
    """Create the database of a target; raises the driver's errors."""
    client = replace(target, database=None).connect()
    try:
        client.command(
            "CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": target.database}
        )
    finally:
        client.close()


def migrate(client: Client) -> list[Migration]:
    """Apply what is pending, in order, and return it."""
    todo = pending(client)
    client.command(_TABLE)
    for one in todo:
        for statement in one.statements:
            client.command(statement)
        client.insert("migrations", [[one.number, one.name]], column_names=["number", "name"])
    return todo
