"""
Compare physical ClickHouse layouts for spans, logs and points: insert, merge, size and cold search.

Every candidate is the recommended layout with one thing changed. CPU is that of the whole process
(chdb's threads too), without the generator's; compare ratios within one run. Queries run without
the condition, mark and uncompressed caches; the operating system's page cache stays warm.
"""

# The pyarrow stubs know neither unparametrised arrays nor numpy arguments.
# mypy: disable-error-code="arg-type,attr-defined,call-overload,no-any-return,type-arg"

import argparse
import json
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import clickhouse_connect
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

DAY_NS = 86_400_000_000_000
MIDNIGHT_NS = (int(time.time()) // 86_400 - 1) * DAY_NS
HOUR_NS = 3_600_000_000_000
SERVICES, OPERATIONS, PODS, KEYS = 50, 8, 20, 40
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
WORDS = ["payment", "order", "cart", "refused", "timeout", "retry", "cache", "miss", "shipped"]


@dataclass(frozen=True)
class Load:
    """So many rows, spread evenly over these hours around a midnight (two partitions)."""

    seed: int
    rows: int
    hours: float

    def times(self, first: int, rows: int) -> np.ndarray:
        """Return the times of a block's rows, in order of arrival."""
        span = int(self.hours * HOUR_NS)
        return MIDNIGHT_NS - span // 2 + (first + np.arange(rows)) * (span // self.rows)


def text(pool: Sequence[str], index: np.ndarray) -> pa.Array:
    """Return the pool's strings at these indices, dictionary-encoded as the decoder does it."""
    return pa.DictionaryArray.from_arrays(pa.array(index.ravel().astype(np.int32)), list(pool))


def tokens(rng: np.random.Generator, count: int) -> pa.Array:
    """Return unique 16-character hexadecimal strings."""
    data = HEX[rng.integers(0, 16, (count, 16), np.uint8)]
    offsets = np.arange(0, 16 * count + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data))


def ids(rng: np.random.Generator, count: int, width: int) -> pa.Array:
    """Return random identifiers of a fixed width."""
    data = pa.py_buffer(rng.bytes(count * width))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), count, [None, data])


def triples(keys: pa.Array, kinds: np.ndarray, values: pa.Array, offsets: np.ndarray) -> pa.Array:
    """Return attributes as list<struct<key, type, value>>."""
    flat = pa.StructArray.from_arrays(
        [keys, pa.array(kinds.ravel().astype(np.uint8)), values], ["key", "type", "value"]
    )
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), flat)


def attributes(rng: np.random.Generator, operation: np.ndarray, width: int) -> pa.Array:
    """Return attributes a row: a unique request id, a skewed user id, others of few values."""
    rows = len(operation)
    names = ["request.id", "user.id", "http.response.status_code"]
    names += [f"app.component.attribute_{n}" for n in range(KEYS - len(names))]
    key = 3 + (operation[:, None] * 7 + np.arange(width)) % (KEYS - 3)
    key[:, :3] = np.arange(3)
    user = (rng.pareto(0.6, rows) * 50).astype(np.int64) % 200_000
    small = [f"value-{n}-of-some-attribute" for n in range(500)]
    pool = pa.array(small + [str(n) for n in (200, 201, 301, 404, 500)])
    pick = np.minimum(rng.pareto(0.8, (rows, width)) * 3, 499).astype(np.int64)
    pick[:, 2] = 500 + rng.choice(5, rows, p=[0.8, 0.08, 0.05, 0.05, 0.02])
    pick[:, 0] = 505 + np.arange(rows)
    pick[:, 1] = 505 + rows + np.arange(rows)
    users = pc.binary_join_element_wise("user-", pc.cast(pa.array(user), pa.utf8()), "")
    values = pa.concat_arrays([pool, tokens(rng, rows), users]).take(pa.array(pick.ravel()))
    kinds = np.where(np.arange(width) == 2, 3, 1) * np.ones((rows, 1))
    return triples(text(names, key), kinds, values, np.arange(0, rows * width + 1, width))


