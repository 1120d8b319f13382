"""Bytes on a port of gRPC that are no calls: frames of HTTP/2 that no client sends."""

import asyncio
from contextlib import suppress
from random import Random

from tests.fuzz import chance as odd


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
