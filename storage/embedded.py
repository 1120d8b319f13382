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

from storage.writes import Writes, failed

_ONE_BLOCK: Final = {
    "max_threads": 1,
    "os_thread_priority": 1,  # and not what a scan left on the thread
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

    def __init__(self, client: Client, folder: Path, writes: Writes) -> None:
        self._client = client
        self._folder = folder
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def insert_arrow(
        self, table: str, arrow_table: pa.Table, *, settings: Mapping[str, str]
    ) -> QuerySummary:
        """Insert rows as one block; raises OSError where that was not, or maybe not, written."""
        see_room(self._folder, arrow_table.nbytes + _SPARE_BYTES)
        before = self._writes.mended
        rows = arrow_table  # the engine looks it up by this name
        columns = ", ".join(rows.column_names)
        every = ", ".join(f"{key} = {value}" for key, value in {**_ONE_BLOCK, **settings}.items())
        self._client.command(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(rows) SETTINGS {every}"  # noqa: S608 - our own names
        )
        if failed(self._client) != before:
            parts = ", ".join(self._writes.mend(self._client)) or "something else"
            raise OSError(errno.ENOSPC, f"{table}: not all was written of {parts}")
        return QuerySummary({"written_rows": str(len(rows))})


def see_room(folder: Path, size: int) -> None:
    """
    Raise OSError unless a file of as many bytes can be had in the engine's folder.

    So what has no room is refused before the engine spoils anything; it costs microseconds.
    """
    allocate = getattr(os, "posix_fallocate", None)  # macOS has none
    with tempfile.TemporaryFile(dir=folder) as probe:
        if allocate:
            allocate(probe.fileno(), 0, size)
        else:
            for _ in range(-(-size // len(_PIECE))):
                probe.write(_PIECE)
