"""Stored spans as OTLP's TracesData, one trace each; a large trace in several parts."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from otlp.codec import encode
from pipeline.signal import Signal
from query.jaeger import arrays

PART_BYTES_MAX: Final = 2 * 1024 * 1024
"""Clients take messages of 4 MiB; a span that is larger than this is a part of its own."""


def parts(rows: pa.Table) -> Iterator[bytes]:
    """Yield whole traces as messages TracesData, the parts of each in a row."""
    if not rows.num_rows:
        return
    about = max(1, PART_BYTES_MAX * rows.num_rows // max(1, rows.nbytes))
    for start, size in arrays.runs(rows):
        for at in range(start, start + size, about):
            yield from _within(rows.slice(at, min(about, start + size - at)))


def _within(rows: pa.Table) -> Iterator[bytes]:
    # An Export…ServiceRequest of spans has the one field of TracesData, with its number.
    payload = encode(Signal.TRACES, rows)
    if len(payload) <= PART_BYTES_MAX or rows.num_rows == 1:
        yield payload
        return
    half = rows.num_rows // 2
    yield from _within(rows.slice(0, half))
    yield from _within(rows.slice(half))
