"""A message as it travels on NATS: headers and a zstd frame."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

import zstandard

from pipeline.ports import DEFAULT_TENANT, Message
from pipeline.reason import Reason

CONTENT_VERSION: Final = "1"
FOREIGN: Final = -1
"""`Message.accepted` of what no Aura wrote: it decodes to no count, so the worker buries it."""

RAW_BYTES_MAX: Final = 64 * 2**20
"""A frame that says it unpacks to more is not unpacked: NATS carries no larger message."""

TENANT: Final = "Aura-Tenant"
ACCEPTED: Final = "Aura-Accepted"
REFUSED: Final = "Aura-Refused"
REASONS: Final = "Aura-Reasons"
"""Why, where something was refused: `time=3 value=1`."""

ARRIVED: Final = "Aura-Arrived"
RAW_BYTES: Final = "Aura-Raw-Bytes"
CONTENT: Final = "Aura-Content"

_COUNT_MAX: Final = 2**63 - 1


class UnreadableError(ValueError):
    """The headers or the frame are not ours."""


class Codec:
    """Packs messages in one thread, about 1 ms a MB, and unpacks them in any."""

    def __init__(self, level: int = 1) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level)
        self._of_thread = threading.local()

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
        if message.reasons:
            headers[REASONS] = " ".join(f"{name}={n}" for name, n in message.reasons.items())
        return headers, self._compressor.compress(message.payload)

    def unpack(self, headers: Mapping[str, str] | None, data: bytes) -> Message:
        """
        Return the message that was packed.

        What a stranger published comes back as it is, with the default tenant and `FOREIGN` as its
        count; it costs no more memory than its own bytes.
        """
        headers = headers or {}
        try:
            head = _head(headers)
            return replace(head, payload=self._payload(data, _count(headers, RAW_BYTES)))
        except UnreadableError:
            return _foreign(data)

    def _payload(self, data: bytes, raw_bytes: int) -> bytes:
        if raw_bytes > RAW_BYTES_MAX:
            raise UnreadableError(f"unpacks to {raw_bytes} bytes")
        try:
            # zstandard allocates what the frame's own header says, whatever limit it is given.
            if zstandard.frame_content_size(data) != raw_bytes:
                raise UnreadableError("frame of another size")
            return self._decompressor().decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise UnreadableError(str(error)) from error

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        found: zstandard.ZstdDecompressor | None = getattr(self._of_thread, "decompressor", None)
        if found is None:
            found = self._of_thread.decompressor = zstandard.ZstdDecompressor()
        return found


@dataclass(frozen=True, slots=True)
class Parcel:
    """A `pipeline.ports.Packed`: headers and data as they came."""

    codec: Codec
    headers: Mapping[str, str] | None
    data: bytes

    @property
    def accepted(self) -> int:
        """The count in the headers, or `FOREIGN`."""
        return head(self.headers).accepted

    @property
    def size(self) -> int:
        """The size in the headers, if it may be true; what is held is not counted as less."""
        try:
            raw_bytes = _count(self.headers or {}, RAW_BYTES)
        except UnreadableError:
            raw_bytes = 0
        return max(len(self.data), raw_bytes if raw_bytes <= RAW_BYTES_MAX else 0)

    def unpack(self) -> Message:
        """Return the message, as `Codec.unpack` says."""
        return self.codec.unpack(self.headers, self.data)


def head(headers: Mapping[str, str] | None) -> Message:
    """Return what the headers alone tell: the message that `unpack` returns, with no payload."""
    try:
        return _head(headers or {})
    except UnreadableError:
        return _foreign(b"")


def _foreign(data: bytes) -> Message:
    return Message(DEFAULT_TENANT, data, accepted=FOREIGN, refused=0, arrived_ns=0)


def _head(headers: Mapping[str, str]) -> Message:
    if headers.get(CONTENT) != CONTENT_VERSION:
        raise UnreadableError(f"content version {headers.get(CONTENT)}")
    tenant = _unquoted(headers.get(TENANT, ""))
    accepted, refused, arrived_ns = (_count(headers, name) for name in _COUNTS)
    reasons = _reasons(headers.get(REASONS, ""))
    if sum(reasons.values()) > refused:
        raise UnreadableError(f"{REASONS} counts more than {refused}")
    return Message(tenant, b"", accepted, refused, arrived_ns, reasons)


_COUNTS: Final = (ACCEPTED, REFUSED, ARRIVED)


def _reasons(text: str) -> dict[Reason, int]:
    """Read what is known of the reasons; what a newer version names stays without one."""
    pairs = (part.partition("=") for part in text.split())
    return {Reason(name): _number(REASONS, n) for name, _, n in pairs if name in _KNOWN}


_KNOWN: Final = frozenset(Reason)


def _count(headers: Mapping[str, str], name: str) -> int:
    return _number(name, headers.get(name, ""))


def _number(name: str, text: str) -> int:
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
