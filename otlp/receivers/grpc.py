"""OTLP over gRPC (port 4317)."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NoReturn, Self

import grpc
from grpc import aio

from otlp.config import IngestorConfig
from otlp.door import Door, Outcome
from otlp.receivers import status, success
from otlp.receivers.inflate import Body, Gunzip
from pipeline.errors import Overloaded
from pipeline.rpc import credentials, server
from pipeline.rpc.server import HEALTH, Context, Handler
from pipeline.signal import Signal
from pipeline.tls import Tls

SIGNALS: Final = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": Signal.TRACES,
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Signal.METRICS,
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": Signal.LOGS,
}
SERVICES: Final = {"", *(method.split("/")[1] for method in SIGNALS)}
"""What a health check may name."""

GZIP: Final = b"\x1f\x8b"
"""How gzip begins, and no message of protobuf: it would be a field of wire type 7."""

IDENTITY_AND_GZIP: Final = 1 << 0 | 1 << 2
"""grpc_compression_algorithm, as a set."""

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
        made = server.server(
            self._methods(),
            ("grpc.max_receive_message_length", self._config.request_bytes_max),
            # Decompression is ours, at the same cost (measured): the library's would grow every
            # message to the limit before the budget sees it. It does not tell us which algorithm
            # it was, so deflate, which cannot be told for sure, is off.
            ("grpc.per_message_decompression", 0),
            ("grpc.compression_enabled_algorithms_bitset", IDENTITY_AND_GZIP),
        )
        self.address = await server.listen(made, self._config.grpc, self._tls, "ingestor.grpc")
        self._server = made
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.stop(self._config.stop_timeout_s)

    def _methods(self) -> dict[str, Handler]:
        # An Export is unary, but its message is read as if it were a stream of one: so we see the
        # call before its message, with its metadata, and decide whether there is room for it. It
        # costs the same (measured), and bytes in and out spare one parse that the door does anyway.
        methods = {
            method: grpc.stream_unary_rpc_method_handler(self._export(signal))
            for method, signal in SIGNALS.items()
        }
        services = dict.fromkeys(SERVICES, self._serves)
        methods[HEALTH] = server.health(services, self._config.read_timeout_s)
        return methods

    async def _serves(self) -> bool:
        return not self._door.closed

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
        tenant = self._door.tenant(server.metadata(context))
        with self._door.room(tenant) as room:
            try:
                payload = await server.message(context, self._config.read_timeout_s)
            except TimeoutError as error:
                raise Overloaded(
                    f"the message did not arrive within {self._config.read_timeout_s:g} s"
                ) from error
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
