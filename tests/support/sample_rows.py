"""A query backend over a few rows in memory: what a plan means, in plain Python.

`span`, `log` and `point` make rows with every column, from the few that a test cares about.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from pipeline import envelope, plan, schema, value
from pipeline.signal import Signal
from storage import answers, survey
from storage.answers import KEYS
from storage.evaluate import keys, matches
from storage.tabulate import tabulate

SERVICE = pa.field("service_name", schema.TEXT)
PLACE = [answers.RECORDS[Signal.LOGS].field(name) for name in answers.PLACE]
_SUMMARY: dict[str, pa.DataType] = {
    "trace_id": schema.TRACE_ID,
    "start_ns": pa.uint64(),
    "end_ns": pa.uint64(),
    "span_count": pa.uint64(),
    "error_count": pa.uint64(),
    "services": pa.list_(pa.utf8()),
    "root_service": pa.utf8(),
    "root_name": pa.utf8(),
    "matched_ns": pa.uint64(),
}
TRACES = pa.schema(_SUMMARY)
Row = dict[str, Any]


def attributes(pairs: Mapping[str, value.Value] | Sequence[tuple[str, value.Value]]):
    """Return (key, type, text) triples."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple((key, *value.encode(content)) for key, content in items)


def row(signal: Signal, service: str, **columns: Any) -> Row:
    """Return a row; `attributes`, `resource` and `scope_attributes` are mappings or pairs."""
    resource = {"service.name": service} | dict(columns.pop("resource", {}))
    scope = envelope.Scope(
        columns.pop("scope_name", ""),
        columns.pop("scope_version", ""),
        attributes(columns.pop("scope_attributes", {})),
    )
    blank = {field.name: _blank(field.type) for field in schema.SCHEMAS[signal]}
    own = attributes(columns.pop("attributes", {}))
    return {
        **blank,
        "epoch": 1,
        "partition": 0,
        "ordinal": 0,
        "service_name": service,
        "resource": envelope.Resource(attributes(resource)).text(),
        "scope": scope.text(),
        "attributes": [{"key": key, "type": kind, "value": text} for key, kind, text in own],
        **columns,
    }


def log(service: str, time: int, body: value.Value = "", **columns: Any) -> Row:
    """Return a log record."""
    kind, text = value.encode(body)
    sent = {"time": time, "time_unix_nano": time, "body_type": kind, "body": text}
    return row(Signal.LOGS, service, **(sent | columns))


def span(service: str, start: int, duration_ns: int = 0, **columns: Any) -> Row:
    """Return a span."""
    times = {"start_time_unix_nano": start, "end_time_unix_nano": start + duration_ns}
    return row(Signal.TRACES, service, time=start, **(times | columns))


def point(service: str, time: int, metric_name: str, **columns: Any) -> Row:
    """Return a metric point."""
    named = {"time": time, "time_unix_nano": time, "metric_name": metric_name}
    # What is null where it was not sent.
    unsent = dict.fromkeys(("value_int", "value_double", "sum", "min", "max"))
    return row(Signal.METRICS, service, **(unsent | named | columns))


class SampleRows:
    """The backend; keeps the plans that it ran, but counts those for keys; raises `error`."""

    def __init__(self, rows: Mapping[Signal, Iterable[Row]] | None = None) -> None:
        self.rows = {signal: list((rows or {}).get(signal, ())) for signal in Signal}
        self.plans: list[plan.Plan] = []
        self.tenants: set[str] = set()
        self.error: Exception | None = None
        self.closed = 0
        self.keys_asked = 0

    async def run(self, asked: plan.Plan, cost: Any = None) -> AsyncGenerator[pa.RecordBatch, None]:
        self.tenants.add(asked.tenant)
        if isinstance(asked, plan.Keys):
            self.keys_asked += 1
            yield self._keys(asked)
            return
        if isinstance(asked, plan.Heads):
            yield pa.RecordBatch.from_pylist([], schema=answers.HEADS)
            return
        self.plans.append(asked)
        try:
            if self.error is not None:
                raise self.error
            yield self._answer(asked)
        finally:
            self.closed += 1

    def _keys(self, asked: plan.Keys) -> pa.RecordBatch:
        found = sorted({one for of in self.rows[asked.signal] for one in keys(asked, of)})
        rows = [dict(zip(KEYS.names, one, strict=True)) for one in found[: asked.limit]]
        return pa.RecordBatch.from_pylist(rows, schema=KEYS)

    def _answer(self, asked: plan.Plan) -> pa.RecordBatch:
        match asked:
            case plan.Series() | plan.Range():
                found, columns = [], answers.RANGE
            case plan.Table(signal=signal):
                return tabulate(asked, self._matching(signal, asked)).to_batches()[0]
            case plan.Records(signal=signal):
                found = sorted(self._matching(signal, asked), key=survey.place, reverse=True)
                if asked.after is not None:
                    found = [one for one in found if survey.place(one) < asked.after]
                columns = pa.schema([*schema.SCHEMAS[signal], SERVICE, *PLACE])
            case plan.Traces():
                matched: dict[bytes, int] = {}
                for one in self._matching(Signal.TRACES, asked):
                    matched[one["trace_id"]] = max(matched.get(one["trace_id"], 0), one["time"])
                found = sorted(self._summaries(matched), key=lambda one: -one["start_ns"])
                columns = TRACES
            case plan.Trace(trace_id=trace_id):
                spans = self.rows[Signal.TRACES]
                found = sorted((one for one in spans if one["trace_id"] == trace_id), key=_time)
                columns = schema.SPANS.append(SERVICE)
        return pa.RecordBatch.from_pylist(found[: asked.limit], schema=columns)

    def _matching(
        self, signal: Signal, asked: plan.Records | plan.Traces | plan.Table
    ) -> list[Row]:
        return [
            one
            for one in self.rows[signal]
            if asked.start_ns <= one["time"] < asked.end_ns
            and (asked.where is None or matches(asked.where, one))
        ]

    def _summaries(self, matched: Mapping[bytes, int]) -> Iterable[Row]:
        spans = sorted(self.rows[Signal.TRACES], key=lambda one: (one["trace_id"], one["time"]))
        for trace_id, of_trace in groupby(spans, key=lambda one: one["trace_id"]):
            if trace_id in matched:
                yield _summary(trace_id, list(of_trace)) | {"matched_ns": matched[trace_id]}


def _summary(trace_id: bytes, spans: list[Row]) -> Row:
    root = next((one for one in spans if not any(one["parent_span_id"])), None)
    return {
        "trace_id": trace_id,
        "start_ns": min(one["start_time_unix_nano"] for one in spans),
        "end_ns": max(one["end_time_unix_nano"] for one in spans),
        "span_count": len(spans),
        "error_count": sum(one["status_code"] == 2 for one in spans),
        "services": sorted({one["service_name"] for one in spans}),
        "root_service": root["service_name"] if root else "",
        "root_name": root["name"] if root else "",
    }


def _time(one: Row) -> int:
    return int(one["time"])


def _blank(kind: pa.DataType) -> Any:
    if pa.types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    if pa.types.is_list(kind):
        return []
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return ""
    return False if pa.types.is_boolean(kind) else 0
