"""The driver's client of chdb, with inserts that read Arrow columns where they are."""

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.summary import QuerySummary

_ONE_BLOCK: Final = {
    "max_threads": 1,
    # What is read from memory comes in pieces, and is put together again up to these sizes.
    "max_block_size": 2**20,
    "min_insert_block_size_rows": 2**62,
    "min_insert_block_size_bytes": 2**62,
}
_PIECE: Final = bytes(2**20)
_SPARE_BYTES: Final = 2**20
"""Beside its rows an insert writes marks, indexes and checksums."""


class Embedded:
    """
    A `Client` whose `insert_arrow` hands the engine of this process the columns themselves.

    The driver's own writes them to a file that the engine reads: with that, an insert of spans took
    1.5 to 2 times the CPU, and twice the memory of its rows.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def insert_arrow(
        self, table: str, arrow_table: pa.Table, *, settings: Mapping[str, str]
    ) -> QuerySummary:
        """Insert rows as one block; raises OSError, with nothing inserted, without room."""
        see_room(arrow_table.nbytes + _SPARE_BYTES)
        rows = arrow_table  # the engine looks it up by this name
        columns = ", ".join(rows.column_names)
        every = ", ".join(f"{key} = {value}" for key, value in {**_ONE_BLOCK, **settings}.items())
        self._client.command(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(rows) SETTINGS {every}"  # noqa: S608 - our own names
        )
        self._see_written(table)
        return QuerySummary({"written_rows": str(len(rows))})

    def _see_written(self, table: str) -> None:
        """
        Raise OSError, with the insert undone, when a file of its parts is not there whole.

        On a disk that fills meanwhile the engine takes a failed write for a done one (seen): the
        part is listed with the sizes that it should have, and cannot be read.
        """
        fresh = self._client.query(  # few: merging takes the level 0 away
            "SELECT name, path, bytes_on_disk FROM system.parts WHERE active AND level = 0 "
            "AND database = currentDatabase() AND table = {table:String}",
            parameters={"table": table},
        ).result_rows
        broken = [str(name) for name, path, size in fresh if _bytes_in(Path(path)) < size]
        for name in broken:
            self._client.command(f"ALTER TABLE {table} DETACH PART '{name}'")
        if broken:
            raise OSError(errno.ENOSPC, f"{table}: not all was written of {', '.join(broken)}")


def see_room(size: int) -> None:
    """
    Raise OSError unless a file of as many bytes can be had beside the engine's.

    The engine does not tell of every write that fails (a file that may not grow: seen): it then
    takes an empty part for a whole one. So this is asked before each insert, which costs
    microseconds.
    """
    allocate = getattr(os, "posix_fallocate", None)  # macOS has none
    with tempfile.TemporaryFile() as probe:
        if allocate:
            allocate(probe.fileno(), 0, size)
        else:
            for _ in range(-(-size // len(_PIECE))):
                probe.write(_PIECE)


def _bytes_in(folder: Path) -> int:
    """Return the bytes of the files of a part; of one that was merged meanwhile, more than any."""
    try:
        with os.scandir(folder) as files:
            return sum(file.stat().st_size for file in files if file.is_file())
    except FileNotFoundError:
        return 2**63
