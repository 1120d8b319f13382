"""What requests of Jaeger's APIs say, in the core's terms; and what its answers say of failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pipeline import value
from pipeline.errors import Overloaded, Rejected, Unavailable
from pipeline.value import Value
from query.jaeger.reader import Call, Reader
from query.jaeger.rpc.call import Missing
from query.jaeger.rpc.times import duration_ns, time_ns
from query.jaeger.search import TIME_MAX, Query
from query.wrong import shown

ID_BYTES: Final = 16
_HEX_MAX: Final = 2 * ID_BYTES


def query(parameters: Any, attributes: tuple[tuple[str, str], ...]) -> Query:
    """Return a search; both ends of its time are in it, as in Jaeger's own memory."""
    start, end = time_ns(parameters, "start_time_min"), time_ns(parameters, "start_time_max")
    return Query(
        service=parameters.service_name,
        operation=parameters.operation_name,
        attributes=attributes,
        start_ns=start or 0,
        end_ns=TIME_MAX if end is None else min(end + 1, TIME_MAX),
        duration_min_ns=duration_ns(parameters, "duration_min"),
        duration_max_ns=duration_ns(parameters, "duration_max"),
        limit=parameters.search_depth,
    )


def parameters(request: Any) -> Any:
    """Return what a search asks for; raises Rejected without it, or with a filter."""
    if not request.HasField("query"):
        raise Rejected("missing query")
    found = request.query
    if "filter" in found.DESCRIPTOR.fields_by_name and found.HasField("filter"):
        raise Rejected("filter is not supported; use attributes, and the other fields of the query")
    return found


async def calls(reader: Reader, tenant: str, start_ns: int, end_ns: int) -> list[Call]:
    """Return the calls between services in a time, both of its ends included."""
    if start_ns > end_ns:
        return []
    return await reader.dependencies(tenant, start_ns, min(end_ns + 1, TIME_MAX))


def window(request: Any) -> tuple[int, int]:
    """Return the time that calls are asked for; raises Rejected in Jaeger's words."""
    start, end = time_ns(request, "start_time"), time_ns(request, "end_time")
    if start is None:
        raise Rejected("start_time is required")
    if end is None:
        raise Rejected("end_time is required")
    if end <= start:
        raise Rejected("end_time must be after start_time")
    return start, end


def texts(attributes: Any) -> tuple[tuple[str, str], ...]:
    """Return a map of texts in the order of its keys."""
    return tuple(sorted(attributes.items()))


def text_forms(attributes: Any) -> tuple[tuple[str, str], ...]:
    """Return typed attributes with the text form of their values."""
    return tuple((one.key, _text(_value(one.value))) for one in attributes)


def old_id(trace_id: bytes) -> bytes:
    """Return the ID of a trace of 16 bytes, or of the 8 of old clients; raises Rejected."""
    if not trace_id.strip(b"\0"):
        raise Rejected("uninitialized TraceID is not allowed")
    if len(trace_id) not in (ID_BYTES // 2, ID_BYTES):
        raise Rejected(f"trace_id has 16 bytes, or 8, not {len(trace_id)}")
    return trace_id.rjust(ID_BYTES, b"\0")


def hex_id(text: str) -> bytes:
    """Return the ID of a trace of 1 to 32 hexadecimal digits; raises Rejected."""
    try:
        if not 1 <= len(text) <= _HEX_MAX or not text.isalnum():
            raise ValueError(f"{len(text)} characters")
        return bytes.fromhex(text.zfill(_HEX_MAX))
    except ValueError as error:
        raise Rejected(
            f'malform trace ID: "{shown(text)}" is not 1 to 32 hexadecimal digits ({error})'
        ) from None


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Say in Jaeger's words what a store did not answer."""
    try:
        yield
    except (Overloaded, Unavailable) as error:
        raise type(error)(f"{what}: {error}", retry_s=error.retry_s) from error


def not_found() -> Missing:
    """Return the verdict on a trace that is not there."""
    return Missing("trace not found")


def _text(item: Value) -> str:
    if isinstance(item, float) and item.is_integer():
        return str(int(item))  # as Jaeger writes it
    return value.encode(item)[1]


def _value(message: Any) -> Value:
    match message.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(one) for one in message.array_value.values]
        case "kvlist_value":
            return value.Map((one.key, _value(one.value)) for one in message.kvlist_value.values)
        case arm:
            found: Value = getattr(message, arm)
            return found
