"""What the HTTP listeners have in common: how a request's body comes in, within its limits."""

import asyncio
from typing import Final

from aiohttp import web
from grpc import StatusCode

from otlp.config import IngestorConfig
from otlp.receivers.budget import Room
from otlp.receivers.inflate import INFLATERS, Body
from otlp.receivers.status import Answer, Refusal
from pipeline.errors import Overloaded, Rejected
from pipeline.rpc.status import printable

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"


def media_type(request: web.BaseRequest) -> str:
    """Return the bare media type, as answers repeat it; empty where there is none."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def compression(request: web.BaseRequest) -> str:
    """Return how the body is compressed; raises Refusal for a way that is not known."""
    name = request.headers.get("Content-Encoding", "").strip().lower()
    if name not in INFLATERS:
        raise refusal(StatusCode.INVALID_ARGUMENT, 400, f"unsupported Content-Encoding: {name}")
    return name


async def body(
    request: web.BaseRequest, compressed: str, config: IngestorConfig, room: Room
) -> bytes:
    """
    Read the whole body, decompressed; each byte is in `room` before it is kept.

    Raises Rejected, TooLarge, or Overloaded: there is no room, it came too slowly, or its tenant
    sends more than it may.
    """
    try:
        async with asyncio.timeout(config.read_timeout_s):
            content = await _read(request, compressed, config, room)
    except TimeoutError as error:
        raise Overloaded(f"the body did not arrive within {config.read_timeout_s:g} s") from error
    room.weigh(len(content))
    return content


async def _read(
    request: web.BaseRequest, compressed: str, config: IngestorConfig, room: Room
) -> bytes:
    content = Body(INFLATERS[compressed](), config.request_bytes_max, room)
    content.expect(request.content_length or 0)
    if request.headers.get("Expect", "").lower() == "100-continue":
        # curl asks before it sends a large body: it is told only once there is room.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    try:
        async for chunk in request.content.iter_any():
            content.feed(chunk)
    except web.RequestPayloadError as error:
        raise Rejected(f"the body is not framed as HTTP says: {error}") from error
    return content.finish()


def refusal(
    code: StatusCode, http: int, message: str, headers: dict[str, str] | None = None
) -> Refusal:
    """Return the answer to a request that fails for the way it was sent."""
    return Refusal(Answer(code, http, printable(message)), headers)
