"""What v1 and v3 take from a request: the same searches in two spellings."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from multidict import MultiMapping

from pipeline.errors import Rejected
from query.jaeger.search import LIMIT, TIME_MAX, Query
from query.jaeger.texts import nanoseconds
from query.language import moment
from query.wrong import shown

DAY_NS: Final = 24 * 3600 * 10**9
_LOOKBACK_NS: Final = 2 * DAY_NS

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,32}")
_BASE64_MAX: Final = 24
_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1
MS_MAX: Final = _INT64_MAX // 10**6
"""Milliseconds whose nanoseconds are 64 bits."""
_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False", ""), False),
}

Given = MultiMapping[str]
Value = TypeVar("Value")


def trace_id(text: str) -> bytes:
    """
    Return the 16 bytes of a trace ID; raises Rejected.

    It is 1 to 32 hexadecimal digits, or base64 of 8 or 16 bytes in at most 24 characters.
    """
    if _HEX.fullmatch(text):
        found = bytes.fromhex(text.rjust(32, "0"))
    else:
        found = _base64(text).rjust(16, b"\0")
    if not any(found):
        raise Rejected(f"a trace ID is not all zero: {shown(text)}")
    return found


def integer(given: Given, name: str, default: int, most: int = _INT64_MAX) -> int:
    """Return a whole number; raises Rejected."""
    text = given.get(name)
    if not text:
        return default
    if not _INTEGER.fullmatch(text) or abs(number := int(text)) > most:
        raise Rejected(f"unable to parse param '{name}': {shown(text)} is not a whole number")
    return number


def flag(given: Given, name: str) -> bool:
    """Return a bool in one of Go's forms; raises Rejected."""
    text = given.get(name, "")
    if text not in _BOOLS:
        raise Rejected(f"unable to parse param '{name}': {shown(text)} is not a bool")
    return _BOOLS[text]


def search(given: Given, now_ns: int) -> Query:
    """Return the search of v1; raises Rejected."""
    if not given.get("service"):
        raise Rejected("parameter 'service' is required")
    start_us = integer(given, "start", (now_ns - _LOOKBACK_NS) // 1000)
    end_us = integer(given, "end", now_ns // 1000)
    shortest, longest = (_go_duration(given, name) for name in ("minDuration", "maxDuration"))
    if shortest and longest and longest < shortest:
        raise Rejected("'maxDuration' should be greater than 'minDuration'")
    return Query(
        service=given["service"],
        operation=given.get("operation", ""),
        attributes=_tags(given),
        start_ns=_time(start_us * 1000),
        end_ns=_time((end_us + 1) * 1000),  # a time is shown in microseconds: all of its last
        duration_min_ns=shortest,
        duration_max_ns=longest,
        limit=integer(given, "limit", LIMIT, _INT32_MAX),
    )


def ids(given: Given) -> tuple[bytes, ...]:
    """Return the trace IDs that v1 looks up instead of searching; raises Rejected."""
    return tuple(dict.fromkeys(trace_id(one) for one in given.getall("traceID", [])))


_TWINS: Final = {
    "query.serviceName": "query.service_name",
    "query.operationName": "query.operation_name",
    "query.startTimeMin": "query.start_time_min",
    "query.startTimeMax": "query.start_time_max",
    "query.searchDepth": "query.num_traces",
    "query.durationMin": "query.duration_min",
    "query.durationMax": "query.duration_max",
    "query.rawTraces": "query.raw_traces",
    "spanKind": "span_kind",
    "startTime": "start_time",
    "endTime": "end_time",
    "rawTraces": "raw_traces",
}
_MORE_TWINS: Final = {"query.searchDepth": "query.search_depth"}


def search_v3(given: Given) -> Query:
    """Return the search of v3; raises Rejected."""
    if "query.filter" in given:
        raise Rejected("malformed parameter query.filter: filters are not supported")
    start_ns = read(given, "query.startTimeMin", _rfc_3339, -1)
    end_ns = read(given, "query.startTimeMax", _rfc_3339, -1)
    for name, value in (("startTimeMin", start_ns), ("startTimeMax", end_ns)):
        if value < 0:
            raise Rejected(f"query.{name} is required")
    if start_ns >= end_ns:
        raise Rejected("query.startTimeMin must be before query.startTimeMax")
    return Query(
        service=read(given, "query.serviceName", str, ""),
        operation=read(given, "query.operationName", str, ""),
        attributes=read(given, "query.attributes", _pairs, ()),
        start_ns=start_ns,
        end_ns=end_ns + 1,
        duration_min_ns=read(given, "query.durationMin", _duration, 0),
        duration_max_ns=read(given, "query.durationMax", _duration, 0),
        limit=read(given, "query.searchDepth", _int32, LIMIT),
    )


def raw_v3(given: Given, name: str = "query.rawTraces") -> bool:
    """Return whether traces are asked for as they are stored; raises Rejected."""
    return read(given, name, _bool, default=False)


def hints_v3(given: Given) -> None:
    """Raise Rejected for times that are none; a trace is found without them."""
    for name in ("startTime", "endTime"):
        read(given, name, _rfc_3339, 0)


def read(given: Given, name: str, parse: Callable[[str], Value], default: Value) -> Value:
    """Return a parameter of v3, by the one name or the other; raises Rejected with that name."""
    for one in (name, _TWINS.get(name), _MORE_TWINS.get(name)):
        if one is not None and (text := given.get(one)):
            try:
                return parse(text)
            except ValueError as error:
                raise Rejected(f"malformed parameter {one}: {error}") from None
    return default


def _base64(text: str) -> bytes:
    if len(text) <= _BASE64_MAX:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if len(found) in (8, 16):
            return found
    raise Rejected(f"a trace ID is up to 32 hexadecimal digits, not {shown(text)}")


def _tags(given: Given) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for text in given.getall("tag", []):
        key, colon, value = text.partition(":")
        if not colon:
            raise Rejected(
                f"malformed 'tag' parameter, expecting key:value, received: {shown(text)}"
            )
        found[key] = value
    for text in given.getall("tags", []):
        try:
            found |= _texts(text)
        except ValueError as error:
            raise Rejected(f"malformed 'tags' parameter, cannot unmarshal JSON: {error}") from None
    return tuple(found.items())


def _texts(text: str) -> dict[str, str]:
    """Return an object of texts; raises ValueError."""
    try:
        found: Any = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("expected an object whose values are strings")
    for one in (*found, *found.values()):
        one.encode()  # half a surrogate pair is no text
    return found


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(_texts(text).items())


def _go_duration(given: Given, name: str) -> int:
    text = given.get(name)
    if not text:
        return 0
    try:
        return _duration(text)
    except ValueError as error:
        raise Rejected(f"unable to parse param '{name}': {error}") from None


def _duration(text: str) -> int:
    return max(0, nanoseconds(text))


def _rfc_3339(text: str) -> int:
    found = moment.read(text, 0) if "-" in text and not text.startswith("now") else None
    if found is None or not 0 <= found <= moment.TIME_NS_MAX:
        raise ValueError(f"{shown(text)} is not a time such as 2026-01-31T12:00:00Z")
    return found


def _int32(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _INT32_MAX:
        raise ValueError(f"{shown(text)} is not a whole number")
    return int(text)


def _bool(text: str) -> bool:
    if text not in _BOOLS:
        raise ValueError(f"{shown(text)} is not a bool")
    return _BOOLS[text]


def _time(time_ns: int) -> int:
    return min(max(0, time_ns), TIME_MAX)
