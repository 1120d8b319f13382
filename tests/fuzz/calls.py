"""Calls of gRPC by a seed, and bytes on its port that are none."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import grpc
from grpc import aio

from pipeline.signal import Signal
from tests.fuzz import chance as odd
from tests.fuzz import mutate, telemetry, wire
from tests.support.numbered import METHODS

OTHERS = (
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
    "/",
    "/a/b/c",
)
METADATA = (
    ("authorization", "Bearer aura-write-key-secret-123"),
    ("odd-bin", b"\0\xff" * 40),
    ("big", "x" * 4000),
    ("content-encoding", "gzip"),
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


UNSENT = "Internal error from Core"
"""What the client's own library says when the answer came before its last message was sent."""


@dataclass(frozen=True)
class Call:
    """A call with so many messages, which its caller may give up early."""

    method: str
    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | bytes], ...]
    compression: grpc.Compression
    patience_s: float | None


def draw(seed: int, number: int) -> Call:
    """Return the call of this number; the same at every time."""
    chance = Random(f"{seed}:call:{number}")
    signal = chance.choice(tuple(Signal))
    method = METHODS[signal] if chance.random() < 0.9 else chance.choice(OTHERS)
    count = chance.choice((0, 2, 5)) if chance.random() < 0.1 else 1
    return Call(
        method,
        tuple(_message(chance, signal) for _ in range(count)),
        tuple(chance.sample(METADATA, chance.choice((0, 0, 1, 2)))),
        chance.choice((grpc.Compression.NoCompression, grpc.Compression.Gzip)),
        chance.uniform(0.001, 0.05) if chance.random() < 0.1 else None,
    )


def _message(chance: Random, signal: Signal) -> bytes:
    whole = telemetry.request(chance, signal, chance.choice((0.0, 0.1, 0.5))).SerializeToString()
    draw_ = chance.random()
    if draw_ < 0.4:
        return whole
    if draw_ < 0.75:
        return mutate.damaged(chance, whole)
    if draw_ < 0.8:
        return wire.compressed(chance, whole, "gzip")
    return odd.noise(chance, 400)


async def complaints(channel: aio.Channel, call: Call, deadline_s: float) -> list[str]:
    """Make the call; return what is wrong with its answer, at best nothing."""

    async def messages():
        for message in call.messages:
            yield message

    stub = channel.stream_unary(call.method)
    patience_s = call.patience_s or deadline_s
    made = stub(
        messages(), metadata=call.metadata, compression=call.compression, timeout=patience_s
    )
    with suppress(aio.AioRpcError):
        try:
            await made
        except asyncio.CancelledError:
            # So the library says that the server answered before all messages were sent.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
    code = await made.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return [] if call.patience_s else [f"no answer within {deadline_s:g} s"]
    if code is grpc.StatusCode.CANCELLED:
        return [] if call.patience_s or len(call.messages) > 1 else ["cancelled by nobody"]
    if await made.details() == UNSENT and len(call.messages) > 1:
        return []
    return [] if code in FINE else [f"{code.name}: {await made.details()}"]


async def disturb(port: int, chance: Random) -> None:
    """Open a connection of HTTP/2 and send what no client sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    frames = b"".join(_frame(chance) for _ in range(chance.randint(0, 12)))
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if chance.random() < 0.8 else b""
    with suppress(ConnectionError, TimeoutError):
        writer.write(preface + frames)
        await asyncio.wait_for(reader.read(4096), 0.2)
    writer.transport.abort()


def _frame(chance: Random) -> bytes:
    payload = odd.noise(chance, 60)
    size = len(payload) if chance.random() < 0.8 else chance.randrange(2**24)
    kind, flags, stream = (
        chance.randrange(12),
        chance.randrange(256),
        chance.choice((0, 1, 3, 2**31)),
    )
    head = size.to_bytes(3, "big") + bytes((kind, flags)) + (stream % 2**32).to_bytes(4, "big")
    return head + payload
