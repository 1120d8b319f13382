"""Traces on their way out: adjusted, written beside the event loop, piece by piece."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import pyarrow as pa
import structlog
from aiohttp import web

from pipeline.errors import AuraError
from query.api.answers import encode, respond
from query.jaeger import arrays, remarks, v1, v3
from query.jaeger.adjust import Adjusted, adjust, shown
from query.jaeger.config import JaegerConfig
from query.jaeger.model import model

_log = structlog.get_logger(__name__)

_JSON: Final = "application/json"
_INDENT: Final = 4

Write = Callable[[pa.Table], Sequence[bytes]]
"""Makes JSON of whole traces: elements of the array that the answer is."""


def in_v1(config: JaegerConfig, *, raw: bool, cut: bool = False) -> Write:
    """Return what writes traces in v1; `cut`: these are one of which there is more."""
    most = config.trace_spans_max

    def write(rows: pa.Table) -> list[bytes]:
        sizes = [size for _, size in arrays.runs(rows)]
        rows = arrays.first(rows, most)
        told = Adjusted(rows) if raw else adjust(rows, config)
        more = [[config.cut] if cut or size > most else [] for size in sizes]
        return v1.traces(model(told.rows, told.warnings), more)

    return write


def in_v3(config: JaegerConfig, *, raw: bool, cut: bool = False) -> Write:
    """Return what writes traces as OTLP/JSON; `cut`: this is one of which there is more."""

    def write(rows: pa.Table) -> list[bytes]:
        told = shown(rows, config, raw=raw, more=cut)
        return [encode(one) for one in v3.resource_spans(remarks.written(told.rows, told.warnings))]

    return write


async def pieces(
    tables: AsyncGenerator[pa.Table, None], write: Write
) -> AsyncGenerator[bytes, None]:
    """Yield the JSON of traces, each piece with the commas between its elements."""
    async with aclosing(tables):
        async for rows in tables:
            if rows.num_rows:
                written = await asyncio.to_thread(write, rows)
                yield b",".join(written)


async def stream(
    request: web.Request, head: bytes, elements: AsyncGenerator[bytes, None], tail: bytes
) -> web.StreamResponse:
    """
    Answer the elements between a head and a tail, each as it comes.

    What goes wrong before the first has a status of its own; later only breaking off tells it.
    """
    async with aclosing(elements):
        first = await anext(elements, b"")
        response = web.StreamResponse(headers={"Content-Type": f"{_JSON}; charset=utf-8"})
        await response.prepare(request)
        try:
            await response.write(head + first)
            async for piece in elements:
                await response.write(b"," + piece)
            await response.write_eof(tail)
        except AuraError as verdict:
            _log.warning("an answer was broken off", path=request.path, reason=str(verdict))
            raise ConnectionError("the answer has begun") from verdict
    return response


def enveloped(said: dict[str, Any], *, pretty: bool) -> web.Response:
    """Return an answer of v1."""
    return respond(_pretty(said) if pretty else encode(said))


def indented(text: bytes) -> web.Response:
    """Return an answer that was written without spaces, for people."""
    return respond(_pretty(json.loads(text)))


def _pretty(said: Any) -> bytes:
    return json.dumps(said, ensure_ascii=False, allow_nan=False, indent=_INDENT).encode(
        errors="replace"
    )
