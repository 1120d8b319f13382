"""A gRPC listener whose methods take and give bytes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from grpc_health.v1 import health_pb2

from pipeline.address import host_and_port, joined
from pipeline.errors import Rejected, Setup
from pipeline.keyring import Headers
from pipeline.probes import Check
from pipeline.rpc.credentials import credentials
from pipeline.tls import Tls

Context = aio.ServicerContext[bytes, bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its stubs only

HEALTH: Final = "/grpc.health.v1.Health/Check"


class Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in its stubs only
    """Methods by their full name; what is not there is answered UNIMPLEMENTED by the library."""

    def __init__(self, methods: Mapping[str, Handler]) -> None:
        self._methods = methods

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """Return what serves a call."""
        return self._methods.get(handler_call_details.method)


def server(methods: Mapping[str, Handler], *options: tuple[str, int]) -> aio.Server:
    """Return a server that takes a port for itself."""
    # By default two servers share a port in silence, and each gets half of the calls.
    alone = ("grpc.so_reuseport", 0)
    return aio.server(handlers=[Methods(methods)], options=[*options, alone])


async def listen(server: aio.Server, address: str, tls: Tls | None, setting: str) -> str:
    """Start the server; return its address with the port that was given out. Raises Setup."""
    host, port = host_and_port(address)
    asked = joined(host or "::", port)
    try:
        if tls is None:
            port = server.add_insecure_port(asked)
        else:
            port = server.add_secure_port(asked, credentials(tls))
    except RuntimeError as error:
        await server.stop(None)
        raise Setup(f"{setting}: cannot listen on {address}: {error}") from error
    await server.start()
    return joined(host or "::", port)


async def message(context: Context, wait_s: float) -> bytes:
    """
    Return the one message of a call; raises Rejected without one, TimeoutError when it is late.

    A method of one message is served as if it took a stream: so the call is seen, with its
    metadata, before its message is read; and the library leaves a unary call without a message
    unanswered.
    """
    async with asyncio.timeout(wait_s):
        payload = await context.read()
    if not isinstance(payload, bytes):
        raise Rejected("the call holds no message")
    return payload


def metadata(context: Context) -> Headers:
    """Return a call's metadata as a keyring reads it."""
    pairs = context.invocation_metadata() or ()
    return lambda name: [str(value) for key, value in pairs if key == name]


def health(services: Mapping[str, Check], wait_s: float) -> Handler:
    """Return gRPC's health check of the services; `Watch` is not served, as it allows."""

    async def check(_: object, context: Context) -> bytes:
        try:
            request = await message(context, wait_s)
            service = health_pb2.HealthCheckRequest.FromString(request).service
        except (DecodeError, Rejected, TimeoutError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if service not in services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        states = health_pb2.HealthCheckResponse
        status = states.SERVING if await services[service]() else states.NOT_SERVING
        answer: bytes = states(status=status).SerializeToString()
        return answer

    handle: Callable[[Any, Any], Awaitable[bytes]] = check
    return grpc.stream_unary_rpc_method_handler(handle)
