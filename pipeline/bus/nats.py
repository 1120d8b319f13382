"""The bus on NATS JetStream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final, Self
from uuid import uuid4

from pipeline.bus import streams
from pipeline.bus.config import HEADERS_BYTES_MAX, BusConfig
from pipeline.bus.connection import Connection
from pipeline.bus.heads import heads
from pipeline.bus.letters import NatsLetters
from pipeline.bus.reader import NatsReader
from pipeline.bus.verdicts import NO_MESSAGE, RefusalError, verdicts
from pipeline.bus.wire import Codec
from pipeline.errors import Overloaded, Setup, TooLarge
from pipeline.ports import Delivery, LogState, Message
from pipeline.signal import Signal

CONNECT_WAIT_S: Final = 15


class NatsBus(NatsLetters):
    """
    A `Bus` on JetStream: a stream for each signal and partition, and one for the dead letters.

    `has_room` says whether the disk takes more, where the server is ours and its disk known.

    Two connections: a megabyte on its way to a reader must not stand before an acknowledgement.
    Bounds: `publishes_max` publishes under way, each holding its compressed payload; two pulls held
    by each reader (`reader.PULL_BYTES`).
    """

    def __init__(
        self,
        config: BusConfig,
        servers: list[str],
        names: Callable[[], str] = lambda: f"aura_{uuid4().hex}",
        connect_wait_s: float = CONNECT_WAIT_S,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.servers = tuple(servers)
        self._connect_wait_s = connect_wait_s
        self.partitions = config.partitions
        self._config = config
        self._names = names
        self._turns = {signal: count() for signal in Signal}
        self._places = asyncio.Semaphore(config.publishes_max)
        self._closing = AsyncExitStack()
        timeout_s = config.publish_timeout_s
        self._writing = Connection(servers, "aura writing", timeout_s, self._prepare)
        self._reading = Connection(servers, "aura reading", timeout_s)
        super().__init__(self._writing, self._reading, Codec(), config.message_bytes_max, has_room)

    async def __aenter__(self) -> Self:
        """Connect and bring the streams up to date; raises Setup."""
        async with AsyncExitStack() as opening:
            for connection in (self._writing, self._reading):
                await opening.enter_async_context(connection)
                await connection.open(self._connect_wait_s)
            needed = self._config.message_bytes_max + HEADERS_BYTES_MAX
            if self._writing.message_bytes_max < needed:
                raise Setup(
                    f"bus.message_bytes_max: {self._config.message_bytes_max} needs a NATS server "
                    f"with max_payload {needed}, this one has {self._writing.message_bytes_max}"
                )
            self._closing = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    async def publish(self, signal: Signal, message: Message) -> None:
        """
        Append a message, as `ports.Bus` says.

        Waits for a place among `publishes_max` no longer than for an acknowledgement; without one
        it raises Overloaded, and the message is surely not there.
        """
        size = len(message.payload)
        if size > self._config.message_bytes_max:
            raise TooLarge(
                f"{size} bytes; bus.message_bytes_max is {self._config.message_bytes_max}"
            )
        if not self._has_room():
            raise Overloaded("the disk of the bus is nearly full (bus.disk_reserve)")
        try:
            async with asyncio.timeout(self._config.publish_timeout_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise Overloaded("too many publishes wait for the bus") from error
        try:
            partition = next(self._turns[signal]) % self.partitions
            headers, data = self._codec.pack(message)
            stream, subject = streams.name(signal, partition), streams.subject(signal, partition)
            with verdicts(publishing=True):
                await streams.append(self._writing, stream, subject, data, headers)
        finally:
            self._places.release()

    @asynccontextmanager
    async def read(self, signal: Signal, partition: int, after: int) -> AsyncIterator[NatsReader]:
        """Read from the first message whose sequence is above `after`; connects with `take`."""
        stream = streams.name(signal, partition)
        reader = NatsReader(self._reading, self._codec, stream, after, self._names())
        try:
            yield reader
        finally:
            await reader.close()

    async def state(self, signal: Signal, partition: int) -> LogState:
        """Return what the log holds; raises Unavailable."""
        with verdicts():
            return await streams.state(self._reading, streams.name(signal, partition))

    async def stored_ns(self, signal: Signal, partition: int, sequence: int) -> int | None:
        """Return the time of a message, or None when it is not there; raises Unavailable."""
        with verdicts():
            try:
                # A direct get would be cheaper, but a replica that lags answers it, too.
                answer = await self._reading.request(
                    f"STREAM.MSG.GET.{streams.name(signal, partition)}", {"seq": sequence}
                )
            except RefusalError as error:
                if error.code == NO_MESSAGE:
                    return None
                raise
        return streams.time_ns(answer["message"]["time"])

    async def heads(
        self, signal: Signal, partition: int, after: int, most: int
    ) -> Sequence[Delivery]:
        """Return what stands above `after`, without the payloads; raises Unavailable."""
        stream = streams.name(signal, partition)
        with verdicts():
            return await heads(self._reading, stream, self._names(), after, most)

    async def purge(self, signal: Signal, partition: int, below: int) -> None:
        """Forget the messages whose sequence is below `below`; raises Unavailable."""
        if below <= 1:
            return  # JetStream takes 0 for "everything"
        with verdicts():
            await self._reading.request(
                f"STREAM.PURGE.{streams.name(signal, partition)}", {"seq": below}
            )

    async def _prepare(self, connection: Connection) -> None:
        await streams.ensure(connection, self._config)
