"""Answers that API v3 and the storage API tell alike, in messages of their own packages."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from google.protobuf.message import Message

from query.jaeger.reader import Call, Operation
from query.jaeger.rpc import idl
from query.jaeger.summary import Summary

SUMMARIES: Final = 100
"""Summaries in a message: some 20 KiB."""


def services(package: str, names: Sequence[str]) -> Message:
    """Return a GetServicesResponse."""
    return _made(f"{package}.GetServicesResponse", services=names)


def operations(package: str, found: Sequence[Operation]) -> Message:
    """Return a GetOperationsResponse; the kind of those that have none is empty."""
    rows = [{"name": one.name, "span_kind": one.kind} for one in found]
    return _made(f"{package}.GetOperationsResponse", operations=rows)


def dependencies(name: str, calls: Sequence[Call]) -> Message:
    """Return the message of this name with calls between services."""
    rows = [{"parent": one.parent, "child": one.child, "call_count": one.calls} for one in calls]
    return _made(name, dependencies=rows)


async def summaries(package: str, found: Sequence[Summary]) -> AsyncGenerator[bytes, None]:
    """Yield messages FindTraceSummariesResponse."""
    for start in range(0, len(found), SUMMARIES):
        some = [_summary(package, one) for one in found[start : start + SUMMARIES]]
        made = _made(f"{package}.FindTraceSummariesResponse", summaries=some)
        yield made.SerializeToString()


def _summary(package: str, one: Summary) -> dict[str, Any]:
    return {
        "trace_id": one.trace_id.hex() if package == idl.API_V3 else one.trace_id,
        "root_service_name": one.root_service,
        "root_operation_name": one.root_name,
        "min_start_time_unix_nano": one.start_ns,
        "max_end_time_unix_nano": one.end_ns,
        "span_count": one.spans,
        "error_span_count": one.errors,
        "orphan_span_count": one.orphans,
        "services": [
            {"name": of.name, "span_count": of.spans, "error_span_count": of.errors}
            for of in one.services
        ],
    }


def _made(name: str, **fields: Any) -> Message:
    made: Message = idl.message(name)(**fields)
    return made
