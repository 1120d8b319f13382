"""Traces of all shapes, as a group to commit: broken ones too, with circles and IDs that repeat."""

from random import Random
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.batch import Batch
from pipeline.ports import Counts, Group
from pipeline.signal import Signal
from tests.support.corpus_rows import TENANT
from tests.support.sample_rows import Row, span
from tests.support.stores import commit

TRACES = 60
MISSING = 99
"""The number of a parent that is nowhere."""


def traced_rows(seed: int, now: int) -> list[Row]:
    """Return the spans of the last one and a half hours before a time."""
    chance = Random(seed)
    rows: list[Row] = []
    for trace in range(1, TRACES + 1):
        size = chance.randint(1, 9)
        for number in range(size):
            own = chance.choice([number + 1, number + 1, chance.randint(1, size)])
            near = chance.randint(1, size)
            rows.append(_span(chance, now, trace, own, chance.choice([0, near, number, MISSING])))
    return [
        row | {"sequence": number, "time": row["time"] + number} for number, row in enumerate(rows)
    ]


def _span(chance: Random, now: int, trace: int, own: int, parent: int) -> Row:
    given: dict[str, Any] = {
        "name": chance.choice(["x", "y", "z"]),
        "status_code": chance.choice([0, 2]),
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": own.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big"),
        "attributes": {"k": chance.randint(0, 2)},
    }
    at = now - chance.randint(0, 5400) * 10**9
    return span(chance.choice("abc"), at, chance.choice([0, 10**9, 3 * 10**9]), **given)


def traced_group(now: int, seed: int = 1) -> Group:
    """Return the spans as a group of the tenant."""
    rows = traced_rows(seed, now)
    batch = pa.RecordBatch.from_pylist(rows, schema=schema.SPANS)
    counts = {TENANT: Counts(received=len(rows), stored=len(rows))}
    place = commit(1, 0, len(rows))
    return Group(Signal.TRACES, 0, place, [Batch(Signal.TRACES, TENANT, batch)], counts)
