"""Jaeger's own JSON of traces (v1), written column by column."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from query.jaeger import arrays
from query.jaeger.arrays import Column, Numbers, Pairs
from query.jaeger.model import Model, Process
from query.jaeger.written import array, hexadecimal, join, quoted, values

TYPES: Final = ("string", "string", "bool", "int64", "float64", "string", "string", "binary")
"""The names of types, at their numbers in `pipeline/value.py`."""

_HIGH: Final = 16
_ZEROS: Final = "0" * _HIGH


def traces(model: Model, warnings: Sequence[Sequence[str]] = ()) -> list[bytes]:
    """Return whole traces as JSON, one object each; `warnings` are those of each trace."""
    runs = arrays.runs(model.spans)
    if not runs:
        return []
    process = arrays.numbers(model.spans["process"])
    names, maps = _numbered(process, runs)
    spans = _spans(model.spans, names)
    starts = pa.array([at for at, _ in runs] + [len(spans)], pa.int32())
    joined = array(pa.ListArray.from_arrays(starts, spans))
    ids = trace_ids(arrays.one(model.spans["trace_id"]).take(starts.slice(0, len(runs))))
    texts = [_process(one) for one in model.processes]
    said = list(warnings) or [()] * len(runs)
    return [
        b"".join(
            (
                f'{{"traceID":"{trace_id}","spans":'.encode(),
                whole.as_buffer(),  # megabytes, perhaps: no string of them in between
                f',"processes":{{{_processes(named, texts)}}},'.encode(),
                f'"warnings":{_strings(more)}}}'.encode(),
            )
        )
        for trace_id, whole, named, more in zip(ids.to_pylist(), joined, maps, said, strict=True)
    ]


def trace_ids(ids: Column) -> Column:
    """Return IDs of traces as v1 shows them: 16 digits where the upper half is zero."""
    digits = hexadecimal(ids)
    short = pc.starts_with(digits, _ZEROS)
    return pc.if_else(short, pc.utf8_slice_codeunits(digits, _HIGH, 2 * _HIGH), digits)


def _numbered(
    process: Numbers, runs: list[tuple[int, int]]
) -> tuple[Numbers, list[dict[int, int]]]:
    """Give the processes of each trace numbers from 1, in the order in which they come."""
    found = np.empty(len(process), np.int64)
    maps = []
    for at, size in runs:
        own, first, inverse = np.unique(
            process[at : at + size], return_index=True, return_inverse=True
        )
        ranks = np.empty(len(own), np.int64)
        ranks[np.argsort(first)] = np.arange(1, len(own) + 1)
        found[at : at + size] = ranks[inverse]
        maps.append(dict(zip(own.tolist(), ranks.tolist(), strict=True)))
    return found, maps


def _spans(spans: pa.Table, process: Numbers) -> Column:
    column = {name: arrays.one(spans[name]) for name in spans.column_names}
    flags = arrays.numbers(column["flags"])
    flagged: Any = np.where(flags != 0, ',"flags":1', "")
    return join(
        '{"traceID":"',
        trace_ids(column["trace_id"]),
        '","spanID":"',
        hexadecimal(column["span_id"]),
        '"',
        pa.array(flagged, pa.utf8()),
        ',"operationName":',
        quoted(column["name"]),
        ',"references":',
        _references(column["references"]),
        ',"startTime":',
        _micros(column["start_ns"]),
        ',"duration":',
        _micros(column["duration_ns"]),
        ',"tags":',
        _key_values(column["tags"]),
        ',"logs":',
        _logs(column["logs"]),
        ',"processID":"p',
        pa.array(process).cast(pa.utf8()),
        '","warnings":',
        _warnings(column["warnings"]),
        "}",
    )


def _references(references: Column) -> Column:
    flat: Column = pc.list_flatten(references)
    follows, traces, spans = (flat.field(at) for at in range(3))
    kinds = pc.if_else(follows, "FOLLOWS_FROM", "CHILD_OF")
    texts = join(
        '{"refType":"',
        kinds,
        '","traceID":"',
        trace_ids(traces),
        '","spanID":"',
        hexadecimal(spans),
        '"}',
    )
    return array(arrays.listed(arrays.owners(references), texts, len(references)))


def _key_values(attributes: Column) -> Column:
    pairs = Pairs.of(attributes)
    names = pa.array([f'","type":"{name}","value":' for name in TYPES])
    # Keys are few and come often: each is quoted once.
    coded = pc.dictionary_encode(pairs.keys)
    keys = pc.take(quoted(coded.dictionary), coded.indices)
    texts = join(
        '{"key":',
        pc.utf8_slice_codeunits(keys, 0, -1),
        names.take(arrays.index(pairs.types)),
        values(pairs.types, pairs.values),
        "}",
    )
    return array(arrays.listed(pairs.rows, texts, len(attributes)))


def _logs(logs: Column) -> Column:
    flat: Column = pc.list_flatten(logs)
    times, fields = flat.field(0), flat.field(1)
    texts = join('{"timestamp":', _micros(times), ',"fields":', _key_values(fields), "}")
    return array(arrays.listed(arrays.owners(logs), texts, len(logs)))


def _warnings(warnings: Column) -> Column:
    texts = quoted(pc.list_flatten(warnings))
    lists = array(arrays.listed(arrays.owners(warnings), texts, len(warnings)))
    return pc.if_else(pc.equal(lists, pa.scalar("[]")), "null", lists)


def _micros(nanoseconds: Column) -> Column:
    return pc.divide(nanoseconds, pa.scalar(1000, pa.uint64())).cast(pa.utf8())


def _process(one: Process) -> str:
    service = quoted(pa.array([one.service]))[0].as_py()
    keys, kinds, texts = zip(*one.tags, strict=True) if one.tags else ((), (), ())
    pairs = Pairs(
        np.zeros(len(keys), np.int64),
        pa.array(keys, pa.utf8()),
        np.array(kinds, np.uint8),
        pa.array(texts, pa.utf8()),
    )
    return f'{{"serviceName":{service},"tags":{_key_values(pairs.column(1))[0].as_py()}}}'


def _processes(named: dict[int, int], texts: list[str]) -> str:
    ordered = sorted(named, key=named.__getitem__)
    return ",".join(f'"p{named[one]}":{texts[one]}' for one in ordered)


def _strings(texts: Sequence[str]) -> str:
    if not texts:
        return "null"
    return f"[{','.join(quoted(pa.array(list(texts), pa.utf8())).to_pylist())}]"
