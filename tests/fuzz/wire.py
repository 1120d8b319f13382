"""HTTP/1.1 by hand, so that it can be wrong: heads, framing, compression, pace."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from random import Random

import zstandard

from tests.fuzz import chance as odd
from tests.fuzz.surface import Door

BOMB_BYTES = 96 * 2**20
"""What a bomb inflates to: more than one request may hold."""


class Demand(Enum):
    """What must become of a case."""

    ANSWER = auto()
    """At least one answer; what was sent behind it is answered too, or the connection closed."""
    END = auto()
    """An answer, or the connection closed."""
    NOTHING = auto()
    """It is never complete: that it costs nothing is seen at the end."""


class Act(Enum):
    """What a sender does besides sending."""

    HALF_CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True)
class Case:
    """What is sent to one connection: bytes, pauses in seconds, acts."""

    door: Door
    steps: tuple[bytes | float | Act, ...]
    methods: tuple[str, ...]
    """Of each request that is in it, in order: an answer to HEAD has no body."""
    demand: Demand


@dataclass(frozen=True)
class Request:
    """A request that is whole, before anything is done to its framing."""

    method: str
    target: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def bytes(self, *, length: bool = True) -> bytes:
        framing = f"Content-Length: {len(self.body)}\r\n" if length else ""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = f"{framing}{lines}\r\n".encode(errors="replace")
        return self.method.encode() + b" " + self.target + b" HTTP/1.1\r\nHost: x\r\n" + head


def compressed(chance: Random, body: bytes, encoding: str) -> bytes:
    """Return the body as the encoding says; sometimes cut, torn, of another kind, or a bomb."""
    name = encoding.lower()
    if name not in _COMPRESS:
        return body
    draw = chance.random()
    if draw < 0.02:
        return _bomb(name)
    packed = _COMPRESS[name](body)
    if draw < 0.1:
        return packed[: chance.randint(0, len(packed))]
    if draw < 0.15:
        return body
    if draw < 0.2:
        at = chance.randrange(len(packed))
        return packed[:at] + odd.noise(chance, 4) + packed[at + 1 :]
    if draw < 0.25:
        return packed + chance.choice((packed, odd.noise(chance), bytes(3)))
    return packed


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 1, mtime=0),
    "x-gzip": lambda body: gzip.compress(body, 1, mtime=0),
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}


@cache
def _bomb(name: str) -> bytes:
    return _COMPRESS[name](bytes(BOMB_BYTES))


def whole(door: Door, request: Request) -> Case:
    """The request as it should be sent."""
    return Case(door, (request.bytes() + request.body,), (request.method,), Demand.ANSWER)


def chunked(chance: Random, door: Door, request: Request) -> Case:
    """The body in chunks, whose sizes are right or not."""
    right = chance.random() < 0.6
    parts = [request.bytes(length=False)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"]
    rest = request.body
    while rest:
        piece, rest = _split(chance, rest)
        size = len(piece) if right else max(0, len(piece) + chance.randint(-2, 2))
        parts.append(b"%x%b\r\n%b\r\n" % (size, chance.choice((b"", b";a=b")), piece))
    if not right:
        parts.append(chance.choice((b"-1\r\n\r\n", b"zz\r\n", b"ffffffffffffffffff\r\n", b"\r\n")))
    parts.append(b"0\r\n\r\n")
    demand = Demand.ANSWER if right else Demand.NOTHING
    return Case(door, (b"".join(parts),), (request.method,), demand)


def _split(chance: Random, content: bytes) -> tuple[bytes, bytes]:
    at = chance.randint(1, max(1, len(content)))
    return content[:at], content[at:]


def slow(chance: Random, door: Door, request: Request) -> Case:
    """In pieces with pauses, that end long before the sender's time does."""
    rest, steps = request.bytes() + request.body, list[bytes | float | Act]()
    for _ in range(chance.randint(1, 5)):
        if rest:
            piece, rest = _split(chance, rest)
            steps += [piece, chance.uniform(0, 0.2)]
    return Case(door, (*steps, rest), (request.method,), Demand.ANSWER)


