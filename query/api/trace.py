"""One trace by its ID."""

import asyncio
from typing import Final

from aiohttp import web

from pipeline.plan import Trace
from query.api import answers, parameters, traces
from query.api.desk import Desk

FORMATS: Final = ("otlp", "spans")


class TraceApi:
    """The handler of `/v1/traces/{trace_id}`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def trace(self, request: web.Request) -> web.Response:
        """
        Answer all spans of a trace as OTLP/JSON, or 404 when there are none.

        With `format=spans` they are objects as in a tail, beside a summary of the trace.
        """
        asked = self._desk.open(request, ("format", "explain"))
        form = parameters.choice(request.query, "format", FORMATS) or "otlp"
        trace_id = traces.identifier(request.match_info["trace_id"])
        plan = Trace(asked.tenant, trace_id, self._desk.engine.limits.trace_spans_max)
        if asked.explain:
            return await self._desk.explain(asked, plan)
        answer = await self._desk.engine.run(plan, asked.cost)
        if not answer.rows.num_rows:
            raise web.HTTPNotFound(reason=f"no spans of trace {trace_id.hex()}")
        if form == "otlp":
            body = await asyncio.to_thread(traces.otlp, answer.rows)
            headers = asked.headers(truncated=answer.truncated)
            return answers.respond(body, headers=headers)

        def write() -> bytes:
            whole = traces.whole(answer.rows)
            return answers.encode({**whole, "truncated": answer.truncated, "cost": asked.spent()})

        return answers.respond(await asyncio.to_thread(write))
