"""What both ends of a read over gRPC know: its names, and how an answer is cut in pieces."""

import io
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

SERVICE: Final = "aura.v1.Storage"
RUN: Final = f"/{SERVICE}/Run"

COST: Final = "aura-cost-bin"
"""The trailing metadata that holds a message Cost."""

PLAN_BYTES_MAX: Final = 1024 * 1024
"""A query has 4,096 characters; its plan is a few times as long."""

PIECE_BYTES: Final = 256 * 1024
"""What one message carries at most, whatever the size of a row."""

BATCH_BYTES: Final = 1024 * 1024
"""About what one record batch on the way has; a row that is larger is one alone."""


class Writer:
    """Makes pieces of an Arrow IPC stream of an answer's batches."""

    def __init__(self, schema: pa.Schema) -> None:
        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def pieces(self, batch: pa.RecordBatch) -> Iterator[tuple[bytes, bool]]:
        """Yield the batch's pieces in parts of some rows; True: with it such a part is complete."""
        parts = max(1, -(-batch.nbytes // BATCH_BYTES))
        rows = max(1, -(-batch.num_rows // parts))
        for start in range(0, max(1, batch.num_rows), rows):
            self._writer.write_batch(batch.slice(start, rows))
            yield from self._taken(whole=True)

    def end(self) -> Iterator[tuple[bytes, bool]]:
        """Yield what ends the stream."""
        self._writer.close()
        yield from self._taken(whole=False)

    def _taken(self, *, whole: bool) -> Iterator[tuple[bytes, bool]]:
        written = self._sink.getbuffer()
        size = len(written)
        for start in range(0, size, PIECE_BYTES):
            last = start + PIECE_BYTES >= size
            yield bytes(written[start : start + PIECE_BYTES]), whole and last
        written.release()
        self._sink.seek(0)
        self._sink.truncate()


class Reader:
    """Makes batches of pieces; raises pa.ArrowInvalid for what is no such stream."""

    def __init__(self) -> None:
        self._waiting = io.BytesIO()
        self._stream: pa.RecordBatchReader | None = None

    def feed(self, piece: bytes, *, whole: bool) -> pa.RecordBatch | None:
        """Add a piece; return the batch that is complete with it."""
        self._waiting.write(piece)
        if not whole:
            return None
        self._waiting.seek(0)
        # A stream reads what it needs of the file and no more: the next batch is not there yet.
        if self._stream is None:
            self._stream = pa.ipc.open_stream(self._waiting)
        batch = self._stream.read_next_batch()
        self._waiting.seek(0)
        self._waiting.truncate()
        return batch
