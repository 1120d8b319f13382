"""Rows of spans, logs and points for trials of layouts, distinct and cheap to make."""

# The pyarrow stubs know neither unparametrised arrays nor numpy arguments.
# mypy: disable-error-code="arg-type,attr-defined,call-overload,no-any-return,type-arg"

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
