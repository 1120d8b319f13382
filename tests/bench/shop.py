"""Columns of a large shop's spans and logs, as the decoder makes them, with the skew of real ones.

50 services (Zipf) of 8 operations each, 40 attribute keys, 1,000 pods, unique request IDs, users of
whom few do most, traces of 8 spans through several services, errors with stacks, days with a busy
and a quiet half. One tenant has 80 % of it, one 15 %, twenty share the rest. The same `Shop`, the
same rows: what is looked for later is read from a block that is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.batch import Batch
from pipeline.envelope import Resource, Scope
from pipeline.signal import Signal
from pipeline.value import INT, STRING
from tests.bench.trial_rows import ids, offsets_of, text, tokens

BLOCK: Final = 48_000
"""Records of one commit: about `router.group_records_max`."""

MESSAGE: Final = 480
TRACE_SPANS: Final = 8
SERVICES, OPERATIONS, PODS, KEYS, USERS = 50, 8, 20, 40, 200_000
SPAN_KEYS, LOG_KEYS = 8, 4
DAY_NS: Final = 86_400 * 10**9
LATE_NS: Final = 5 * 10**9
HEAVY: Final = "default"
LIGHT: Final = [f"light-{n}" for n in range(20)]
SHARES: Final = ((HEAVY, 0.8), ("middle", 0.15), ("", 0.05))
"""The tenants of a block and their shares of it; the last one is one of `LIGHT`."""

CODES: Final = ["200", "201", "301", "404", "500"]
PHRASES: Final = 5_000
WORDS: Final = (
    *("payment", "order", "cart", "refused", "timeout", "retry", "cache", "miss", "shipped"),
    *("handled", "upstream", "connection", "invoice", "stock", "user", "session", "token"),
    *("expired", "query", "slow", "lock", "pool", "worker", "restarted"),
)
Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Shop:
    """So many spans and as many logs over some days, the newest at `end_ns`."""

    records: int
    end_ns: int
    days: float = 3.0
    seed: int = 1
    edges: Numbers = field(init=False, repr=False, compare=False)
    """When each block begins and ends: three times as much comes at noon as at midnight."""

    def __post_init__(self) -> None:
        day = np.linspace(0, self.days, 2000)
        share = day + np.sin(2 * np.pi * day) / (4 * np.pi)
        at = np.interp(np.linspace(0, share[-1], self.blocks + 1), share, day)
        start = self.end_ns - int(self.days * DAY_NS)
        object.__setattr__(self, "edges", start + (at * DAY_NS).astype(np.int64))

    @property
    def blocks(self) -> int:
        """How many blocks hold them, each full."""
        return -(-self.records // BLOCK)

    def block(self, signal: Signal, number: int) -> list[Batch]:
        """Return the batches of one block, one a tenant; its messages follow the block before."""
        batches, first = [], number * (BLOCK // MESSAGE) + 1
        for at, (tenant, share) in enumerate(SHARES):
            rows = int(BLOCK * share)
            rng = np.random.default_rng([self.seed, number, at, signal is Signal.LOGS])
            sequence = first + np.arange(rows) // MESSAGE
            first = int(sequence[-1]) + 1
            make = _spans if signal is Signal.TRACES else _logs
            columns = make(rng, self._times(rng, number, rows))
            columns["sequence"] = pa.array(sequence.astype(np.uint64))
            names = schema.SCHEMAS[signal]
            made = pa.RecordBatch.from_arrays([columns[one] for one in names.names], schema=names)
            batches.append(Batch(signal, tenant or LIGHT[number % len(LIGHT)], made))
        return batches

    def _times(self, rng: np.random.Generator, number: int, rows: int) -> Numbers:
        """Return when the traces of a block began, in the order in which they came."""
        begin, end = int(self.edges[number]), int(self.edges[number + 1])
        came = begin + (np.arange(rows // TRACE_SPANS) * ((end - begin) / (rows // TRACE_SPANS)))
        late = rng.integers(0, LATE_NS, len(came))
        return np.repeat(came.astype(np.int64) - late, TRACE_SPANS)


def _zipf(rng: np.random.Generator, size: Any, count: int, skew: float = 1.0) -> Numbers:
    """Return numbers below `count`, small ones often."""
    weights = 1 / np.arange(1, count + 1) ** skew
    return np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(size)).astype(np.int64)


@lru_cache
def resources() -> list[str]:
    """Return the resource of each pod."""
    return [
        Resource(
            (
                ("service.name", STRING, f"service-{n // PODS}"),
                ("k8s.pod.name", STRING, f"pod-{n}-7c9d8b6f5"),
                ("host.name", STRING, f"node-{n % 97}.europe-west1.internal"),
                ("process.pid", INT, str(1000 + n)),
                ("telemetry.sdk.language", STRING, ("go", "java", "python")[n % 3]),
            )
        ).text()
        for n in range(SERVICES * PODS)
    ]


@lru_cache
def _keys() -> list[str]:
    own = ["request.id", "user.id", "http.response.status_code"]
    return own + [f"app.component.attribute_{n}" for n in range(KEYS - len(own))]


@lru_cache
def _phrases() -> pa.Array[Any]:
    rng = np.random.default_rng(7)
    return pa.array([" ".join(rng.choice(WORDS, 8)) for _ in range(PHRASES)])


def _attributes(rng: np.random.Generator, operation: Numbers, width: int) -> pa.Array[Any]:
    """Return a unique request ID, a user, a status code, and others of few values, a row."""
    rows = len(operation)
    key = 3 + (operation[:, None] * 7 + np.arange(width)) % (KEYS - 3)
    key[:, :3] = np.arange(3)
    small = [f"value-{n}-of-some-attribute" for n in range(500)] + CODES
    pick = _zipf(rng, (rows, width), 500)
    pick[:, 2] = 500 + rng.choice(len(CODES), rows, p=[0.8, 0.08, 0.05, 0.05, 0.02])
    users = _zipf(rng, rows, USERS)
    named, of_row = np.unique(users, return_inverse=True)
    pick[:, 0] = len(small) + np.arange(rows)
    pick[:, 1] = len(small) + rows + of_row
    pool = [pa.array(small), tokens(rng, rows), pa.array([f"user-{n}" for n in named])]
    kinds = np.full((rows, width), STRING, np.uint8)
    kinds[:, 2] = INT
    return _triples(
        pa.array(_keys()).take(pa.array(key.ravel())),
        kinds,
        pa.concat_arrays(pool).take(pa.array(pick.ravel())),
        np.arange(0, rows * width + 1, width),
    )


def _triples(
    keys: pa.Array[Any], kinds: Numbers, values: pa.Array[Any], offsets: Numbers
) -> pa.Array[Any]:
    kind = pa.array(kinds.ravel().astype(np.uint8))
    flat = pa.StructArray.from_arrays([keys, kind, values], fields=list(schema.ATTRIBUTE))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), flat)


def _same(value: int, rows: int, kind: pa.DataType) -> pa.Array[Any]:
    return pa.array(np.full(rows, value), kind)


def _shared(rng: np.random.Generator, service: Numbers, rows: int) -> dict[str, pa.Array[Any]]:
    scopes = [Scope(f"io.shop.{name}", "1.2").text() for name in ("http", "grpc", "sql")]
    return {
        "resource": text(resources(), service * PODS + rng.integers(0, PODS, rows)),
        "scope": text(scopes, service % 3),
        "dropped_attributes_count": _same(0, rows, pa.uint32()),
        "span_id": ids(rng, rows, 8),
    }


def _spans(rng: np.random.Generator, began: Numbers) -> dict[str, pa.Array[Any]]:
    rows = len(began)
    at = np.arange(rows) % TRACE_SPANS
    # A trace comes in through one of three services; what they call is skewed.
    service = np.where(at == 0, rng.integers(0, 3, rows), _zipf(rng, rows, SERVICES))
    operation = service * OPERATIONS + _zipf(rng, rows, OPERATIONS)
    start = began + at * rng.integers(0, 5_000_000, rows)
    took = (rng.lognormal(15, 1.5, rows) * (1 + operation % 7)).astype(np.int64)
    failed = rng.random(rows) < np.where(operation % 10 == 3, 0.1, 0.01)
    shared = _shared(rng, service, rows)
    parent = (rng.random(rows) * at).astype(np.int64) - at + np.arange(rows)
    spans = shared["span_id"].take(pa.array(parent)).to_numpy(zero_copy_only=False)
    spans[at == 0] = bytes(8)
    times = pa.array(start.astype(np.uint64))
    return shared | {
        "time": times,
        "trace_id": ids(rng, rows // TRACE_SPANS, 16).take(
            pa.array(np.arange(rows) // TRACE_SPANS)
        ),
        "parent_span_id": pa.array(spans, schema.SPAN_ID),
        "trace_state": text([""], np.zeros(rows)),
        "flags": _same(257, rows, pa.uint32()),
        "name": text([f"operation-{n}" for n in range(SERVICES * OPERATIONS)], operation),
        "kind": pa.array((operation % 5 + 1).astype(np.int32)),
        "start_time_unix_nano": times,
        "end_time_unix_nano": pa.array((start + took).astype(np.uint64)),
        "attributes": _attributes(rng, operation, SPAN_KEYS),
        "events": _events(rng, failed, start + took),
        "dropped_events_count": _same(0, rows, pa.uint32()),
        "links": pa.array([[]], pa.list_(schema.LINK)).take(pa.array(np.zeros(rows, np.int32))),
        "dropped_links_count": _same(0, rows, pa.uint32()),
        "status_code": pa.array((failed * 2).astype(np.int32)),
        "status_message": pa.array(["", "handler failed"]).take(pa.array(failed.astype(np.int32))),
    }


def _events(rng: np.random.Generator, failed: Numbers, end: Numbers) -> pa.Array[Any]:
    """Return an exception for each span that failed."""
    count = int(failed.sum())
    stack = pc.binary_join_element_wise(
        "Traceback (most recent call last): in handle line ", tokens(rng, count), "\n" * 20, ""
    )
    values = pa.concat_arrays([pa.array(["ValueError"]), stack])
    pick = np.stack([np.zeros(count), 1 + np.arange(count)], 1).astype(np.int64)
    named = pa.array(["exception.type", "exception.stacktrace"] * count, pa.utf8())
    details = _triples(
        named,
        np.full(2 * count, STRING),
        values.take(pa.array(pick.ravel())),
        np.arange(0, 2 * count + 1, 2),
    )
    columns = [
        pa.array(end[failed].astype(np.uint64)),
        pa.array(["exception"] * count, pa.utf8()),
        details,
        _same(0, count, pa.uint32()),
    ]
    event = pa.StructArray.from_arrays(columns, fields=list(schema.EVENT))
    return pa.ListArray.from_arrays(offsets_of(failed), event)


def _logs(rng: np.random.Generator, began: Numbers) -> dict[str, pa.Array[Any]]:
    rows = len(began)
    service = _zipf(rng, rows, SERVICES)
    phrase = _phrases().take(pa.array(_zipf(rng, rows, PHRASES, 0.8)))
    user = pa.array([str(n) for n in range(1000)]).take(pa.array(_zipf(rng, rows, 1000)))
    body = pc.binary_join_element_wise(phrase, "request_id:", tokens(rng, rows), "user", user, " ")
    time = began + rng.integers(0, LATE_NS, rows)
    level = rng.choice(3, rows, p=[0.9, 0.07, 0.03])
    times = pa.array(time.astype(np.uint64))
    return _shared(rng, service, rows) | {
        "time": times,
        "time_unix_nano": times,
        "observed_time_unix_nano": pa.array((time + 1_000_000).astype(np.uint64)),
        "severity_number": pa.array(np.array([9, 13, 17], np.int32)[level]),
        "severity_text": text(["INFO", "WARN", "ERROR"], level),
        "body_type": _same(STRING, rows, pa.uint8()),
        "body": body,
        "attributes": _attributes(rng, service, LOG_KEYS),
        "flags": _same(1, rows, pa.uint32()),
        "trace_id": ids(rng, rows, 16),
        "event_name": text([""], np.zeros(rows)),
    }


def samples(batch: Batch, count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield some of the batch's rows, for something to look for."""
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(batch), count):
        (row,) = batch.rows.slice(int(at), 1).to_pylist()
        row["service"] = json.loads(row["resource"])["attributes"][0][2]
        yield row
