"""What is asked of traces means, in Python: what compiled SQL is compared with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from pipeline.plan import (
    Column,
    Compare,
    Condition,
    Find,
    Path,
    Relation,
    TracePlace,
    Traces,
)
from storage.evaluate import OPERATORS, Row, has, matches
from storage.pattern import Leaf, holds, possible, seeds
from storage.survey import committed

_ERROR: Final = 2


def newest(plan: Traces, spans: Iterable[Row]) -> list[TracePlace]:
    """Return the places of the traces of these spans that a plan looks at, the newest first."""
    times: dict[bytes, int] = {}
    for one in spans:
        if committed(plan, one):
            times[one["trace_id"]] = max(times.get(one["trace_id"], 0), one["time"])
    places = sorted((TracePlace(times[one], one) for one in times), reverse=True)
    return [one for one in places if plan.after is None or one < plan.after]


def examine(
    plan: Traces, whole: Condition, every: pa.Table, within: pa.Table
) -> tuple[list[TracePlace], bool]:
    """
    Return the places of the newest traces that match, at most the plan's limit.

    And whether others might, which were not examined. `within` are the spans in the time range.
    """
    inside = within.to_pylist()
    seeding = seeds(whole)
    seeded = [row for row in inside if not seeding or any(matches(one, row) for one in seeding)]
    spans, in_range = _by_trace(every.to_pylist()), _by_trace(inside)
    candidates = [
        one
        for one in newest(plan, seeded)
        if holds(possible(whole), _of(one, spans, in_range).meets, every=True)
    ]
    found = [
        one
        for one in candidates[: plan.candidates_max]
        if holds(whole, _of(one, spans, in_range).meets, every=True)
    ][: plan.limit]
    return found, len(candidates) > plan.candidates_max and len(found) < plan.limit


class _Trace:
    """A trace's spans, and those of them that lie in the time range."""

    def __init__(self, spans: Sequence[Row], inside: Sequence[Row]) -> None:
        self._spans = spans
        self._inside = inside

    def meets(self, leaf: Leaf) -> bool:
        """Tell whether a path or a comparison holds."""
        match leaf:
            case Path(steps, relations):
                found = self._meeting(steps[0])
                for relation, step in zip(relations, steps[1:], strict=True):
                    found = self._below(found, self._meeting(step), relation)
                return bool(found)
            case Compare(Column(name), how, wanted):
                return OPERATORS[how](self._column(name), wanted)
            case Find(Column(name), kind, text):
                return has(self._column(name), kind, text)
        raise TypeError(leaf)

    def _meeting(self, step: Condition | None) -> set[bytes]:
        return {row["span_id"] for row in self._inside if step is None or matches(step, row)}

    def _below(self, above: set[bytes], spans: set[bytes], relation: Relation) -> set[bytes]:
        parents = self._parents()
        found = set()
        for one in spans:
            seen: set[bytes] = set()
            up = parents.get(one)
            while up is not None and up not in seen:
                if up in above:
                    found.add(one)
                    break
                seen.add(up)
                up = None if relation is Relation.CHILD else parents.get(up)
        return found

    def _parents(self) -> dict[bytes, bytes | None]:
        """Return the parent of each span, of those of one ID the smallest, if it is there."""
        ids = {row["span_id"] for row in self._spans}
        named: dict[bytes, bytes] = {}
        for row in self._spans:
            parent = row["parent_span_id"]
            if any(parent):
                named[row["span_id"]] = min(parent, named.get(row["span_id"], parent))
        return {one: parent if parent in ids else None for one, parent in named.items()}

    def _column(self, name: str) -> Any:
        row = summary(b"", self._spans)
        row["service_count"] = len(row["services"])
        row["duration_ns"] = max(0, row["end_ns"] - row["start_ns"])
        return row[name]


def _of(
    place: TracePlace, spans: Mapping[bytes, list[Row]], inside: Mapping[bytes, list[Row]]
) -> _Trace:
    return _Trace(spans[place.trace_id], inside[place.trace_id])


def _by_trace(spans: Iterable[Row]) -> dict[bytes, list[Row]]:
    found: dict[bytes, list[Row]] = {}
    for one in spans:
        found.setdefault(one["trace_id"], []).append(one)
    return found


def summary(trace_id: bytes, spans: Sequence[Row]) -> dict[str, Any]:
    """Return the row of a trace in an answer."""
    roots = [one for one in spans if not any(one["parent_span_id"])]
    root = min(
        roots, key=lambda one: (one["start_time_unix_nano"], one["span_id"]), default=None
    ) or {"service_name": "", "name": ""}
    return {
        "trace_id": trace_id,
        "start_ns": min(one["start_time_unix_nano"] for one in spans),
        "end_ns": max(one["end_time_unix_nano"] for one in spans),
        "span_count": len(spans),
        "error_count": sum(one["status_code"] == _ERROR for one in spans),
        "services": sorted({one["service_name"] for one in spans}),
        "root_service": root["service_name"],
        "root_name": root["name"],
    }
