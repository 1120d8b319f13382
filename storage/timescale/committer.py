"""A group into PostgreSQL: its points and its commit record in one transaction.

So a group is there whole or not at all, and the newest commit record says where a log stands. What
may still be under way when a log is taken over cannot commit: see `take`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from io import BytesIO
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from pipeline.errors import Rejected, Unavailable
from pipeline.ports import Commit, Group, Recovery
from pipeline.signal import Signal
from storage.answers import COUNTED
from storage.tables import Keep, covers
from storage.timescale import rows
from storage.timescale.elements import Oids
from storage.timescale.rows import Block
from storage.timescale.seen import Numbers, Seen
from storage.timescale.server import Connection, Pool
from storage.timescale.text import written

_COMMIT: Final = "epoch, first, last, first_stored_ns, last_stored_ns, committed_ns, log"
_LATEST: Final = 2**63 - 1

_IDENTITY: Final[Mapping[str, Sequence[str]]] = {
    "resources": ("tenant", "text"),
    "scopes": ("tenant", "text"),
    "attribute_keys": ("tenant", "level", "key", "type"),
    "series": ("tenant", "series_id", "variant"),
}
"""What the `id` of a row is the hash of."""

_TYPES: Final = """SELECT 'attribute'::regtype::oid::int8, 'attribute[]'::regtype::oid::int8,
'exemplar'::regtype::oid::int8, 'quantile'::regtype::oid::int8"""


Expiry: TypeAlias = tuple[str, int, int]
"""A tenant, an hour since 1970, and how many records are kept until then."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A group as it is written: points, rows of lists that may be new, and what those were."""

    points: Sequence[Block]
    listed: Sequence[Block]
    lives: Numbers
    expiries: Sequence[Expiry]


class Committer:
    """Writes the groups of one log, one at a time."""

    def __init__(self, signal: Signal, partition: int, keep: Keep, seen_max: int) -> None:
        self._log = (signal.value, partition)
        self._keep = keep
        self._seen = Seen(seen_max)
        self._token: int | None = None
        self._oids: Oids | None = None

    async def recover(self, pool: Pool) -> Recovery:
        """
        Take the log over, then look up its newest commit record.

        Waits for a commit that is under way; one that has not begun finds its token outdated.
        """
        async with pool.transaction() as connection:
            token = await connection.fetchval(
                "INSERT INTO fences VALUES ($1, $2, 1) ON CONFLICT (signal, partition) "
                "DO UPDATE SET token = fences.token + 1 RETURNING token",
                *self._log,
            )
            found = await connection.fetchrow(
                f"SELECT {_COMMIT} FROM commits WHERE signal = $1 AND partition = $2 "  # noqa: S608
                "ORDER BY epoch DESC, last DESC LIMIT 1",
                *self._log,
            )
            self._oids = Oids(*await connection.fetchrow(_TYPES))
        self._token = token
        return Recovery(Commit(*found) if found else None)

    async def history(self, pool: Pool, first: int, last: int) -> Sequence[Commit]:
        """Return the commit records that touch these sequences."""
        async with pool.transaction(readonly=True) as connection:
            found = await connection.fetch(
                f"SELECT {_COMMIT} FROM commits WHERE signal = $1 AND partition = $2 "  # noqa: S608
                "AND last >= $3 AND first <= $4 ORDER BY epoch, last",
                *self._log,
                min(first, _LATEST),
                min(last, _LATEST),
            )
        return [Commit(*row) for row in found]

    async def commit(self, pool: Pool, group: Group, recovery: Recovery) -> None:
        """Write the group, unless its commit record is there."""
        if covers(recovery.last, group.commit):
            return
        if self._oids is None:
            raise Unavailable("the log was not looked up before it was written")
        ready = await asyncio.to_thread(self._prepare, group, self._oids)
        async with pool.transaction() as connection:
            await self._take(connection)
            for block in ready.listed:
                await _merge(connection, block)
            for block in ready.points:
                await _copy(connection, block.table, block)
            await _record(connection, group, ready.expiries)
        self._seen.add(ready.lives)  # only now: what a failed transaction wrote is not there

    async def _take(self, connection: Connection) -> None:
        """See that the log is still ours, and keep it so until the transaction ends."""
        token = await connection.fetchval(
            "SELECT token FROM fences WHERE signal = $1 AND partition = $2 FOR UPDATE", *self._log
        )
        if token != self._token:
            raise Unavailable("another has taken this log over")

    def _prepare(self, group: Group, oids: Oids) -> Ready:
        found = rows.tables(group, self._keep)
        if not found:
            return Ready([], [], np.empty(0, np.int64), [])
        series = found["series"]
        lives = rows.lives(series)
        fresh = self._seen.fresh(lives)
        listed: list[Block] = []
        if fresh.any():
            chosen = series.filter(pa.array(fresh))
            listed = [*rows.shared(chosen, oids), rows.series(chosen, oids)]
        return Ready(rows.points(found, oids), listed, lives, rows.expiries(found))


async def _merge(connection: Connection, block: Block) -> None:
    """Write rows that may be there: then they live on for as long as the later ones say."""
    fresh = f"new_{block.table}"
    await connection.execute(f"CREATE TEMP TABLE {fresh} (LIKE {block.table}) ON COMMIT DROP")
    await _copy(connection, fresh, block)
    names = ", ".join(block.columns)
    same = " AND ".join(f"old.{one} = excluded.{one}" for one in _IDENTITY[block.table])
    kept = ", keep_for_s = excluded.keep_for_s" if "keep_for_s" in block.columns else ""
    # In the order of their keys, so that two logs wait for each other in one direction.
    status = await connection.execute(
        f"INSERT INTO {block.table} AS old ({names}) "  # noqa: S608 - our own names
        f"SELECT DISTINCT ON (id) {names} FROM {fresh} ORDER BY id, expires_day DESC "
        f"ON CONFLICT (id) DO UPDATE SET expires_day = greatest(old.expires_day, "
        f"excluded.expires_day){kept} WHERE {same}"
    )
    if int(status.split()[-1]) != block.rows:
        raise Rejected(f"two rows of {block.table} have the same key")


async def _copy(connection: Connection, table: str, block: Block) -> None:
    await connection.copy_to_table(
        table, source=BytesIO(block.body), columns=block.columns, format="binary"
    )


async def _record(connection: Connection, group: Group, expiries: Sequence[Expiry]) -> None:
    counts, refusals = [], []
    for tenant, one in group.counts.items():
        counts.append((written(tenant), *(getattr(one, name) for name in COUNTED)))
        refusals += [(written(tenant), str(reason), many) for reason, many in one.reasons.items()]
    await connection.execute(
        f"INSERT INTO commits (signal, partition, {_COMMIT}, counts, refusals, expiries) "  # noqa: S608
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        group.signal.value,
        group.partition,
        *astuple(group.commit),
        counts,
        refusals,
        [(written(tenant), hour, many) for tenant, hour, many in expiries],
    )
