"""Fences: an insert that was given up is refused when a server gets to it late.

A server goes on with an insert whose client was killed, and may see one only after that. So whoever
looks up what a log has stored raises the log's fencing token first, and then ends what runs. Every
insert has the server compare its token as it starts: one that started before the token rose is
ended and waited for, one that starts later sees the higher token and fails.
"""

from secrets import randbelow
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError
from clickhouse_connect.driver.summary import QuerySummary

from pipeline.signal import Signal
from storage.connection import kill, rows, running

INSERT: Final = {
    "async_insert": "0",
    "max_insert_threads": "1",  # each would make parts of its own
    "max_partitions_per_insert_block": "0",  # the door bounds the days that a group can touch
}
_STEP: Final = 2**32
"""Tokens rise by chance up to this, so that two who take a fence at once do not share one."""


class Fence:
    """The fence of one log of a server; used from one thread."""

    def __init__(self, signal: Signal, partition: int) -> None:
        self._signal = signal.value
        self._partition = partition
        self._log = f"signal = '{signal.value}' AND partition = {partition}"
        self._comment = f"aura/{signal.value}/{partition}"
        self._token = 0
        self._types: dict[str, dict[str, str]] = {}

    def take(self, client: Client) -> None:
        """Shut everyone else's inserts out, and this one's earlier ones; return when none runs."""
        newest = f"SELECT max(token) FROM fences WHERE {self._log}"  # noqa: S608 - our own names
        ((highest,),) = rows(client, newest)
        self._token = highest + 1 + randbelow(_STEP)
        row = f"('{self._signal}', {self._partition}, {self._token})"
        client.command(f"INSERT INTO fences (signal, partition, token) VALUES {row}")  # noqa: S608
        kill(client, self._comment, "SYNC")
        found = rows(client, f"SELECT ({newest}) AS token, ({running(self._comment)}) AS running")
        if found != [(self._token, 0)]:
            raise OperationalError(f"the fence of {self._comment} was not taken: {found}")

    def insert(self, client: Client, table: str, block: pa.Table) -> None:
        """Insert rows as one block; the server fails it when the fence was taken since."""
        if len(block):
            settings = INSERT | {"log_comment": self._comment}
            body: Any = self._body(client, table, block.combine_chunks())
            _checked(client.raw_insert("", insert_block=body, settings=settings))

    def _body(self, client: Client, table: str, block: pa.Table) -> memoryview:
        """Return the statement and its rows: a view, for the driver repeats what is bytes."""
        sink = pa.BufferOutputStream()
        sink.write(self._statement(client, table, block.column_names).encode())
        codec: Any = client.write_compression or None
        options = pa.ipc.IpcWriteOptions(compression=codec)
        with pa.ipc.new_stream(sink, block.schema, options=options) as writer:
            writer.write_table(block)
        return memoryview(sink.getvalue())

    def _statement(self, client: Client, table: str, names: list[str]) -> str:
        columns = ", ".join(names)
        types = self._types.get(table)
        if types is None:
            types = self._types[table] = _types(client, table)
        structure = _quoted(", ".join(f"{name} {types[name]}" for name in names))
        # A NULL would let nothing through and raise nothing.
        late = f"ifNull((SELECT max(token) FROM fences WHERE {self._log}) != {self._token}, 1)"  # noqa: S608
        return (
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM input({structure}) "  # noqa: S608
            f"WHERE throwIf({late}, 'another has taken this log over') = 0 FORMAT ArrowStream\n"
        )


def insert(client: Client, table: str, block: pa.Table) -> None:
    """Insert rows as one block, so that each day's rows are there whole or not at all."""
    if len(block):
        _checked(client.insert_arrow(table, block.combine_chunks(), settings=dict(INSERT)))


def _checked(summary: QuerySummary) -> None:
    """See that it was done: a connection that breaks between headers looks like the end of them."""
    if "written_rows" not in summary.summary:
        raise OperationalError("the answer to an insert broke off")


def _types(client: Client, table: str) -> dict[str, str]:
    return dict(
        rows(
            client,
            "SELECT name, type FROM system.columns "
            "WHERE database = currentDatabase() AND table = {table:String}",
            {"table": table},
        )
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
