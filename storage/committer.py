"""A group into ClickHouse: rows first, its commit record last.

ClickHouse has no transaction: an insert is atomic for each part, one for each day that it touches.
So a killed commit can leave some days of some tables. Every row carries its position; on the next
start `present` looks up which (table, epoch, day, sequence) are there, and the replay leaves them
out. Lists are written first: they may be written again without harm, and nothing may refer to a
text or series that is not there.

On a server a killed commit may even be under way still, or on its way: see `storage/fence.py`.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, cast

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from pipeline.ports import Commit, Counts, Group, Recovery
from pipeline.signal import Signal
from storage import lists
from storage.answers import COUNTED
from storage.connection import rows
from storage.fence import Fence, insert
from storage.remembered import size
from storage.tables import (
    DAY_NS,
    RECORD_TABLES,
    Keep,
    Tables,
    covers,
    expires_day,
    expiring,
    joined,
    record_tables,
)
from storage.written import Written

Present = Mapping[tuple[str, int], frozenset[tuple[int, int]]]
"""By table and epoch: the (day, sequence) that an unfinished commit left."""

_COMMIT: Final = (
    "epoch",
    "first",
    "last",
    "first_stored_ns",
    "last_stored_ns",
    "committed_ns",
    "log",
)


class Known:
    """Rows that are in a list already, some `bytes_max` of them: the least recently used leave."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rows: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def unknown(self, rows: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
        """Return the rows that are not known, each once."""
        found = []
        for row in dict.fromkeys(rows):
            if row in self._rows:
                self._rows.move_to_end(row)
            else:
                found.append(row)
        return found

    def add(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Remember rows that have been written and were not known."""
        for row in rows:
            self._bytes += size(row)
            self._rows[row] = None
        while self._bytes > self._bytes_max:
            row, _ = self._rows.popitem(last=False)
            self._bytes -= size(row)


class Committer:
    """
    Writes the groups of one log; used from one thread.

    Without a fence what is written ends with the process, as in chdb.
    """

    def __init__(
        self,
        keep: Keep,
        fence: Fence | None = None,
        known_bytes_max: int = 8 * 2**20,
        series_max: int = 1_000_000,
    ) -> None:
        self._keep = keep
        self._fence = fence
        self._known = Known(known_bytes_max)
        self._series = Written(series_max)

    def commit(self, client: Client, group: Group, recovery: Recovery) -> None:
        """Write the rows that are not there yet, then the commit record."""
        if covers(recovery.last, group.commit):
            return
        epoch = group.commit.epoch
        there: Present = recovery.present or {}
        tables = joined(
            [record_tables(batch, epoch, group.partition, self._keep) for batch in group.batches]
        )
        if tables:
            self._write_lists(client, group.signal, tables)
        for name in RECORD_TABLES[group.signal]:
            if name in tables:
                missing = absent(tables[name], there.get((name, epoch), frozenset()))
                self._insert(client, name, missing)
        self._insert(client, "commits", record(group, tables))

    def recover(self, client: Client, signal: Signal, partition: int) -> Recovery:
        """Look up the newest commit record and what an unfinished commit left above it."""
        if self._fence:
            self._fence.take(client)
        last = newest(client, signal, partition)
        return Recovery(last, present(client, signal, partition, last))

    def _insert(self, client: Client, table: str, block: pa.Table) -> None:
        """Insert what must not be there twice."""
        (self._fence.insert if self._fence else insert)(client, table, block)

    def _write_lists(self, client: Client, signal: Signal, tables: Tables) -> None:
        if signal is Signal.METRICS:
            self._write_series(client, tables["series"])
            return
        described = tables[RECORD_TABLES[signal][0]]
        if signal is Signal.TRACES:
            insert(client, "trace_bounds", lists.trace_bounds(described))
            self._write(client, "operations", lists.operations(described))
        self._write_shared(client, signal, described)

    def _write_series(self, client: Client, described: pa.Table) -> None:
        """Write the series that are not known, and what they refer to."""
        series = described.append_column(
            "expires_day", expires_day(described["time"], described["keep_for_s"])
        )
        rows = self._series.rows(series)
        lacking = self._series.lacks(rows)
        if not lacking.any():
            return
        chosen: Any = pa.array(lacking)
        insert(client, "series", series.drop_columns(["keep_for_s"]).filter(chosen))
        self._write_shared(client, Signal.METRICS, described.filter(chosen))
        self._series.add(rows[lacking])  # what it refers to is there as well

    def _write_shared(self, client: Client, signal: Signal, described: pa.Table) -> None:
        for name, listed in lists.lists(described, signal.value).items():
            self._write(client, name, listed)

    def _write(self, client: Client, table: str, block: pa.Table) -> None:
        """Write the rows of a list that are not known."""
        columns = [objects(column) for column in block.columns]
        whole = list(zip(repeat(table, len(block)), *columns, strict=True))
        fresh = dict.fromkeys(self._known.unknown(whole))
        chosen = [at for at, row in enumerate(whole) if row in fresh]
        if chosen:
            insert(client, table, block.take(pa.array(chosen)))
            self._known.add(fresh)


def objects(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Return a column as Python objects; numbers come ten times as fast as by `to_pylist`."""
    if pa.types.is_integer(column.type):
        return cast("list[Any]", column.to_numpy().tolist())
    if pa.types.is_dictionary(column.type):
        whole = cast("pa.DictionaryArray[Any, Any]", column.combine_chunks())
        values = whole.dictionary.to_pylist()
        return [values[at] for at in whole.indices.to_numpy().tolist()]
    return column.to_pylist()


def absent(rows: pa.Table, present: frozenset[tuple[int, int]]) -> pa.Table:
    """Return the rows whose (day, sequence) is not present."""
    if not present:
        return rows
    days = rows["time"].to_numpy() // DAY_NS
    places = zip(days.tolist(), rows["sequence"].to_pylist(), strict=True)
    return rows.filter(pa.array([place not in present for place in places]))


def record(group: Group, tables: Tables) -> pa.Table:
    """Return the commit record of a group as a row; `tables` are all rows that it stands for."""
    counts = [{"tenant": tenant, **_numbers(one)} for tenant, one in group.counts.items()]
    refusals = [
        {"tenant": tenant, "reason": str(reason), "records": number}
        for tenant, one in group.counts.items()
        for reason, number in one.reasons.items()
    ]
    expiries = [
        expired
        for name in RECORD_TABLES[group.signal]
        if name in tables
        for expired in expiring(tables[name]).to_pylist()
    ]
    number = pa.uint64()
    kinds = {"epoch": pa.uint32(), "log": pa.utf8()}
    columns = {
        "signal": pa.array([group.signal.value]),
        "partition": pa.array([group.partition], pa.uint16()),
        **{
            name: pa.array([getattr(group.commit, name)], kinds.get(name, number))
            for name in _COMMIT
        },
        "counts": pa.array([counts], _listed(*((name, number) for name in COUNTED))),
        "refusals": pa.array([refusals], _listed(("reason", pa.utf8()), ("records", number))),
        "expiries": pa.array([expiries], _listed(("hour", pa.uint32()), ("records", number))),
    }
    return pa.table(columns)


def _numbers(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in COUNTED}


def _listed(*columns: tuple[str, pa.DataType]) -> pa.DataType:
    """Return the type of a list of such columns, each of a tenant."""
    return pa.list_(pa.struct([("tenant", pa.utf8()), *columns]))


def newest(client: Client, signal: Signal, partition: int) -> Commit | None:
    """Return the newest commit record of a log."""
    found = commits(client, signal, partition, "ORDER BY epoch DESC, last DESC LIMIT 1", {})
    return found[0] if found else None


def touching(
    client: Client, signal: Signal, partition: int, first: int, last: int
) -> Sequence[Commit]:
    """Return the commit records that touch these sequences."""
    limits = "AND last >= {from:UInt64} AND first <= {to:UInt64} ORDER BY epoch, last"
    return commits(client, signal, partition, limits, {"from": first, "to": last})


def commits(
    client: Client, signal: Signal, partition: int, rest: str, parameters: dict[str, int]
) -> list[Commit]:
    """Return commit records of a log; `rest` ends the statement."""
    found = rows(
        client,
        f"SELECT {', '.join(_COMMIT)} FROM commits "  # noqa: S608 - our own columns and clauses
        f"WHERE signal = {{signal:String}} AND partition = {{partition:UInt16}} {rest}",
        {"signal": signal.value, "partition": partition, **parameters},
    )
    return [Commit(*row) for row in found]


def present(client: Client, signal: Signal, partition: int, last: Commit | None) -> Present:
    """Look up which rows lie above the newest commit record: an unfinished commit's."""
    epoch, sequence = (last.epoch, last.last) if last else (0, 0)
    above = {"day": DAY_NS, "partition": partition, "epoch": epoch, "sequence": sequence}
    found: dict[tuple[str, int], set[tuple[int, int]]] = defaultdict(set)
    for table in RECORD_TABLES[signal]:
        for of_epoch, day, at in rows(
            client,
            "SELECT DISTINCT epoch, intDiv(time, {day:UInt64}) AS day, sequence "  # noqa: S608
            f"FROM {table} WHERE partition = {{partition:UInt16}} "
            "AND (epoch > {epoch:UInt32} OR (epoch = {epoch:UInt32} "
            "AND sequence > {sequence:UInt64}))",
            above,
        ):
            found[table, of_epoch].add((day, at))
    return {place: frozenset(one) for place, one in found.items()}
