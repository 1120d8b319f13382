"""What points cost: into each store beside the bare COPY or insert, on disk, and asked over time.

`python -m tests.bench.metrics --series 100000 --stores chdb,postgres` prints a table. CPU seconds
are those of this process and of the server's. The first sweep makes the series, the others are what
goes on; `identity` is the part of it that `storage/series.py` takes, in every store.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline import schema
from pipeline.batch import Batch
from pipeline.plan import AttributeField, Column, Compare, Measure, Operator, Range
from pipeline.ports import Counts, Group
from pipeline.signal import Signal
from storage.clickhouse import open_clickhouse
from storage.config import StorageConfig
from storage.connection import Connection
from storage.fence import insert as bare_insert
from storage.series import identify
from storage.tables import joined, record_tables, services
from storage.target import Target
from storage.timescale import rows
from storage.timescale.store import open_timescale
from tests.support.postgres.rig import settings
from tests.support.postgres.server import PostgresServer, TimescaleServer
from tests.support.stores import ask, commit

BLOCK = 50_000
SECOND = 10**9
TICK = os.sysconf("SC_CLK_TCK")
CONFIG = StorageConfig()


def cpu(pid: int | None) -> float:
    """Return the CPU seconds of a server with its children, of those that ended too."""
    if pid is None:
        return 0.0
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            total += sum(map(int, fields[11:15]))  # what it waited for is its children's
        elif int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / TICK


class Meter:
    """Counts CPU seconds of this process and of a server."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        self.began = self._now()

    def _now(self) -> float:
        return time.process_time() + cpu(self.pid)

    def read(self) -> float:
        return self._now() - self.began


def texts(value: str, length: int) -> pa.Array:
    indices = pa.array(np.zeros(length, np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value]))


def batch(first: int, count: int, sequence: int, time_ns: int, value: int) -> pa.RecordBatch:
    """Return one point of each of `count` counters, as a decoder would."""
    numbers = np.arange(first, first + count)
    hosts = pa.array([f"host-{one // 100}" for one in numbers.tolist()])
    keys = pa.array(["host", "core"] * count)
    flat = pa.StructArray.from_arrays(
        [
            keys,
            pa.array(np.ones(2 * count, np.uint8)),
            pa.array(
                np.stack([hosts.to_numpy(False), (numbers % 100).astype(str)], 1).ravel().tolist()
            ),
        ],
        fields=list(schema.ATTRIBUTE),
    )
    attributes = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * 2), flat)
    columns = {
        "resource": texts('{"attributes":[["service.name",1,"api"]]}', count),
        "scope": texts('{"name":"lib","attributes":[]}', count),
        "metric_name": texts("requests", count),
        "metric_unit": texts("1", count),
        "metric_metadata": texts("[]", count),
        "attributes": attributes,
        "sequence": np.full(count, sequence, np.uint64),
        "time": np.full(count, time_ns, np.uint64),
        "time_unix_nano": np.full(count, time_ns, np.uint64),
        "start_time_unix_nano": np.full(count, 1, np.uint64),
        "metric_type": np.full(count, schema.SUM, np.uint8),
        "aggregation_temporality": np.full(count, 2, np.int32),
        "is_monotonic": np.ones(count, bool),
        "value_int": np.full(count, value, np.int64) * (numbers % 50 + 1),
    }
    arrays = [_column(field, columns.get(field.name), count) for field in schema.POINTS]
    return pa.RecordBatch.from_arrays(arrays, schema=schema.POINTS)


