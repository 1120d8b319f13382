"""What a trace is in a list: who began it, how long it took, whose spans and errors it has."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from query.jaeger import arrays
from query.jaeger.names import MISSING_SERVICE

COLUMNS: Final = (
    "service_name",
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "status_code",
)
"""What of spans makes a summary; spans that are equal in all of it were sent twice."""

_ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class ServiceSummary:
    """A service's part in a trace."""

    name: str
    spans: int
    errors: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A trace without duplicates; the root's names are "" when no span is without a parent."""

    trace_id: bytes
    root_service: str
    root_name: str
    start_ns: int
    end_ns: int
    spans: int
    errors: int
    orphans: int
    services: tuple[ServiceSummary, ...]


def summarize(ids: list[bytes], rows: pa.Table) -> list[Summary]:
    """Return the summaries of these traces, of which `rows` has COLUMNS; of missing ones none."""
    plain = pa.table({name: arrays.one(rows[name]) for name in COLUMNS})
    distinct = plain.group_by(list(COLUMNS), use_threads=False).aggregate([])
    distinct = distinct.sort_by([("trace_id", "ascending"), ("start_time_unix_nano", "ascending")])
    told = {}
    for start, size in arrays.runs(distinct):
        one = _of(distinct.slice(start, size))
        told[one.trace_id] = one
    return [told[one] for one in ids if one in told]


def _of(spans: pa.Table) -> Summary:
    """Return the summary of one trace's spans, oldest first."""
    own = arrays.words(arrays.one(spans["span_id"]))
    parents = arrays.words(arrays.one(spans["parent_span_id"]))
    failed = arrays.numbers(spans["status_code"]) == _ERROR
    roots = np.flatnonzero(parents == 0)
    root: dict[str, Any] = {"service_name": "", "name": ""}
    if len(roots):
        (root,) = spans.slice(int(roots[0]), 1).select(["service_name", "name"]).to_pylist()
        root["service_name"] = root["service_name"] or MISSING_SERVICE
    return Summary(
        trace_id=spans["trace_id"][0].as_py(),
        root_service=root["service_name"],
        root_name=root["name"],
        start_ns=int(arrays.numbers(spans["start_time_unix_nano"]).min()),
        end_ns=int(arrays.numbers(spans["end_time_unix_nano"]).max()),
        spans=spans.num_rows,
        errors=int(failed.sum()),
        orphans=int(((parents != 0) & ~np.isin(parents, own)).sum()),
        services=_services(spans["service_name"].to_pylist(), failed.tolist()),
    )


def _services(names: list[Any], failed: list[bool]) -> tuple[ServiceSummary, ...]:
    counts: dict[str, list[int]] = {}
    for name, wrong in zip(names, failed, strict=True):
        of = counts.setdefault(name or MISSING_SERVICE, [0, 0])
        of[0] += 1
        of[1] += wrong
    return tuple(ServiceSummary(name, *counts[name]) for name in sorted(counts))
