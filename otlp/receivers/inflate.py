"""Bodies, decompressed piece by piece so that the limits hold before, while and after it."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import zstandard

from otlp.receivers.budget import Room
from pipeline.errors import Rejected, TooLarge

PIECE_BYTES: Final = 256 * 1024
"""The most that is decompressed before the limits are looked at again."""

ZSTD_FEED_BYTES: Final = 16
"""What zstd is fed at once: 4 bytes are the smallest block, which may repeat 128 KiB."""

WINDOW_BYTES_MAX: Final = 8 * 2**20
"""What a zstd frame may ask for; RFC 8878 has every decoder take as much."""


class Inflater(Protocol):
    """Decompresses one body, chunk by chunk."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk adds, at most `PIECE_BYTES` at a time; raises Rejected."""
        ...

    def finish(self) -> None:
        """Raise Rejected when the stream is cut short."""
        ...


class Identity:
    """No compression."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the chunk, whose size the socket's buffer bounds."""
        yield chunk

    def finish(self) -> None:
        """Accept any end."""


class _Zlib:
    """One stream of zlib's, or several in a row."""

    name: str
    window_bits: int

    def __init__(self) -> None:
        self._member = zlib.decompressobj(self.window_bits)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk adds; raises Rejected for what is not of this kind."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(self.window_bits)
            self._begun = True
            try:
                piece = self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                raise Rejected(f"what is sent as {self.name} is none: {error}") from error
            # Both are empty in turn: a member that ended leaves only `unused_data`.
            chunk = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise Rejected when the last member has no end."""
        if not self._begun or not self._member.eof:
            raise Rejected(f"what is sent as {self.name} ends too early")


class Gunzip(_Zlib):
    """gzip (RFC 1952): one member, or several in a row as its section 2.2 allows."""

    name = "gzip"
    window_bits = 16 + zlib.MAX_WBITS


class Deflate(_Zlib):
    """HTTP's deflate, which is zlib (RFC 1950)."""

    name = "deflate"
    window_bits = zlib.MAX_WBITS


class Zstd:
    """zstd (RFC 8878): one frame, or several in a row; a window of at most `WINDOW_BYTES_MAX`."""

    def __init__(self) -> None:
        self._frame = _frame()
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk adds; raises Rejected for what is no zstd."""
        # The library gives out all that it was fed, and repeats cost next to no input: so it is fed
        # little at a time, and a frame's blocks, of at most 128 KiB each, bound what comes out.
        for start in range(0, len(chunk), ZSTD_FEED_BYTES):
            rest = chunk[start : start + ZSTD_FEED_BYTES]
            while rest:
                if self._ended:
                    self._frame = _frame()
                try:
                    piece = self._frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise Rejected(f"what is sent as zstd is none: {error}") from error
                self._ended = self._frame.eof
                rest = self._frame.unused_data if self._ended else b""
                for at in range(0, len(piece), PIECE_BYTES):
                    yield piece[at : at + PIECE_BYTES]

    def finish(self) -> None:
        """Raise Rejected when the last frame has no end."""
        if not self._ended:
            raise Rejected("what is sent as zstd ends too early")


class Body:
    """
    One request's body as it comes in, decompressed.

    Both what is fed and what comes out is bounded by `bytes_max`; what is kept is taken from the
    request's room as it grows, so a bomb costs no more than the limit, and a slow sender no more
    than what it sent.
    """

    def __init__(self, inflater: Inflater, bytes_max: int, room: Room) -> None:
        self._inflater = inflater
        self._bytes_max = bytes_max
        self._room = room
        self._received = 0
        self._content = bytearray()

    def expect(self, size: int) -> None:
        """Refuse a body by the size that was announced; raises TooLarge or Overloaded."""
        self._check(size)
        self._room.expect(size)

    def feed(self, chunk: bytes) -> None:
        """Add a chunk as it was sent; raises Rejected, TooLarge or Overloaded."""
        self._received += len(chunk)
        self._check(self._received)
        for piece in self._inflater.feed(chunk):
            self._check(len(self._content) + len(piece))
            self._room.take(len(piece))
            self._content += piece

    def finish(self) -> bytes:
        """Return the whole; raises Rejected when it is cut short."""
        self._inflater.finish()
        return bytes(self._content)

    def _check(self, size: int) -> None:
        if size > self._bytes_max:
            raise TooLarge(
                f"the request is larger than {self._bytes_max} bytes as sent or as decompressed; "
                "ingestor.request_bytes_max"
            )


def _frame() -> "zstandard.ZstdDecompressionObj":  # a name in the stubs only
    return zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).decompressobj()


INFLATERS: Final[dict[str, Callable[[], Inflater]]] = {
    "": Identity,
    "identity": Identity,
    "gzip": Gunzip,
    "x-gzip": Gunzip,
    "deflate": Deflate,
    "zlib": Deflate,
    "zstd": Zstd,
}
"""By the value of Content-Encoding, in lower case."""
