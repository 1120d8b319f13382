"""Traces to JSON: a summary each in a list, all of a trace as OTLP."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from otlp.codec import encode, to_json
from otlp.codec.request import parse
from pipeline.signal import Signal
from query.api import answers, render, times
from query.api.render import Json
from query.api.spans import span
from query.language.fields import STATUSES
from query.wrong import Wrong, shown

_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{32}")


def summary(row: Mapping[str, Any]) -> dict[str, Json]:
    """Return a row of a `Traces` plan as an object; the root's names are "" when it is missing."""
    return {
        "trace_id": row["trace_id"].hex(),
        "start": times.text(row["start_ns"]),
        "start_unix_nano": str(row["start_ns"]),
        "duration_ns": render.integer(max(0, row["end_ns"] - row["start_ns"])),
        "span_count": row["span_count"],
        "error_count": row["error_count"],
        "services": row["services"],
        "root_service": row["root_service"],
        "root_name": row["root_name"],
    }


def whole(rows: pa.Table) -> dict[str, Json]:
    """Return the rows of a `Trace` plan as objects, beside a summary of them."""
    stored, sources = rows.to_pylist(), render.Sources()
    starts = [row["start_time_unix_nano"] for row in stored]
    ends = [row["end_time_unix_nano"] for row in stored]
    services: dict[str, dict[str, int]] = {}
    for row in stored:
        counts = services.setdefault(row["service_name"], {"spans": 0, "errors": 0})
        counts["spans"] += 1
        counts["errors"] += row["status_code"] == STATUSES["error"]
    roots = [row for row in stored if not any(row["parent_span_id"])]
    root = min(roots, key=lambda row: (row["start_time_unix_nano"], row["span_id"]), default={})
    return {
        "trace_id": stored[0]["trace_id"].hex(),
        "start": times.text(min(starts)),
        "start_unix_nano": str(min(starts)),
        "duration_ns": render.integer(max(0, max(ends) - min(starts))),
        "span_count": len(stored),
        "error_count": sum(counts["errors"] for counts in services.values()),
        "services": [{"name": name, **services[name]} for name in sorted(services)],
        "root_service": root.get("service_name", ""),
        "root_name": root.get("name", ""),
        "spans": [span(row, sources) for row in stored],
    }


def identifier(text: str) -> bytes:
    """Return the 16 bytes of a trace ID; raises Wrong unless it is one, not all zero."""
    if not _TRACE_ID.fullmatch(text) or not any(trace_id := bytes.fromhex(text)):
        raise Wrong(
            f"a trace ID is 32 hexadecimal digits, not all zero; found {shown(text)}", "trace_id"
        )
    return trace_id


def otlp(rows: pa.Table) -> bytes:
    """Return the rows of a `Trace` plan as OTLP/JSON TracesData, which loses nothing."""
    return answers.encode(tree(rows))


def tree(rows: pa.Table) -> dict[str, Any]:
    """
    Return spans as the objects of OTLP/JSON.

    Those of one resource and scope stand together, in the order in which the first of them came.
    """
    columns = (rows.column(name).to_pylist() for name in ("resource", "scope"))
    pairs = [(str(resource), str(scope)) for resource, scope in zip(*columns, strict=True)]
    # The encoder joins neighbours only; services that call each other alternate in time.
    resources: dict[str, int] = {}
    scopes: dict[tuple[str, str], int] = {}
    for pair in pairs:
        resources.setdefault(pair[0], len(resources))
        scopes.setdefault(pair, len(scopes))
    order = sorted(
        range(len(pairs)), key=lambda row: (resources[pairs[row][0]], scopes[pairs[row]])
    )
    payload = encode(Signal.TRACES, rows.take(order))
    return to_json(parse(Signal.TRACES, payload))
