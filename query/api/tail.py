"""Live tail: what is committed from now on, as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
from aiohttp import hdrs, web

from pipeline.envelope import Resource, find
from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.signal import Signal
from query.api import answers, logs, metrics, parameters, render, spans
from query.api.render import Json
from query.engine import Engine
from query.language.check import record_by_record
from query.language.parse import parse
from query.tail.hub import Hub
from query.tail.reader import Loss, News, Reader
from query.wrong import Wrong, shown

TAKES: Final = ("q", "signal")
RETRY_MS: Final = 2000
"""After how long a browser whose tail broke asks again."""
WRITE_WAIT_S: Final = 60.0
"""A reader that takes nothing for so long is gone, whatever its connection says."""

HEADERS: Final = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
"""Proxies are to pass on what comes, when it comes: nginx and its like wait for more otherwise."""

_ROWS: Final[Mapping[Signal, Callable[[Mapping[str, Any], render.Sources], dict[str, Json]]]] = {
    Signal.LOGS: logs.log,
    Signal.TRACES: spans.span,
    Signal.METRICS: metrics.point,
}


def routes(
    engine: Engine, hub: Hub, keyring: Keyring, now_ns: Callable[[], int] = time.time_ns
) -> list[web.RouteDef]:
    """Return the route of the tail; the application needs the middleware `answers.errors`."""
    api = TailApi(engine, hub, now_ns)
    return guarded([web.get("/v1/tail", api.tail, allow_head=False)], keyring, Access.READ)


class TailApi:
    """
    The handler of `/v1/tail`, which takes `signal` (logs when it is not given) and `q`.

    Events: `open` first, {"signal", "warnings"?}; a record each without a name, as the lists of the
    API write it (of traces: spans); `dropped` before what follows a gap, {"slow", "rate",
    "unexamined"} in records (`Loss`); `end` {"reason"} at last. They have no id, since nothing is
    kept to go on from. A comment is written when nothing else is to be for a while.
    """

    def __init__(self, engine: Engine, hub: Hub, now_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._hub = hub
        self._now_ns = now_ns

    async def tail(self, request: web.Request) -> web.StreamResponse:
        """Answer with events until the client or Aura goes."""
        parameters.only(request.query, TAKES)
        signal = _signal(request.query.get("signal") or Signal.LOGS)
        query = parse(request.query.get("q", ""))
        record_by_record(query, signal)
        tenant = identity(request).tenant
        checked = await self._engine.check(query, signal, tenant, self._now_ns())
        async with self._hub.read(signal, tenant, checked.where) as reader:
            response = web.StreamResponse(headers=HEADERS)
            await response.prepare(request)
            told: dict[str, Json] = {"signal": signal.value}
            if checked.warnings:
                told["warnings"] = list(checked.warnings)
            await response.write(b"retry: %d\n" % RETRY_MS + _event("open", told))
            try:
                await self._write_all(response, reader)
            except TimeoutError:
                if request.transport:
                    request.transport.abort()
            return response

    async def _write_all(self, response: web.StreamResponse, reader: Reader) -> None:
        while True:
            news = await reader.take(self._hub.config.heartbeat)
            async with asyncio.timeout(WRITE_WAIT_S):
                await _write(response, news)
                if reader.ended:
                    await response.write(_event("end", {"reason": reader.ended}))
                    return


def records(signal: Signal, rows: pa.RecordBatch) -> list[bytes]:
    """Return each row as an event."""
    sources, services = render.Sources(), _Services()
    write = _ROWS[signal]
    return [
        _event("", write({**row, "service_name": services[row["resource"]]}, sources))
        for row in rows.to_pylist()
    ]


class _Services(dict[str, str]):
    """The service's name by the text of a resource, each read once."""

    def __missing__(self, text: str) -> str:
        self[text] = find(Resource.parse(text).attributes, "service.name") or ""
        return self[text]


async def _write(response: web.StreamResponse, news: News | None) -> None:
    if news is None:
        await response.write(b": still here\n\n")
        return
    if news.lost:
        await response.write(_event("dropped", {why: news.lost.get(why, 0) for why in Loss}))
    for piece in news.slices:
        await response.write(piece.data)


def _event(name: str, data: dict[str, Json]) -> bytes:
    # JSON has no line breaks of its own, so one line of data holds it.
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + answers.encode(data) + b"\n\n"


def _signal(text: str) -> Signal:
    try:
        return Signal(text)
    except ValueError:
        known = ", ".join(Signal)
        raise Wrong(f"signal is one of {known}, not {shown(text)}", "signal") from None
