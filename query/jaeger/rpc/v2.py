"""`jaeger.api_v2.QueryService`: spans in Jaeger's own model."""

from typing import Any, Final

from google.protobuf.message import Message

from pipeline.errors import Rejected
from query.jaeger.reader import Reader
from query.jaeger.rpc import asked, idl
from query.jaeger.rpc.call import Many, Once, Stream, Unserved
from query.jaeger.rpc.times import time_ns
from query.jaeger.rpc.whole import Whole

SERVICE: Final = f"{idl.API_V2}.QueryService"


class QueryV2:
    """Answers the methods of the service."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._whole = Whole(reader)
        self.once: dict[str, Once] = {
            "ArchiveTrace": self.archive,
            "GetServices": self.services,
            "GetOperations": self.operations,
            "GetDependencies": self.dependencies,
        }
        self.many: dict[str, Many] = {"GetTrace": self.trace, "FindTraces": self.find}

    async def trace(self, request: Any, tenant: str) -> Stream:
        """Return the spans of a trace; its times are hints that nothing here needs."""
        trace_id = asked.old_id(request.trace_id)
        with asked.failing("failed to fetch spans from the backend"):
            found = await self._reader.known(tenant, [trace_id])
        if not found:
            raise asked.not_found()
        return self._whole.spans(tenant, found, raw=request.raw_traces)

    async def find(self, request: Any, tenant: str) -> Stream:
        """Return the spans of the traces that a search finds."""
        wanted = asked.parameters(request)
        query = asked.query(wanted, asked.texts(wanted.tags))
        with asked.failing("failed when searching for traces"):
            found = await self._reader.find(tenant, query)
        return self._whole.spans(tenant, found, raw=wanted.raw_traces)

    async def archive(self, request: Any, tenant: str) -> Message:
        """Keep a trace beyond its retention; without an archive refuse, in Jaeger's words."""
        trace_id = asked.old_id(request.trace_id)
        if not self._reader.config.archive_for:
            raise Unserved("failed to archive trace: archive span storage was not configured")
        with asked.failing("failed to archive trace"):
            found = await self._reader.archive(tenant, trace_id)
        if not found:
            raise asked.not_found()
        return _made("ArchiveTraceResponse")

    async def services(self, _: Any, tenant: str) -> Message:
        """Return the names of the services."""
        with asked.failing("failed to fetch services"):
            return _made("GetServicesResponse", services=await self._reader.services(tenant))

    async def operations(self, request: Any, tenant: str) -> Message:
        """Return the operations of a service, and their names alone as well."""
        with asked.failing("failed to fetch operations"):
            found = await self._reader.operations(tenant, request.service, request.span_kind)
        return _made(
            "GetOperationsResponse",
            operationNames=sorted({one.name for one in found}),
            operations=[{"name": one.name, "span_kind": one.kind} for one in found],
        )

    async def dependencies(self, request: Any, tenant: str) -> Message:
        """Return which service calls which."""
        start, end = time_ns(request, "start_time"), time_ns(request, "end_time")
        if start is None or end is None:
            raise Rejected("StartTime and EndTime must be initialized.")
        with asked.failing("failed to fetch dependencies"):
            calls = await asked.calls(self._reader, tenant, start, end)
        return _made(
            "GetDependenciesResponse",
            dependencies=[
                {"parent": one.parent, "child": one.child, "call_count": one.calls} for one in calls
            ],
        )


def _made(name: str, **fields: Any) -> Message:
    made: Message = idl.message(f"{idl.API_V2}.{name}")(**fields)
    return made
