"""A question under way: what its statements find is fetched in portions, and so much at most."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from storage.compile.timescale import Statement
from storage.limits import ANSWER, BYTES, ROWS, Limit
from storage.timescale import answers, binary
from storage.timescale.server import Connection

NARROW: Final = "metric"
"""What a question may name to take less."""

_PORTION_BYTES: Final = 4 * 1024**2
_PORTION_MAX: Final = 10_000
_FIRST: Final = 100
"""Rows of the first portion: by then it is known how large they are."""


class Question:
    """
    Asks statements over one connection, which is in a transaction that only reads.

    What all of them find counts against the settings of `storage` that bound a query (`limits`, by
    name): PostgreSQL has no such bounds itself. Raises Rejected and the driver's errors.
    """

    def __init__(self, connection: Connection, limits: Mapping[str, float]) -> None:
        self._connection = connection
        self._limits = limits
        self._rows = 0
        self._bytes = 0

    async def value(self, sql: str, *values: Any) -> Any:
        """Return the one value that a statement finds, or None."""
        return await self._connection.fetchval(sql, *values)

    async def table(self, asked: Statement, columns: pa.Schema) -> pa.Table:
        """Return the rows of a statement as these columns."""
        cursor = await self._connection.cursor(asked.sql, *asked.parameters)
        found, wanted = [columns.empty_table()], _FIRST
        while len(rows := await cursor.fetch(wanted)):
            made = await asyncio.to_thread(answers.table, rows, columns)
            found.append(made)
            self._count(len(made), made.nbytes)
            if len(rows) < wanted:
                break
            wanted = max(1, min(_PORTION_MAX, len(made) * _PORTION_BYTES // (made.nbytes + 1)))
        return pa.concat_tables(found)

    async def numbers(self, asked: Statement, columns: pa.Schema) -> pa.Table:
        """Return the rows of a statement, numbers without nulls: bytes that become columns."""
        body = bytearray()

        async def take(piece: bytes) -> None:
            self._count(0, len(piece))
            body.extend(piece)

        await self._connection.copy_from_query(
            asked.sql, *asked.parameters, output=take, format="binary"
        )
        found = binary.rows(body, columns)
        self._count(len(found), 0)
        return found

    def _count(self, rows: int, size: int) -> None:
        """Add what was fetched; raises Rejected beyond the limits."""
        self._rows += rows
        self._bytes += size
        self._within(self._rows, ROWS)
        self._within(self._bytes, BYTES)
        self._within(self._bytes, ANSWER)

    def _within(self, number: int, limit: Limit) -> None:
        if number > self._limits[limit.setting]:
            raise limit.broken(self._limits, NARROW)
