"""The layouts to compare: the recommended one of each signal, and others with one thing changed."""

# The pyarrow stubs know neither unparametrised arrays nor numpy arguments.
# mypy: disable-error-code="arg-type,attr-defined,call-overload,no-any-return,type-arg"

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tests.bench.trial_rows import DAY_NS

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
SETTINGS = {"min_bytes_for_wide_part": "134217728", "min_rows_for_wide_part": "0"}


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
    Candidate("wide over 1 GB", settings={"min_bytes_for_wide_part": "1073741824"}),
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
