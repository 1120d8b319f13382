"""The handlers of v1, the JSON API that Jaeger's UI has always asked."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import pyarrow as pa
from aiohttp import web

from pipeline.errors import Rejected, TooLarge
from pipeline.guard import identity
from query.api.answers import encode, respond
from query.jaeger import answers, monitor, parameters, transform, v1
from query.jaeger.answers import enveloped, in_v1
from query.jaeger.model import model
from query.jaeger.names import KINDS
from query.jaeger.reader import Reader
from query.jaeger.wrong import Missing, NotOffered, envelope

_MS: Final = 10**6
_KINDS: Final = KINDS | {"unspecified": 0}
_NO_ARCHIVE: Final = "archive span storage was not configured"
_NO_METRICS: Final = "trace metrics are currently disabled - no metrics backend configured"
_NOT_FOUND: Final = "trace not found"


class ApiV1:
    """Answers as Jaeger's query service does; `now_ns` tells the time."""

    def __init__(self, reader: Reader, now_ns: Callable[[], int]) -> None:
        self._reader = reader
        self._now_ns = now_ns
        self._transforming = asyncio.Lock()

    async def services(self, request: web.Request) -> web.Response:
        """Answer the names of services."""
        names = await self._reader.services(identity(request).tenant)
        return _said(request, envelope(names, len(names)))

    async def names(self, request: web.Request) -> web.Response:
        """Answer the names of a service's operations, of all kinds."""
        found = await self._reader.operations(
            identity(request).tenant, request.match_info["service"]
        )
        names = sorted({one.name for one in found})
        return _said(request, envelope(names, len(names)))

    async def operations(self, request: web.Request) -> web.Response:
        """Answer a service's operations with their kinds, of one kind if it is named."""
        service = request.query.get("service")
        if not service:
            raise Rejected("parameter 'service' is required")
        kind = request.query.get("spanKind", "")
        found = await self._reader.operations(identity(request).tenant, service, kind)
        told = [{"name": one.name, "spanKind": one.kind} for one in found]
        return _said(request, envelope(told, len(told)))

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Answer the traces that a search finds, or those that are named."""
        given, tenant = request.query, identity(request).tenant
        raw = parameters.flag(given, "raw")
        errors: list[dict[str, Any]] = []
        if wanted := parameters.ids(given):
            found = await self._reader.known(tenant, wanted)
            there = {one.trace_id for one in found}
            missing = pa.array([one for one in wanted if one not in there], pa.binary(16))
            shown = v1.trace_ids(missing).to_pylist()
            errors = [{"msg": _NOT_FOUND, "traceID": one} for one in shown]
        else:
            found = await self._reader.find(tenant, parameters.search(given, self._now_ns()))
        write = in_v1(self._reader.config, raw=raw)
        pieces = answers.pieces(self._reader.traces(tenant, found), write)
        rest = encode(envelope([], 0, errors or None))
        head, tail = rest.split(b"[]", 1)
        if _pretty(request):
            return await self._whole(pieces, head + b"[", b"]" + tail)
        return await answers.stream(request, head + b"[", pieces, b"]" + tail)

    async def trace(self, request: web.Request) -> web.StreamResponse:
        """Answer one trace."""
        given = request.query
        raw = parameters.flag(given, "raw")
        trace_id = _named(request)
        found = await self._reader.trace(identity(request).tenant, trace_id)
        if found is None:
            raise Missing(_NOT_FOUND)
        rows, cut = found
        (text,) = await asyncio.to_thread(in_v1(self._reader.config, raw=raw, cut=cut), rows)
        return await _traces(request, [text])

    async def archive(self, request: web.Request) -> web.Response:
        """Keep a trace beyond its retention; without an archive refuse, as Jaeger does."""
        trace_id = _named(request)
        if not self._reader.config.archive_for:
            raise NotOffered(_NO_ARCHIVE, 500)
        if not await self._reader.archive(identity(request).tenant, trace_id):
            raise Missing(_NOT_FOUND)
        return _said(request, envelope([], errors=[]))

    async def transform(self, request: web.Request) -> web.StreamResponse:
        """Answer OTLP/JSON in v1, as it was sent: the UI opens files so."""
        body = await _body(request, self._reader.config.transform_bytes_max)
        async with self._transforming:  # such a file takes memory: one at a time
            texts = await asyncio.to_thread(_transformed, body, self._now_ns())
        return await _traces(request, texts)

    async def dependencies(self, request: web.Request) -> web.Response:
        """Answer how often which service called which."""
        given = request.query
        now_ms = self._now_ns() // _MS
        end_ns = parameters.integer(given, "endTs", now_ms) * _MS
        lookback_ns = parameters.integer(given, "lookback", parameters.DAY_NS // _MS) * _MS
        start_ns, end_ns = max(0, end_ns - lookback_ns), max(0, end_ns) + _MS
        if start_ns >= end_ns:
            raise Rejected("unable to parse param 'lookback': it is not above 0")
        found = await self._reader.dependencies(identity(request).tenant, start_ns, end_ns)
        service = given.get("service")
        links = [
            {"parent": one.parent, "child": one.child, "callCount": one.calls}
            for one in found
            if not service or service in (one.parent, one.child)
        ]
        return _said(request, envelope(links))

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer a figure of the Monitor tab."""
        given, figure = request.query, request.match_info["figure"]
        quantile = _quantile(given) if figure == "latencies" else 0.0
        asked = _figures(given, self._now_ns())
        if not self._reader.config.monitor:
            raise NotOffered(_NO_METRICS, 501)
        limits = self._reader.engine.limits
        asked.check(limits)
        aggregate = monitor.latency(quantile) if figure == "latencies" else monitor.ERRORS
        plan = monitor.plan(asked, identity(request).tenant, limits, aggregate)
        rows = (await self._reader.engine.run(plan)).rows

        def write() -> bytes:
            if figure == "latencies":
                return encode(monitor.latencies(asked, rows, quantile))
            return encode((monitor.calls if figure == "calls" else monitor.errors)(asked, rows))

        return respond(await asyncio.to_thread(write))

    async def _whole(
        self, pieces: AsyncGenerator[bytes, None], head: bytes, tail: bytes
    ) -> web.StreamResponse:
        """Answer all pieces at once, indented."""
        most = self._reader.engine.limits.answer_bytes_max
        texts, size = [], 0
        async with aclosing(pieces):
            async for piece in pieces:
                texts.append(piece)
                size += len(piece)
                if size > most:
                    raise Rejected(
                        f"more than {most} bytes are not indented "
                        "(query.limits.answer_bytes_max): lower the limit, or leave prettyPrint out"
                    )
        text = head + b",".join(texts) + tail
        return await asyncio.to_thread(answers.indented, text)


