"""Whole traces on their way: read, adjusted, written beside the event loop, some at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

import pyarrow as pa

from query.jaeger import remarks, tidy
from query.jaeger.adjust import shown
from query.jaeger.model import model
from query.jaeger.reader import Found, Reader
from query.jaeger.rpc import traces
from query.jaeger.rpc.spans import Chunks

_MESSAGES: Final = 50
"""Messages that are made at a time: about what HTTP/2's window takes of small ones."""

_BYTES: Final = 1024 * 1024
"""Bytes after which no more are made before those are taken."""

Write = Callable[[pa.Table], Iterator[bytes]]
"""Writes whole traces as they were stored."""


class Whole:
    """Reads whole traces for streams."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def spans(
        self, tenant: str, found: Sequence[Found], *, raw: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield traces as messages of API v2."""
        chunks = Chunks()

        def write(rows: pa.Table) -> Iterator[bytes]:
            told = shown(rows, self._reader.config, raw=raw)
            return chunks.of(model(told.rows, told.warnings))

        return self._written(tenant, found, write)

    def otlp(
        self, tenant: str, found: Sequence[Found], *, raw: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield traces as messages TracesData."""

        def write(rows: pa.Table) -> Iterator[bytes]:
            told = shown(rows, self._reader.config, raw=raw)
            return traces.parts(remarks.written(told.rows, told.warnings))

        return self._written(tenant, found, write)

    def sanitized(self, tenant: str, found: Sequence[Found]) -> AsyncGenerator[bytes, None]:
        """Yield traces as Jaeger would have stored them: raw, but each service with a name."""

        def write(rows: pa.Table) -> Iterator[bytes]:
            told = shown(tidy.services(rows), self._reader.config, raw=True)
            return traces.parts(remarks.written(told.rows, told.warnings))

        return self._written(tenant, found, write)

    async def _written(
        self, tenant: str, found: Sequence[Found], write: Write
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._reader.traces(tenant, found)) as tables:
            async for rows in tables:
                messages = await asyncio.to_thread(write, rows)
                while some := await asyncio.to_thread(_some, messages):
                    for message in some:
                        yield message


def _some(messages: Iterator[bytes]) -> list[bytes]:
    """Return the next messages, as many as are made at a time; none at their end."""
    some: list[bytes] = []
    size = 0
    for message in messages:
        some.append(message)
        size += len(message)
        if len(some) == _MESSAGES or size >= _BYTES:
            break
    return some
