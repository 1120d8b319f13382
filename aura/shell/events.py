"""Server-sent events, read (WHATWG HTML, section 9.2.6)."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple


class Event(NamedTuple):
    """An event's name (`message` where it has none) and its data."""

    name: str
    data: str


async def events(parts: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Yield the events of a stream as Aura writes them: lines end in a newline."""
    name, data = "", list[str]()
    async for line in _lines(parts):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(name or "message", "\n".join(data))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


async def _lines(parts: AsyncIterable[bytes]) -> AsyncIterator[str]:
    held: list[bytes] = []
    async for part in parts:
        first, *more = part.split(b"\n")
        held.append(first)
        for line in more:
            yield b"".join(held).decode()
            held = [line]
