"""Sends a case as it stands and reads what comes back."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fuzz.wire import Act, Case, Demand

SILENCE_S = 0.2
"""How long a case that demands nothing is listened to."""
NO_BODY = {204, 304}
STREAM = "text/event-stream"


@dataclass(frozen=True)
class Answer:
    """One answer of HTTP/1.1; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Heard:
    """What came back in time."""

    answers: list[Answer] = field(default_factory=list)
    ended: bool = False
    wrong: str = ""
    """What of it was no HTTP."""


async def send(port: int, case: Case, deadline_s: float) -> Heard:
    """Send the case to a connection of its own; return what is heard until its demand is met."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = Heard()
    listening = asyncio.create_task(_listen(reader, case.methods, heard))
    try:
        async with asyncio.timeout(deadline_s):
            with suppress(ConnectionError):  # it may be refused before it is sent
                await _talk(writer, case)
            if case.demand is Demand.NOTHING:
                await asyncio.wait({listening}, timeout=SILENCE_S)
            else:
                await listening
    except TimeoutError:
        pass
    finally:
        listening.cancel()
        await asyncio.wait({listening})
        writer.transport.abort()
    return heard


async def _talk(writer: asyncio.StreamWriter, case: Case) -> None:
    for step in case.steps:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif isinstance(step, float):
            await asyncio.sleep(step)
        elif step is Act.HALF_CLOSE:
            writer.write_eof()
        else:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def _listen(reader: asyncio.StreamReader, methods: tuple[str, ...], heard: Heard) -> None:
    try:
        for method in methods:
            heard.answers.append(await _answer(reader, method))
            if heard.answers[-1].headers.get("connection") == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        if getattr(error, "partial", b""):
            heard.wrong = f"an answer cut short: {error.partial[:200]!r}"
        heard.ended = True
    except (ValueError, KeyError, asyncio.LimitOverrunError) as error:
        heard.wrong = f"no HTTP: {error!r}"


async def _answer(reader: asyncio.StreamReader, method: str) -> Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status = head[0].split()[0], int(head[0].split()[1])
        if not version.startswith("HTTP/"):
            raise ValueError(head[0])
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if status >= 200:
            break
    # What the parser refuses has no method any more, and HTTP's first version.
    refused = status == 400 and version != "HTTP/1.1"
    if headers.get("content-type", "").startswith(STREAM) and status == 200:
        return Answer(status, headers | {"connection": "close"}, b"")  # it ends when we do
    bodiless = (method == "HEAD" and not refused) or status in NO_BODY
    return Answer(status, headers, b"" if bodiless else await _body(reader, version, headers))


async def _body(reader: asyncio.StreamReader, version: str, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        if version == "HTTP/1.0" and "content-length" not in headers:
            return await reader.read()  # HTTP's first version ends a stream so
        return await reader.readexactly(int(headers["content-length"]))
    body = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await _blank(reader)
    await _blank(reader)
    return bytes(body)


async def _blank(reader: asyncio.StreamReader) -> None:
    if (line := await reader.readexactly(2)) != b"\r\n":
        raise ValueError(f"a chunk ends with {line!r}")