def resources() -> list[str]:
    """Return one canonical JSON text for each pod of each service."""
    return [
        json.dumps(
            {
                "attributes": [
                    ["service.name", 1, f"service-{n // PODS}"],
                    ["k8s.pod.name", 1, f"pod-{n}-7c9d8b6f5"],
                    ["host.name", 1, f"node-{n % 97}.europe-west1.internal"],
                    ["process.pid", 3, str(1000 + n)],
                    ["telemetry.sdk.language", 1, ("go", "java", "python")[n % 3]],
                ],
                "dropped_attributes_count": 0,
                "schema_url": "https://opentelemetry.io/schemas/1.27.0",
            },
            separators=(",", ":"),
        )
        for n in range(SERVICES * PODS)
    ]


def common(rng: np.random.Generator, load: Load, first: int, rows: int) -> dict[str, pa.Array]:
    """Return the columns that all signals share, in order of arrival, as `position` has them."""
    service = np.minimum(rng.pareto(0.9, rows) * 4, SERVICES - 1).astype(np.int64)
    pod = service * PODS + rng.integers(0, PODS, rows)
    at = load.times(first, rows) - rng.integers(0, 5_000_000_000, rows)
    return {
        "tenant": text(["default"], np.zeros(rows)),
        "service_name": text([f"service-{n}" for n in range(SERVICES)], service),
        "time": pa.array(at.astype(np.uint64)),
        "resource": text(resources(), pod),
        "scope": text(['{"name":"io.opentelemetry.http","version":"1.2"}'], np.zeros(rows)),
        "epoch": pa.array(np.ones(rows, np.uint32)),
        "partition": pa.array((np.arange(rows) // 1000 % 4).astype(np.uint16)),
        "sequence": pa.array(((first + np.arange(rows)) // 100).astype(np.uint64)),
        "keep_for_s": pa.array(np.full(rows, 30 * 86_400, np.uint32)),
    }


def spans(load: Load, first: int, rows: int) -> pa.Table:
    """Return one block of distinct spans."""
    rng = np.random.default_rng([load.seed, first])
    columns = common(rng, load, first, rows)
    service = columns["service_name"].indices.to_numpy()
    operation = service * OPERATIONS + np.minimum(rng.pareto(1, rows) * 2, 7).astype(np.int64)
    trace = ids(rng, rows // 8 + 1, 16).take(pa.array(np.arange(rows) // 8))
    span = ids(rng, rows, 8)
    failed = rng.random(rows) < 0.02
    count = int(failed.sum())
    stack = pc.binary_join_element_wise(
        "Traceback (most recent call last): in handle line ", tokens(rng, count), "\n" * 20, ""
    )
    details = triples(
        text(["exception.type", "exception.stacktrace"], np.tile([0, 1], count)),
        np.ones(2 * count),
        pa.concat_arrays([pa.array(["ValueError"]), stack]).take(
            pa.array(np.stack([np.zeros(count), 1 + np.arange(count)], 1).astype(int).ravel())
        ),
        np.arange(0, 2 * count + 1, 2),
    )
    start = columns["time"].to_numpy()
    end = start + (rng.lognormal(15, 1.5, rows)).astype(np.uint64)
    event = pa.StructArray.from_arrays(
        [
            pa.array(end[failed]),
            text(["exception"], np.zeros(count)),
            details,
            pa.array(np.zeros(count, np.uint32)),
        ],
        ["time_unix_nano", "name", "attributes", "dropped_attributes_count"],
    )
    linked = rng.random(rows) < 0.002
    links = int(linked.sum())
    none = np.zeros(links, np.int32)
    link = pa.StructArray.from_arrays(
        [
            ids(rng, links, 16),
            ids(rng, links, 8),
            text([""], none),
            triples(text(["x"], none[:0]), none[:0], pa.array([], pa.utf8()), np.zeros(links + 1)),
            pa.array(none.astype(np.uint32)),
            pa.array(none.astype(np.uint32)),
        ],
        ["trace_id", "span_id", "trace_state", "attributes", "dropped_attributes_count", "flags"],
    )
    columns |= {
        "name": text(
            [f"GET /api/v1/operation_{n}" for n in range(SERVICES * OPERATIONS)], operation
        ),
        "start_time_unix_nano": columns["time"],
        "end_time_unix_nano": pa.array(end),
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": span.take(pa.array(np.maximum(np.arange(rows) - 1, 0))),
        "trace_state": text([""], np.zeros(rows)),
        "kind": pa.array((operation % 5 + 1).astype(np.uint8)),
        "status_code": pa.array((failed * 2).astype(np.uint8)),
        "status_message": text(["", "handler failed"], failed),
        "flags": pa.array(np.full(rows, 257, np.uint32)),
        "dropped_attributes_count": pa.array(np.zeros(rows, np.uint32)),
        "dropped_events_count": pa.array(np.zeros(rows, np.uint32)),
        "dropped_links_count": pa.array(np.zeros(rows, np.uint32)),
        "attributes": attributes(rng, operation, 8),
        "events": pa.ListArray.from_arrays(offsets_of(failed), event),
        "links": pa.ListArray.from_arrays(offsets_of(linked), link),
    }
    return pa.table(columns)


def offsets_of(present: np.ndarray) -> pa.Array:
    """Return list offsets for at most one item a row."""
    return pa.array(np.concatenate([[0], np.cumsum(present)]).astype(np.int32))


def logs(load: Load, first: int, rows: int) -> pa.Table:
    """Return one block of distinct log records."""
    rng = np.random.default_rng([load.seed, first, 1])
    columns = common(rng, load, first, rows)
    service = columns["service_name"].indices.to_numpy()
    words = [pa.array(WORDS).take(pa.array(rng.integers(0, len(WORDS), rows))) for _ in range(5)]
    user = pc.cast(pa.array(rng.integers(0, 100_000, rows)), pa.utf8())
    body = pc.binary_join_element_wise(
        "handled", *words, "request_id:", tokens(rng, rows), "for user", user, "in the shop", " "
    )
    columns |= {
        "time_unix_nano": columns["time"],
        "observed_time_unix_nano": pc.add(columns["time"], pa.scalar(1_000_000, pa.uint64())),
        "severity_number": pa.array(
            rng.choice([9, 13, 17], rows, p=[0.9, 0.07, 0.03]).astype(np.uint8)
        ),
        "severity_text": text(["INFO"], np.zeros(rows)),
        "body_type": pa.array(np.ones(rows, np.uint8)),
        "body": body,
        "trace_id": ids(rng, rows, 16),
        "span_id": ids(rng, rows, 8),
        "flags": pa.array(np.ones(rows, np.uint32)),
        "event_name": text([""], np.zeros(rows)),
        "dropped_attributes_count": pa.array(np.zeros(rows, np.uint32)),
        "attributes": attributes(rng, service, 4),
    }
    return pa.table(columns)


def points(load: Load, first: int, rows: int) -> pa.Table:
    """Return one block of points: 5,000 series, each scraped in turn."""
    rng = np.random.default_rng([load.seed, first, 2])
    columns = common(rng, load, first, rows)
    row = first + np.arange(rows)
    series = row % 5000
    whole = series % 2 == 0
    number = np.where(whole, row // 5000 * (series % 97), 0)
    real = np.where(whole, 0.0, np.round(20 + 5 * np.sin(row / 1e5) + rng.normal(0, 1, rows), 3))
    kept = {k: columns[k] for k in ("tenant", "epoch", "partition", "sequence", "keep_for_s")}
    item = pa.struct([("time_unix_nano", pa.uint64()), ("trace_id", pa.binary(16))])
    at = pa.array(np.repeat(load.times(first, rows)[::5000], 5000)[:rows].astype(np.uint64))
    return pa.table(
        kept
        | {
            "series_id": pa.array(series.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)),
            "variant": pa.array(series.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)),
            "time": at,
            "time_unix_nano": at,
            "start_time_unix_nano": pa.array(np.full(rows, MIDNIGHT_NS - DAY_NS, np.uint64)),
            "type": pa.array(np.where(whole, 2, 1).astype(np.uint8)),
            "int": pa.array(number.astype(np.int64)),
            "double": pa.array(real),
            "flags": pa.array(np.zeros(rows, np.uint32)),
            "exemplars": pa.ListArray.from_arrays(
                pa.array(np.zeros(rows + 1, np.int32)), pa.array([], item)
            ),
        }
    )


KEY_VALUES = "Array(Tuple(key LowCardinality(String), type UInt8, value String)) CODEC(ZSTD(1))"
PARSED = "JSONExtract(toString(resource), 'attributes', 'Array(Tuple(String, UInt8, String))')"
EVENT_VALUES = "arrayFlatten(events.attributes.value)"
PAIRS = "arrayMap((k, v) -> cityHash64(k, v), attributes.key, attributes.value)"
TIME = "UInt64 CODEC(Delta, ZSTD(1))"
LOW = "LowCardinality(String)"
HOUR = "intDiv(time, 3600000000000)"
COMMON = {
    "tenant": LOW, "service_name": LOW, "time": TIME, "resource": LOW, "scope": LOW,
    "epoch": "UInt32", "partition": "UInt16", "sequence": "UInt64 CODEC(Delta, ZSTD(1))",
    "keep_for_s": "UInt32",
}  # fmt: skip
IDS = {"trace_id": "FixedString(16) CODEC(NONE)", "span_id": "FixedString(8) CODEC(NONE)"}
EVENTS = (
    "Array(Tuple(time_unix_nano UInt64, name LowCardinality(String), attributes Array(Tuple("
    "key LowCardinality(String), type UInt8, value String)), dropped_attributes_count UInt32))"
    " CODEC(ZSTD(1))"
)
LINKS = (
    "Array(Tuple(trace_id FixedString(16), span_id FixedString(8), trace_state String, attributes "
    "Array(Tuple(key LowCardinality(String), type UInt8, value String)), "
    "dropped_attributes_count UInt32, flags UInt32)) CODEC(ZSTD(1))"
)
COUNT = "UInt32"
COLUMNS: dict[str, dict[str, str]] = {
    "spans": COMMON | IDS | {
        "name": LOW, "start_time_unix_nano": TIME, "end_time_unix_nano": TIME,
        "parent_span_id": IDS["span_id"], "trace_state": LOW, "kind": "UInt8",
        "status_code": "UInt8", "status_message": LOW, "flags": COUNT,
        "dropped_attributes_count": COUNT, "dropped_events_count": COUNT,
        "dropped_links_count": COUNT, "attributes": KEY_VALUES, "events": EVENTS, "links": LINKS,
    },
    "logs": COMMON | IDS | {
        "time_unix_nano": TIME, "observed_time_unix_nano": TIME, "severity_number": "UInt8",
        "severity_text": LOW, "body_type": "UInt8", "body": "String CODEC(ZSTD(1))",
        "flags": COUNT, "event_name": LOW, "dropped_attributes_count": COUNT,
        "attributes": KEY_VALUES,
    },
    "points": {k: COMMON[k] for k in ("tenant", "epoch", "partition", "sequence", "keep_for_s")} | {
        "series_id": "UInt64", "variant": "UInt64", "time": "UInt64 CODEC(DoubleDelta, ZSTD(1))",
        "time_unix_nano": "UInt64 CODEC(DoubleDelta, ZSTD(1))",
        "start_time_unix_nano": "UInt64 CODEC(Delta, ZSTD(1))", "type": "UInt8",
        "int": "Int64 CODEC(Delta, ZSTD(1))", "double": "Float64 CODEC(ZSTD(1))", "flags": COUNT,
        "exemplars": "Array(Tuple(time_unix_nano UInt64, trace_id FixedString(16)))",
    },
}  # fmt: skip
ORDER = {
    "spans": f"tenant, {HOUR}, service_name, name, time",
    "logs": f"tenant, {HOUR}, service_name, time",
    "points": "tenant, series_id, time",
}
BLOOM = "TYPE bloom_filter(0.01) GRANULARITY 1"
VALUES = f"attributes.value {BLOOM}"
RESOURCE = f"resource {BLOOM}"
SCOPE = f"scope {BLOOM}"
SEQUENCE = "sequence TYPE minmax GRANULARITY 1"
WHEN = "time TYPE minmax GRANULARITY 1"
BODY = "tokens(lower(body)) TYPE bloom_filter(0.001) GRANULARITY 1"
INDEXES = {
    "spans": (VALUES, RESOURCE, SCOPE, SEQUENCE, WHEN, f"{EVENT_VALUES} {BLOOM}"),
    "logs": (VALUES, RESOURCE, SCOPE, SEQUENCE, WHEN, BODY),
    "points": (SEQUENCE,),
}
TTL = "toDateTime(least(intDiv(time, 1000000000) + keep_for_s, 4294967295))"
SETTINGS = {"min_bytes_for_wide_part": "1073741824", "min_rows_for_wide_part": "0"}


@dataclass(frozen=True)
class Candidate:
    """The recommended layout of a signal with some parts replaced."""

    name: str
    signal: str = "spans"
    columns: dict[str, str] = field(default_factory=dict)
    order: str = ""
    indexes: tuple[str, ...] | None = None
    settings: dict[str, str] = field(default_factory=dict)
    ttl: str = TTL
    convert: Callable[[pa.Table], pa.Table] = lambda block: block
    has: str = "has(attributes.value, {})"
    body: str = "indexHint(has(tokens(lower(body)), '{0}')) AND hasToken(lower(body), '{0}')"

    def ddl(self, table: str) -> str:
        """Return the CREATE TABLE statement."""
        columns = {k: v for k, v in (COLUMNS[self.signal] | self.columns).items() if v}
        indexes = INDEXES[self.signal] if self.indexes is None else self.indexes
        lines = [f"`{name}` {kind}" for name, kind in columns.items()]
        lines += [f"INDEX index_{n} {index}" for n, index in enumerate(indexes)]
        settings = ", ".join(f"{k} = {v}" for k, v in (SETTINGS | self.settings).items())
        return (
            f"CREATE TABLE {table} ({', '.join(lines)}) ENGINE = MergeTree "
            f"PARTITION BY toUInt16(intDiv(time, {DAY_NS})) "
            f"ORDER BY ({self.order or ORDER[self.signal]}) "
            f"{f'TTL {self.ttl} ' if self.ttl else ''}SETTINGS {settings}"
        )


def as_map(block: pa.Table) -> pa.Table:
    """Turn attributes into a map and an array of types."""
    flat, offsets = parts(block)
    pairs = pa.MapArray.from_arrays(offsets, pc.cast(flat.field(0), pa.utf8()), flat.field(2))
    block = block.set_column(block.column_names.index("attributes"), "attributes", pairs)
    return block.append_column("types", pa.ListArray.from_arrays(offsets, flat.field(1)))


def as_three(block: pa.Table) -> pa.Table:
    """Turn attributes into three parallel arrays."""
    flat, offsets = parts(block)
    block = block.drop_columns(["attributes"])
    for number, name in enumerate(("key", "type", "value")):
        array = pa.ListArray.from_arrays(offsets, flat.field(number))
        block = block.append_column(f"attributes.{name}", array)
    return block


def parts(block: pa.Table) -> tuple[pa.StructArray, pa.Array]:
    """Return the flat structs of the attributes and their offsets."""
    column = block["attributes"].combine_chunks()
    return column.flatten(), column.offsets


def as_texts(*names: str) -> Callable[[pa.Table], pa.Table]:
    """Return a conversion of these columns to JSON text."""

    def convert(block: pa.Table) -> pa.Table:
        for name in names:
            column = block[name].to_pylist()
            packed = [json.dumps(v, default=bytes.hex) if v else "" for v in column]
            block = block.set_column(block.column_names.index(name), name, pa.array(packed))
        return block

    return convert


ALL_LEVELS = f"arrayConcat(attributes.value, tupleElement({PARSED}, 3), {EVENT_VALUES})"
PLAIN = {k: v.split(" CODEC")[0] for k, v in COLUMNS["spans"].items()}
SPANS = [
    Candidate("recommended"),
    Candidate("no index", indexes=()),
    Candidate("no ttl", ttl=""),
    Candidate("LZ4 everywhere", columns=PLAIN),
    Candidate("key String", columns={"attributes": KEY_VALUES.replace(LOW, "String")}),
    Candidate("three arrays", convert=as_three, columns={
        "attributes": "", "attributes.key": f"Array({LOW}) CODEC(ZSTD(1))",
        "attributes.type": "Array(UInt8) CODEC(ZSTD(1))",
        "attributes.value": "Array(String) CODEC(ZSTD(1))"}),
    Candidate("Map + types", convert=as_map, has="has(mapValues(attributes), {})", columns={
        "attributes": "Map(String, String) CODEC(ZSTD(1))", "types": "Array(UInt8)"},
        indexes=(f"mapValues(attributes) {BLOOM}", *INDEXES["spans"][1:])),
    Candidate("events, links as text", convert=as_texts("events", "links"), columns={
        "events": "String CODEC(ZSTD(1))", "links": "String CODEC(ZSTD(1))"},
        indexes=INDEXES["spans"][:-1]),
    Candidate("order service, name, time", order="tenant, service_name, name, time"),
    Candidate("order service, time", order="tenant, service_name, time"),
    Candidate("bloom values only", indexes=(VALUES, SEQUENCE, WHEN)),
    Candidate("one bloom, JSON parsed", indexes=(f"{ALL_LEVELS} {BLOOM}", SEQUENCE, WHEN),
              has=f"has({ALL_LEVELS}, {{}})"),
    Candidate("bloom trace_id", indexes=(*INDEXES["spans"], f"trace_id {BLOOM}")),
    Candidate("text over values", indexes=(RESOURCE, SEQUENCE, WHEN,
              "attributes.value TYPE text(tokenizer = array) GRANULARITY 100000000")),
    Candidate("wide over 10 MB", settings={"min_bytes_for_wide_part": "10485760"}),
    Candidate("wide over 128 MB", settings={"min_bytes_for_wide_part": "134217728"}),
    Candidate("wide over 256 MB", settings={"min_bytes_for_wide_part": "268435456"}),
    Candidate("granules of 16384", settings={"index_granularity": "16384"}),
    Candidate("type tags LowCardinality", columns={
        "attributes": KEY_VALUES.replace("type UInt8", "type LowCardinality(UInt8)")}),
]  # fmt: skip
LOGS = [
    Candidate("recommended", "logs"),
    Candidate("no body index", "logs", indexes=INDEXES["logs"][:-1],
              body="hasToken(body, '{}')"),
    Candidate("text", "logs", body="hasAllTokens(body, '{}')", indexes=(*INDEXES["logs"][:-1],
              "body TYPE text(tokenizer = splitByNonAlpha) GRANULARITY 100000000")),
    Candidate("tokenbf", "logs", body="hasToken(body, '{}')", indexes=(
        *INDEXES["logs"][:-1], "body TYPE tokenbf_v1(16384, 3, 0) GRANULARITY 1")),
    Candidate("ngrambf", "logs", body="body LIKE '%{}%'", indexes=(
        *INDEXES["logs"][:-1], "body TYPE ngrambf_v1(4, 32768, 3, 0) GRANULARITY 1")),
    Candidate("order service, time", "logs", order="tenant, service_name, time"),
]  # fmt: skip
POINTS = [
    Candidate("recommended", "points"),
    Candidate("LZ4 everywhere", "points",
              columns={k: v.split(" CODEC")[0] for k, v in COLUMNS["points"].items()}),
    Candidate("Gorilla", "points", columns={"double": "Float64 CODEC(Gorilla, ZSTD(1))"}),
    Candidate("T64 for int", "points", columns={"int": "Int64 CODEC(T64, ZSTD(1))"}),
    Candidate("nullable", "points", columns={
        "int": "Nullable(Int64) CODEC(Delta, ZSTD(1))", "double": "Nullable(Float64)"}),
]  # fmt: skip


def cpu_s() -> float:
    """Return the CPU seconds of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def settle(client: Client, quiet_s: float = 2.5) -> None:
    """Wait until nothing merges and the parts stay the same."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < quiet_s:
        busy = client.query("SELECT count() FROM system.merges").result_rows[0][0]
        parts_now = client.query(
            "SELECT count() FROM system.parts WHERE active AND table = 'trial'"
        ).result_rows[0][0]
        if busy or parts_now != seen:
            seen, since = parts_now, time.monotonic()
        time.sleep(0.2)


def searches(candidate: Candidate, block: pa.Table, unique: str) -> Iterator[tuple[str, str]]:
    """Yield the name and SQL of each search that the signal is asked."""
    if candidate.signal == "points":
        series = block["series_id"][17].as_py()
        yield "series", f"SELECT sum(double) FROM trial WHERE series_id = {series}"
        yield "replay", "SELECT DISTINCT sequence FROM trial WHERE epoch = 1 AND sequence > 1990"
        return
    newest = "ORDER BY time DESC LIMIT 20"
    row = f"SELECT * FROM trial WHERE {{}} {newest}"
    user = "user-104857"
    if candidate.name == "Map + types":
        pair = candidate.has.format(f"'{user}'") + f" AND attributes['user.id'] = '{user}'"
    else:
        pair = candidate.has.format(f"'{user}'") + (
            f" AND arrayExists((k, v) -> k = 'user.id' AND v = '{user}',"
            " attributes.key, attributes.value)"
        )
    yield "unique", row.format(candidate.has.format(f"'{unique}'"))
    yield "pair+svc", row.format(f"service_name = 'service-3' AND {pair}")
    yield "pair", row.format(pair)
    pod = f"resource IN ('{resources()[77]}', 'another')"
    yield "pod", row.format(pod)
    yield "any", row.format(f"{candidate.has.format(repr(unique))} OR {pod}")
    yield "svc new", row.format("service_name = 'service-3'")
    yield "new", row.format("1")
    at = block["time"][77].as_py()
    yield "new till", row.format(f"time BETWEEN {at - HOUR_NS} AND {at}")
    yield (
        "replay",
        "SELECT DISTINCT sequence FROM trial WHERE epoch = 1 AND sequence > "
        + str(block["sequence"][-1].as_py() - 300),
    )
    if candidate.signal == "logs":
        body = block["body"][77].as_py()
        token = re.search("request_id: ([0-9a-f]+)", body)
        assert token is not None
        yield "token", row.format(candidate.body.format(token[1]))
        return
    trace = f"trace_id = unhex('{block['trace_id'][77].as_py().hex()}')"
    bounds = f"time BETWEEN {at - 60 * 10**9} AND {at + 60 * 10**9}"
    yield "trace", f"SELECT * FROM trial WHERE {bounds} AND {trace}"
    yield "trace nb", f"SELECT * FROM trial WHERE {trace}"


def search_ms(client: Client, sql: str) -> float:
    """Return the least CPU milliseconds of three cold runs."""
    spent = []
    for _ in range(3):
        for cache in ("MARK", "UNCOMPRESSED", "INDEX MARK", "INDEX UNCOMPRESSED", "PRIMARY INDEX"):
            client.command(f"SYSTEM DROP {cache} CACHE")
        before = cpu_s()
        client.query_arrow(f"{sql} SETTINGS use_query_condition_cache = 0")
        spent.append((cpu_s() - before) * 1e3)
    return min(spent)


CANDIDATES = {"spans": SPANS, "logs": LOGS, "points": POINTS}
MAKERS = {"spans": spans, "logs": logs, "points": points}


def trial(client: Client, candidate: Candidate, blocks: Sequence[pa.Table]) -> dict[str, float]:
    """Fill a table with the blocks, let it settle, search it and drop it."""
    client.command("DROP TABLE IF EXISTS trial SYNC")
    client.command(candidate.ddl("trial"))
    client.command("SYSTEM STOP MERGES trial")
    millions = sum(map(len, blocks)) / 1e6
    insert = 0.0
    for block in blocks:
        converted = candidate.convert(block).combine_chunks()
        before = cpu_s()
        client.insert_arrow("trial", converted)
        insert += cpu_s() - before
    before = cpu_s()
    client.command("SYSTEM START MERGES trial")
    settle(client)
    merge = cpu_s() - before
    stored, size, count = client.query(
        "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts"
        " WHERE active AND table = 'trial'"
    ).result_rows[0]
    assert stored == sum(map(len, blocks)), (stored, candidate.name)
    result = {
        "insert": insert / millions, "+merge": (insert + merge) / millions,
        "B/row": size / stored, "parts": float(count),
    }  # fmt: skip
    middle = blocks[len(blocks) // 2]
    unique = ""
    if candidate.signal != "points":
        unique = middle["attributes"][77].as_py()[0]["value"]
    for name, sql in searches(candidate, middle, unique):
        result[name] = search_ms(client, sql)
    return result


def main() -> None:
    """Run the candidates of the chosen signals and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--block", type=int, default=200_000, help="rows an insert")
    parser.add_argument("--signal", choices=MAKERS, action="append")
    parser.add_argument("--only", default="", help="a regular expression for candidates' names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=4, help="the rows' time range")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    load = Load(options.seed, options.rows, options.hours)
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}/data")
        for signal in options.signal or MAKERS:
            blocks = [
                MAKERS[signal](load, first, options.block)
                for first in range(0, options.rows, options.block)
            ]
            print(
                f"\n{signal}: {options.rows:,} rows, {options.block:,} an insert; "
                "CPU-s per million rows, bytes a row, searches in CPU-ms"
            )
            chosen = [c for c in CANDIDATES[signal] if re.search(options.only, c.name)]
            trial(client, CANDIDATES[signal][0], blocks[:1])  # the first run pays for starting up
            for number, candidate in enumerate(chosen * options.repeat):
                result = trial(client, candidate, blocks)
                if number == 0:
                    print(f"{'candidate':36}" + "".join(f"{name:>9}" for name in result))
                print(
                    f"{candidate.name:36}" + "".join(f"{v:9.1f}" for v in result.values()),
                    flush=True,
                )


if __name__ == "__main__":
    main()
