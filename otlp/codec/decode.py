"""Payloads to Arrow: many requests appended, one batch finished."""

import pyarrow as pa

from otlp.codec._native import Batch
from otlp.codec.request import NUMBERS, UNCLEAR, canonical
from otlp.codec.rules import RULES
from pipeline.errors import Rejected
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from pipeline.window import TimeWindow

_U64_MAX = 2**64 - 1


class Decoder:
    """
    The `Decoder` of `pipeline/ports.py` for one signal, over the native codec.

    A payload is read to its end, counted and checked by the door's own rules (`rules.py`); a
    rejected one leaves nothing behind. What rules do not refuse but columns cannot hold is
    normalised: links with invalid IDs are left out and counted in `dropped_links_count`; invalid
    IDs of logs and exemplars become absent ones, all zero.
    """

    def __init__(self, signal: Signal, window: TimeWindow) -> None:
        self._signal = signal
        past, future = (min(span, _U64_MAX) for span in (window.past_ns, window.future_ns))
        self._batch = Batch(NUMBERS[signal], past, future)

    def append(self, payload: bytes, sequence: int, arrived_ns: int, expected: int) -> None:
        """Add the records of a request; raises Rejected and is then as it was before."""
        found = self._append(payload, sequence, arrived_ns, expected)
        if found is None:
            payload = canonical(self._signal, payload)
            found = self._append(payload, sequence, arrived_ns, expected)
        if found is None:
            raise Rejected(UNCLEAR)
        records, refused, rule = found
        if refused:
            raise Rejected(f"record {refused} of the {self._signal} message: {RULES[rule]}")
        if records != expected:
            raise Rejected(f"the message holds {records} records, not {expected} as it says")

    def finish(self) -> pa.RecordBatch:
        """Return all appended records and start anew."""
        schema = SCHEMAS[self._signal]
        return pa.RecordBatch._import_from_c(self._batch.finish(), schema)  # noqa: SLF001 - pyarrow's documented way

    def _append(
        self, payload: bytes, sequence: int, arrived_ns: int, expected: int
    ) -> tuple[int, int, int] | None:
        try:
            return self._batch.append(payload, sequence, arrived_ns, expected)
        except OverflowError as error:
            raise Rejected(str(error)) from error