def _pretty(request: web.Request) -> bool:
    return request.query.get("prettyPrint", "false") not in ("", "false")


def _named(request: web.Request) -> bytes:
    """Return the ID of the trace in the path; its times are hints that nothing here needs."""
    for name in ("start", "end"):
        parameters.integer(request.query, name, 0)
    return parameters.trace_id(request.match_info["trace_id"])


def _said(request: web.Request, body: dict[str, Any]) -> web.Response:
    return enveloped(body, pretty=_pretty(request))


async def _traces(request: web.Request, texts: list[bytes]) -> web.Response:
    head, tail = encode(envelope([])).split(b"[]", 1)
    text = b"".join((head, b"[", b",".join(texts), b"]", tail))
    if _pretty(request):
        return await asyncio.to_thread(answers.indented, text)
    return respond(text)


async def _body(request: web.Request, most: int) -> bytes:
    found = bytearray()
    async for chunk in request.content.iter_any():
        found += chunk
        if len(found) > most:
            raise TooLarge(f"more than {most} bytes (query.jaeger.transform_bytes_max)")
    return bytes(found)


def _transformed(body: bytes, now_ns: int) -> list[bytes]:
    return v1.traces(model(transform.spans(body, now_ns)))


def _quantile(given: parameters.Given) -> float:
    try:
        quantile = float(given.get("quantile", ""))
    except ValueError:
        quantile = -1.0
    if not 0 <= quantile <= 1:
        raise Rejected("unable to parse param 'quantile': it is a number between 0 and 1")
    return quantile


def _figures(given: parameters.Given, now_ns: int) -> monitor.Asked:
    services = tuple(dict.fromkeys(one for one in given.getall("service", []) if one))
    if not services:
        raise Rejected("unable to parse param 'service': please provide at least one service name")
    by_operation = parameters.flag(given, "groupByOperation")
    times = {
        name: parameters.integer(given, name, default, parameters.MS_MAX) * _MS
        for name, default in (
            ("endTs", now_ns // _MS),
            ("lookback", 3_600_000),
            ("step", 5000),
            ("ratePer", 600_000),
        )
    }
    for name, value in times.items():
        if value <= 0:
            raise Rejected(f"unable to parse param '{name}': it is not above 0")
    kinds = given.getall("spanKind", ["server"])
    for one in kinds:
        if one not in _KINDS:
            raise Rejected(f"unsupported span kind: '{one}'")
    return monitor.Asked(
        services=services,
        kinds=tuple(dict.fromkeys(_KINDS[one] for one in kinds)),
        by_operation=by_operation,
        end_ns=times["endTs"],
        lookback_ns=times["lookback"],
        step_ns=times["step"],
        rate_ns=times["ratePer"],
    )
