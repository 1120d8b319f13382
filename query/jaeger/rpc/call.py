"""One call: who makes it, its message, its answer, and what stops it."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, NoReturn, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from grpc import aio

from pipeline.errors import AuraError, Overloaded, Rejected, TooLarge
from pipeline.keyring import Access, Keyring
from pipeline.rpc import credentials, server, status
from pipeline.rpc.server import Context, Handler
from pipeline.tls import Tls
from query.jaeger.rpc.idl import Method

REQUEST_BYTES_MAX: Final = 1024 * 1024
"""Of a question, as sent and as decompressed."""

_READ_S: Final = 10.0
"""How long a caller may take to send its question."""

_TAKE_S: Final = 30.0
"""How long a caller may leave one message of an answer untaken."""

Once: TypeAlias = Callable[[Any, str], Awaitable[Message]]
"""Answers a request of a tenant."""
Stream: TypeAlias = AsyncGenerator[bytes, None]
"""Messages, serialized, of which the next is made when there is room for it."""
Many: TypeAlias = Callable[[Any, str], Awaitable[Stream]]
"""Answers a request of a tenant with a stream."""

log = structlog.get_logger()


class Missing(Exception):  # noqa: N818 - a verdict of Jaeger's own: NOT_FOUND
    """What was asked for by its name is not there."""


class Unserved(Exception):  # noqa: N818 - likewise: INTERNAL, and no bug
    """What was asked for is not done here, and Jaeger has no status that says so."""


class Calls:
    """Serves methods to callers that may read, so many at once."""

    def __init__(self, keyring: Keyring, tls: Tls | None, calls_max: int) -> None:
        self._keyring = keyring
        self._tls = tls
        self._calls_max = calls_max
        self._running = 0

    def once(self, method: Method, answer: Once) -> Handler:
        """Return what serves a method of one answer."""

        async def serve(_: object, context: Context) -> bytes:
            async with self._open(context) as tenant:
                request = await _request(method, context)
                return (await answer(request, tenant)).SerializeToString()

        return grpc.stream_unary_rpc_method_handler(serve)

    def many(self, method: Method, answer: Many) -> Handler:
        """Return what serves a method of a stream of answers."""

        async def serve(_: object, context: Context) -> None:
            async with self._open(context) as tenant:
                request = await _request(method, context)
                # Closed as soon as the call is cancelled: so the query ends in the engine.
                async with aclosing(await answer(request, tenant)) as messages:
                    async for message in messages:
                        await _send(message, context)

        return grpc.stream_stream_rpc_method_handler(serve)

    @asynccontextmanager
    async def _open(self, context: Context) -> AsyncGenerator[str, None]:
        """Take a call in, for the tenant whose data it is about; answer what goes wrong."""
        try:
            credentials.check_version(self._tls, context)
            tenant = self._keyring.admit(server.metadata(context), Access.READ).tenant
            if self._running >= self._calls_max:
                raise Overloaded(f"no room for another call ({self._running} are running)")
            self._running += 1
            try:
                yield tenant
            finally:
                self._running -= 1
        except AuraError as verdict:
            await context.abort(*status.answer(verdict))
        except Missing as missing:
            await context.abort(grpc.StatusCode.NOT_FOUND, status.printable(str(missing)))
        except Unserved as reason:
            await context.abort(grpc.StatusCode.INTERNAL, status.printable(str(reason)))
        except aio.InternalError:
            return  # nobody takes the answer any more
        except aio.AbortError:
            raise
        except Exception as error:
            log.error("a question of Jaeger's failed by a bug", exc_info=error)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error; the log says more")


def unimplemented(reason: str) -> Handler:
    """Return what answers a method that is not offered, saying why."""

    async def serve(_: object, context: Context) -> NoReturn:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, reason)

    return grpc.stream_unary_rpc_method_handler(serve)


async def _request(method: Method, context: Context) -> Any:
    """Return the message of a call; raises Rejected for what is none."""
    name = method.request.DESCRIPTOR.full_name
    try:
        payload = await server.message(context, _READ_S)
    except TimeoutError:
        raise Rejected(f"no {name} came within {_READ_S:g} s") from None
    if payload.startswith(server.GZIP):
        payload = _plain(payload)
    if len(payload) > REQUEST_BYTES_MAX:
        raise TooLarge(f"a {name} has at most {REQUEST_BYTES_MAX} bytes")
    try:
        return method.request.FromString(payload)
    except DecodeError as error:
        raise Rejected(f"the message is no {name}: {error}") from None


def _plain(payload: bytes) -> bytes:
    """Return what was compressed, or a little more than is taken of it."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        found = inflate.decompress(payload, REQUEST_BYTES_MAX + 1)
    except zlib.error as error:
        raise Rejected(f"the message is no gzip: {error}") from None
    if len(found) <= REQUEST_BYTES_MAX and not inflate.eof:
        raise Rejected("the message is no gzip: it ends too early")
    return found


async def _send(message: bytes, context: Context) -> None:
    try:
        async with asyncio.timeout(_TAKE_S):
            await context.write(message)
    except TimeoutError:
        raise Rejected(f"the answer was not taken within {_TAKE_S:g} s") from None
