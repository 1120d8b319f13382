"""Everybody who tails, and what they share."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Self, TypeAlias

import pyarrow as pa

from pipeline.errors import Overloaded, Unavailable
from pipeline.plan import Condition
from pipeline.ports import Tail
from pipeline.schema import SCHEMAS
from pipeline.signal import Signal
from query.config import TailConfig
from query.tail.feed import Feed, Means, Meet, Write
from query.tail.meters import TailMeters
from query.tail.question import Question
from query.tail.reader import Reader

STOPPING: Final = "Aura is stopping"

_Key: TypeAlias = tuple[Signal, str]


class Hub:
    """Opens readers within the bounds of `config`; leaving lets all of them go."""

    def __init__(
        self,
        tail: Tail,
        meet: Meet,
        write: Write,
        config: TailConfig,
        meters: TailMeters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._thread = ThreadPoolExecutor(1, "tail")
        self._means = Means(tail, meet, write, self._thread, meters)
        self._clock = clock
        self._feeds: dict[_Key, Feed] = {}
        self._changing = asyncio.Lock()
        self._readers: Counter[str] = Counter()
        self._open: set[Reader] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        for feed in self._feeds.values():
            await feed.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Let all readers go, and take no more."""
        self._closed = True
        for reader in self._open:
            reader.end(STOPPING)

    @asynccontextmanager
    async def read(
        self, signal: Signal, tenant: str, asked: Condition | None
    ) -> AsyncIterator[Reader]:
        """
        Read what is committed from now on and meets the condition.

        Raises Rejected for a condition that cannot be told of a record on its way or where no
        bus is to be seen, Overloaded when too many read, Unavailable when the bus is away.
        """
        if asked is not None:
            self._means.meet(pa.RecordBatch.from_pylist([], SCHEMAS[signal]), [asked])
        with self._place(tenant):
            reader = Reader(self.config.backlog_bytes_max)
            # A client may go at any moment; what it began is brought to its end all the same.
            joining = asyncio.create_task(self._join((signal, tenant), asked, reader))
            try:
                await asyncio.shield(joining)
                yield reader
            finally:
                await asyncio.shield(self._leave(joining, (signal, tenant), asked, reader))

    @contextmanager
    def _place(self, tenant: str) -> Iterator[None]:
        """Hold one of the places; raises Overloaded when there is none."""
        config, readers = self.config, self._readers
        if self._closed:
            raise Unavailable(STOPPING)
        if readers.total() >= config.readers_max or readers[tenant] >= config.tenant_readers_max:
            raise Overloaded(f"no room for another live tail ({readers[tenant]} of this tenant)")
        readers[tenant] += 1
        self._means.meters.readers.inc()
        try:
            yield
        finally:
            readers[tenant] -= 1
            if not readers[tenant]:
                del readers[tenant]
            self._means.meters.readers.dec()

    async def _join(self, key: _Key, asked: Condition | None, reader: Reader) -> None:
        async with self._changing:
            feed = self._feeds.get(key)
            if feed is None:
                feed = Feed(self._means, *key)
                await feed.open()
                self._feeds[key] = feed
            question = feed.questions.get(repr(asked))
            if question is None:
                question = Question(asked, self.config.records_per_s_max, self._clock)
                feed.questions[repr(asked)] = question
            question.readers.add(reader)
            self._open.add(reader)

    async def _leave(
        self, joining: asyncio.Task[None], key: _Key, asked: Condition | None, reader: Reader
    ) -> None:
        await asyncio.wait({joining})
        if joining.exception():
            return
        async with self._changing:
            feed = self._feeds[key]
            self._open.discard(reader)
            question = feed.questions[repr(asked)]
            question.readers.discard(reader)
            if not question.readers:
                del feed.questions[repr(asked)]
            if not feed.questions:
                del self._feeds[key]
                await feed.close()
