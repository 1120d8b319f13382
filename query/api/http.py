"""The HTTP API for reading: logs, traces and metrics as JSON."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.plan import Records, Trace, Traces
from pipeline.signal import Signal
from query.api import answers, logs, metrics, parameters, render, times, traces
from query.api.parameters import Range
from query.api.render import Json
from query.engine import Engine

TRUNCATED = "Aura-Truncated"
"""Header of a trace that has more spans than `limits.trace_spans_max`: `true`."""


def routes(
    engine: Engine, keyring: Keyring, now_ns: Callable[[], int] = time.time_ns
) -> list[web.RouteDef]:
    """Return the API's routes; the application needs the middleware `answers.errors`."""
    api = Api(engine, now_ns)
    reading = [
        web.get("/v1/logs", api.logs),
        web.get("/v1/traces", api.traces),
        web.get("/v1/traces/{trace_id}", api.trace),
        web.get("/v1/metrics", api.metrics),
    ]
    return guarded(reading, keyring, Access.READ)


class Api:
    """
    The handlers.

    A list takes `start`, `end`, `limit` and `q`, and answers the newest first, with the bounds that
    were used: `{"logs": […], "start", "end", "limit", "truncated"}`.
    """

    def __init__(self, engine: Engine, now_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ns = now_ns

    async def logs(self, request: web.Request) -> web.Response:
        """Answer log records."""
        return await self._records(request, Signal.LOGS, logs.log)

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer metric points, one entry each."""
        return await self._records(request, Signal.METRICS, metrics.point)

    async def traces(self, request: web.Request) -> web.Response:
        """Answer a summary of each trace of which a span matches."""
        asked = self._read(request, Signal.TRACES)
        tenant = identity(request).tenant
        plan = Traces(tenant, asked.start_ns, asked.end_ns, asked.where, asked.limit)
        return await self._list(plan, "traces", asked, traces.summary)

    async def trace(self, request: web.Request) -> web.Response:
        """Answer all spans of a trace as OTLP/JSON, or 404 when there are none."""
        parameters.only(request.query, ())
        trace_id = traces.identifier(request.match_info["trace_id"])
        most = self._engine.limits.trace_spans_max
        answer = await self._engine.run(Trace(identity(request).tenant, trace_id, most))
        if not answer.rows.num_rows:
            raise web.HTTPNotFound(reason=f"no spans of trace {trace_id.hex()}")
        body = await asyncio.to_thread(traces.otlp, answer.rows)
        headers = {TRUNCATED: "true"} if answer.truncated else None
        return answers.respond(body, headers=headers)

    async def _records(
        self,
        request: web.Request,
        signal: Signal,
        row: Callable[[Mapping[str, Any], render.Sources], dict[str, Json]],
    ) -> web.Response:
        asked = self._read(request, signal)
        sources = render.Sources()
        tenant = identity(request).tenant
        plan = Records(signal, tenant, asked.start_ns, asked.end_ns, asked.where, asked.limit)
        return await self._list(plan, signal, asked, lambda stored: row(stored, sources))

    def _read(self, request: web.Request, signal: Signal) -> Range:
        return parameters.read(request.query, signal, self._engine.limits, self._now_ns())

    async def _list(
        self,
        plan: Records | Traces,
        name: str,
        asked: Range,
        row: Callable[[Mapping[str, Any]], dict[str, Json]],
    ) -> web.Response:
        answer = await self._engine.run(plan)

        def write() -> bytes:
            rows = [row(stored) for stored in answer.rows.to_pylist()]
            used = {
                "start": times.text(asked.start_ns),
                "end": times.text(asked.end_ns),
                "limit": asked.limit,
                "truncated": answer.truncated,
            }
            return answers.encode({str(name): rows, **used})

        # Thousands of rows take long enough to hold up every other request.
        return answers.respond(await asyncio.to_thread(write))
