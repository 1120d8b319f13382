"""Calls of gRPC by a seed: made, given up, and their answers looked at."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import grpc
from grpc import aio

from tests.fuzz.rpcs import PORTS, Method

OTHERS = (
    "/grpc.health.v1.Health/Watch",
    "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
    "/aura.v1.Storage/Walk",
    "/",
    "/a/b/c",
)
METADATA = (
    ("authorization", "Bearer aura-write-key-secret-123"),
    ("odd-bin", b"\0\xff" * 40),
    ("big", "x" * 4000),
    ("content-encoding", "gzip"),
    ("x-scope-orgid", "../other"),
)
FINE = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
}
"""What a bad call may be answered with: UNKNOWN and INTERNAL are bugs of ours."""
ANSWER_BYTES_MAX = 64 * 2**20

UNSENT = "Internal error from Core"
"""What the client's own library says when the answer came before its last message was sent."""


@dataclass(frozen=True)
class Call:
    """A call of a port's method with so many messages, which its caller may give up early."""

    port: str
    method: Method
    path: str
    """The method's own, or one that the port does not have."""
    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | bytes], ...]
    compression: grpc.Compression
    patience_s: float | None


def draw(seed: int, number: int) -> Call:
    """Return the call of this number; the same at every time."""
    chance = Random(f"{seed}:call:{number}")
    port = chance.choice(tuple(PORTS))
    method = chance.choice(PORTS[port])
    path = method.path if chance.random() < 0.97 else chance.choice(OTHERS)
    count = chance.choice((0, 2, 5)) if chance.random() < 0.1 else 1
    return Call(
        port,
        method,
        path,
        tuple(method.body(chance) for _ in range(count)),
        tuple(chance.sample(METADATA, chance.choice((0, 0, 1, 2)))),
        chance.choice((grpc.Compression.NoCompression, grpc.Compression.Gzip)),
        chance.uniform(0.001, 0.05) if chance.random() < 0.1 else None,
    )


def channel(port: int) -> aio.Channel:
    """Return a channel with a connection of its own."""
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ]
    return aio.insecure_channel(f"127.0.0.1:{port}", options=options)


async def complaints(channel: aio.Channel, call: Call, deadline_s: float) -> list[str]:
    """Make the call; return what is wrong with its answer, at best nothing."""

    async def messages():
        for message in call.messages:
            yield message

    # A unary answer is a stream of one.
    stub = channel.stream_stream(call.path)
    patience_s = call.patience_s or deadline_s
    made = stub(
        messages(), metadata=call.metadata, compression=call.compression, timeout=patience_s
    )
    found = await _answers(made)
    code, details = await made.code(), await made.details()
    if code is grpc.StatusCode.OK:
        return _wrong(call, found)
    if code in FINE or details == UNSENT or _excused(call, code, details):
        return []
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return [f"no answer within {deadline_s:g} s"]
    return [f"{code.name}: {details}"]


async def _answers(made: aio.StreamStreamCall) -> list[bytes]:
    """Return the messages that came; the call says how it ended."""
    found: list[bytes] = []
    with suppress(aio.AioRpcError):
        try:
            async for message in made:
                found.append(message)  # noqa: PERF401 - what came before an error counts, too
        except asyncio.CancelledError:
            # So the library says that the server answered before all messages were sent.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
    return found


def _excused(call: Call, code: grpc.StatusCode, details: str) -> bool:
    """Tell whether the caller gave up, sent too much, or asked for what Jaeger refuses so."""
    match code:
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return call.patience_s is not None
        case grpc.StatusCode.CANCELLED:
            return call.patience_s is not None or len(call.messages) > 1
        case grpc.StatusCode.INTERNAL:
            return bool(call.method.refuses) and call.method.refuses in details
    return False


def _wrong(call: Call, found: list[bytes]) -> list[str]:
    if call.path != call.method.path:
        return ["what there is not was answered"]
    try:
        call.method.right(found)
    except Exception as error:  # noqa: BLE001 - whatever a parser of the answer does not like
        return [f"no answer of {call.path}: {error!r}"]
    return []


def shown(call: Call) -> str:
    """Return what was called, with its messages."""
    return f"{call.port} {call.path} {call.metadata} {call.messages!r:.1500}"
