"""The HTTP API for reading: logs, traces and metrics as JSON."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from aiohttp import hdrs, web

from pipeline.guard import guarded, identity
from pipeline.keyring import Access, Keyring
from pipeline.plan import Table, Trace
from pipeline.signal import Signal
from query.api import answers, logs, metrics, parameters, render, table, times, traces
from query.api.parameters import Range
from query.api.render import Json
from query.engine import Answer, Engine
from query.language.check import Checked
from query.plans import Asked

TRUNCATED = "Aura-Truncated"
"""Header of what the limit cut and cannot say so in its body: `true`."""

CUT = (
    "there are more traces that might match than were examined, and older ones are not among them: "
    "narrow the time range, or ask more of a span"
)
"""The warning of an answer for which not all traces were examined."""

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
    sentences, when something in `q` is no mistake but hardly what was meant. With stages in `q` it
    answers a table instead, {"columns": [{"name", "type", "unit"?}], "rows": [[…]], …}.
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
        """Answer a summary of each trace of which a span matches, or that matches as a whole."""
        return await self._list(request, Signal.TRACES, traces.summary)

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
        sources = render.Sources()
        return await self._list(request, signal, lambda stored: row(stored, sources))

    async def _list(
        self,
        request: web.Request,
        signal: Signal,
        row: Callable[[Mapping[str, Any]], dict[str, Json]],
    ) -> web.Response:
        now_ns, tenant = self._now_ns(), identity(request).tenant
        asked = parameters.read(request.query, self._engine.limits, now_ns)
        checked = await self._engine.check(asked.query, signal, tenant, now_ns)
        plan = Asked(signal, tenant, asked.start_ns, asked.end_ns, asked.limit).plan(
            checked, self._engine.limits
        )
        answer = await self._engine.run(plan)
        if ARROW in request.headers.get(hdrs.ACCEPT, ""):
            return await _arrow(answer)

        def write() -> bytes:
            found: dict[str, Json]
            if isinstance(plan, Table):
                found = {
                    "columns": table.columns(answer.rows.schema),
                    "rows": table.rows(answer.rows),
                }
            else:
                found = {signal.value: [row(stored) for stored in answer.rows.to_pylist()]}
            return answers.encode(found | _used(asked, checked, answer))

        # Thousands of rows take long enough to hold up every other request.
        return answers.respond(await asyncio.to_thread(write))


def _used(asked: Range, checked: Checked, answer: Answer) -> dict[str, Json]:
    warnings: list[Json] = list(checked.warnings)
    if answer.cut:
        warnings.append(CUT)
    return {
        "start": times.text(asked.start_ns),
        "end": times.text(asked.end_ns),
        "limit": asked.limit,
        "truncated": answer.truncated or answer.cut,
        **({"warnings": warnings} if warnings else {}),
    }


async def _arrow(answer: Answer) -> web.Response:
    def write() -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answer.rows.schema) as writer:
            writer.write_table(answer.rows)
        return sink.getvalue().to_pybytes()

    headers = {TRUNCATED: "true"} if answer.truncated or answer.cut else None
    body = await asyncio.to_thread(write)
    return web.Response(body=body, headers=headers, content_type=ARROW)
