"""`jaeger.storage.v2`: what Jaeger itself asks when Aura is its store."""

from typing import Any, Final

from google.protobuf.message import Message

from pipeline.errors import Rejected
from query.jaeger.reader import Reader
from query.jaeger.rpc import asked, idl, told
from query.jaeger.rpc.call import Many, Once, Stream
from query.jaeger.rpc.times import parts
from query.jaeger.rpc.whole import Whole
from query.jaeger.search import Query

TRACES: Final = f"{idl.STORAGE_V2}.TraceReader"
DEPENDENCIES: Final = f"{idl.STORAGE_V2}.DependencyReader"
CAPABILITIES: Final = f"{idl.STORAGE_V2}.Capabilities"


class TraceReader:
    """Answers the methods of the service; Jaeger adjusts traces itself, so all are raw."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._whole = Whole(reader)
        self.once: dict[str, Once] = {
            "GetServices": self.services,
            "GetOperations": self.operations,
            "FindTraceIDs": self.ids,
        }
        self.many: dict[str, Many] = {
            "GetTraces": self.traces,
            "FindTraces": self.find,
            "FindTraceSummaries": self.summaries,
        }

    async def traces(self, request: Any, tenant: str) -> Stream:
        """Return those of the traces that are there; their times are hints."""
        most = self._reader.config.traces_max
        if len(request.query) > most:
            raise Rejected(
                f"{len(request.query)} traces are asked for; at most {most} are given at once "
                "(query.jaeger.traces_max)"
            )
        for one in request.query:
            if len(one.trace_id) != asked.ID_BYTES:
                raise Rejected(f"trace_id has {asked.ID_BYTES} bytes, not {len(one.trace_id)}")
        found = await self._reader.known(tenant, [one.trace_id for one in request.query])
        return self._whole.sanitized(tenant, found)

    async def find(self, request: Any, tenant: str) -> Stream:
        """Return the traces that a search finds."""
        found = await self._reader.find(tenant, _query(request))
        return self._whole.sanitized(tenant, found)

    async def ids(self, request: Any, tenant: str) -> Message:
        """Return the IDs of the traces that a search finds, and when they were."""
        found = await self._reader.find(tenant, _query(request))
        traces = [
            {"trace_id": one.trace_id, "start": parts(one.start_ns), "end": parts(one.end_ns)}
            for one in found
        ]
        made: Message = idl.message(f"{idl.STORAGE_V2}.FindTraceIDsResponse")(trace_ids=traces)
        return made

    async def summaries(self, request: Any, tenant: str) -> Stream:
        """Return summaries of the traces that a search finds."""
        found = await self._reader.find(tenant, _query(request))
        return told.summaries(idl.STORAGE_V2, await self._reader.summaries(tenant, found))

    async def services(self, _: Any, tenant: str) -> Message:
        """Return the names of the services."""
        return told.services(idl.STORAGE_V2, await self._reader.services(tenant))

    async def operations(self, request: Any, tenant: str) -> Message:
        """Return the operations of a service."""
        found = await self._reader.operations(tenant, request.service, request.span_kind)
        return told.operations(idl.STORAGE_V2, found)


class DependencyReader:
    """Answers the method of the service."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.once: dict[str, Once] = {"GetDependencies": self.dependencies}
        self.many: dict[str, Many] = {}

    async def dependencies(self, request: Any, tenant: str) -> Message:
        """Return which service calls which."""
        start, end = asked.window(request)
        calls = await asked.calls(self._reader, tenant, start, end)
        return told.dependencies(f"{idl.STORAGE_V2}.GetDependenciesResponse", calls)


class Capabilities:
    """Says what searches may ask."""

    def __init__(self) -> None:
        self.once: dict[str, Once] = {"GetCapabilities": self.capabilities}
        self.many: dict[str, Many] = {}

    async def capabilities(self, _: Any, __: str) -> Message:
        """Return what of a search is honoured; filters are not."""
        made: Message = idl.message(f"{idl.STORAGE_V2}.GetCapabilitiesResponse")(
            search={"without_service_name": True, "same_span_conjunction": True}
        )
        return made


def _query(request: Any) -> Query:
    wanted = asked.parameters(request)
    return asked.query(wanted, asked.text_forms(wanted.attributes))
