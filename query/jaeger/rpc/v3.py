"""`jaeger.api_v3.QueryService`: traces in OTLP's form."""

from typing import Any, Final

from google.protobuf.message import Message

from pipeline.errors import Rejected
from query.jaeger.reader import Reader
from query.jaeger.rpc import asked, idl, told
from query.jaeger.rpc.call import Many, Once, Stream
from query.jaeger.rpc.times import time_ns
from query.jaeger.rpc.whole import Whole
from query.jaeger.search import Query

SERVICE: Final = f"{idl.API_V3}.QueryService"


class QueryV3:
    """Answers the methods of the service."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._whole = Whole(reader)
        self.once: dict[str, Once] = {
            "GetServices": self.services,
            "GetOperations": self.operations,
            "GetDependencies": self.dependencies,
        }
        self.many: dict[str, Many] = {
            "GetTrace": self.trace,
            "FindTraces": self.find,
            "FindTraceSummaries": self.summaries,
        }

    async def trace(self, request: Any, tenant: str) -> Stream:
        """Return a trace; its times are hints that nothing here needs."""
        trace_id = asked.hex_id(request.trace_id)
        found = await self._reader.known(tenant, [trace_id])
        if not found:
            raise asked.not_found()
        return self._whole.otlp(tenant, found, raw=request.raw_traces)

    async def find(self, request: Any, tenant: str) -> Stream:
        """Return the traces that a search finds."""
        query = _query(request)
        found = await self._reader.find(tenant, query)
        raw = request.query.raw_traces
        return self._whole.otlp(tenant, found, raw=raw)

    async def summaries(self, request: Any, tenant: str) -> Stream:
        """Return summaries of the traces that a search finds."""
        found = await self._reader.find(tenant, _query(request))
        return told.summaries(idl.API_V3, await self._reader.summaries(tenant, found))

    async def services(self, _: Any, tenant: str) -> Message:
        """Return the names of the services."""
        return told.services(idl.API_V3, await self._reader.services(tenant))

    async def operations(self, request: Any, tenant: str) -> Message:
        """Return the operations of a service."""
        found = await self._reader.operations(tenant, request.service, request.span_kind)
        return told.operations(idl.API_V3, found)

    async def dependencies(self, request: Any, tenant: str) -> Message:
        """Return which service calls which."""
        start, end = asked.window(request)
        calls = await asked.calls(self._reader, tenant, start, end)
        return told.dependencies(f"{idl.API_V3}.DependenciesResponse", calls)


def _query(request: Any) -> Query:
    wanted = asked.parameters(request)
    if None in (time_ns(wanted, "start_time_min"), time_ns(wanted, "start_time_max")):
        raise Rejected("start time min and max are required parameters")
    return asked.query(wanted, asked.texts(wanted.attributes))
