"""Records as they travel to live tails: Arrow IPC streams, each small enough for a message."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

PIECE_BYTES_MAX: Final = 4 * 2**20
"""What a piece has at most, where the server takes as much."""


def pieces(rows: pa.RecordBatch, bytes_max: int) -> Iterator[tuple[pa.RecordBatch, pa.Buffer]]:
    """
    Yield the rows in parts, each with its Arrow IPC stream of at most `bytes_max`.

    A row that is larger alone is left out.
    """
    stream = _stream(rows)
    if stream.size <= bytes_max:
        yield rows, stream
    elif rows.num_rows > 1:
        count = min(rows.num_rows, -(-stream.size // bytes_max))
        length = -(-rows.num_rows // count)
        for start in range(0, rows.num_rows, length):
            yield from pieces(_compact(rows.slice(start, length)), bytes_max)


def read(data: bytes, schema: pa.Schema) -> pa.RecordBatch | None:
    """Return the rows of a stream, or None unless it is one of that schema."""
    try:
        with pa.ipc.open_stream(data) as stream:
            if not stream.schema.equals(schema):
                return None
            rows: pa.RecordBatch = stream.read_next_batch()
            rows.validate()
    except (pa.ArrowException, StopIteration, OSError):
        return None
    else:
        return rows


def _stream(rows: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue()


def _compact(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows with dictionaries of what they hold only: a slice keeps the whole ones."""
    columns: list[Any] = rows.columns
    own = [
        column.dictionary_decode().dictionary_encode()
        if pa.types.is_dictionary(column.type)
        else column
        for column in columns
    ]
    return pa.RecordBatch.from_arrays(own, schema=rows.schema)
