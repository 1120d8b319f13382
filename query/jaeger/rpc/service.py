"""The listener of Jaeger's gRPC APIs (port 16685), with health and reflection beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Final, Protocol, Self

from grpc import aio
from grpc_reflection.v1alpha import reflection

from pipeline.keyring import Keyring
from pipeline.probes import Check, missing
from pipeline.rpc import server
from pipeline.rpc.server import HEALTH, Handler
from pipeline.tls import Tls
from query.jaeger.reader import Reader
from query.jaeger.rpc import idl, storage
from query.jaeger.rpc.call import REQUEST_BYTES_MAX, Calls, Many, Once, unimplemented
from query.jaeger.rpc.storage import Capabilities, DependencyReader, TraceReader
from query.jaeger.rpc.v2 import SERVICE as V2
from query.jaeger.rpc.v2 import QueryV2
from query.jaeger.rpc.v3 import SERVICE as V3
from query.jaeger.rpc.v3 import QueryV3

WRITER: Final = "jaeger.storage.v2.TraceWriter"
"""What Jaeger's own server calls the health of writes."""

EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

NO_DOOR: Final = (
    "TraceService: this process has no role ingestor; write to the OTLP/gRPC door of one that has"
)

_READ_S: Final = 10.0
_STOP_S: Final = 1.0
"""How long a stop waits for answers that are under way."""


class Service(Protocol):
    """What answers the methods of a service, by their names."""

    once: dict[str, Once]
    many: dict[str, Many]


@dataclass(frozen=True, slots=True)
class Writes:
    """The methods of a door, by their paths, and the bytes of the largest message that it takes."""

    methods: Mapping[str, Handler]
    bytes_max: int


class JaegerService:
    """
    A listener for Jaeger's clients, and for Jaeger as a client; an async context manager.

    Entering listens, or raises Setup when the address is taken. Leaving refuses new calls, lets
    those that are under way be answered for a moment, and closes.

    Without `writes`, as this process has no door, those are answered UNIMPLEMENTED. Health is that
    of each service, and without a name that of all `checks` of the process.
    """

    def __init__(
        self,
        reader: Reader,
        keyring: Keyring,
        *,
        tls: Tls | None = None,
        checks: Mapping[str, Check] = MappingProxyType({}),
        writes: Writes | None = None,
    ) -> None:
        self._reader = reader
        self._config = reader.config
        self._calls = Calls(keyring, tls, reader.config.calls_max)
        self._tls = tls
        self._checks = checks
        self._writes = writes
        self._closed = False
        self._server: aio.Server | None = None
        self.address = ""
        """The address that is listened on, with the port that was given out."""

    async def __aenter__(self) -> Self:
        services: dict[str, Service] = {
            V2: QueryV2(self._reader),
            V3: QueryV3(self._reader),
            storage.TRACES: TraceReader(self._reader),
            storage.DEPENDENCIES: DependencyReader(self._reader),
            storage.CAPABILITIES: Capabilities(),
        }
        writes = self._writes or Writes({EXPORT: unimplemented(NO_DOOR)}, 0)
        methods = dict(writes.methods)
        for name, service in services.items():
            methods |= self._methods(name, service)
        known = [*services, *((WRITER,) if self._writes else ())]
        states = {"": self._ready, **dict.fromkeys(known, self._serves)}
        methods[HEALTH] = server.health(states, _READ_S)
        # A question's own bound is less, and looked at when it is there.
        size = ("grpc.max_receive_message_length", max(writes.bytes_max, REQUEST_BYTES_MAX))
        made = server.server(methods, size, *server.RAW)
        shown = (*services, HEALTH.split("/")[1], EXPORT.split("/")[1], reflection.SERVICE_NAME)
        reflection.enable_server_reflection(shown, made)
        setting = "query.jaeger.grpc"
        self.address = await server.listen(made, self._config.grpc, self._tls, setting)
        self._server = made
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._server is not None:
            await self._server.stop(_STOP_S)

    def _methods(self, name: str, service: Service) -> dict[str, Handler]:
        found = {}
        for method in idl.methods(name).values():
            short = method.path.rpartition("/")[2]
            found[method.path] = (
                self._calls.many(method, service.many[short])
                if method.streams
                else self._calls.once(method, service.once[short])
            )
        return found

    async def _serves(self) -> bool:
        return not self._closed

    async def _ready(self) -> bool:
        return not self._closed and not await missing(self._checks)
