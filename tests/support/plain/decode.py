"""Payloads to Arrow: many requests appended, one batch finished."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa

from otlp.codec.request import parse
from pipeline.errors import Rejected
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from pipeline.window import TimeWindow
from tests.support.plain import logs, points, spans
from tests.support.plain.columns import Columns, Readers
from tests.support.plain.envelopes import resource_text, scope_text
from tests.support.plain.rules import verdicts

Run: TypeAlias = tuple[str, str, Sequence[Any], Readers]
"""Records that share an envelope: the resource's text, the scope's text, the records, the columns.
"""


class Decoder:
    """
    The `Decoder` of `pipeline/ports.py` for one signal.

    A payload is read to its end, counted and checked by the door's own rules (`rules.py`) before
    its first value is appended, so that a rejected one leaves nothing behind. What rules do not
    refuse but columns cannot hold is normalised: links with invalid IDs are left out and counted in
    `dropped_links_count`; invalid IDs of logs and exemplars become absent ones, all zero.
    """

    def __init__(self, signal: Signal, window: TimeWindow) -> None:
        self._signal = signal
        self._window = window
        self._columns = Columns(SCHEMAS[signal])

    def append(self, payload: bytes, sequence: int, arrived_ns: int, expected: int) -> None:
        """Add the records of a request; raises Rejected and is then as it was before."""
        request = parse(self._signal, payload)
        records = 0
        for reason in verdicts(self._signal, request):
            records += 1
            if reason is not None:
                raise Rejected(f"record {records} of the {self._signal} message: {reason}")
        if records != expected:
            raise Rejected(f"the message holds {records} records, not {expected} as it says")
        for resource, scope, run, readers in _RUNS[self._signal](request, self._window, arrived_ns):
            self._columns.extend(run, (sequence, resource, scope), readers)

    def finish(self) -> pa.RecordBatch:
        """Return all appended records and start anew."""
        rows = self._columns.finish()
        self._columns = Columns(SCHEMAS[self._signal])
        return rows


def _spans(request: Any, window: TimeWindow, arrived_ns: int) -> Iterator[Run]:
    readers = spans.readers(window, arrived_ns)
    for around in request.resource_spans:
        resource = resource_text(around.resource, around.schema_url)
        for group in around.scope_spans:
            yield resource, scope_text(group.scope, group.schema_url), list(group.spans), readers


def _logs(request: Any, window: TimeWindow, arrived_ns: int) -> Iterator[Run]:
    readers = logs.readers(window, arrived_ns)
    for around in request.resource_logs:
        resource = resource_text(around.resource, around.schema_url)
        for group in around.scope_logs:
            scope = scope_text(group.scope, group.schema_url)
            yield resource, scope, list(group.log_records), readers


def _points(request: Any, window: TimeWindow, arrived_ns: int) -> Iterator[Run]:
    for around in request.resource_metrics:
        resource = resource_text(around.resource, around.schema_url)
        for group in around.scope_metrics:
            scope = scope_text(group.scope, group.schema_url)
            for metric in group.metrics:
                arm = metric.WhichOneof("data")
                if arm is not None:
                    readers = points.readers(metric, arm, window, arrived_ns)
                    yield resource, scope, list(getattr(metric, arm).data_points), readers


_RUNS: Final[Mapping[Signal, Callable[[Any, TimeWindow, int], Iterator[Run]]]] = {
    Signal.TRACES: _spans,
    Signal.LOGS: _logs,
    Signal.METRICS: _points,
}
