"""Stores for tests: the fake and the real one behind one handle, and groups to commit."""

import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from clickhouse_connect.driver.exceptions import OperationalError
from pydantic import SecretStr

from otlp.codec import Decoder, encode, validate
from otlp.codec.request import REQUESTS, parse
from pipeline.batch import Batch
from pipeline.keyring import Keyring
from pipeline.plan import Plan, Records
from pipeline.ports import Commit, Counts, Group, Recovery
from pipeline.signal import Signal
from pipeline.window import DAY_NS, TimeWindow
from storage.clickhouse import ClickHouse, open_clickhouse
from storage.config import RemoteConfig, StorageConfig
from storage.connection import Connection
from storage.memory import MemoryStore
from storage.remote import RemoteStorage
from storage.service import StorageService
from storage.target import Target
from tests.support.clickhouse.server import ClickHouseServer
from tests.support.otlp_strategies import records
from tests.support.postgres.rig import KINDS as POINTS
from tests.support.postgres.rig import points_rig

NOW = (time.time_ns() // DAY_NS) * DAY_NS + DAY_NS // 2
"""Noon of today: nothing expires while a test runs, and yesterday is another day."""

CONFIG = StorageConfig(readers=2)
ANYBODY = Keyring(tenant_header=True)
EVERYTHING = 1_000_000
STORES = {
    **dict.fromkeys(("memory", "chdb", "server"), tuple(Signal)),
    **dict.fromkeys(POINTS, (Signal.METRICS,)),
}
"""Every kind of store, and the signals that it takes."""

PASSWORD = "p@ss/word"
USERS = {"aura": PASSWORD}
LOGIN = "aura:p%40ss%2Fword"

_databases = count(1)


@cache
def engine() -> Path:
    """Return the one folder that chdb has in this process; every test has a database of its own."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="aura-chdb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def server() -> ClickHouseServer:
    """Return the one ClickHouse server that the tests of this process share."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="aura-server-"))
    started = ClickHouseServer(folder, users=USERS)
    started.start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(started.kill)
    return started


def root(kind: str) -> Target:
    """Return where databases are made: `chdb` or `server`."""
    if kind == "chdb":
        return Target(path=engine())
    return replace(Target.parse(server().url(user=LOGIN)), database=None)


@dataclass
class Fault:
    """Loses the connection at one insert: before it, with the first day's rows in, or after it."""

    at: int
    when: str
    seen: int = 0
    lost: list[str] = field(default_factory=list)

    def arm(self, at: int) -> None:
        self.at, self.seen, self.lost = at, 0, []


class Faulty:
    """A client with a fault."""

    def __init__(self, client: Any, fault: Fault) -> None:
        self._client = client
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def insert_arrow(self, table: str, rows: pa.Table, **options: Any) -> Any:
        fault = self._fault
        fault.seen += 1
        if fault.seen != fault.at:
            return self._client.insert_arrow(table, rows, **options)
        fault.lost.append(table)
        if fault.when == "half" and "time" in rows.column_names:
            days: list[Any] = [at // DAY_NS for at in cast("Any", rows["time"].to_pylist())]
            first = rows.filter(pa.array([day == min(days) for day in days]))
            self._client.insert_arrow(table, first, **options)
        elif fault.when == "after":
            self._client.insert_arrow(table, rows, **options)
        raise OperationalError("the connection is lost")


@dataclass(frozen=True)
class FaultyTarget(Target):
    fault: Fault = field(default_factory=lambda: Fault(0, "before"))

    def connect(self, *options: Any) -> Any:
        return Faulty(Target.connect(self, *options), self.fault)


@dataclass
class Rig:
    """A store, and for the real one how to look behind it and to break it."""

    store: Any
    target: Target | None = None
    connection: Connection | None = None

    @asynccontextmanager
    async def broken(self, when: str, at: int = 0) -> AsyncIterator[tuple[ClickHouse, Fault]]:
        """Open the same database with a fault at an insert, counted from 1."""
        assert self.target is not None
        fault = Fault(0, when)
        where = self.target
        target = FaultyTarget(where.path, where.database, where.server, fault=fault)
        async with open_clickhouse(target, replace_readers(1)) as store:
            fault.arm(at)
            yield store, fault

    async def sql(self, text: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement of the test's own."""

        def ask(client: Any) -> list[tuple[Any, ...]]:
            if text.startswith("SELECT"):
                return [tuple(row) for row in client.query(text, parameters).result_rows]
            client.command(text, parameters)
            return []

        assert self.connection is not None
        return await self.connection.run(ask)


class Joined:
    """A store that is written to here and asked from elsewhere."""

    def __init__(self, store: MemoryStore, asked: RemoteStorage) -> None:
        self.recover, self.commit, self.run = store.recover, store.commit, asked.run


def replace_readers(number: int, **changes: Any) -> StorageConfig:
    return CONFIG.model_copy(update={"readers": number, **changes})


_free: dict[str, list[str]] = {"chdb": [], "server": []}


@asynccontextmanager
async def database(kind: str = "chdb", *, fresh: bool = False) -> AsyncIterator[Target]:
    """An empty database in an engine: a new one, or one that was used and emptied again."""
    target = root(kind)
    connection = Connection(target, "test")
    free = _free[kind]
    new = fresh or not free
    name = f"test_{next(_databases)}" if new else free.pop()
    if new:
        await connection.run(lambda client: client.command(f"CREATE DATABASE {name}"))
    try:
        yield replace(target, database=name)
    finally:
        await connection.run(lambda client: (_drop if fresh else _empty)(client, name))
        connection.close()
        if not fresh:
            free.append(name)


def _drop(client: Any, name: str) -> None:
    client.command(f"DROP DATABASE {name} SYNC")


def _empty(client: Any, name: str) -> None:
    filled = f"SELECT name FROM system.tables WHERE database = '{name}' AND total_rows > 0"
    for (table,) in client.query(filled).result_rows:
        if table != "migrations":
            client.command(f"TRUNCATE TABLE {name}.{table}")


@asynccontextmanager
async def remote(
    backend: Any, keyring: Keyring = ANYBODY, key: str = "", **changes: Any
) -> AsyncIterator[RemoteStorage]:
    """A backend as another process asks it."""
    config = CONFIG.model_copy(update={"listen": "127.0.0.1:0", **changes})
    async with StorageService(config, backend, keyring, tls=None) as service:
        where = RemoteConfig(url=f"grpc://{service.address}", key=SecretStr(key))
        asking = RemoteStorage(where, deadline_s=30.0)
        try:
            yield asking
        finally:
            await asking.close()


@asynccontextmanager
async def rig(kind: str, *, fresh: bool = False, **config: Any) -> AsyncIterator[Any]:
    if kind == "memory":
        yield Rig(MemoryStore())
        return
    if kind in POINTS:
        async with points_rig(kind, replace_readers(2, **config), fresh=fresh) as points:
            yield points
        return
    if kind == "remote":
        store = MemoryStore()
        async with remote(store, rows_max=EVERYTHING) as asking:
            yield Rig(Joined(store, asking))
        return
    settings = replace_readers(2, **config)
    async with database(kind) as target, open_clickhouse(target, settings) as store:
        connection = Connection(target, "look")
        try:
            yield Rig(store, target, connection)
        finally:
            connection.close()


async def ask(backend: Any, plan: Plan) -> pa.Table:
    return pa.Table.from_batches([batch async for batch in backend.run(plan)])


def everything(signal: Signal, tenant: str, **changes: Any) -> Records:
    return replace(Records(signal, tenant, 0, 2**64 - 1, None, EVERYTHING), **changes)


async def stored(backend: Any, signal: Signal, tenant: str) -> list[tuple[bytes, ...]]:
    """Return what a store holds of a tenant, in a form that `sent` has too."""
    rows = await ask(backend, everything(signal, tenant))
    return sorted(records(signal, parse(signal, encode(signal, rows))))


async def holds(store: Any, signal: Signal, posts: Sequence[tuple[int, str, Any]]) -> None:
    """Check that the store holds what these messages carried, each record once."""
    for tenant in {tenant for _, tenant, _ in posts}:
        expected = sent(signal, (request for _, to, request in posts if to == tenant))
        assert await stored(store, signal, tenant) == expected


def sent(signal: Signal, requests: Iterable[Any]) -> list[tuple[bytes, ...]]:
    return sorted(record for request in requests for record in records(signal, request))


def group(
    signal: Signal,
    messages: Iterable[tuple[int, str, Any]],
    *,
    partition: int = 0,
    epoch: int = 1,
    arrived_ns: int = NOW,
) -> Group:
    """Return the group of messages (sequence, tenant, request)."""
    decoders: dict[str, Decoder] = {}
    counts: dict[str, Counts] = {}
    sequences = []
    for sequence, tenant, request in messages:
        sequences.append(sequence)
        count = counts.setdefault(tenant, Counts())
        for part in validate(signal, request.SerializeToString(), 1 << 26).parts:
            decoder = decoders.setdefault(tenant, Decoder(signal, TimeWindow()))
            decoder.append(part.payload, sequence, arrived_ns, part.records)
            count.received += part.records
            count.stored += part.records
    batches = [Batch(signal, tenant, decoder.finish()) for tenant, decoder in decoders.items()]
    place = commit(epoch, min(sequences), max(sequences))
    return Group(signal, partition, place, batches, counts)


def commit(epoch: int, first: int, last: int) -> Commit:
    return Commit(epoch, first, last, NOW + first, NOW + last, NOW + last, "log")


async def write(store: Any, *groups: Group) -> Recovery:
    """Commit groups of one log as a worker does, from what the store says."""
    (log,) = {(one.signal, one.partition) for one in groups}
    recovery: Recovery = await store.recover(*log)
    for one in groups:
        await store.commit(one, recovery)
    return recovery


def message(signal: Signal, sequence: int, service: str = "api") -> Any:
    """Return a request whose records lie on two days, and are of every kind."""
    request: Any = REQUESTS[signal]()
    outer = {"traces": request_spans, "logs": request_logs, "metrics": request_points}
    outer[signal.value](request, service, sequence)
    return request


def messages(signal: Signal, sequences: Sequence[int], tenants: Sequence[str]) -> Any:
    return [
        (sequence, tenants[sequence % len(tenants)], message(signal, sequence))
        for sequence in sequences
    ]


TIMES = (NOW, NOW - DAY_NS)


def attribute(attributes: Any, key: str, value: str | int) -> None:
    one = attributes.add(key=key)
    setattr(one.value, "int_value" if isinstance(value, int) else "string_value", value)


def around(resources: Any, service: str) -> Any:
    one = resources.add()
    attribute(one.resource.attributes, "service.name", service)
    return one


def request_spans(request: Any, service: str, sequence: int) -> None:
    group = around(request.resource_spans, service).scope_spans.add()
    group.scope.name = "lib"
    for at in TIMES:
        span = group.spans.add(
            name=f"op{sequence % 3}",
            kind=2,
            trace_id=sequence.to_bytes(16, "big"),
            span_id=(at ^ sequence).to_bytes(8, "big"),
            start_time_unix_nano=at,
            end_time_unix_nano=at + sequence,
        )
        attribute(span.attributes, "number", sequence)


def request_logs(request: Any, service: str, sequence: int) -> None:
    group = around(request.resource_logs, service).scope_logs.add()
    group.scope.name = "lib"
    for at in TIMES:
        log = group.log_records.add(time_unix_nano=at, severity_number=9)
        log.body.string_value = f"message {sequence}"
        attribute(log.attributes, "number", sequence)


def request_points(request: Any, service: str, sequence: int) -> None:
    group = around(request.resource_metrics, service).scope_metrics.add()
    group.scope.name = "lib"
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        data = getattr(group.metrics.add(name=kind), kind)
        if kind not in {"gauge", "summary"}:
            data.aggregation_temporality = 2
        for at in TIMES:
            point = data.data_points.add(time_unix_nano=at)
            attribute(point.attributes, "host", f"h{sequence % 2}")
            if kind in {"gauge", "sum"}:
                point.as_int = sequence
            else:
                point.count = sequence
            if kind == "exponential_histogram":
                point.zero_count = sequence
