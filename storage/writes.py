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

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

_ATTACH_S: Final = 5.0
_AGAIN_S: Final = 0.05
_FAILED: Final = (
    "SELECT value FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"
)
_OURS: Final = "database != 'system'"
_TABLES: Final = (
    f"SELECT database, name FROM system.tables WHERE engine LIKE '%MergeTree' AND {_OURS}"  # noqa: S608
)
_PARTS: Final = (
    "SELECT database, table, name, partition_id, min_block_number, max_block_number, rows "  # noqa: S608
    f"FROM system.parts WHERE active AND {_OURS}"
)
_SET_ASIDE: Final = (
    "SELECT database, table, name FROM system.detached_parts "  # noqa: S608
    f"WHERE reason = 'broken-on-start' AND {_OURS}"
)


class Writes:
    """What failed in the chdb of this process, and was mended; shared by all who write there."""

    def __init__(self) -> None:
        self.mended = 0
        """
        How many writes of the process had failed when tables were last loaded anew.

        Whoever inserts does so again when more have failed by its end than this said before it.
        """
        self._detached: list[str] = []
        self._lock = threading.Lock()

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
                for place in client.query(_TABLES).result_rows:
                    table = _quoted(*place)
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
    for *place, name in client.query(_SET_ASIDE).result_rows:
        same = (one for one in before if [*one[:2]] == place and name.endswith(f"_{one[2]}"))
        part = next(same, None)
        if part is None:
            continue  # set aside at a start, or by hand
        broken.append(str(part[2]))
        if _rows_within(part, now) >= part[6]:
            client.command(
                f"ALTER TABLE {_quoted(*place)} DROP DETACHED PART '{name}' "
                "SETTINGS allow_drop_detached = 1"
            )
    return broken


def _rows_within(part: Sequence[Any], parts: Sequence[Any]) -> int:
    """Return how many rows those parts have that lie within the range of blocks of one."""
    database, table, _, partition, first, last, _ = part
    return sum(
        one[6]
        for one in parts
        if (one[0], one[1], one[3]) == (database, table, partition)
        and first <= one[4]
        and one[5] <= last
    )


def _quoted(database: str, table: str) -> str:
    return f"{quote_identifier(database)}.{quote_identifier(table)}"
