"""Clocks of hosts that do not agree: told, and put right as far as the settings allow.

As in Jaeger: below a span of another host, or of one that is not known, a span has to lie within
its parent; if it does not, it and what is below it on its host is moved by what centres it there.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipeline import value
from pipeline.envelope import Resource
from query.jaeger import arrays
from query.jaeger.arrays import Numbers
from query.jaeger.texts import duration

DUPLICATE: Final = "duplicate span IDs; skipping clock skew adjustment"
MISSING: Final = "invalid parent span IDs={}; skipping clock skew adjustment"
DISABLED: Final = "clock skew adjustment disabled; not applying calculated delta of {}"
EXCEEDED: Final = (
    "max clock skew adjustment delta of {} exceeded; not applying calculated delta of {}"
)
APPLIED: Final = "This span's timestamps were adjusted by {}"

Said = dict[int, list[str]]


@dataclass(slots=True)
class _Spans:
    """What clocks are compared by: times, hosts, and the number of each span's parent or -1."""

    starts: list[int]
    ends: list[int]
    hosts: list[str]
    parents: list[int]


def correct(rows: pa.Table, max_ns: int) -> tuple[pa.Table, Said]:
    """Return whole traces with times that were put right by at most so much, and what to say."""
    said: Said = {}
    parents = _parents(rows, said)
    start, end = (
        arrays.numbers(rows[name]).astype(np.uint64)
        for name in ("start_time_unix_nano", "end_time_unix_nano")
    )
    end = np.maximum(start, end)
    children = np.flatnonzero(parents >= 0)
    above = parents[children]
    fits = (start[children] >= start[above]) & (end[children] <= end[above])
    if fits.all():  # nearly always: no clock has anything to say
        return rows, said
    spans = _Spans(start.tolist(), end.tolist(), _hosts(rows), parents.tolist())
    moved = _walk(spans, max_ns, said)
    return (_shifted(rows, moved) if moved else rows), said


def _parents(rows: pa.Table, said: Said) -> Numbers:
    """Return the row of each span's parent, -1 where there is none."""
    ids, above = (arrays.words(arrays.one(rows[name])) for name in ("span_id", "parent_span_id"))
    traces = arrays.numbered(rows)
    every = arrays.codes(np.r_[traces, traces], np.r_[ids, above])
    own, wanted = every[: len(ids)], every[len(ids) :]
    _, first = np.unique(own, return_index=True)
    rows_of = np.full(int(every.max(initial=-1)) + 1, -1, np.int64)
    rows_of[own[first]] = first
    repeated = np.ones(len(ids), bool)
    repeated[first] = False
    for at in np.flatnonzero(repeated).tolist():
        said.setdefault(at, []).append(DUPLICATE)
    found = np.where((above != 0) & ~repeated, rows_of[wanted], -1)
    for at in np.flatnonzero((above != 0) & ~repeated & (found < 0)).tolist():
        said.setdefault(at, []).append(MISSING.format(f"{int(above[at]):016x}"))
    return found


def _hosts(rows: pa.Table) -> list[str]:
    coded: Any = arrays.one(rows["resource"]).dictionary_encode()
    hosts = [_host(text) for text in coded.dictionary.to_pylist()]
    return [hosts[at] for at in coded.indices.to_pylist()]


def _host(resource: str) -> str:
    for key, kind, text in Resource.parse(resource).attributes:
        if key == "ip" and kind == value.STRING:
            return text
        if key == "ip" and kind == value.INT:
            return str(IPv4Address(int(text) % 2**32))
    return ""


def _walk(spans: _Spans, max_ns: int, said: Said) -> dict[int, int]:
    """Go from the roots down; return by how much which span is moved."""
    below: dict[int, list[int]] = {}
    for at, parent in enumerate(spans.parents):
        below.setdefault(parent, []).append(at)
    moved: dict[int, int] = {}
    # A span, and what its parent's host is moved by; spans in a circle are below no root.
    todo = [(at, spans.hosts[at], 0) for at in reversed(below.get(-1, []))]
    while todo:
        at, host, delta = todo.pop()
        parent = spans.parents[at]
        if parent >= 0 and (spans.hosts[at] != host or not host):
            host = spans.hosts[at]
            delta = _delta(spans, at, parent)
        if delta:
            _move(spans, at, delta, max_ns, said, moved)
        todo += [(child, host, delta) for child in reversed(below.get(at, []))]
    return moved


def _delta(spans: _Spans, child: int, parent: int) -> int:
    """Return what puts a span into its parent, 0 where it is or where it does not fit."""
    start, end = spans.starts[child], spans.ends[child]
    above, above_end = spans.starts[parent], spans.ends[parent]
    spare = (above_end - above) - (end - start)
    if spare < 0:  # it outlived its parent: it only cannot have begun before it
        return max(0, above - start)
    if start >= above and end <= above_end:
        return 0
    return above + spare // 2 - start


def _move(
    spans: _Spans, at: int, delta: int, max_ns: int, said: Said, moved: dict[int, int]
) -> None:
    told = said.setdefault(at, [])
    if abs(delta) <= max_ns and spans.starts[at] + delta >= 0:
        spans.starts[at] += delta
        spans.ends[at] += delta
        moved[at] = delta
        told.append(APPLIED.format(duration(delta)))
    elif max_ns:
        told.append(EXCEEDED.format(duration(max_ns), duration(delta)))
    else:
        told.append(DISABLED.format(duration(delta)))


def _shifted(rows: pa.Table, moved: dict[int, int]) -> pa.Table:
    """Move times of spans and of their events."""
    deltas = np.zeros(rows.num_rows, np.int64)
    deltas[list(moved)] = list(moved.values())
    for name in ("start_time_unix_nano", "end_time_unix_nano"):
        times = arrays.numbers(rows[name]) + deltas.astype(np.uint64)
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(times))
    return arrays.with_event_times(rows, deltas)
