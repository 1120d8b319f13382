"""Jaeger's own model of spans as columns, made of stored spans: what v1 JSON and api_v2 tell.

A span has tags, in this order: its scope's name and version, its attributes, then what OTLP keeps
in fields of its own (kind, status, trace state). Its events are logs, parent and links references.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import value
from pipeline.envelope import Resource, Scope, find
from pipeline.schema import ATTRIBUTES, SPAN_ID, TRACE_ID
from pipeline.value import Attribute, Value
from query.jaeger import arrays
from query.jaeger.arrays import Column, Numbers, Pairs
from query.jaeger.names import KIND_NAMES, MISSING_SERVICE, SERVICE_NAME
from query.jaeger.references import REFERENCE, references
from query.jaeger.remarks import WARNINGS, Warnings, stored

LOG: Final = pa.struct([("time_ns", pa.uint64()), ("fields", ATTRIBUTES)])
_SPAN: Final[list[tuple[str, pa.DataType]]] = [
    ("trace_id", TRACE_ID),
    ("span_id", SPAN_ID),
    ("flags", pa.uint32()),
    ("name", pa.utf8()),
    ("references", pa.list_(REFERENCE)),
    ("start_ns", pa.uint64()),
    ("duration_ns", pa.uint64()),
    ("tags", ATTRIBUTES),  # of types STRING, BOOL, INT, DOUBLE, BYTES only; so are fields
    ("logs", pa.list_(LOG)),
    ("process", pa.int32()),  # its place among the processes
    ("warnings", pa.list_(pa.utf8())),
]
SPAN: Final = pa.schema(_SPAN)

_SAMPLED: Final = 1
_STATUS: Final = {1: "OK", 2: "ERROR"}
_ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class Process:
    """What a span came from: its service, and what else its resource says."""

    service: str
    tags: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """Spans with the columns of SPAN, and the processes that they name, each once."""

    spans: pa.Table
    processes: tuple[Process, ...]


def model(rows: pa.Table, warnings: Warnings | None = None) -> Model:
    """Return stored spans, whole traces or not, in Jaeger's model and in their order."""
    number = rows.num_rows
    own = Pairs.of(arrays.one(rows["attributes"]))
    warned = own.named(WARNINGS)
    process, processes = _processes(rows)
    start, end = (
        arrays.numbers(rows[name]) for name in ("start_time_unix_nano", "end_time_unix_nano")
    )
    columns = {
        "trace_id": arrays.one(rows["trace_id"]),
        "span_id": arrays.one(rows["span_id"]),
        "flags": pa.array(arrays.numbers(rows["flags"]) & _SAMPLED, pa.uint32()),
        "name": arrays.one(rows["name"]),
        "references": references(rows),
        "start_ns": pa.array(start),
        "duration_ns": pa.array(np.where(end > start, end - start, 0).astype(np.uint64)),
        "tags": _tags(rows, own.where(~warned)).column(number),
        "logs": _logs(arrays.one(rows["events"])),
        "process": pa.array(process, pa.int32()),
        "warnings": _warnings(own.where(warned), warnings or {}, number),
    }
    return Model(pa.table(columns, schema=SPAN), processes)


def _tags(rows: pa.Table, own: Pairs) -> Pairs:
    kinds, statuses = (arrays.numbers(rows[name]) for name in ("kind", "status_code"))
    known = np.flatnonzero((kinds > 0) & (kinds < len(KIND_NAMES)))
    said = np.flatnonzero((statuses > 0) & (statuses <= _ERROR))
    failed = np.flatnonzero(statuses == _ERROR)
    parts = [
        *_scopes(arrays.one(rows["scope"])),
        _told(own),
        Pairs.said(known, "span.kind", value.STRING, _named(KIND_NAMES, kinds[known])),
        Pairs.said(
            said, "otel.status_code", value.STRING, _named(("", *_STATUS.values()), statuses[said])
        ),
        Pairs.said(failed, "error", value.BOOL, "true"),
        _texts(rows, "status_message", "otel.status_description"),
        _texts(rows, "trace_state", "w3c.tracestate"),
    ]
    return arrays.joined(parts)


