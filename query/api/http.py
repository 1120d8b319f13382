"""The HTTP API for reading: logs, traces and metrics as JSON."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from aiohttp import hdrs, web

from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.plan import Records, Trace, Traces
from pipeline.signal import Signal
from query.api import answers, logs, metrics, parameters, render, times, traces
from query.api.parameters import Range
from query.api.render import Json
from query.engine import Answer, Engine
from query.language.check import Checked

TRUNCATED = "Aura-Truncated"
"""Header of what the limit cut and cannot say so in its body: `true`."""

ARROW = "application/vnd.apache.arrow.stream"
"""A list as an Arrow IPC stream, for who accepts that: the columns of `pipeline/schema.py`."""


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
    were used: `{"logs": […], "start", "end", "limit", "truncated"}`, and `warnings`, a list of
    sentences, when something in `q` is no mistake but hardly what was meant.
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
        tenant = identity(request).tenant
        asked, checked = await self._read(request, Signal.TRACES, tenant)
        plan = Traces(tenant, asked.start_ns, asked.end_ns, checked.where, asked.limit)
        return await self._list(request, plan, (asked, checked), traces.summary)

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
        tenant = identity(request).tenant
        asked, checked = await self._read(request, signal, tenant)
        sources = render.Sources()
        plan = Records(signal, tenant, asked.start_ns, asked.end_ns, checked.where, asked.limit)
        return await self._list(
            request, plan, (asked, checked), lambda stored: row(stored, sources)
        )

    async def _read(
        self, request: web.Request, signal: Signal, tenant: str
    ) -> tuple[Range, Checked]:
        now_ns = self._now_ns()
        asked = parameters.read(request.query, self._engine.limits, now_ns)
        return asked, await self._engine.check(asked.query, signal, tenant, now_ns)

    async def _list(
        self,
        request: web.Request,
        plan: Records | Traces,
        read: tuple[Range, Checked],
        row: Callable[[Mapping[str, Any]], dict[str, Json]],
    ) -> web.Response:
        asked, checked = read
        answer = await self._engine.run(plan)
        if ARROW in request.headers.get(hdrs.ACCEPT, ""):
            return await _arrow(answer)
        name = plan.signal if isinstance(plan, Records) else Signal.TRACES

        def write() -> bytes:
            rows = [row(stored) for stored in answer.rows.to_pylist()]
            used = {
                "start": times.text(asked.start_ns),
                "end": times.text(asked.end_ns),
                "limit": asked.limit,
                "truncated": answer.truncated,
                **({"warnings": list(checked.warnings)} if checked.warnings else {}),
            }
            return answers.encode({str(name): rows, **used})

        # Thousands of rows take long enough to hold up every other request.
        return answers.respond(await asyncio.to_thread(write))


async def _arrow(answer: Answer) -> web.Response:
    def write() -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answer.rows.schema) as writer:
            writer.write_table(answer.rows)
        return sink.getvalue().to_pybytes()

    headers = {TRUNCATED: "true"} if answer.truncated else None
    body = await asyncio.to_thread(write)
    return web.Response(body=body, headers=headers, content_type=ARROW)
