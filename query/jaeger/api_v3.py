"""The handlers of api/v3, which newer generations of the UI ask."""

import asyncio
from typing import Final

from aiohttp import web

from pipeline.guard import identity
from query.api.answers import encode, respond
from query.jaeger import answers, parameters, v3
from query.jaeger.answers import in_v3
from query.jaeger.reader import Reader
from query.jaeger.wrong import Missing

_NOT_FOUND: Final = "No traces found"
_HEAD: Final = b'{"result":{"resourceSpans":['
_TAIL: Final = b"]}}"


class ApiV3:
    """Answers as Jaeger's gateway does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def services(self, request: web.Request) -> web.Response:
        """Answer the names of services."""
        names = await self._reader.services(identity(request).tenant)
        return respond(encode({"services": names}))

    async def operations(self, request: web.Request) -> web.Response:
        """Answer a service's operations with their kinds."""
        given = request.query
        service = parameters.read(given, "service", str, "")
        kind = parameters.read(given, "spanKind", str, "")
        found = await self._reader.operations(identity(request).tenant, service, kind)
        return respond(encode(v3.operations(found)))

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Answer the traces that a search finds, one after the other."""
        query, tenant = parameters.search_v3(request.query), identity(request).tenant
        raw = parameters.raw_v3(request.query)
        found = await self._reader.find(tenant, query)
        if not found:
            raise Missing(_NOT_FOUND)
        write = in_v3(self._reader.config, raw=raw)
        pieces = answers.pieces(self._reader.traces(tenant, found), write)
        return await answers.stream(request, _HEAD, pieces, _TAIL)

    async def trace(self, request: web.Request) -> web.StreamResponse:
        """Answer one trace."""
        given = request.query
        parameters.hints_v3(given)
        raw = parameters.raw_v3(given, "rawTraces")
        trace_id = parameters.trace_id(request.match_info["trace_id"])
        found = await self._reader.trace(identity(request).tenant, trace_id)
        if found is None:
            raise Missing(_NOT_FOUND)
        rows, cut = found
        write = in_v3(self._reader.config, raw=raw, cut=cut)
        elements = await asyncio.to_thread(write, rows)
        return respond(_HEAD + b",".join(elements) + _TAIL)

    async def summaries(self, request: web.Request) -> web.Response:
        """Answer the summaries of the traces that a search finds."""
        query, tenant = parameters.search_v3(request.query), identity(request).tenant
        found = await self._reader.find(tenant, query)
        told = await self._reader.summaries(tenant, found)
        return respond(encode(v3.summaries(told)))
