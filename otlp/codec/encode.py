"""Arrow to a request: what was stored, as OTLP again."""

from typing import Final

import pyarrow as pa

from otlp.codec import _native
from otlp.codec.request import NUMBERS
from pipeline.schema import SCHEMAS, TEXT
from pipeline.signal import Signal

_NOT_OTLP: Final = {"sequence", "time"}
"""Columns of our own, which rows may lack."""

_REPEATING: Final = {
    signal: pa.schema([field for field in columns if field.name not in _NOT_OTLP])
    for signal, columns in SCHEMAS.items()
}
"""The columns that the native codec reads, as the decoder makes them."""

_PLAIN: Final = {
    signal: pa.schema(
        [field.with_type(TEXT.value_type) if field.type == TEXT else field for field in columns]
    )
    for signal, columns in _REPEATING.items()
}
"""The same without dictionaries: it reads both."""


def encode(signal: Signal, rows: pa.RecordBatch | pa.Table) -> bytes:
    """
    Return the rows as an Export…ServiceRequest in protobuf, in their order.

    Consecutive rows of equal resource, scope and metric share an envelope. What was sent comes back
    exactly, but that a message without content is left out (an empty status, body, Buckets or
    Resource), an all-zero parent is empty, and a NaN inside an attribute is the usual one. Rows may
    have other columns too, lack `sequence` and `time`, and hold plain text for dictionaries.

    Raises ValueError for a row whose texts the decoder does not write, OverflowError beyond 2 GiB.
    """
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    table = table.select(_PLAIN[signal].names)
    if table.schema not in (_REPEATING[signal], _PLAIN[signal]):
        table = table.cast(_PLAIN[signal])
    return _native.encode(NUMBERS[signal], tuple(map(_array, table.to_batches())))


def _array(batch: pa.RecordBatch) -> object:
    """Return the rows as a capsule that keeps them."""
    _, array = batch.__arrow_c_array__()  # type: ignore[no-untyped-call] # the stubs leave it out
    return array
