"""Writes of chdb that failed: what they spoiled is taken away, and what it was made of comes back.

Where ClickHouse throws when a file cannot be written, chdb goes on (its own change of
`WriteBufferFromFileDescriptor`): an insert's part, or what was merged of others, then counts as
whole and cannot be read. But it counts these writes, and looks at a table that it loads: a part
whose files are not whole is set aside, and what it was merged from, which `storage/chdb.xml` keeps
for a minute, is taken in its place. So tables are loaded anew once a write has failed.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

_ATTACH_S: Final = 5.0
_AGAIN_S: Final = 0.05
_FAILED: Final = (
    "SELECT value FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"
)
_TABLES: Final = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
)
_PARTS: Final = (
    "SELECT table, name, partition_id, min_block_number, max_block_number, rows "
    "FROM system.parts WHERE active AND database = currentDatabase()"
)
_SET_ASIDE: Final = (
    "SELECT table, name FROM system.detached_parts "
    "WHERE database = currentDatabase() AND reason = 'broken-on-start'"
)


class Writes:
    """What failed in a database of chdb, and was mended; shared by all who write there."""

    def __init__(self) -> None:
        self.mended: int | None = None
        """How many writes had failed when tables were last loaded anew; None before the first look.

        Whatever was inserted since is to be made again when more have failed by its end.
        """
        self._detached: list[str] = []
        self._lock = threading.Lock()

    def begin(self, client: Client) -> None:
        """Take what has failed so far for mended: tables are looked at as the engine starts."""
        with self._lock:
            if self.mended is None:
                self.mended = failed(client)

    def mend(self, client: Client) -> list[str]:
        """
        Load the tables anew if a write has failed since; return the parts that were set aside.

        Raises the driver's errors: what was not done then is done by the next call. A table is not
        there meanwhile, and until the questions to it that run have ended.
        """
        with self._lock:
            count = failed(client)
            parts: Sequence[Any] = []
            if count != self.mended:
                parts = client.query(_PARTS).result_rows
                for (table,) in client.query(_TABLES).result_rows:
                    client.command(f"DETACH TABLE {table}")  # which ends its merges, too
                    self._detached.append(table)
                self.mended = count
            self._attach(client)
            return _broken(client, parts) if parts else []

    def _attach(self, client: Client) -> None:
        end = time.monotonic() + _ATTACH_S
        while self._detached:
            for table in tuple(self._detached):
                try:
                    client.command(f"ATTACH TABLE IF NOT EXISTS {table}")
                except ClickHouseError:
                    # A question still reads it, in the first place.
                    if time.monotonic() > end:
                        raise
                else:
                    self._detached.remove(table)
            if self._detached:
                time.sleep(_AGAIN_S)


def failed(client: Client) -> int:
    """Return how many writes of the engine have failed since it was started."""
    found = client.query(_FAILED).result_rows
    return int(found[0][0]) if found else 0


def _broken(client: Client, before: Sequence[Any]) -> list[str]:
    """Return the parts that were set aside, and remove those whose rows are there without them."""
    now = client.query(_PARTS).result_rows
    broken = []
    for table, name in client.query(_SET_ASIDE).result_rows:
        part = next(
            (one for one in before if one[0] == table and name.endswith(f"_{one[1]}")), None
        )
        if part is None:
            continue  # set aside at a start, or by hand
        broken.append(str(part[1]))
        if _rows_within(part, now) >= part[5]:
            client.command(
                f"ALTER TABLE {table} DROP DETACHED PART '{name}' SETTINGS allow_drop_detached = 1"
            )
    return broken


def _rows_within(part: Sequence[Any], parts: Sequence[Any]) -> int:
    """Return how many rows those parts have that lie within the range of blocks of one."""
    table, _, partition, first, last, _ = part
    return sum(
        one[5]
        for one in parts
        if one[:3:2] == (table, partition) and first <= one[3] and one[4] <= last
    )
