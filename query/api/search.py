"""Search: logs, traces and metrics in a time range, page by page, the newest first."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
from aiohttp import hdrs, web

from pipeline.plan import Head, Heads, Place, Records, Table, TracePlace, Traces
from pipeline.signal import Signal
from query import plans
from query.api import answers, cursor, logs, metrics, parameters, render, table, times, traces
from query.api.cursor import Cursor
from query.api.desk import Asked, Desk
from query.api.parameters import Range
from query.api.render import Json
from query.engine import Answer
from query.language.check import Checked
from query.wrong import Wrong

ARROW: Final = "application/vnd.apache.arrow.stream"
"""A list as an Arrow IPC stream, for who accepts that: the columns of `pipeline/schema.py`."""

CUT: Final = (
    "there are more traces that might match than were examined, and older ones are not among them: "
    "narrow the time range, or ask more of a span"
)
"""The warning of an answer for which not all traces were examined."""

PLACES: Final = ("epoch", "partition", "ordinal", "matched_ns")
"""Columns of answers that only cursors need."""

TAKES: Final = ("start", "end", "limit", "q", "cursor", "explain")

Row = Callable[[Mapping[str, Any], render.Sources], dict[str, Json]]


class SearchApi:
    """
    The handlers.

    A list takes `start`, `end`, `limit` and `q`, and answers the newest first, with the bounds that
    were used: `{"logs": […], "start", "end", "limit", "truncated", "cursor", "cost"}`, and
    `warnings`, a list of sentences, when something in `q` is no mistake but hardly what was meant.
    With `cursor`, and the same `q`, it goes on where that answer ended, in its time range. With
    stages in `q` it answers a table instead, {"columns": [{"name", "type", "unit"?}], "rows":
    [[…]], …}, which has no pages.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def logs(self, request: web.Request) -> web.Response:
        """Answer log records."""
        return await self._list(request, Signal.LOGS, logs.log)

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer metric points, one entry each."""
        return await self._list(request, Signal.METRICS, metrics.point)

    async def traces(self, request: web.Request) -> web.Response:
        """Answer a summary of each trace of which a span matches, or that matches as a whole."""
        return await self._list(request, Signal.TRACES, lambda row, _: traces.summary(row))

    async def _list(self, request: web.Request, signal: Signal, row: Row) -> web.Response:
        asked = self._desk.open(request, TAKES)
        given = request.query
        text = given.get("cursor")
        page = Cursor.read(text, signal, given.get("q", "")) if text else None
        wanted = _range(asked, page, self._desk)
        now_ns = page.now_ns if page else asked.now_ns
        engine = self._desk.engine
        checked = await engine.check(wanted.query, signal, asked.tenant, now_ns)
        question = plans.Asked(signal, asked.tenant, wanted.start_ns, wanted.end_ns, wanted.limit)
        first = question.plan(checked, engine.limits)
        heads = await self._heads(asked, page) if isinstance(first, Traces) else ()
        plan = _paged(first, page, heads)
        if asked.explain:
            return await self._desk.explain(asked, plan)
        answer = await engine.run(plan, asked.cost)
        following = ""
        if answer.truncated and not isinstance(plan, Table):
            following = _following(signal, asked, wanted, answer, now_ns, heads)
        if ARROW in request.headers.get(hdrs.ACCEPT, ""):
            # What makes a place is the cursor's.
            hidden = () if isinstance(plan, Table) else PLACES
            return await _arrow(asked, answer, following, hidden)

        def write() -> bytes:
            sources = render.Sources()
            found: dict[str, Json]
            if isinstance(plan, Table):
                columns = table.columns(answer.rows.schema)
                found = {"columns": columns, "rows": table.rows(answer.rows)}
            else:
                stored = answer.rows.to_pylist()
                found = {signal.value: [row(one, sources) for one in stored]}
            used = _used(wanted, checked, answer)
            whole = {**found, **used, "cursor": following or None, "cost": asked.spent()}
            return answers.encode(whole)

        # Thousands of rows take long enough to hold up every other request.
        return answers.respond(await asyncio.to_thread(write))

    async def _heads(self, asked: Asked, page: Cursor | None) -> tuple[Head, ...]:
        """Return up to where traces are looked at: without, spans that come would move them."""
        if page is not None or asked.explain:
            return page.heads if page else ()
        plan = Heads(Signal.TRACES, asked.tenant, cursor.HEADS_MAX)
        rows = (await self._desk.engine.run(plan, asked.cost)).rows.to_pylist()
        return tuple(Head(row["partition"], row["epoch"], row["sequence"]) for row in rows)


def _range(asked: Asked, page: Cursor | None, desk: Desk) -> Range:
    wanted = parameters.read(asked.request.query, desk.engine.limits, asked.now_ns)
    if page is None:
        return wanted
    return Range(page.start_ns, page.end_ns, wanted.limit, wanted.query)


def _paged(plan: plans.Planned, page: Cursor | None, heads: tuple[Head, ...]) -> plans.Planned:
    """Return the plan of the page that a cursor asks for, or of the first one."""
    place = page.place if page else None
    if isinstance(plan, Traces):
        return replace(plan, after=place if isinstance(place, TracePlace) else None, within=heads)
    if isinstance(plan, Records):
        return replace(plan, after=place if isinstance(place, Place) else None)
    if page is not None:
        raise Wrong("cursor goes on with records, and stages make a table of them", "cursor")
    return plan


def _following(
    signal: Signal,
    asked: Asked,
    wanted: Range,
    answer: Answer,
    now_ns: int,
    heads: tuple[Head, ...],
) -> str:
    """Return the cursor of what comes next."""
    of_traces = signal is Signal.TRACES
    place = cursor.last_trace(answer.rows) if of_traces else cursor.last_record(answer.rows)
    digest = cursor.digest(asked.request.query.get("q", ""))
    return Cursor(signal, digest, now_ns, wanted.start_ns, wanted.end_ns, place, heads).text()


def _used(wanted: Range, checked: Checked, answer: Answer) -> dict[str, Json]:
    warnings: list[Json] = list(checked.warnings)
    if answer.cut:
        warnings.append(CUT)
    return {
        "start": times.text(wanted.start_ns),
        "end": times.text(wanted.end_ns),
        "limit": wanted.limit,
        "truncated": answer.truncated or answer.cut,
        **({"warnings": warnings} if warnings else {}),
    }


async def _arrow(
    asked: Asked, answer: Answer, following: str, hidden: Collection[str]
) -> web.Response:
    rows = answer.rows.select([name for name in answer.rows.column_names if name not in hidden])

    def write() -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        return sink.getvalue().to_pybytes()

    body = await asyncio.to_thread(write)
    headers = asked.headers(truncated=answer.truncated or answer.cut, cursor=following)
    return web.Response(body=body, headers=headers, content_type=ARROW)