def _scopes(texts: Column) -> list[Pairs]:
    """Return the tags of scopes: names, then versions, where there are any."""
    coded: Any = texts.dictionary_encode()
    scopes = [Scope.parse(text) for text in coded.dictionary.to_pylist()]
    of = coded.indices.to_numpy(zero_copy_only=False)
    found = []
    for key, said in (
        ("otel.scope.name", [one.name for one in scopes]),
        ("otel.scope.version", [one.version for one in scopes]),
    ):
        has = np.array([bool(text) for text in said], bool)
        rows = np.flatnonzero(has[of]) if len(of) else of
        found.append(Pairs.said(rows, key, value.STRING, _named(said, of[rows])))
    return found


def _texts(rows: pa.Table, name: str, key: str) -> Pairs:
    """Return a column of texts as tags, where they are not empty."""
    texts = arrays.one(rows[name])
    some = np.flatnonzero(arrays.filled(texts))
    return Pairs.said(some, key, value.STRING, texts.take(arrays.index(some)))


def _named(names: Sequence[str], numbers: Numbers) -> Column:
    return pa.array(names, pa.utf8()).take(arrays.index(numbers))


def _told(pairs: Pairs) -> Pairs:
    """Return attributes with the types that Jaeger has: the others become texts."""
    odd = np.isin(pairs.types, (value.EMPTY, value.ARRAY, value.KVLIST))
    if not odd.any():
        return pairs
    types = np.where(odd, value.STRING, pairs.types)
    values = pairs.values
    # In our own form a map whose only key starts with $ says what JSON has no name for.
    marked = np.flatnonzero(odd & arrays.numbers(pc.match_substring(values, '"$')))
    if len(marked):
        texts = values.to_pylist()
        for at in marked.tolist():
            texts[at] = _json(value.decode(int(pairs.types[at]), str(texts[at])))
        values = pa.array(texts, pa.utf8())
    return Pairs(pairs.rows, pairs.keys, types, values)


def _json(item: Value) -> str:
    return json.dumps(_plain(item), ensure_ascii=False, separators=(",", ":"))


def _plain(item: Value) -> Any:
    match item:
        case value.Map():
            return {key: _plain(inner) for key, inner in item}
        case list():
            return [_plain(inner) for inner in item]
        case bytes() | float():
            kind, text = value.encode(item)
            return text if kind == value.BYTES or text[-1] in "Ny" else item
        case _:
            return item


def _logs(events: Column) -> Column:
    """Return events as logs: their name is the field `event`, unless an attribute is."""
    flat: Any = pc.list_flatten(events)
    rows = arrays.owners(events)
    times, names, attributes = (flat.field(at) for at in range(3))
    own = Pairs.of(attributes)
    named = arrays.filled(names).copy()
    named[own.rows[own.named("event")]] = False
    at = np.flatnonzero(named)
    name = Pairs.said(at, "event", value.STRING, names.cast(pa.utf8()).take(arrays.index(at)))
    fields = arrays.joined([name, _told(own)]).column(len(flat))
    logs = pa.StructArray.from_arrays([times, fields], fields=list(LOG))
    return arrays.listed(rows, logs, len(events))


def _processes(rows: pa.Table) -> tuple[Numbers, tuple[Process, ...]]:
    """Return the number of each span's process, and the processes in the order of coming."""
    coded: Any = arrays.one(rows["resource"]).dictionary_encode()
    known: dict[Process, int] = {}
    places = [known.setdefault(process(text), len(known)) for text in coded.dictionary.to_pylist()]
    return np.array(places, np.int32)[coded.indices.to_numpy(zero_copy_only=False)], tuple(known)


def process(resource: str) -> Process:
    """Return a resource as a process."""
    attributes = Resource.parse(resource).attributes
    others = (one for one in attributes if one[0] != SERVICE_NAME)
    tags = tuple((key, *told(kind, text)) for key, kind, text in others)
    return Process(find(attributes, SERVICE_NAME) or MISSING_SERVICE, tags)


def told(kind: int, text: str) -> tuple[int, str]:
    """Return a value with a type that Jaeger has."""
    if kind in (value.ARRAY, value.KVLIST):
        return value.STRING, _json(value.decode(kind, text)) if '"$' in text else text
    return (value.STRING, "") if kind == value.EMPTY else (kind, text)


def _warnings(own: Pairs, said: Warnings, number: int) -> Column:
    """Return each span's warnings: those that were stored with it, then what is said now."""
    every = stored(own)
    for row, more in said.items():
        every.setdefault(row, []).extend(more)
    if not every:
        return arrays.listed(np.zeros(0, np.int64), pa.array([], pa.utf8()), number)
    return pa.array([every.get(row, []) for row in range(number)], pa.list_(pa.utf8()))
