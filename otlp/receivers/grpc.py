"""OTLP over gRPC (port 4317)."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from grpc_health.v1 import health_pb2

from otlp.config import IngestorConfig, host_and_port
from otlp.door import Door, Outcome
from otlp.receivers import credentials, listen, status, success
from otlp.receivers.inflate import Body, Gunzip
from pipeline.errors import Overloaded, Rejected
from pipeline.keyring import Headers
from pipeline.signal import Signal
from pipeline.tls import Tls

SIGNALS: Final = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
}
HEALTH: Final = "/grpc.health.v1.Health/Check"
SERVICES: Final = {"", *(method.split("/")[1] for method in SIGNALS)}
"""What a health check may name."""

GZIP: Final = b"\x1f\x8b"
"""How gzip begins, and no message of protobuf: it would be a field of wire type 7."""

IDENTITY_AND_GZIP: Final = 1 << 0 | 1 << 2
"""grpc_compression_algorithm, as a set."""

Context = aio.ServicerContext[bytes, bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only
Serve = Callable[[Any, Context], Awaitable[bytes]]


class GrpcReceiver:
    """
    A gRPC listener in front of a door; an async context manager.

    Entering listens, or raises Setup when the address is taken. Leaving refuses new calls, lets
    those that are under way be answered for at most `stop_timeout_s`, and closes.

    A call has its place in the door's budget before its message is read, and without one the
    message stays with the sender. What a message costs is counted once it is there: what the
    library is receiving at a moment comes on top, per call at most `request_bytes_max`.
    A caller that goes away ends its call; what was joined is published.
    """

    def __init__(self, config: IngestorConfig, door: Door, *, tls: Tls | None = None) -> None:
        self._config = config
        self._tls = tls
        self._door = door
        self._server: aio.Server | None = None
        self.address = ""
        """The address that is listened on, with the port that was given out."""

    async def __aenter__(self) -> Self:
        server = aio.server(
            handlers=[_Methods(self._methods())],
            options=[
                ("grpc.max_receive_message_length", self._config.request_bytes_max),
                # Decompression is ours, at the same cost (measured): the library's would grow
                # every message to the limit before the budget sees it. It does not tell us which
                # algorithm it was, so deflate, which cannot be told for sure, is off.
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", IDENTITY_AND_GZIP),
                # By default two servers share a port in silence, and each gets half of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        host, port = host_and_port(self._config.grpc)
        try:
            port = self._bind(server, listen.joined(host or "::", port))
        except RuntimeError as error:
            await server.stop(None)
            raise listen.taken("grpc", self._config.grpc, error) from error
        await server.start()
        self._server = server
        self.address = listen.joined(host or "::", port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.stop(self._config.stop_timeout_s)

    def _bind(self, server: aio.Server, address: str) -> int:
        if self._tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials.credentials(self._tls))

    def _methods(self) -> dict[str, Handler]:
        # An Export is unary, but its message is read as if it were a stream of one: so we see the
        # call before its message, with its metadata, and decide whether there is room for it. It
        # costs the same (measured), and bytes in and out spare one parse that the door does anyway.
        methods = {
            method: grpc.stream_unary_rpc_method_handler(self._export(signal))
            for method, signal in SIGNALS.items()
        }
        methods[HEALTH] = grpc.stream_unary_rpc_method_handler(self._check)
        return methods

    def _export(self, signal: Signal) -> Serve:
        async def export(_: object, context: Context) -> bytes:
            started = perf_counter()
            try:
                outcome = await self._take(signal, context)
            except Exception as error:  # noqa: BLE001 - uncaught it becomes UNKNOWN: data dropped
                await self._refuse(signal, error, context, started)
            self._door.metrics.answered("grpc", signal, "OK", perf_counter() - started)
            return success.protobuf(signal, outcome)

        return export

    async def _take(self, signal: Signal, context: Context) -> Outcome:
        credentials.check_version(self._tls, context)
        tenant = self._door.tenant(_metadata(context))
        with self._door.room(tenant) as room:
            try:
                async with asyncio.timeout(self._config.read_timeout_s):
                    payload = await context.read()
            except TimeoutError as error:
                raise Overloaded(
                    f"the message did not arrive within {self._config.read_timeout_s:g} s"
                ) from error
            if not isinstance(payload, bytes):
                raise Rejected("the call holds no message")
            if payload.startswith(GZIP):
                body = Body(Gunzip(), self._config.request_bytes_max, room)
                body.feed(payload)
                payload = body.finish()
            else:
                room.take(len(payload))
            room.weigh(len(payload))
            return await self._door.admit(signal, tenant, payload, room)

    async def _refuse(
        self, signal: Signal, error: Exception, context: Context, started: float
    ) -> NoReturn:
        told = status.answer(error)
        seconds = perf_counter() - started
        self._door.metrics.answered("grpc", signal, told.code.name, seconds)
        await context.abort(told.code, told.message, status.trailers(told))

    async def _check(self, _: object, context: Context) -> bytes:
        """Answer gRPC's health protocol; `Watch` is not served, as it allows."""
        # Read as in an Export: the library leaves a unary call without a message unanswered.
        try:
            async with asyncio.timeout(self._config.read_timeout_s):
                request = await context.read()
            if not isinstance(request, bytes):
                raise DecodeError("the call holds no message")
            service = health_pb2.HealthCheckRequest.FromString(request).service
        except (DecodeError, TimeoutError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        serving = health_pb2.HealthCheckResponse.SERVING
        if self._door.closed:
            serving = health_pb2.HealthCheckResponse.NOT_SERVING
        answer: bytes = health_pb2.HealthCheckResponse(status=serving).SerializeToString()
        return answer


def _metadata(context: Context) -> Headers:
    pairs = context.invocation_metadata() or ()
    return lambda name: [str(value) for key, value in pairs if key == name]


class _Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in its stubs only
    """Methods by their full name; what is not there is answered UNIMPLEMENTED by the library."""

    def __init__(self, methods: dict[str, Handler]) -> None:
        self._methods = methods

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._methods.get(handler_call_details.method)
