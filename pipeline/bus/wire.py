"""A message as it travels on NATS: headers and a zstd frame."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

import zstandard

from pipeline.ports import DEFAULT_TENANT, Message

CONTENT_VERSION: Final = "1"
FOREIGN: Final = -1
"""`Message.accepted` of what no Aura wrote: it decodes to no count, so the worker buries it."""

RAW_BYTES_MAX: Final = 64 * 2**20
"""A frame that says it unpacks to more is not unpacked: NATS carries no larger message."""

TENANT: Final = "Aura-Tenant"
ACCEPTED: Final = "Aura-Accepted"
REFUSED: Final = "Aura-Refused"
ARRIVED: Final = "Aura-Arrived"
RAW_BYTES: Final = "Aura-Raw-Bytes"
CONTENT: Final = "Aura-Content"

_COUNT_MAX: Final = 2**63 - 1


class UnreadableError(ValueError):
    """The headers or the frame are not ours."""


class Codec:
    """
    Packs and unpacks messages; not for several threads at once.

    Costs on the event loop about 1 ms a MB in either direction.
    """

    def __init__(self, level: int = 1) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, message: Message) -> tuple[dict[str, str], bytes]:
        """Return the headers and the data of a message."""
        headers = {
            TENANT: _quoted(message.tenant),
            ACCEPTED: str(message.accepted),
            REFUSED: str(message.refused),
            ARRIVED: str(message.arrived_ns),
            RAW_BYTES: str(len(message.payload)),
            CONTENT: CONTENT_VERSION,
        }
        return headers, self._compressor.compress(message.payload)

    def unpack(self, headers: Mapping[str, str] | None, data: bytes) -> Message:
        """
        Return the message that was packed.

        What a stranger published comes back as it is, with the default tenant and `FOREIGN` as its
        count; it costs no more memory than its own bytes.
        """
        try:
            return self._ours(headers or {}, data)
        except UnreadableError:
            return Message(DEFAULT_TENANT, data, accepted=FOREIGN, refused=0, arrived_ns=0)

    def _ours(self, headers: Mapping[str, str], data: bytes) -> Message:
        if headers.get(CONTENT) != CONTENT_VERSION:
            raise UnreadableError(f"content version {headers.get(CONTENT)}")
        tenant = _unquoted(headers.get(TENANT, ""))
        accepted, refused, arrived_ns = (_count(headers, name) for name in _COUNTS)
        raw_bytes = _count(headers, RAW_BYTES)
        if raw_bytes > RAW_BYTES_MAX:
            raise UnreadableError(f"unpacks to {raw_bytes} bytes")
        return Message(tenant, self._payload(data, raw_bytes), accepted, refused, arrived_ns)

    def _payload(self, data: bytes, raw_bytes: int) -> bytes:
        try:
            # zstandard allocates what the frame's own header says, whatever limit it is given.
            if zstandard.frame_content_size(data) != raw_bytes:
                raise UnreadableError("frame of another size")
            return self._decompressor.decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise UnreadableError(str(error)) from error


_COUNTS: Final = (ACCEPTED, REFUSED, ARRIVED)


def _count(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    # int() alone takes signs, underscores and the digits of every script, at any length.
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > _COUNT_MAX:
        raise UnreadableError(f"{name} is {text!r}")
    return int(text)


# Header values lose their outer spaces and line ends; a tenant must come back as it went in.
@lru_cache(maxsize=1024)
def _quoted(tenant: str) -> str:
    return quote(tenant, safe="")


@lru_cache(maxsize=1024)
def _unquoted(text: str) -> str:
    try:
        tenant = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{TENANT} is {text!r}") from error
    if not tenant:
        raise UnreadableError(f"{TENANT} is missing")
    return tenant