def cut(chance: Random, door: Door, request: Request) -> Case:
    """Not to its end: then silence, half a close or a reset."""
    content = request.bytes() + request.body
    content = content[: chance.randrange(len(content))]
    act = chance.choice((Act.HALF_CLOSE, Act.RESET, 0.3))
    demand = Demand.END if act is Act.HALF_CLOSE else Demand.NOTHING
    return Case(door, (content, act), (request.method,), demand)


def half_closed(door: Door, request: Request) -> Case:
    """Whole, and nothing more to come from there."""
    steps = (request.bytes() + request.body, Act.HALF_CLOSE)
    return Case(door, steps, (request.method,), Demand.END)


def wrong_length(chance: Random, door: Door, request: Request) -> Case:
    """A Content-Length that is not that of the body, or is none, or is there twice."""
    size = len(request.body)
    length = chance.choice((
        "-1", "x", "", f"+{size}", f"{size}, {size}", "9" * 30, str(2**63), "0x10", f" {size} ",
        str(max(0, size - 1)), str(size + 1), f"{size}\r\nContent-Length: {size + 1}",
        f"{size}\r\nTransfer-Encoding: chunked", f"{size}\r\nTransfer-Encoding: gzip",
    ))  # fmt: skip
    head = request.bytes(length=False)[:-2] + f"Content-Length: {length}\r\n\r\n".encode()
    steps = (head + request.body, Act.HALF_CLOSE)
    return Case(door, steps, (request.method,) * 2, Demand.END)


def torn_head(chance: Random, door: Door, request: Request) -> Case:
    """A head with lines that HTTP does not know."""
    line = chance.choice((
        b"No colon here\r\n", b": no name\r\n", b"A\0B: c\r\n", b"A: b\0c\r\n", b" folded\r\n",
        b"Big: " + b"x" * 9000 + b"\r\n", b"N" * 9000 + b": x\r\n", b"Many: x\r\n" * 3000,
        b"Host: y\r\n", b"A: \xff\xfe\r\n", b"A: b\nC: d\r\n", b"\r\n", b"\xff\r\n",
        b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        b"Expect: 100-continue\r\n", b"Expect: coffee\r\n", b"Accept: text/html\r\n\0\r\n",
    ))  # fmt: skip
    first, _, rest = request.bytes().partition(b"\r\n")
    if chance.random() < 0.3:
        first = chance.choice((
            first.replace(b"HTTP/1.1", b"HTTP/9.9"), first.replace(b"HTTP/1.1", b""),
            first.replace(b"HTTP/1.1", b"HTTP/1.0"), first.replace(b" ", b"  "),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"GET http://[::1 HTTP/1.1", b"GET /" + b"a" * 20_000,
            b"CONNECT a:b HTTP/1.1", b"GET //x:y@[ HTTP/1.1", odd.noise(chance, 200),
        ))  # fmt: skip
    content = first + b"\r\n" + line + rest + request.body
    return Case(door, (content, Act.HALF_CLOSE), (request.method,) * 2, Demand.END)


def pipelined(chance: Random, door: Door, requests: list[Request]) -> Case:
    """Several in a row, before the first is answered."""
    content = b"".join(request.bytes() + request.body for request in requests)
    steps: tuple[bytes | float | Act, ...] = (content,)
    if chance.random() < 0.3:
        first, second = _split(chance, content)
        steps = (first, 0.05, second)
    return Case(door, steps, tuple(request.method for request in requests), Demand.ANSWER)


def noise(chance: Random, door: Door) -> Case:
    """No HTTP at all."""
    content = chance.choice((
        odd.noise(chance, 2000), b"\x16\x03\x01\x00\xa5\x01" + chance.randbytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(300), b"\r\n" * 500, b"\0" * 70_000,
    ))  # fmt: skip
    return Case(door, (content, Act.HALF_CLOSE), ("GET",), Demand.END)
