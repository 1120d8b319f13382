"""
Plain JSON, as a person types it for curl, to OTLP protobuf.

A body is one object, an array of objects, or several of either in a row (NDJSON; `curl -d @file`
takes the line ends out, so they need none between them). Keys that have no meaning here are
attributes, with the type that JSON gives them. An object that is OTLP/JSON is taken as such.

Everywhere: `service_name` (`service.name`, `service`), `attributes` and `resource` (objects of
attributes), and a time as RFC 3339 or as Unix time in s, ms, us or ns; without one it is now.

- logs: `message` (`body`, `msg`) of any type, `level` (`severity`, `severity_text`),
  `severity_number`, `timestamp` (`time`, `@timestamp`), `trace_id`, `span_id`, `event_name`;
- traces: `trace_id`, `span_id`, `parent_span_id`, `name`, `kind`, `start_time` (`start`,
  `timestamp`, `time`), `end_time` (`end`) or `duration` ("12.5ms") or `duration_ms`, `status`
  (unset, ok, error), `status_message`;
- metrics: `name`, `value`, `unit`, `description`, `type` (gauge; counter: a sum that only grows;
  sum), `temporality` (cumulative, delta), `start_time` (`start`), `timestamp` (`time`).

Usual bodies are read natively, by the same rules; what is wrong or odd there is read here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from otlp.codec._native import read_plain, transcode_all
from otlp.codec.cuts import NOTHING, Allowance, Cut, Cuts
from otlp.codec.excerpt import dumped
from otlp.codec.grammar import grammar
from otlp.codec.json import Misread, from_content, no_constant
from otlp.codec.meanings import WRITERS
from otlp.codec.pieces import PATHS
from otlp.codec.record import Fault, Record
from otlp.codec.request import NUMBERS, REQUESTS
from otlp.codec.vocabulary import EXPORTS, vocabulary
from pipeline.errors import Rejected
from pipeline.letter import Form
from pipeline.signal import Signal

ERRORS_MAX: Final = 100
"""Errors that are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Error:
    """What is wrong, and where: records and elements from 0, lines from 1."""

    message: str
    index: int | None = None
    line: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Plain:
    """
    A body as an Export…ServiceRequest, the count of records that are not in it, and why.

    `cuts` are the first of those, lines that are no JSON as they came.
    """

    payload: bytes
    refused: int
    errors: tuple[Error, ...]
    cuts: Sequence[Cut] = ()


@dataclass(frozen=True, slots=True)
class _Unread:
    """A line that is no JSON."""

    message: str
    text: str


_EXPORTS: Final = {
    signal: re.compile(rf'\s*{{\s*"(?:{"|".join(names)})"'.encode())
    for signal, names in EXPORTS.items()
}
"""What begins as an export request of the signal."""


class _Request:
    """What has been read so far."""

    def __init__(self, signal: Signal, now_ns: int, allowance: Allowance) -> None:
        self.refused = 0
        self.cuts = Cuts(allowance)
        self.errors: list[Error] = []
        self._signal = signal
        self._now_ns = now_ns
        self._request = REQUESTS[signal]()
        self._records: dict[bytes, Any] = {}
        self._exports: list[bytes] = []
        self._index = 0

    def add(self, line: int, content: Any) -> None:
        """Add a record or an export request, or count it as refused."""
        try:
            if isinstance(content, _Unread):
                raise Fault("", content.message)
            if not isinstance(content, dict):
                raise Fault("", f"must be an object, not {_named(content)}")
            if not content or _is_export(self._signal, content):
                self._exports.append(from_content(self._signal, content))
            else:
                self._write(Record(content))
        except (Fault, Rejected) as fault:
            self.refused += 1
            self._keep(fault, content)
            if len(self.errors) < ERRORS_MAX:
                key = fault.key if isinstance(fault, Fault) else ""
                self.errors.append(Error(str(fault), self._index, line, key or None))
        self._index += 1

    def _keep(self, fault: Fault | Rejected, content: Any) -> None:
        if self.cuts.full:
            return
        field = fault.key if isinstance(fault, Fault) else ""
        if isinstance(fault, Misread):
            field = fault.path
        with suppress(RecursionError):  # what was just deep enough to be read is not kept
            line = content.text.encode() if isinstance(content, _Unread) else dumped(content)
            self.cuts.add(str(fault), line, Form.PLAIN, field, self._index)

    def payload(self) -> bytes:
        """Return all as one request: requests in a row are that in protobuf."""
        return self._request.SerializeToString() + b"".join(self._exports)

    def _write(self, record: Record) -> None:
        resource = record.resource()
        written = WRITERS[self._signal](record, self._now_ns)
        key = resource.SerializeToString(deterministic=True)
        if key not in self._records:
            outer, inner, items, *_ = PATHS[self._signal]
            scope = getattr(getattr(self._request, outer).add(resource=resource), inner).add()
            self._records[key] = getattr(scope, items)
        self._records[key].append(written)