def _column(field, given, count):
    if given is not None:
        return given if isinstance(given, pa.Array) else pa.array(given, field.type)
    if pa.types.is_dictionary(field.type):
        return texts("", count)
    if pa.types.is_list(field.type):
        offsets = pa.array(np.zeros(count + 1, np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array([], field.type.value_type))
    if field.name in {"value_double", "sum", "min", "max"}:
        return pa.nulls(count, field.type)
    return pa.array(np.zeros(count), field.type)


def groups(series: int, times: range, first: int = 1) -> Iterator[Group]:
    """Yield a point of each series at each time, `BLOCK` of them at once."""
    sequence = first
    for at, time_ns in enumerate(times):
        for begin in range(0, series, BLOCK):
            count = min(BLOCK, series - begin)
            made = batch(begin, count, sequence, time_ns, at)
            place = commit(1, sequence, sequence)
            counts = {"default": Counts(received=count, stored=count)}
            yield Group(Signal.METRICS, 0, place, [Batch(Signal.METRICS, "default", made)], counts)
            sequence += 1


@asynccontextmanager
async def opened(kind: str, folder: Path):
    """Yield a store, the server's process, and what inserts the same rows barely."""
    if kind == "chdb":
        target = Target(path=folder / "chdb")
        async with open_clickhouse(target, CONFIG) as store:
            look = Connection(target, "look")
            yield store, None, lambda group: _bare_chdb(look, group), lambda: _bytes_chdb(look)
            look.close()
        return
    server = {"postgres": PostgresServer, "timescale": TimescaleServer}[kind](folder / kind)
    if isinstance(server, TimescaleServer):
        server.flags = ()  # it has much to do
    server.start(**({"shared_buffers": "256MB"} if kind == "postgres" else {}))
    try:
        config = settings(
            server.url("&schema=bench"), CONFIG, series_max=2_000_000, write_time_max=600.0
        )
        async with open_timescale(config.metrics.server(), config) as store:
            yield (
                store,
                server.pid,
                lambda group: _bare_postgres(store, group),
                lambda: _bytes_postgres(store),
            )
    finally:
        server.kill()


async def _bare_chdb(look: Connection, group: Group):
    tables = [record_tables(one, 1, 0, CONFIG.retention.keep_s) for one in group.batches]
    block = joined(tables)["number_points"].combine_chunks()

    async def insert():
        await look.run(lambda client: bare_insert(client, "number_points", block))

    return insert


async def _bare_postgres(store, group: Group):
    oids = store._committers[Signal.METRICS, 0]._oids
    (block,) = rows.points(rows.tables(group, CONFIG.retention.keep_s), oids)

    async def insert():
        async with store._writing.transaction() as connection:
            await connection.copy_to_table(
                block.table, source=BytesIO(block.body), columns=block.columns, format="binary"
            )

    return insert


async def _bytes_chdb(look: Connection) -> float:
    def ask_parts(client):
        client.command("OPTIMIZE TABLE number_points FINAL")
        return client.query(
            "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts "
            "WHERE active AND table = 'number_points'"
        ).result_rows[0][0]

    return await look.run(ask_parts)


async def _bytes_postgres(store) -> float:
    async with store._tidying.connection() as connection:
        total = await connection.fetchval("SELECT count(*) FROM bench.number_points")
        if await connection.fetchval("SELECT to_regclass('public.compress_chunk')") is None:
            size = "SELECT pg_total_relation_size('bench.number_points')"
            return await connection.fetchval(size) / total
        await connection.execute(
            "SELECT public.compress_chunk(one) FROM public.show_chunks('bench.number_points') one"
        )
        size = (
            "SELECT sum(after_compression_total_bytes) "
            "FROM public.chunk_compression_stats('bench.number_points')"
        )
        return float(await connection.fetchval(size)) / total


async def inserts(kind: str, series: int, sweeps: int, folder: Path) -> None:
    end = time.time_ns() // SECOND * SECOND
    async with opened(kind, folder) as (store, pid, bare, size):
        recovery = await store.recover(Signal.METRICS, 0)
        spent = {"first": 0.0, "next": 0.0, "bare": 0.0, "identity": 0.0}
        for at, one in enumerate(
            groups(series, range(end, end + sweeps * 15 * SECOND, 15 * SECOND))
        ):
            fresh = at * BLOCK < series
            meter = Meter(pid)
            await store.commit(one, recovery)
            spent["first" if fresh else "next"] += meter.read()
            if not fresh:
                (data,) = one.batches
                meter = Meter(None)
                identify(data.rows, services(data.rows["resource"]), "default")
                spent["identity"] += meter.read()
                insert = await bare(one)
                meter = Meter(pid)
                await insert()
                spent["bare"] += meter.read()
        later = series * (sweeps - 1) / 1e6
        report = {
            "first": spent["first"] / (series / 1e6),
            **{name: spent[name] / later for name in ("next", "identity", "bare")},
        }
        own = (report["next"] - report["identity"]) / report["bare"]
        numbers = "  ".join(f"{name} {value:.2f}" for name, value in report.items())
        print(
            f"{kind}, {series:,} series: CPU-s per million points: {numbers}; "
            f"{report['next'] / report['bare']:.1f} times the bare, {own:.1f} without identity; "
            f"{await size():.1f} bytes a point",
            flush=True,
        )


async def ranges(kind: str, folder: Path) -> None:
    """A rate by label: 1,000 counters over 6 hours every 15 s, 200 over 7 days every minute."""
    end = time.time_ns() // (3600 * SECOND) * 3600 * SECOND
    for hours, series, every_s, step_s in ((6, 1000, 15, 60), (7 * 24, 200, 60, 3600)):
        begin = end - hours * 3600 * SECOND
        times = range(begin, end, every_s * SECOND)
        async with opened(kind, folder / f"range{hours}") as (store, pid, _, _):
            recovery = await store.recover(Signal.METRICS, 0)
            for one in _long(series, times):
                await store.commit(one, recovery)
            where = Compare(Column("metric_name"), Operator.EQUAL, "requests")
            by = (AttributeField("host"),)
            plan = Range(
                "default", begin, end, step_s * SECOND, 300 * SECOND, where, Measure.RATE, 0.5, by,
                100_000,
            )  # fmt: skip
            await ask(store, plan)
            meter, began = Meter(pid), time.perf_counter()
            found = await ask(store, plan)
            print(
                f"{kind:10} rate by host, {hours:>3} h, {series} series, {series * len(times):,} "
                f"points, {len(found):,} values: {meter.read():.2f} CPU-s, "
                f"{time.perf_counter() - began:.2f} s",
                flush=True,
            )


def _long(series: int, times: range) -> Iterator[Group]:
    """Yield many times of few series, as many points at once as elsewhere."""
    many = max(1, BLOCK // series)
    for sequence, first in enumerate(range(0, len(times), many), 1):
        made = [
            batch(0, series, sequence, at, first + number)
            for number, at in enumerate(times[first : first + many])
        ]
        whole = pa.Table.from_batches(made).unify_dictionaries().combine_chunks()
        (one,) = whole.to_batches()
        data = Batch(Signal.METRICS, "default", one)
        yield Group(Signal.METRICS, 0, commit(1, sequence, sequence), [data], {})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--sweeps", type=int, default=5)
    parser.add_argument("--stores", default="chdb,postgres")
    parser.add_argument("--what", default="inserts,ranges")
    given = parser.parse_args()
    for kind in given.stores.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            if "inserts" in given.what:
                asyncio.run(inserts(kind, given.series, given.sweeps, folder))
            if "ranges" in given.what:
                asyncio.run(ranges(kind, folder))


if __name__ == "__main__":
    main()
