"""The JSON of api/v3: traces as OTLP, and what else it tells."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from query.api import traces
from query.jaeger.reader import Operation
from query.jaeger.summary import Summary


def resource_spans(rows: pa.Table) -> list[Any]:
    """Return spans as OTLP/JSON; `resource`, `scope` and `status` are always there."""
    found: list[Any] = traces.tree(rows).get("resourceSpans", [])
    for resource in found:
        _first(resource, "resource")
        for scope in resource["scopeSpans"]:
            _first(scope, "scope")
            for span in scope["spans"]:
                span.setdefault("status", {})
    return found


def operations(found: Sequence[Operation]) -> dict[str, Any]:
    """Return operations; the kind of those that have none is internal."""
    names = dict.fromkeys((one.name, one.kind or "internal") for one in found)
    return {"operations": [{"name": name, "spanKind": kind} for name, kind in names]}


def summaries(found: Sequence[Summary]) -> dict[str, Any]:
    """Return summaries; what is zero or empty is left out."""
    return {"summaries": [_summary(one) for one in found]}


def _summary(one: Summary) -> dict[str, Any]:
    services = [
        _some(name=of.name, spanCount=of.spans, errorSpanCount=of.errors) for of in one.services
    ]
    return _some(
        traceId=one.trace_id.hex(),
        rootServiceName=one.root_service,
        rootOperationName=one.root_name,
        minStartTimeUnixNano=str(one.start_ns) if one.start_ns else "",
        maxEndTimeUnixNano=str(one.end_ns) if one.end_ns else "",
        spanCount=one.spans,
        errorSpanCount=one.errors,
        orphanSpanCount=one.orphans,
        services=services,
    )


def _some(**members: Any) -> dict[str, Any]:
    return {name: said for name, said in members.items() if said}


def _first(around: dict[str, Any], name: str) -> None:
    """See to it that a member is there, the first of all."""
    if name not in around:
        rest = dict(around)
        around.clear()
        around |= {name: {}} | rest