def from_plain(signal: Signal, body: bytes, now_ns: int, allowance: Allowance = NOTHING) -> Plain:
    """
    Read a body of plain JSON or OTLP/JSON; a wrong record or line is refused alone.

    Of those as many are kept in `cuts` as the allowance says.

    Raises Rejected, with line and column, for what is no JSON.
    """
    if _EXPORTS[signal].match(body):
        payload = transcode_all(grammar(signal), body)
    else:
        payload = read_plain(vocabulary(signal), NUMBERS[signal], body, now_ns)
    if payload is None:
        return from_text(signal, body, now_ns, allowance)
    return Plain(payload, 0, ())


def from_text(signal: Signal, body: bytes, now_ns: int, allowance: Allowance = NOTHING) -> Plain:
    """Do the same without native code, which leaves to it what is wrong or odd."""
    try:
        content = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        return _collected(_Request(signal, now_ns, allowance), _documents(content))
    except RecursionError as error:
        raise Rejected("the body is JSON of too deep nesting") from error
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in _lines(content) if line.strip()]
        if not _one_each(lines):
            raise Rejected(
                f"line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}"
            ) from error
    except ValueError as error:  # a number of 5,000 digits, NaN
        raise Rejected(f"the body is not valid JSON: {error}") from error
    read = ((number, _line(line)) for number, line in lines)
    return _collected(_Request(signal, now_ns, allowance), read)


def _collected(request: _Request, documents: Iterable[tuple[int, Any]]) -> Plain:
    seen = False
    for line, document in documents:
        seen = True
        for record in document if isinstance(document, list) else [document]:
            request.add(line, record)
    if not seen:
        raise Rejected("the body is empty; send one JSON object, an array, or one object a line")
    errors, cuts = tuple(request.errors), tuple(request.cuts.kept)
    return Plain(request.payload(), request.refused, errors, cuts)


_DECODER: Final = json.JSONDecoder(parse_constant=no_constant)


def _documents(content: str) -> Iterator[tuple[int, Any]]:
    """Yield each JSON value with the line that it starts in."""
    at, line = 0, 1
    while (start := _skipped(content, at)) < len(content):
        line += content.count("\n", at, start)
        document, end = _DECODER.raw_decode(content, start)
        yield line, document
        line += content.count("\n", start, end)
        at = end


def _skipped(content: str, at: int) -> int:
    while at < len(content) and content[at] in " \t\r\n":
        at += 1
    return at


def _lines(content: str) -> Iterator[tuple[int, str]]:
    return enumerate(content.split("\n"), 1)


def _one_each(lines: list[tuple[int, str]]) -> bool:
    """Tell whether broken JSON is one object a line, so that the other lines can be told apart."""
    if len(lines) < 2 or not lines[0][1].lstrip().startswith("{"):
        return False
    # No object begins with another: where two lines begin with braces, each is for itself.
    return lines[1][1].lstrip().startswith("{") or isinstance(_line(lines[0][1]), dict)


def _line(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=no_constant)
    except RecursionError:
        return _Unread("JSON of too deep nesting", line)
    except json.JSONDecodeError as error:
        return _Unread(f"column {error.colno}: not valid JSON: {error.msg}", line)
    except ValueError as error:
        return _Unread(f"not valid JSON: {error}", line)


def _is_export(signal: Signal, content: Mapping[str, Any]) -> bool:
    for other in Signal:
        if any(name in content for name in EXPORTS[other]):
            if other != signal:
                raise Fault(EXPORTS[other][0], f"are {other}; send them to /v1/{other}")
            return True
    return False


def _named(value: Any) -> str:
    kinds = {str: "text", bool: "true or false", type(None): "null", list: "an array"}
    return kinds.get(type(value), "a number")
