"""Arrow to a request: what was stored, as OTLP again."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa

from otlp.codec.request import REQUESTS, Request
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from tests.support.plain import logs, points, spans
from tests.support.plain.cells import rows_of
from tests.support.plain.envelopes import write_resource, write_scope

_NOT_OTLP: Final = {"sequence", "time"}
"""Columns of our own, which rows may lack."""

_FIELDS: Final[Mapping[Signal, tuple[str, str, str]]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}


def encode(signal: Signal, rows: pa.RecordBatch | pa.Table) -> Request:
    """
    Return the rows as an Export…ServiceRequest, in their order.

    Consecutive rows of equal resource, scope and metric share an envelope. What was sent comes back
    exactly, but that a message without content is left out (an empty status, body, Buckets or
    Resource), an all-zero parent is empty, and a NaN inside an attribute is the usual one. Rows may
    have other columns too, lack `sequence` and `time`, and hold plain text for dictionaries.
    """
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    names = [name for name in SCHEMAS[signal].names if name not in _NOT_OTLP]
    request = REQUESTS[signal]()
    resources, scopes, records = _FIELDS[signal]
    for resource, of_resource in groupby(rows_of(table, names), itemgetter("resource")):
        around = getattr(request, resources).add()
        write_resource(around, resource)
        for scope, of_scope in groupby(of_resource, itemgetter("scope")):
            group = getattr(around, scopes).add()
            write_scope(group, scope)
            _write(signal, getattr(group, records), of_scope)
    return request


def _write(signal: Signal, records: Any, rows: Iterator[dict[str, Any]]) -> None:
    if signal is Signal.METRICS:
        for _, of_metric in groupby(rows, itemgetter(*points.METRIC)):
            data_points = None
            for row in of_metric:
                if data_points is None:
                    data_points = points.write_metric(records, row)
                points.write(data_points, row)
        return
    write = spans.write if signal is Signal.TRACES else logs.write
    for row in rows:
        write(records, row)
